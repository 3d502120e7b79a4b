// SPDX-License-Identifier: GPL-2.0
#include "net/addrs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

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

/* What net_map_each() carries along. */
struct bits_of {
	const struct lp_addr *addr;
	uint32_t ifindex;
	unsigned int bits;
};

static void bits_at(struct net_node *node, void *arg)
{
	const struct address *address = to_address(node);
	const struct lp_addr *own = &node->key.addr;
	struct bits_of *of = arg;
	unsigned int bits = address->info.prefix + (lp_addr_is_v6(own) ? 0 : 96);
	struct lp_addr mask;

	if (node->key.ifindex != of->ifindex || bits <= of->bits || bits > 128)
		return;
	lp_addr_mask(&mask, bits, true);
	if (!((own->d[0] ^ of->addr->d[0]) & mask.d[0]) &&
	    !((own->d[1] ^ of->addr->d[1]) & mask.d[1]))
		of->bits = bits;
}

unsigned int net_addrs_bits(const struct net_addrs *addrs, uint32_t ifindex,
			    const struct lp_addr *addr)
{
	struct bits_of of = { .addr = addr, .ifindex = ifindex };

	net_map_each((struct net_map *)&addrs->map, bits_at, &of);
	return of.bits;
}
