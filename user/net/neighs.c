// SPDX-License-Identifier: GPL-2.0
#include "net/neighs.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#define NUD_FIXED (NUD_PERMANENT | NUD_NOARP)
#define NUD_VALID (NUD_FIXED | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

static struct net_neigh *to_neigh(struct net_node *node)
{
	return net_map_entry(node, struct net_neigh, node);
}

int net_neighs_init(struct net_neighs *neighs)
{
	memset(neighs, 0, sizeof(*neighs));
	return net_map_init(&neighs->map);
}

static void release(struct net_node *node)
{
	free(to_neigh(node));
}

void net_neighs_fini(struct net_neighs *neighs)
{
	net_map_fini(&neighs->map, release);
}

enum net_state net_neigh_state(const struct net_neigh *neigh)
{
	if (neigh->info.state & NUD_VALID)
		return neigh->info.has_mac ? NET_OK : NET_NOT_ETHERNET;
	return neigh->failed ? NET_NEIGHBOUR_FAILED : NET_RESOLVING;
}

bool net_neigh_wants_managing(const struct net_neigh *neigh)
{
	return !(neigh->info.state & NUD_FIXED) && !(neigh->info.flags_ext & NTF_EXT_MANAGED);
}

bool net_neigh_is_ours(const struct net_neigh *neigh)
{
	return neigh->info.flags_ext & NTF_EXT_MANAGED &&
	       neigh->info.protocol == NET_NEIGH_PROTOCOL;
}

void net_neigh_set_managed(struct net_neigh *neigh, bool managed)
{
	if (!managed) {
		neigh->info.flags_ext &= ~(uint32_t)NTF_EXT_MANAGED;
		return;
	}
	neigh->present = true;
	neigh->info.flags_ext |= NTF_EXT_MANAGED;
	neigh->info.protocol = NET_NEIGH_PROTOCOL;
	if (!(neigh->info.state & NUD_VALID))
		neigh->info.state = NUD_INCOMPLETE;
}

static struct net_neigh *find_or_add(struct net_neighs *neighs, const struct net_key *key)
{
	struct net_node *node = net_map_find(&neighs->map, key);
	struct net_neigh *neigh;

	if (node)
		return to_neigh(node);
	neigh = calloc(1, sizeof(*neigh));
	if (!neigh)
		return NULL;
	neigh->node.key = neigh->info.key = *key;
	net_map_add(&neighs->map, &neigh->node);
	return neigh;
}

/* Do the two look different to who uses them? */
static bool differ(const struct net_neigh *a, const struct net_neigh *b)
{
	return net_neigh_state(a) != net_neigh_state(b) ||
	       net_neigh_wants_managing(a) != net_neigh_wants_managing(b) ||
	       memcmp(a->info.mac, b->info.mac, sizeof(a->info.mac));
}

/* A managed neighbour that failed is asked again and again: it stays failed
 * until it answers. */
static void note_failure(struct net_neigh *neigh)
{
	if (neigh->info.state & NUD_FAILED)
		neigh->failed = true;
	else if (neigh->info.state & NUD_VALID)
		neigh->failed = false;
}

int net_neighs_update(struct net_neighs *neighs, const struct net_neigh_info *info)
{
	struct net_neigh *neigh = find_or_add(neighs, &info->key);
	struct net_neigh old;

	if (!neigh)
		return -ENOMEM;
	old = *neigh;
	neigh->round = neighs->round;
	neigh->info = *info;
	neigh->present = true;
	note_failure(neigh);
	return neigh->users && differ(&old, neigh);
}

static void drop(struct net_neighs *neighs, struct net_neigh *neigh)
{
	net_map_remove(&neighs->map, &neigh->node);
	free(neigh);
}

/* The kernel has it no longer. */
static void forget(struct net_neighs *neighs, struct net_neigh *neigh)
{
	if (!neigh->users) {
		drop(neighs, neigh);
		return;
	}
	memset(&neigh->info, 0, sizeof(neigh->info));
	neigh->info.key = neigh->node.key;
	neigh->present = neigh->failed = false;
}

bool net_neighs_remove(struct net_neighs *neighs, const struct net_key *key)
{
	struct net_node *node = net_map_find(&neighs->map, key);
	bool used;

	if (!node)
		return false;
	used = to_neigh(node)->users;
	forget(neighs, to_neigh(node));
	return used;
}

static void forget_if_old(struct net_node *node, void *arg)
{
	struct net_neighs *neighs = arg;

	if (to_neigh(node)->round != neighs->round)
		forget(neighs, to_neigh(node));
}

void net_neighs_begin(struct net_neighs *neighs)
{
	neighs->round++;
}

void net_neighs_sweep(struct net_neighs *neighs)
{
	net_map_each(&neighs->map, forget_if_old, neighs);
}

struct net_neigh *net_neighs_get(struct net_neighs *neighs, const struct net_key *key)
{
	struct net_neigh *neigh = find_or_add(neighs, key);

	if (neigh)
		neigh->users++;
	return neigh;
}

void net_neighs_put(struct net_neighs *neighs, struct net_neigh **neigh)
{
	struct net_neigh *old = *neigh;

	*neigh = NULL;
	if (old && !--old->users && !old->present)
		drop(neighs, old);
}
