/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fragments that came before their first one. XDP cannot keep a packet, so the datapath
 * copies them to here (bpf/fragment.h), where they wait until the first one has passed:
 * then they are sent in again, and follow it. Who has waited for FRAGMENTS_WAIT_MS is sent
 * in as well, to be dropped and counted by the datapath (P9).
 *
 * What waits is bounded by FRAGMENTS_MAX, and what comes by the datapath
 * (LP_HELD_PER_S). While limpetd is not there, early fragments are dropped.
 */
#ifndef LIMPET_AGENT_FRAGMENTS_H
#define LIMPET_AGENT_FRAGMENTS_H

#include <uv.h>

#include "dp/dp.h"

#define FRAGMENTS_MAX     256
#define FRAGMENTS_WAIT_MS 500
#define FRAGMENTS_LOOK_MS                                                                          \
	2 /* how often those that wait are looked at; nobody does when none wait */

struct fragments;

/*
 * Begins to take what `dp` holds. *out stays NULL where the datapath holds nothing.
 * -errno (of libuv). To be closed before the datapath is.
 */
int fragments_open(uv_loop_t *loop, struct dp *dp, struct fragments **out);

/* What waits is let go. The memory goes when the loop has run. Sets *fragments to NULL. */
void fragments_close(struct fragments **fragments);

#endif
