/* SPDX-License-Identifier: GPL-2.0 */
/*
 * limpet's datapath with the configuration of a point, in force: the real
 * program, loaded and filled by the agent's own code. Pins go to a BPF file
 * system in a mount namespace of the benchmark's own, so a limpetd that runs on
 * this machine is not met.
 */
#ifndef LIMPET_BENCH_LIMPET_SETUP_H
#define LIMPET_BENCH_LIMPET_SETUP_H

#include "bench.h"
#include "dp/dp.h"
#include "lib/err.h"

/*
 * Enters the mount namespace and mounts. Call once, before anything else. The
 * mount goes away with the process. -errno with words in err.
 */
int limpet_mount(struct lp_err *err);

/*
 * One for each state, if so many are needed at once; its maps are published in
 * limpet_pins(). BENCH_STATE_ALWAYS: VIPs that track always; _MOVING: all slots have
 * another backend before them (point->backends is at least 2); otherwise all are settled.
 * _NAT and _NAT_REPLY: ports are translated too (flows.h), and replies to their VIPs' back;
 * they may leave by the interface of network.h, if the process is there.
 * -errno with words in err.
 */
int limpet_open(const struct bench_point *point, enum bench_state state, struct dp **out,
		struct lp_err *err);

/* Removes program and maps; sets *dp to NULL, which is fine to begin with. */
void limpet_close(struct dp **dp, enum bench_state state);

/* Where the pins of the datapath of this state are: PATH_MAX bytes. */
void limpet_pins(enum bench_state state, char *path);

/* Next hop number `number` (1 and up) of a point: an address for each, one MAC. */
void limpet_hop(const struct bench_point *point, uint32_t number, struct lp_hop *hop);

/* An address of BENCH_STATE_SNAT's, number 0 to LP_SNAT_ADDRESSES_MAX - 1. */
void limpet_source(const struct bench_point *point, uint32_t number, struct lp_addr *addr);

/* Packets that limpet has forwarded so far, or replies in that state. */
uint64_t limpet_forwarded(const struct dp *dp, enum bench_state state);

/*
 * Confirms all entries, as the backends' answers would have; how many there are of both
 * kinds, the smaller number.
 */
uint32_t limpet_establish(struct dp *dp);

/* As if no connection had ever been seen: no records, no entries. */
void limpet_empty(struct dp *dp);

/* Entries that live and are confirmed, as those of established connections are, or are not. */
uint32_t limpet_entries(const struct dp *dp, bool confirmed);

/* Living records, of connections and of clients, that are confirmed or not. */
uint32_t limpet_records(const struct dp *dp, bool confirmed);

#endif
