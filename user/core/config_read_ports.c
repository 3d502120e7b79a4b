// SPDX-License-Identifier: GPL-2.0
/* Addresses and ports of a VIP. */
#include "core/config_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"

#define PORT_ALLOWED "a port (1 to 65535), a range (5088-5089), any"

static int check_unique_addresses(const struct config_reader *reader,
				  const struct config_node *node, const struct config_vip *vip)
{
	struct config_index index;
	int ret;

	if (config_index_open(&index, node->n, config_compare_address))
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next)
		config_index_add(&index, &vip->addresses[item->index], item);
	ret = config_check_unique(reader, &index, "address");
	config_index_close(&index);
	return ret;
}

int config_read_addresses(const struct config_reader *reader, const struct config_node *node,
			  const struct config_field *field, void *to)
{
	struct config_vip *vip = to;
	int ret;

	ret = config_want(reader, node, CONFIG_NODE_LIST, "a list of addresses, one or more");
	if (ret)
		return ret;
	if (!node->n)
		return config_fail(reader, node, "no addresses; allowed: one or more");
	vip->addresses = calloc(node->n, sizeof(*vip->addresses));
	if (!vip->addresses)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next) {
		ret = config_read_address(reader, item, field, &vip->addresses[vip->n_addresses++]);
		if (ret)
			return ret;
	}
	return check_unique_addresses(reader, node, vip);
}

/* Is it port:target? That is something else than what is no port at all. */
static bool is_mapping(const char *text)
{
	size_t len = strcspn(text, ":");
	uint16_t port;
	char left[8];

	if (!text[len] || len >= sizeof(left))
		return false;
	memcpy(left, text, len);
	left[len] = '\0';
	return !lp_parse_port(left, &port) && !lp_parse_port(text + len + 1, &port);
}

static int read_port(const struct config_reader *reader, const struct config_node *node,
		     struct config_port_range *range)
{
	int ret;

	ret = config_want(reader, node, CONFIG_NODE_SCALAR, PORT_ALLOWED);
	if (ret)
		return ret;
	if (!strcmp(node->text, "any")) {
		*range = (struct config_port_range) { 0 };
		return 0;
	}
	/* There is no mapping yet: CONFIG_FEATURE_PORT_MAPPING. */
	if (is_mapping(node->text) && !config_supports(CONFIG_FEATURE_PORT_MAPPING))
		return config_fail(reader, node,
				   "%s: port mapping (port:target) is not supported yet; "
				   "allowed: " PORT_ALLOWED,
				   CONFIG_QUOTE(node->text));
	ret = lp_parse_port_range(node->text, &range->first, &range->last);
	if (ret)
		return config_fail(reader, node, "%s: %s; allowed: " PORT_ALLOWED,
				   CONFIG_QUOTE(node->text),
				   ret == -ERANGE ? "out of range" : "not a port");
	return 0;
}

int config_read_ports(const struct config_reader *reader, const struct config_node *node,
		      const struct config_field *field, void *to)
{
	struct config_vip *vip = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_LIST, "a list of ports, one or more");
	if (ret)
		return ret;
	if (!node->n)
		return config_fail(reader, node, "no ports; allowed: one or more");
	vip->ports = calloc(node->n, sizeof(*vip->ports));
	if (!vip->ports)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next) {
		ret = read_port(reader, item, &vip->ports[vip->n_ports++]);
		if (ret)
			return ret;
	}
	return 0;
}
