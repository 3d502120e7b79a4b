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

	if (TABLES_HAS(stripe, cpus))
		TABLE(reason_counters)[stripe].packets[reason % LP_REASONS_MAX]++;
}

static __always_inline void account_add(struct lp_counter *counter, __u32 bytes)
{
	counter->packets++;
	counter->bytes += bytes;
}

/* A packet that is forwarded, beside its verdict. */
static __always_inline void account_forwarded(__u32 cpu, __u32 vip, __u32 backend, __u32 bytes)
{
	__u64 of_vip = LP_STRIPE(cpu, vips) + vip, of_backend = LP_STRIPE(cpu, backends) + backend;

	if (TABLES_HAS(of_vip, all_vip_counters))
		account_add(&TABLE(vip_counters)[of_vip], bytes);
	if (TABLES_HAS(of_backend, all_backend_counters))
		account_add(&TABLE(backend_counters)[of_backend], bytes);
}

#endif
