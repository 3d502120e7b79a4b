/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Last step: counting. The counter arrays hold a stripe for each possible CPU; a
 * packet adds to its own CPU's without atomics (XDP runs with bottom halves off
 * and does not migrate). Flat arrays, not per-CPU maps: they need no lookup of
 * their own, and the agent reads them through mmap.
 */
#ifndef LIMPET_BPF_ACCOUNT_H
#define LIMPET_BPF_ACCOUNT_H

#include "maps.h"
#include "parse.h"

static __always_inline void account_reason(char *base, __u32 cpu, enum lp_reason reason)
{
	_Static_assert(LP_REASON_COUNT <= LP_REASONS_MAX, "reason_counters is full");
	if (base && TABLES_HAS(cpu, lp_cpus))
		TABLES_AT(base, reason_counters, lp_reason_counters, cpu)
			->packets[reason % LP_REASONS_MAX]++;
}

static __always_inline void account_add(struct lp_counter *counter, __u32 bytes)
{
	counter->packets++;
	counter->bytes += bytes;
}

static __always_inline void account_forwarded(char *base, __u32 cpu, __u32 vip, __u32 backend,
					      __u32 bytes)
{
	__u32 of_vip = cpu * lp_vips_max + vip, of_backend = cpu * lp_backends_max + backend;

	if (!TABLES_HAS(of_vip, lp_cpus * lp_vips_max) ||
	    !TABLES_HAS(of_backend, lp_cpus * lp_backends_max))
		return;
	account_add(TABLES_AT(base, vip_counters, lp_counter, of_vip), bytes);
	account_add(TABLES_AT(base, backend_counters, lp_counter, of_backend), bytes);
}

#endif
