/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of backends: the kernel's route to each, until something changes
 * that may change it. Pure: no netlink.
 *
 * What a change makes stale is asked for again only after the burst is over
 * (net_backends_settle()), because the kernel tells of some changes before it
 * makes them (RTM_DELROUTE, RTM_DELADDR).
 */
#ifndef LIMPET_NET_BACKENDS_H
#define LIMPET_NET_BACKENDS_H

#include <stdbool.h>
#include <stddef.h>

#include "net/decode.h"
#include "net/map.h"
#include "net/neighs.h"

struct net_backend {
	struct net_node node; /* key: address */
	struct net_route route;
	struct net_neigh *neigh; /* counted use of the next hop, if there is a route */
	bool fresh;              /* route is what the kernel would answer now */
	bool doubted;            /* not fresh once the burst is over */
	bool kept;               /* for net_retain() */
};

struct net_backends {
	struct net_map map;
	struct net_backend **sorted; /* by address; NULL: to be made again */
	bool doubt_all;
	bool doubt_some;
};

int net_backends_init(struct net_backends *backends);

/* Ends the uses of neighbours without a word to them. */
void net_backends_fini(struct net_backends *backends);

struct net_backend *net_backends_find(struct net_backends *backends, const struct lp_addr *addr);

/* Finds it, or adds it with no route yet. NULL: no memory. */
struct net_backend *net_backends_get(struct net_backends *backends, const struct lp_addr *addr);

/* Removes and frees it; its neighbour is the caller's to put before. */
void net_backends_drop(struct net_backends *backends, struct net_backend *backend);

/* The routes to all backends, or to those in a prefix, may have changed. The
 * latter returns whether there is any. O(log n + those in it). */
void net_backends_doubt_all(struct net_backends *backends);
bool net_backends_doubt(struct net_backends *backends, const struct net_prefix *prefix);

/* Makes stale what is in doubt. */
void net_backends_settle(struct net_backends *backends);

#endif
