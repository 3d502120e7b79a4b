// SPDX-License-Identifier: GPL-2.0
/* The addresses that a VIP's packets leave from. */
#include "core/config_read.h"

#include <stdlib.h>

static int check_unique(const struct config_reader *reader, const struct config_node *node,
			const struct config_vip *vip)
{
	struct config_index index;
	int ret;

	if (config_index_open(&index, node->n, config_compare_address))
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next)
		config_index_add(&index, &vip->snat_addresses[item->index], item);
	ret = config_check_unique(reader, &index, "address");
	config_index_close(&index);
	return ret;
}

int config_read_snat_addresses(const struct config_reader *reader, const struct config_node *node,
			       const struct config_field *field, void *to)
{
	struct config_vip *vip = to;
	int ret = config_want(reader, node, CONFIG_NODE_LIST, "a list of addresses");

	if (ret || !node->n)
		return ret;
	if (node->n > LP_SNAT_ADDRESSES_MAX)
		return config_fail(reader, node, "%zu addresses; allowed: %u", node->n,
				   LP_SNAT_ADDRESSES_MAX);
	vip->snat_addresses = calloc(node->n, sizeof(*vip->snat_addresses));
	if (!vip->snat_addresses)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item && !ret; item = item->next)
		ret = config_read_address(reader, item, field,
					  &vip->snat_addresses[vip->n_snat_addresses++]);
	return ret ? ret : check_unique(reader, node, vip);
}
