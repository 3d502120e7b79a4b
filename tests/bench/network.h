/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A network namespace with a way to the clients of flows.h: what bpf_fib_lookup() finds
 * for replies of nat. They come in by lo, as all program runs do, and leave by
 * NETWORK_INTERFACE to a router whose MAC address is known. Nothing is sent.
 */
#ifndef LIMPET_BENCH_NETWORK_H
#define LIMPET_BENCH_NETWORK_H

#include "lib/err.h"

#define NETWORK_INTERFACE "out0"

struct network;

/* Makes it; the process stays where it is. -errno with words in err. */
int network_open(struct network **out, struct lp_err *err);

/* Lets go of it, and of the process if that is in it; NULL and a second call are fine. */
void network_close(struct network **network);

/* The process goes there, or back to where network_open() was called. -errno with words. */
int network_enter(const struct network *network, struct lp_err *err);
int network_leave(const struct network *network, struct lp_err *err);

/* MAC addresses of the router and of NETWORK_INTERFACE. */
extern const unsigned char network_router[6], network_own[6];

#endif
