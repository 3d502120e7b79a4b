// SPDX-License-Identifier: GPL-2.0
/* Whose packets a VIP takes, and from where: names and prefixes have to make sense together. */
#include "core/config_check.h"

#include <stdlib.h>

static int check_interfaces(const struct config_checker *checker, const struct config_node *vip,
			    const struct config_index *names)
{
	config_for_each(item, config_node_get(vip, "interfaces"))
	{
		if (!config_index_find(names, item->text))
			return config_fail_no_such(checker->reader, item, "interface", names);
	}
	return 0;
}

/* The longest prefix decides, so one that is in both lists would decide both ways. */
static int check_both(const struct config_checker *checker, const struct config_node *node,
		      const struct config_vip *vip)
{
	const struct config_node *allow = config_node_get(node, "allow");
	struct config_index index;
	int ret = 0;

	if (config_index_open(&index, vip->allow.n, config_compare_prefix))
		return config_fail_memory(checker->reader);
	config_for_each(item, allow) config_index_add(&index, &vip->allow.items[item->index], item);
	config_index_sort(&index);
	config_for_each(item, config_node_get(node, "deny"))
	{
		const struct config_entry *other = config_index_find(&index,
								     &vip->deny.items[item->index]);

		if (other && !ret)
			ret = config_fail(checker->reader, item,
					  "%s: this prefix is in allow too, at line %zu; allowed: "
					  "either, or a longer one as the exception",
					  CONFIG_QUOTE(item->text),
					  config_line(checker->reader, other->node));
	}
	config_index_close(&index);
	return ret;
}

/* Prefixes, and one that stands for all others, of each family, on each interface. */
static size_t count_keys(const struct config_vip *vip)
{
	if (!vip->n_interfaces && !vip->allow.n && !vip->deny.n)
		return 0;
	return (vip->allow.n + vip->deny.n + 2) * (vip->n_interfaces ? vip->n_interfaces : 1);
}

static int check_vips(const struct config_checker *checker, const struct config_index *names)
{
	size_t keys = 0;
	int ret = 0;

	config_for_each(node, checker->vips)
	{
		const struct config_vip *vip = &checker->config->vips[node->index];

		keys += count_keys(vip);
		if (keys > CONFIG_POLICY_MAX)
			return config_fail(checker->reader, node,
					   "%zu prefixes of allow and deny, times interfaces, with "
					   "the VIPs before; allowed: %u",
					   keys, CONFIG_POLICY_MAX);
		ret = check_interfaces(checker, node, names);
		if (!ret)
			ret = check_both(checker, node, vip);
		if (ret)
			return ret;
	}
	return 0;
}

int config_check_policy(const struct config_checker *checker)
{
	const struct config *config = checker->config;
	struct config_index names;
	int ret;

	if (config_index_open(&names, config->n_interfaces, config_compare_text))
		return config_fail_memory(checker->reader);
	for (size_t i = 0; i < config->n_interfaces; i++)
		config_index_add(&names, config->interfaces[i].name, NULL);
	config_index_sort(&names);
	ret = check_vips(checker, &names);
	config_index_close(&names);
	return ret;
}
