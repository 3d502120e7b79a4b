/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Last step: counting. The counter arrays hold a stripe for each possible CPU; a
 * packet adds to its own CPU's without atomics (XDP runs with bottom halves off
 * and does not migrate). Flat arrays, not per-CPU maps: they need no lookup of
 * their own, and the agent reads them through mmap.
 */
#ifndef LIMPET_BPF_ACCOUNT_H
#define LIMPET_BPF_ACCOUNT_H

#include <limpet/count.h>
#include "maps.h"
#include "parse.h"

/* LP_FORWARD_TX is counted with its backend: account_forwarded(). */
static __always_inline void account_reason(__u32 cpu, enum lp_reason reason)
{
	_Static_assert(LP_REASON_COUNT <= LP_REASONS_MAX, "reason_counters is full");
	__u64 stripe = cpu;

	if (reason != LP_FORWARD_TX && TABLES_HAS(stripe, cpus))
		TABLE(reason_counters)[stripe].packets[reason % LP_REASONS_MAX]++;
}

/* Brings a total up to date. The count is written: the addition is a barrier. */
static __always_inline void account_note(struct lp_counter *total, __u64 count)
{
	struct lp_counter now = {};

	if (!total)
		return;
	now.packets = __sync_fetch_and_add(&total->packets, 0);
	now.bytes = total->bytes;
	lp_count_catch_up(&now, count);
	total->packets = now.packets;
	total->bytes = now.bytes;
}

/* Not inlined: it happens to one packet in four million. */
static __noinline int account_note_vip(__u32 at, __u64 count)
{
	account_note(bpf_map_lookup_elem(&vip_totals, &at), count);
	return 0;
}

static __noinline int account_note_backend(__u32 at, __u64 count)
{
	account_note(bpf_map_lookup_elem(&backend_totals, &at), count);
	return 0;
}

/*
 * A packet that is forwarded, beside its verdict; `back`: by the interface that it came in
 * by, which is LP_FORWARD_TX.
 */
static __always_inline void account_forwarded(__u32 cpu, __u32 vip, __u32 backend, __u32 bytes,
					      bool back)
{
	__u64 of_vip = LP_STRIPE(cpu, vips) + vip;
	__u64 of_backend = (LP_STRIPE(cpu, backends) + backend) * LP_SENT_WAYS +
			   (back ? LP_SENT_BACK : LP_SENT_ON);
	__u64 one = lp_count_of(bytes), count;

	if (TABLES_HAS(of_vip, all_vip_counts)) {
		count = TABLE(vip_counts)[of_vip] += one;
		if (lp_count_is_due(count))
			account_note_vip((__u32)of_vip, count);
	}
	if (TABLES_HAS(of_backend, all_backend_counts)) {
		count = TABLE(backend_counts)[of_backend] += one;
		if (lp_count_is_due(count))
			account_note_backend((__u32)of_backend, count);
	}
}

#endif
