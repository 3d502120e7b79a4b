// SPDX-License-Identifier: GPL-2.0
#include "net/map.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MAP_SIZE_FIRST 64

int net_map_init(struct net_map *map)
{
	uint64_t key[2];
	struct net_node **buckets;

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -errno;
	buckets = calloc(MAP_SIZE_FIRST, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	*map = (struct net_map) {
		.buckets = buckets, .size = MAP_SIZE_FIRST, .k0 = key[0], .k1 = key[1]
	};
	return 0;
}

void net_map_fini(struct net_map *map, void (*release)(struct net_node *node))
{
	struct net_node *node, *next;

	for (size_t i = 0; i < map->size; i++) {
		for (node = map->buckets[i]; node; node = next) {
			next = node->next;
			release(node);
		}
	}
	free(map->buckets);
	memset(map, 0, sizeof(*map));
}

static uint64_t key_hash(const struct net_map *map, const struct net_key *key)
{
	return lp_siphash(map->k0, map->k1, key, sizeof(*key));
}

static struct net_node **bucket_of(const struct net_map *map, uint64_t hash)
{
	return &map->buckets[hash & (map->size - 1)];
}

struct net_node *net_map_find(const struct net_map *map, const struct net_key *key)
{
	uint64_t hash = key_hash(map, key);
	struct net_node *node = *bucket_of(map, hash);

	while (node && (node->hash != hash || memcmp(&node->key, key, sizeof(*key))))
		node = node->next;
	return node;
}

static void push(struct net_map *map, struct net_node *node)
{
	struct net_node **bucket = bucket_of(map, node->hash);

	node->next = *bucket;
	*bucket = node;
}

static void grow(struct net_map *map)
{
	struct net_node **buckets = calloc(map->size * 2, sizeof(*buckets));
	struct net_map old = *map;
	struct net_node *node, *next;

	if (!buckets)
		return;
	map->buckets = buckets;
	map->size *= 2;
	for (size_t i = 0; i < old.size; i++) {
		for (node = old.buckets[i]; node; node = next) {
			next = node->next;
			push(map, node);
		}
	}
	free(old.buckets);
}

void net_map_add(struct net_map *map, struct net_node *node)
{
	if (map->count >= map->size)
		grow(map);
	node->hash = key_hash(map, &node->key);
	push(map, node);
	map->count++;
}

void net_map_remove(struct net_map *map, struct net_node *node)
{
	struct net_node **at = bucket_of(map, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	map->count--;
}

void net_map_each(struct net_map *map, void (*fn)(struct net_node *node, void *arg), void *arg)
{
	struct net_node *node, *next;

	for (size_t i = 0; i < map->size; i++) {
		for (node = map->buckets[i]; node; node = next) {
			next = node->next;
			fn(node, arg);
		}
	}
}
