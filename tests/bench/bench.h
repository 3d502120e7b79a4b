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

struct bench_point {
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

#endif
