/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counting of entries (bpf/snat.h): how many there are, and how near the ports towards one
 * backend are to their end. In steps, as the sweep does. Nothing is taken away: entries
 * expire by themselves, and new ones take the places of those that have.
 */
#ifndef LIMPET_CORE_ENTRIES_H
#define LIMPET_CORE_ENTRIES_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stdint.h>

#include "dp/dp.h"

/* Part of places or ports in use from which on it is said. */
#define ENTRIES_NEARLY 0.8

/* Connections with one port of a backend from one address, of both protocols together. */
struct entries_use {
	uint32_t backend;    /* number; 0: none */
	__be16 port;         /* of the backend */
	struct lp_addr addr; /* that they come from; IPv4 as in A2 of abi.h */
	uint32_t used, ports;
};

/* Of the last whole pass. */
struct entries_counts {
	uint32_t established, opening, closing; /* what lives */
	struct entries_use busiest;             /* of which the largest part is used */
};

#define ENTRIES_USES 4096u /* that are told apart; a power of two */

struct entries {
	uint32_t bucket; /* where the pass goes on */
	struct entries_counts now, last;
	struct entries_use *uses; /* of this pass: ENTRIES_USES, by hash */
	bool warned_places, warned_ports;
};

/* -ENOMEM. */
int entries_init(struct entries *entries);
void entries_fini(struct entries *entries);

/* One step over `buckets` of them; `now` is seconds of CLOCK_MONOTONIC. True: a pass ended. */
bool entries_step(struct entries *entries, const struct dp *dp, uint32_t buckets, uint32_t now);

/* Places for entries, 0: there are none. */
uint64_t entries_capacity(const struct dp *dp);

/* All that live. */
uint32_t entries_used(const struct entries_counts *counts);

/* Is it time to say that places, or ports of the busiest, run out? Once each time they begin to. */
bool entries_warn_places(struct entries *entries, const struct dp *dp);
bool entries_warn_ports(struct entries *entries);

#endif
