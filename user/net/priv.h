/* SPDX-License-Identifier: GPL-2.0 */
/* struct net, shared by net.c (answers) and events.c (changes) only. */
#ifndef LIMPET_NET_PRIV_H
#define LIMPET_NET_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "net/addrs.h"
#include "net/backends.h"
#include "net/links.h"
#include "net/neighs.h"
#include "net/net.h"
#include "net/socket.h"

struct net {
	struct net_socket events;   /* multicast groups; non-blocking */
	struct net_socket requests; /* questions and their answers; blocking */
	struct net_links links;
	struct net_addrs addrs;
	struct net_neighs neighs;
	struct net_backends backends;
	uv_poll_t poll;   /* of events */
	uv_timer_t burst; /* runs from the first change of a burst to its end */
	uv_timer_t retry; /* runs while something has to be tried again */
	bool lost;        /* events were lost: all has to be read again */
	unsigned int handles;
	net_changed_fn changed;
	void *arg;
};

/* Joins the multicast groups of everything that matters. */
int net_events_subscribe(struct net *net, struct lp_err *err);

/* Reads all links, addresses and neighbours; what is gone is forgotten. */
int net_events_read_all(struct net *net);

/* Starts to follow changes on the loop, with handles that are initialised. */
int net_events_start(struct net *net);

/* Calls net->changed after `ms` milliseconds, or earlier. */
void net_events_retry(struct net *net, uint64_t ms);

/* Now, in milliseconds, for net_neigh.retry_at. */
uint64_t net_now(void);

#endif
