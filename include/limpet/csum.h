/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624), for
 * the BPF programs and for user space alike. Sums are of 16-bit words in the
 * order in which they stand in memory: the arithmetic is the same on little-
 * and big-endian machines (RFC 1071 section 2(B)), so nothing is swapped.
 */
#ifndef LIMPET_CSUM_H
#define LIMPET_CSUM_H

#include <linux/types.h>

/* Folds a 32-bit ones' complement sum to 16 bits. */
static inline __attribute__((always_inline)) __u16 lp_csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* Adds a 32-bit field as it stands in memory to a sum. */
static inline __attribute__((always_inline)) __u32 lp_csum_add32(__u32 sum, __u32 field)
{
	return sum + (field & 0xffff) + (field >> 16);
}

/* The value for a checksum field: complement of the folded sum. */
static inline __attribute__((always_inline)) __u16 lp_csum_finish(__u32 sum)
{
	return (__u16)~lp_csum_fold(sum);
}

/* Adds the change of a 32-bit field to a sum: RFC 1624 equation 3. */
static inline __attribute__((always_inline)) __u32 lp_csum_change32(__u32 sum, __u32 old, __u32 new)
{
	return lp_csum_add32(lp_csum_add32(sum, ~old), new);
}

/* The same for a 16-bit field. */
static inline __attribute__((always_inline)) __u32 lp_csum_change16(__u32 sum, __u16 old, __u16 new)
{
	return sum + (__u16)~old + new;
}

/* Checksum `check` after changes whose sum is `change`. */
static inline __attribute__((always_inline)) __u16 lp_csum_apply(__u16 check, __u32 change)
{
	return lp_csum_finish((__u16)~check + change);
}

/* Checksum `check` after a 16-bit word of what it covers went from `old` to
 * `new`: RFC 1624 equation 3. */
static inline __attribute__((always_inline)) __u16 lp_csum_replace16(__u16 check, __u16 old,
								     __u16 new)
{
	return lp_csum_finish((__u16)~check + (__u32)(__u16)~old + new);
}

#endif
