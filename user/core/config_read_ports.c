// SPDX-License-Identifier: GPL-2.0
/* Addresses and ports of a VIP. */
#include "core/config_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"

#define PORT_ALLOWED "a port (1 to 65535), port:target (443:4443), a range (5088-5089), any"

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

/* port:target. Not a mapping: 0; one that is right: 1; -EINVAL and -ERANGE of lp_parse_port(). */
static int parse_mapping(const char *text, struct config_port_range *range)
{
	size_t len = strcspn(text, ":");
	uint16_t port, target;
	char left[8];
	int ret;

	if (!text[len])
		return 0;
	if (len >= sizeof(left))
		return -EINVAL;
	memcpy(left, text, len);
	left[len] = '\0';
	ret = lp_parse_port(left, &port);
	if (!ret)
		ret = lp_parse_port(text + len + 1, &target);
	if (ret)
		return ret;
	*range = (struct config_port_range) { port, port, target };
	return 1;
}

static int read_port(const struct config_reader *reader, const struct config_node *node,
		     struct config_port_range *range)
{
	int ret;

	ret = config_want(reader, node, CONFIG_NODE_SCALAR, PORT_ALLOWED);
	if (ret)
		return ret;
	*range = (struct config_port_range) { 0 };
	if (!strcmp(node->text, "any"))
		return 0;
	ret = parse_mapping(node->text, range);
	if (!ret)
		ret = lp_parse_port_range(node->text, &range->first, &range->last);
	if (ret < 0)
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
