// SPDX-License-Identifier: GPL-2.0
/* Sources of a VIP that hide many people. */
#include "core/config_read.h"

#include <stdlib.h>

#include "lib/addr.h"

/*
 * IPv4 and IPv6 sources are looked up as one kind of address, IPv4 in its mapped
 * form (A2), so a prefix of ::ffff:0:0/96 would quietly mean all of IPv4 too.
 */
static bool holds_ipv4(const struct config_prefix *prefix)
{
	struct lp_addr mapped = { .b = { [10] = 0xff, [11] = 0xff } }, mask;

	if (!lp_addr_is_v6(&prefix->addr))
		return false;
	lp_addr_mask(&mask, prefix->bits, true);
	mapped.d[0] &= mask.d[0];
	mapped.d[1] &= mask.d[1];
	return lp_addr_equal(&mapped, &prefix->addr);
}

static int read_proxy(const struct config_reader *reader, const struct config_node *node,
		      const struct config_field *field, struct config_prefix *prefix)
{
	int ret;

	ret = config_read_prefix(reader, node, field, prefix);
	if (ret || !holds_ipv4(prefix))
		return ret;
	return config_fail(reader, node,
			   "%s: holds the IPv4-mapped addresses (::ffff:0:0/96); allowed: "
			   "prefixes beside them, like 2000::/3, and 0.0.0.0/0 for IPv4",
			   CONFIG_QUOTE(node->text));
}

static int check_unique(const struct config_reader *reader, const struct config_node *node,
			const struct config_vip *vip)
{
	struct config_index index;
	int ret;

	if (config_index_open(&index, node->n, config_compare_prefix))
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next)
		config_index_add(&index, &vip->proxies[item->index], item);
	ret = config_check_unique(reader, &index, "prefix");
	config_index_close(&index);
	return ret;
}

int config_read_proxies(const struct config_reader *reader, const struct config_node *node,
			const struct config_field *field, void *to)
{
	struct config_vip *vip = to;
	int ret;

	ret = config_want(reader, node, CONFIG_NODE_LIST, "a list of prefixes");
	if (ret || !node->n)
		return ret;
	if (node->n > CONFIG_PROXIES_MAX)
		return config_fail(reader, node, "%zu prefixes; allowed: at most %u", node->n,
				   CONFIG_PROXIES_MAX);
	vip->proxies = calloc(node->n, sizeof(*vip->proxies));
	if (!vip->proxies)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next) {
		ret = read_proxy(reader, item, field, &vip->proxies[vip->n_proxies++]);
		if (ret)
			return ret;
	}
	return check_unique(reader, node, vip);
}
