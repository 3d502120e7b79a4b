/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hash map from (address, interface) to whatever has a struct net_node in it.
 * Grows with what it holds; its SipHash key is random, because neighbours'
 * addresses are chosen by the neighbours.
 */
#ifndef LIMPET_NET_MAP_H
#define LIMPET_NET_MAP_H

#include <limpet/abi.h>
#include <stddef.h>
#include <stdint.h>

/* A part that a map has no use for is zero. */
struct net_key {
	struct lp_addr addr;
	uint32_t ifindex;
	uint32_t _pad; /* zero: a key is hashed and compared as bytes */
};
LP_ASSERT_SIZE(struct net_key, 24);

struct net_node {
	struct net_node *next;
	uint64_t hash;
	struct net_key key; /* set by the owner before net_map_add() */
};

struct net_map {
	struct net_node **buckets;
	size_t size; /* of buckets, a power of two */
	size_t count;
	uint64_t k0, k1;
};

#define net_map_entry(node, type, member)                                                          \
	((type *)(void *)((char *)(node) - __builtin_offsetof(type, member)))

/* -ENOMEM, or what getrandom(2) says. */
int net_map_init(struct net_map *map);

/* Calls `release` for every node, which frees it; then frees the map's own memory. */
void net_map_fini(struct net_map *map, void (*release)(struct net_node *node));

/* NULL if there is none. */
struct net_node *net_map_find(const struct net_map *map, const struct net_key *key);

/* The key must not be there yet. Cannot fail: without memory chains get longer. */
void net_map_add(struct net_map *map, struct net_node *node);

void net_map_remove(struct net_map *map, struct net_node *node);

/* Calls fn for every node; fn may remove that node, but add none. */
void net_map_each(struct net_map *map, void (*fn)(struct net_node *node, void *arg), void *arg);

#endif
