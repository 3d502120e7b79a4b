/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets and bytes counted in one word, for the BPF programs and for user space alike. Counting a
 * packet costs one addition, and eight numbers' counts fit into a cache line.
 *
 * A count is packets + (bytes << LP_COUNT_SHIFT), modulo 2^64: of the packets it holds the lower
 * 24 bits, of the bytes the lower 40. What it has lost is in its total, a struct lp_counter that
 * the same CPU brings up to date each LP_COUNT_NOTE packets: so many are fewer than
 * 2^24, and with frames of at most 128 KiB have less than 2^40 bytes. Who reads reads the total
 * first and the count then, and adds what the count has gone on since.
 *
 * One CPU writes, without atomics; any may read. A count is written before its total: a total is
 * never ahead of a count that is read after it.
 */
#ifndef LIMPET_COUNT_H
#define LIMPET_COUNT_H

#include <limpet/abi.h>
#include <stdbool.h>

#define LP_COUNT_SHIFT 24
#define LP_COUNT_NOTE  (1u << 22) /* packets */

/* What a packet of `bytes` adds to a count. */
static inline __attribute__((always_inline)) __u64 lp_count_of(__u32 bytes)
{
	return ((__u64)bytes << LP_COUNT_SHIFT) + 1;
}

/* Is the total to be brought up to date, now that the count is `count`? */
static inline __attribute__((always_inline)) bool lp_count_is_due(__u64 count)
{
	return !(count & (LP_COUNT_NOTE - 1));
}

/* Adds to a total that is 0 to 2^24 - 1 packets and fewer than 2^40 bytes behind the count what it
 * is behind. */
static inline __attribute__((always_inline)) void lp_count_catch_up(struct lp_counter *total,
								    __u64 count)
{
	total->packets += (count - total->packets) & ((1u << LP_COUNT_SHIFT) - 1);
	total->bytes += (((count - total->packets) >> LP_COUNT_SHIFT) - total->bytes) &
			((1ull << (64 - LP_COUNT_SHIFT)) - 1);
}

#endif
