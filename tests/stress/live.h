/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A wire for frames that travel: a veth pair in the process's own namespace. limpet
 * is attached to LIVE_LIMPET; the other end is where frames are sent, and where
 * the sink (traffic.bpf.c) takes those that limpet has sent back.
 */
#ifndef LIMPET_STRESS_LIVE_H
#define LIMPET_STRESS_LIVE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define LIVE_LIMPET "limpet0"
#define LIVE_PEER   "peer0"

/* Makes the pair and sets it up; it ends with the namespace. -errno with words. */
int live_make(struct lp_err *err);

/* A socket (AF_PACKET) that sends frames by LIVE_PEER; the caller's. -errno. */
int live_socket(void);

/* Sends a frame. 0, -EAGAIN if there is no room now, or -errno. */
int live_send(int fd, const void *frame, size_t len);

#endif
