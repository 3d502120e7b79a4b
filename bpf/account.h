/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Last step: counting. The counter maps hold a stripe for each possible CPU; a
 * packet adds to its own CPU's without atomics (XDP runs with bottom halves off
 * and does not migrate). Flat arrays, not per-CPU maps: their lookup is inlined
 * on every kernel, and the agent reads them through mmap.
 */
#ifndef LIMPET_BPF_ACCOUNT_H
#define LIMPET_BPF_ACCOUNT_H

#include "maps.h"
#include "parse.h"

static __always_inline void account_reason(__u32 cpu, enum lp_reason reason)
{
	struct lp_reason_counters *counters = bpf_map_lookup_elem(&reason_counters, &cpu);

	_Static_assert(LP_REASON_COUNT <= LP_REASONS_MAX, "reason_counters is full");
	if (counters)
		counters->packets[reason % LP_REASONS_MAX]++;
}

static __always_inline void account_add(struct lp_counter *counter, __u32 bytes)
{
	if (!counter)
		return;
	counter->packets++;
	counter->bytes += bytes;
}

static __always_inline void account_forwarded(__u32 cpu, __u32 vip, __u32 backend, __u32 bytes)
{
	__u32 at = cpu * lp_vips_max + vip;

	account_add(bpf_map_lookup_elem(&vip_counters, &at), bytes);
	at = cpu * lp_backends_max + backend;
	account_add(bpf_map_lookup_elem(&backend_counters, &at), bytes);
}

#endif
