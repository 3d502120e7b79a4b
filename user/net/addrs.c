// SPDX-License-Identifier: GPL-2.0
#include "net/addrs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct address {
	struct net_node node;
	struct net_addr_info info;
	uint32_t round;
};

static struct address *to_address(struct net_node *node)
{
	return net_map_entry(node, struct address, node);
}

int net_addrs_init(struct net_addrs *addrs)
{
	memset(addrs, 0, sizeof(*addrs));
	return net_map_init(&addrs->map);
}

static void release(struct net_node *node)
{
	free(to_address(node));
}

void net_addrs_fini(struct net_addrs *addrs)
{
	net_map_fini(&addrs->map, release);
}

static bool same(const struct net_addr_info *a, const struct net_addr_info *b)
{
	return a->flags == b->flags && a->prefix == b->prefix && a->scope == b->scope;
}

static struct address *add(struct net_addrs *addrs, const struct net_key *key)
{
	struct address *address = calloc(1, sizeof(*address));

	if (!address)
		return NULL;
	address->node.key = *key;
	net_map_add(&addrs->map, &address->node);
	return address;
}

int net_addrs_update(struct net_addrs *addrs, const struct net_addr_info *info)
{
	struct net_node *node = net_map_find(&addrs->map, &info->key);
	struct address *address = node ? to_address(node) : add(addrs, &info->key);

	if (!address)
		return -ENOMEM;
	address->round = addrs->round;
	if (node && same(&address->info, info))
		return 0;
	address->info = *info;
	return 1;
}

static void drop(struct net_addrs *addrs, struct net_node *node)
{
	net_map_remove(&addrs->map, node);
	release(node);
}

void net_addrs_remove(struct net_addrs *addrs, const struct net_key *key)
{
	struct net_node *node = net_map_find(&addrs->map, key);

	if (node)
		drop(addrs, node);
}

static void drop_if_old(struct net_node *node, void *arg)
{
	struct net_addrs *addrs = arg;

	if (to_address(node)->round != addrs->round)
		drop(addrs, node);
}

void net_addrs_begin(struct net_addrs *addrs)
{
	addrs->round++;
}

void net_addrs_sweep(struct net_addrs *addrs)
{
	net_map_each(&addrs->map, drop_if_old, addrs);
}
