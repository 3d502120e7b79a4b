// SPDX-License-Identifier: GPL-2.0
/* Addresses that sources become: replies to them have to come back, and to be known. */
#include "core/config_check.h"

#include <stdlib.h>

#include "lib/addr.h"

/* All backends' addresses. The caller closes the index. */
static int open_backends(const struct config_checker *checker, struct config_index *index)
{
	const struct config *config = checker->config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].n_backends;
	if (config_index_open(index, n, config_compare_address))
		return config_fail_memory(checker->reader);
	config_for_each(pool, checker->pools)
	{
		config_for_each(backend, config_node_get(pool, "backends")) config_index_add(
			index, &config->pools[pool->index].backends[backend->index].address,
			backend);
	}
	config_index_sort(index);
	return 0;
}

static int check_address(const struct config_checker *checker, const struct config_index *backends,
			 const struct config_vip *vip, const struct config_node *item)
{
	const struct lp_addr *addr = &vip->snat_addresses[item->index];
	bool v6 = lp_addr_is_v6(addr);
	const struct config_entry *other;

	if (v6 != lp_addr_is_v6(&vip->addresses[0]))
		return config_fail(checker->reader, item,
				   "%s: packets to this VIP are %s, and stay so; allowed: %s "
				   "addresses",
				   CONFIG_QUOTE(item->text), v6 ? "IPv4" : "IPv6",
				   v6 ? "IPv4" : "IPv6");
	other = config_index_find(&checker->vip_addresses, addr);
	if (other)
		return config_fail(checker->reader, item,
				   "%s: a VIP has this address (line %zu), so replies to it would "
				   "be requests; allowed: another address of this host",
				   CONFIG_QUOTE(item->text),
				   config_line(checker->reader, other->node));
	other = config_index_find(backends, addr);
	if (other)
		return config_fail(checker->reader, item,
				   "%s: this is the address of a backend (line %zu); allowed: an "
				   "address of this host",
				   CONFIG_QUOTE(item->text),
				   config_line(checker->reader, other->node));
	return 0;
}

static int check_vip(const struct config_checker *checker, const struct config_index *backends,
		     const struct config_vip *vip, const struct config_node *node)
{
	const struct config_node *list = config_node_get(node, "snat_addresses");
	int ret = 0;

	if (vip->n_snat_addresses && vip->forward != LP_FORWARD_SNAT &&
	    vip->forward != LP_FORWARD_NAT)
		return config_fail(
			checker->reader, list,
			"this forwarding mode leaves sources as they are; allowed: none, "
			"or forward snat");
	config_for_each(item, list)
	{
		if (!ret)
			ret = check_address(checker, backends, vip, item);
	}
	return ret;
}

int config_check_snat(const struct config_checker *checker)
{
	struct config_index backends;
	int ret = open_backends(checker, &backends);

	if (ret)
		return ret;
	config_for_each(node, checker->vips)
	{
		if (!ret)
			ret = check_vip(checker, &backends, &checker->config->vips[node->index],
					node);
	}
	config_index_close(&backends);
	return ret;
}
