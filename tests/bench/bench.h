/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The datapath benchmark's own words: a point is one combination of traffic and
 * configuration that programs are compared at.
 */
#ifndef LIMPET_BENCH_BENCH_H
#define LIMPET_BENCH_BENCH_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stdint.h>

/* What a point compares, beside the empty program and the floor. */
enum bench_kind {
	BENCH_SETTLED,    /* limpet, and the programs of the command line */
	BENCH_AUDIT,      /* limpet as it is and without its audit */
	BENCH_OPENING,    /* limpet, given opening packets with `source` affinity */
	BENCH_NAT,        /* limpet with `forward: nat`, every slot settled: packets to backends */
	BENCH_NAT_REPLY,  /* and what backends answer, on its way to clients */
	BENCH_ALLOCATION, /* opening packets, each flow once: `forward: snat` against
			     `track: always`, and both against the same without memory */
	BENCH_TRACKED,    /* a record for each packet: `track: always`, a pool whose slots are all
			     moving, `forward: snat`, and a table in a kernel LRU map for comparison */
	BENCH_KINDS
};

/* What limpet was measured in (DESIGN section 4). */
enum bench_state {
	BENCH_STATE_SETTLED,
	BENCH_STATE_OPENING,
	BENCH_STATE_ALWAYS,
	BENCH_STATE_MOVING,
	BENCH_STATE_NAT,       /* forward nat, every slot settled */
	BENCH_STATE_NAT_REPLY, /* the same, given replies */
	BENCH_STATE_SNAT,      /* forward snat, every connection established */
	BENCH_STATES
};

struct bench_point {
	enum bench_kind kind;
	bool v6;
	uint32_t flows;
	uint32_t vips;
	uint32_t backends;
	uint32_t bytes; /* of the frame that programs get, without FCS */
	enum lp_affinity affinity;
	enum lp_forward forward;
};

const char *bench_affinity_name(enum lp_affinity affinity);
const char *bench_forward_name(enum lp_forward forward);
/* How limpet in this state forwards: as the point says, or by nat or snat. */
enum lp_forward bench_state_forward(enum bench_state state, const struct bench_point *point);
const char *bench_kind_name(enum bench_kind kind);
const char *bench_state_name(enum bench_state state);

#endif
