/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's network configuration says of the way to each backend:
 * egress interface, next hop's MAC, source address, VLAN tags, MTU. Through
 * libnl, on the agent's libuv loop; follows changes of links, addresses, routes
 * and neighbours.
 */
#ifndef LIMPET_NET_NET_H
#define LIMPET_NET_NET_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "lib/err.h"

struct net;

/*
 * Called on the loop, at most once for a burst of netlink messages (10 ms), when
 * something changed that can change an answer of net_resolve() or net_link().
 */
typedef void (*net_changed_fn)(void *arg);

/* Opens netlink in the current network namespace. -errno, with words in err. */
int net_open(uv_loop_t *loop, net_changed_fn changed, void *arg, struct net **out,
	     struct lp_err *err);

/*
 * Closes its handles on the loop, which has to run once more for that; sets *net
 * to NULL. The kernel goes on keeping the neighbours fresh (P8).
 */
void net_close(struct net **net);

enum net_state {
	NET_OK,        /* hop is complete */
	NET_NO_ROUTE,  /* the kernel has no unicast route to it */
	NET_LOCAL,     /* the address is the balancer's own */
	NET_RESOLVING, /* the neighbour is being asked (ARP, ND), or the kernel could not be */
	NET_NEIGHBOUR_FAILED, /* the neighbour does not answer */
	NET_LINK_DOWN,
	NET_NOT_ETHERNET,  /* the route's interface, or its neighbour, has no MAC address */
	NET_TOO_MANY_TAGS, /* the route goes over more than two VLAN devices */
	NET_NO_SOURCE,     /* the host has no address to send from */
};

/* "ok", "no route", ... for people. */
const char *net_state_name(enum net_state state);

/*
 * Is it this machine that has no way, whatever the backend does? False for a neighbour that
 * does not answer: that is the backend's failure, or its gateway's.
 */
bool net_state_is_own(enum net_state state);

/*
 * Fills *hop with the way to `addr` (saddr, daddr, outer_sum and flags
 * included, see abi.h) and returns NET_OK; otherwise *hop has ifindex 0 and
 * daddr only. Starts and keeps up the resolution of the next hop's MAC (managed
 * neighbour entries, Linux 5.16, NTF_EXT_MANAGED); net_changed_fn is called
 * when it comes. A neighbour entry that is stale, delayed or probed still has a
 * MAC and is OK.
 *
 * A route over a VLAN device gives the interface below it and its tags (up to
 * two). An interface with no VLAN device on it gets LP_HOP_KEEP_TAGS.
 */
enum net_state net_resolve(struct net *net, const struct lp_addr *addr, struct lp_hop *hop);

/*
 * Who is in one network with the backend, and is answered by it past this host: whoever
 * shares so many bits of struct lp_addr with it (abi.h: link_bits). 128, only itself, behind a
 * router. After net_resolve() of it.
 */
unsigned int net_link_bits(struct net *net, const struct lp_addr *addr);

/*
 * Stops keeping up what is asked for no longer: forgets backends that are not in
 * the list, and lets the kernel forget next hops that no backend needs now. Only
 * those that limpet keeps up, an agent before this one included; so call it
 * after net_resolve() of the backends in the list.
 */
void net_retain(struct net *net, const struct lp_addr *backends, size_t n);

struct net_link {
	unsigned int ifindex;
	unsigned int mtu;
	unsigned char mac[6];
	bool up;
	char driver_kind[16]; /* "veth", "bond", ...; "" for a physical NIC */
};

/* -ENODEV if there is no such interface. */
int net_link(struct net *net, const char *name, struct net_link *link);

#endif
