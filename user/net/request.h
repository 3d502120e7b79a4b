/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel is asked for and told. All return 0 or -errno. */
#ifndef LIMPET_NET_REQUEST_H
#define LIMPET_NET_REQUEST_H

#include <limpet/abi.h>
#include <stdbool.h>

#include "net/decode.h"
#include "net/map.h"
#include "net/socket.h"

/*
 * Asks for the route to a destination: policy rules, metrics, multipath and
 * nexthop objects are the kernel's business. That there is none is an answer
 * (route->state) and no error.
 */
int net_request_route(struct net_socket *socket, const struct lp_addr *daddr,
		      struct net_route *route);

/* Dumps all links, addresses or neighbours (RTM_GETLINK, ...) into fn. */
int net_request_dump(struct net_socket *socket, int type, net_msg_fn fn, void *arg);

/*
 * Makes the kernel resolve a neighbour and keep it resolved (Linux 5.16, commit
 * 7482e3841d52), out of reach of the garbage collector, whose limit of 1,024
 * entries is small for a balancer. `create`: -EEXIST if the kernel has it already.
 * Otherwise it must not be a permanent one: it would not be any more.
 */
int net_request_manage(struct net_socket *socket, const struct net_key *neigh, bool create);

/* Asks for one neighbour; -ENOENT if there is none. */
int net_request_neigh(struct net_socket *socket, const struct net_key *key,
		      struct net_neigh_info *info);

/* Makes the kernel ask for a neighbour, or again for a failed one, as a packet to it would. */
int net_request_use(struct net_socket *socket, const struct net_key *neigh);

/* Gives a managed neighbour back: it becomes an ordinary, collectable one. */
int net_request_release(struct net_socket *socket, const struct net_key *neigh);

#endif
