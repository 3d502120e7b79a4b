/* SPDX-License-Identifier: GPL-2.0 */
/* TCP checks: a connection that opens is good. */
#ifndef LIMPET_HEALTH_TCP_H
#define LIMPET_HEALTH_TCP_H

#include <limpet/abi.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "health/probe.h"

/*
 * Starts to connect to address and port (host byte order). 0, or -errno of
 * socket(2) or connect(2): then there is no probe and *out is untouched. `mark`:
 * see tcp_socket().
 */
int tcp_probe_start(uv_loop_t *loop, const struct lp_addr *address, uint16_t port, uint32_t mark,
		    probe_done_fn done, void *arg, struct probe **out);

/*
 * A nonblocking TCP socket, closed on exec, that close(2) ends with a RST.
 *
 * A check that closes first in the ordinary way leaves a TIME_WAIT socket on
 * the balancer for a minute: 10,000 backends every 2 s are 300,000 of them,
 * with their memory and local ports. The RST (SO_LINGER with a time of 0)
 * leaves nothing on either side. Nothing is lost by it: a TCP check sends no
 * data, an HTTP check has read all it wants.
 *
 * With a mark (not 0) its packets have it (SO_MARK), and it is bound to a local
 * port that no other bound socket has, whatever address they connect to:
 * bpf/probe.bpf.c tells answers by that.
 *
 * Returns the descriptor, or -errno.
 */
int tcp_socket(int family, uint32_t mark);

#endif
