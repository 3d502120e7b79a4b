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

static __always_inline void account_reason(__u32 cpu, enum lp_reason reason)
{
	_Static_assert(LP_REASON_COUNT <= LP_REASONS_MAX, "reason_counters is full");
	__u64 stripe = cpu;

	if (TABLES_HAS(stripe, LP_SIZE(cpus)))
		TABLE(reason_counters)[stripe].packets[reason % LP_REASONS_MAX]++;
}

static __always_inline void account_add(struct lp_counter *counter, __u32 bytes)
{
	counter->packets++;
	counter->bytes += bytes;
}

/* The numbers are those of the CPU's stripe. */
static __always_inline void account_at(__u64 of_vip, __u64 of_backend, __u32 bytes)
{
	if (TABLES_HAS(of_vip, LP_SIZE(all_vip_counters)))
		account_add(&TABLE(vip_counters)[of_vip], bytes);
	if (TABLES_HAS(of_backend, LP_SIZE(all_backend_counters)))
		account_add(&TABLE(backend_counters)[of_backend], bytes);
}

static __always_inline void account_forwarded(__u32 cpu, __u32 vip, __u32 backend, __u32 bytes)
{
	account_at(cpu * LP_SIZE(vips) + vip, cpu * LP_SIZE(backends) + backend, bytes);
}

/* Counts what is noted, when the last place is taken. Not inlined: one packet in LP_TALLY. */
static __noinline int tally_count(__u32 cpu)
{
	__u64 stripe = cpu, vips, backends;
	struct lp_tally *tally;

	if (!TABLES_HAS(stripe, LP_SIZE(cpus)))
		return 0;
	tally = &TABLE(tallies)[stripe];
	vips = stripe * LP_SIZE(vips);
	backends = stripe * LP_SIZE(backends);
#pragma clang loop unroll(full)
	for (int i = 0; i < LP_TALLY; i++) {
		__u64 entry = tally->entry[i];

		account_at(vips + (__u16)(entry >> 16), backends + (__u16)entry, entry >> 32);
	}
	__sync_fetch_and_add(&tally->counted, LP_TALLY);
	return 0;
}

/*
 * Notes a forwarded packet; `to`: VIP << 16 | backend. Returns the CPU's tally, NULL for
 * a CPU that cannot be.
 */
static __always_inline struct lp_tally *tally_packet(__u32 cpu, __u32 to, __u32 bytes)
{
	__u64 stripe = cpu, count;
	struct lp_tally *tally;

	if (!TABLES_HAS(stripe, LP_SIZE(cpus)))
		return NULL;
	tally = &TABLE(tallies)[stripe];
	count = tally->count;
	tally->entry[count % LP_TALLY] = (__u64)bytes << 32 | to;
	if (count % LP_TALLY == LP_TALLY - 1) {
		/* With a barrier: readers see the note before the number. */
		__sync_fetch_and_add(&tally->count, 1);
		tally_count(cpu);
	} else {
		tally->count = count + 1;
	}
	return tally;
}

#endif
