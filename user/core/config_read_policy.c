// SPDX-License-Identifier: GPL-2.0
/* Interfaces on which a VIP answers. */
#include "core/config_read.h"

#include <stdlib.h>

static int check_unique(const struct config_reader *reader, const struct config_node *node,
			const struct config_vip *vip)
{
	struct config_index index;
	int ret;

	if (config_index_open(&index, node->n, config_compare_text))
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next)
		config_index_add(&index, vip->interfaces[item->index], item);
	ret = config_check_unique(reader, &index, "interface");
	config_index_close(&index);
	return ret;
}

int config_read_vip_interfaces(const struct config_reader *reader, const struct config_node *node,
			       const struct config_field *field, void *to)
{
	struct config_vip *vip = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_LIST, "a list of interfaces");
	if (ret || !node->n)
		return ret;
	vip->interfaces = calloc(node->n, sizeof(*vip->interfaces));
	if (!vip->interfaces)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next) {
		ret = config_check_interface_name(reader, item);
		if (!ret)
			ret = config_store_text(reader, item->text,
						&vip->interfaces[vip->n_interfaces++]);
		if (ret)
			return ret;
	}
	return check_unique(reader, node, vip);
}
