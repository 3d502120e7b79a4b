/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of neighbours: what the kernel has said of them, and how many
 * backends each is the next hop of. Pure: no netlink.
 *
 * Neighbours that limpet manages carry its number in NDA_PROTOCOL, so that a
 * later agent knows them for its own.
 */
#ifndef LIMPET_NET_NEIGHS_H
#define LIMPET_NET_NEIGHS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/decode.h"
#include "net/map.h"
#include "net/net.h"

/* 'L'; free among the RTPROT_ numbers of linux/rtnetlink.h and iproute2's rt_protos. */
#define NET_NEIGH_PROTOCOL 0x4c

struct net_neigh {
	struct net_node node;
	struct net_neigh_info info; /* all zero but the key if not present */
	bool present;               /* the kernel is known to have an entry */
	bool failed;                /* did not answer, and has not answered since */
	unsigned int users;         /* backends whose next hop it is */
	uint64_t retry_at;          /* ms: not to be asked for before */
	uint32_t round;
};

struct net_neighs {
	struct net_map map;
	uint32_t round; /* of reading all again: net_neighs_begin() */
};

int net_neighs_init(struct net_neighs *neighs);
void net_neighs_fini(struct net_neighs *neighs);

/*
 * What the kernel says. 1: changed, and somebody uses it; 0: no matter;
 * -ENOMEM.
 */
int net_neighs_update(struct net_neighs *neighs, const struct net_neigh_info *info);

/* The kernel's entry is gone. Was it in use? */
bool net_neighs_remove(struct net_neighs *neighs, const struct net_key *key);

/* Reading all again: begin, update each, and sweep removes what was not updated. */
void net_neighs_begin(struct net_neighs *neighs);
void net_neighs_sweep(struct net_neighs *neighs);

/* Finds or makes it, and counts a user. NULL: no memory. */
struct net_neigh *net_neighs_get(struct net_neighs *neighs, const struct net_key *key);

/* Ends a use. *neigh may be freed, and is set to NULL. NULL is allowed. */
void net_neighs_put(struct net_neighs *neighs, struct net_neigh **neigh);

/* NET_OK (info.mac is right), NET_RESOLVING, NET_NEIGHBOUR_FAILED, NET_NOT_ETHERNET. */
enum net_state net_neigh_state(const struct net_neigh *neigh);

/* The kernel is not yet keeping its MAC fresh, and should. */
bool net_neigh_wants_managing(const struct net_neigh *neigh);

/* Managed by limpet, now or by an agent before. */
bool net_neigh_is_ours(const struct net_neigh *neigh);

/* Notes that the kernel has been told to manage it, or no longer to. */
void net_neigh_set_managed(struct net_neigh *neigh, bool managed);

#endif
