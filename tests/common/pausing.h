/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Includes PAUSING, a header that works without locks, so that between any two looks at
 * its table, and before any write, a thread may lose its CPU: the interleavings that are
 * rare on real machines are common then.
 */
#ifndef LIMPET_TESTS_COMMON_PAUSING_H
#define LIMPET_TESTS_COMMON_PAUSING_H

#include <sched.h>
#include <stdint.h>

static __thread uint32_t steps; /* left until the next pause */
static uint32_t pause_every;    /* steps, on average; 0: no pauses */

static void pause_sometimes(void)
{
	static __thread uint64_t random;

	if (!pause_every || steps--)
		return;
	random = random * 6364136223846793005ull + 1442695040888963407ull;
	steps = (uint32_t)((random >> 32) * 2 * pause_every >> 32);
	sched_yield();
}

#define __atomic_load_n(at, order) (pause_sometimes(), __atomic_load_n(at, order))
#define __sync_val_compare_and_swap(at, old, new)                                                  \
	(pause_sometimes(), __sync_val_compare_and_swap(at, old, new))
#define __sync_lock_test_and_set(at, value) (pause_sometimes(), __sync_lock_test_and_set(at, value))
#include PAUSING
#undef __atomic_load_n
#undef __sync_val_compare_and_swap
#undef __sync_lock_test_and_set

#endif
