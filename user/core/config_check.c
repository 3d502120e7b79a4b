// SPDX-License-Identifier: GPL-2.0
#include "core/config_check.h"

#include <stdlib.h>

#include "lib/addr.h"

static const char *const family_names[] = { "IPv4", "IPv6" };

int config_fail_no_such(const struct config_reader *reader, const struct config_node *node,
			const char *what, const struct config_index *names)
{
	struct config_nearest nearest = { .word = node->text };
	struct config_list list = { .n = 0 };
	struct config_quoted hint;

	for (size_t i = 0; i < names->n; i++) {
		config_nearest_offer(&nearest, names->entries[i].key);
		config_list_add(&list, names->entries[i].key);
	}
	return config_fail(reader, node, "%s: no such %s%s; %s%s", CONFIG_QUOTE(node->text), what,
			   config_nearest_hint(&nearest, &hint),
			   list.n ? "defined: " : "none is defined", list.text);
}

/* Keys of a map, sorted. */
static int index_names(struct config_index *index, const struct config_node *map)
{
	int ret = config_index_open(index, map ? map->n : 0, config_compare_text);

	if (ret)
		return ret;
	config_for_each(item, map) config_index_add(index, item->key->text, item->key);
	config_index_sort(index);
	return 0;
}

static int index_vip_addresses(struct config_checker *checker)
{
	const struct config *config = checker->config;
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < config->n_vips; i++)
		n += config->vips[i].n_addresses;
	ret = config_index_open(&checker->vip_addresses, n, config_compare_address);
	if (ret)
		return ret;
	config_for_each(vip, checker->vips)
	{
		config_for_each(address, config_node_get(vip, "addresses")) config_index_add(
			&checker->vip_addresses,
			&config->vips[vip->index].addresses[address->index], address);
	}
	config_index_sort(&checker->vip_addresses);
	return 0;
}

static int open_checker(struct config_checker *checker)
{
	size_t n = checker->config->n_pools;

	checker->uses = calloc(n ? n : 1, sizeof(*checker->uses));
	if (!checker->uses || index_names(&checker->check_names, checker->checks) ||
	    index_names(&checker->pool_names, checker->pools) || index_vip_addresses(checker))
		return config_fail_memory(checker->reader);
	return 0;
}

static void close_checker(struct config_checker *checker)
{
	config_index_close(&checker->vip_addresses);
	config_index_close(&checker->pool_names);
	config_index_close(&checker->check_names);
	free(checker->uses);
}

/* One backend, an item of a pool's list. */
static int check_backend(const struct config_checker *checker, const struct config_node *node,
			 const struct config_backend *backend, struct config_pool_use *use)
{
	const struct config_node *address = config_node_get(node, "address");
	const struct config_node **first = &use->backend[lp_addr_is_v6(&backend->address)];
	const struct config_entry *vip;

	vip = config_index_find(&checker->vip_addresses, &backend->address);
	if (vip)
		return config_fail(
			checker->reader, address, "%s: also an address of VIP %s, at line %zu",
			CONFIG_QUOTE(address->text), vip->node->parent->parent->key->text,
			config_line(checker->reader, vip->node));
	if (!*first)
		*first = address;
	return 0;
}

static int check_backends(const struct config_checker *checker)
{
	size_t n = 0;
	int ret = 0;

	config_for_each(pool, checker->pools)
	{
		const struct config_node *backends = config_node_get(pool, "backends");

		n += backends->n;
		if (n > CONFIG_BACKENDS_MAX)
			return config_fail(
				checker->reader, backends,
				"%zu backends with those before; allowed: %u in all pools", n,
				CONFIG_BACKENDS_MAX);
		config_for_each(item, backends)
		{
			ret = check_backend(
				checker, item,
				&checker->config->pools[pool->index].backends[item->index],
				&checker->uses[pool->index]);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* Notes the ports of a VIP for the check of its pool. */
static void note_ports(struct config_pool_use *use, const struct config_vip *vip)
{
	const struct config_port_range *range = &vip->ports[0];
	uint16_t port = range->target ? range->target : range->first;

	if (vip->n_ports != 1 || !port || range->first != range->last ||
	    (use->used && use->port != port))
		use->several = true;
	use->port = port;
	use->used = true;
}

static const char *forward_name(enum lp_forward forward)
{
	return forward == LP_FORWARD_DSR ? "dsr" : forward == LP_FORWARD_NAT ? "nat" : "snat";
}

static bool translates(const struct config_vip *vip)
{
	return vip->forward == LP_FORWARD_NAT || vip->forward == LP_FORWARD_SNAT;
}

/* dsr, nat and snat leave the packet in its family, which must be the backend's. */
static int check_families(const struct config_checker *checker, const struct config_node *node,
			  const struct config_vip *vip, const struct config_pool_use *use)
{
	if (vip->forward != LP_FORWARD_DSR && !translates(vip))
		return 0;
	config_for_each(address, config_node_get(node, "addresses"))
	{
		bool v6 = lp_addr_is_v6(&vip->addresses[address->index]);
		const struct config_node *other = use->backend[!v6];

		if (other)
			return config_fail(checker->reader, address,
					   "%s: forward %s needs one address family, and backend "
					   "%s (line %zu) is %s; allowed: %s backends, or forward "
					   "ipip or gue",
					   CONFIG_QUOTE(address->text), forward_name(vip->forward),
					   config_node_get(other->parent, "name")->text,
					   config_line(checker->reader, other), family_names[!v6],
					   family_names[v6]);
	}
	return 0;
}

/* Only nat and snat can send a client to another port. */
static int check_targets(const struct config_checker *checker, const struct config_node *node,
			 const struct config_vip *vip)
{
	if (translates(vip))
		return 0;
	config_for_each(port, config_node_get(node, "ports"))
	{
		if (vip->ports[port->index].target)
			return config_fail(checker->reader, port,
					   "%s: this forwarding mode leaves ports as they are; "
					   "allowed: a port, a range, any, or forward nat or snat",
					   CONFIG_QUOTE(port->text));
	}
	return 0;
}

static int check_vips(const struct config_checker *checker)
{
	config_for_each(node, checker->vips)
	{
		const struct config_vip *vip = &checker->config->vips[node->index];
		const struct config_entry *pool;
		struct config_pool_use *use;
		int ret;

		pool = config_index_find(&checker->pool_names, vip->pool);
		if (!pool)
			return config_fail_no_such(checker->reader, config_node_get(node, "pool"),
						   "pool", &checker->pool_names);
		use = &checker->uses[pool->i];
		note_ports(use, vip);
		ret = check_families(checker, node, vip, use);
		if (!ret)
			ret = check_targets(checker, node, vip);
		if (ret)
			return ret;
	}
	return 0;
}

/* A configuration that fits the map by itself, and not beside its successor, could
 * never be changed. */
static int check_proxies(const struct config_checker *checker)
{
	size_t n = 0;

	config_for_each(node, checker->vips)
	{
		n += checker->config->vips[node->index].n_proxies;
		if (n > CONFIG_PROXIES_ALL_MAX)
			return config_fail(
				checker->reader,
				config_node_get(config_node_get(node, "affinity"), "proxies"),
				"%zu proxies with those before; allowed: %u in all VIPs", n,
				CONFIG_PROXIES_ALL_MAX);
	}
	return 0;
}

int config_check(const struct config_reader *reader, const struct config_node *root,
		 struct config *config)
{
	struct config_checker checker = {
		.reader = reader,
		.config = config,
		.checks = config_node_get(root, "checks"),
		.pools = config_node_get(root, "pools"),
		.vips = config_node_get(root, "vips"),
	};
	int ret;

	ret = open_checker(&checker);
	if (!ret)
		ret = check_backends(&checker);
	if (!ret)
		ret = check_vips(&checker);
	if (!ret)
		ret = check_proxies(&checker);
	if (!ret)
		ret = config_check_policy(&checker);
	if (!ret)
		ret = config_check_groups(&checker);
	if (!ret)
		ret = config_check_ports(&checker);
	if (!ret)
		ret = config_check_ping(&checker);
	if (!ret)
		ret = config_check_snat(&checker);
	if (!ret)
		ret = config_check_pool_checks(&checker);
	close_checker(&checker);
	return ret;
}
