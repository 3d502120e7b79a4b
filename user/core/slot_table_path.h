/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A member's path: in which order it visits the slots of a table, and when.
 * Private to slot_table*.c; docs/tables.md has the reasons and the figures.
 *
 * Order. A path is a permutation of the LP_SLOTS slots, made from the member's
 * id alone:
 *
 *   maglev      (offset + k * skip) mod LP_SLOTS, skip odd: the preference list
 *               of Maglev (Eisenbud et al., NSDI 2016, section 3.4), for a
 *               power of two instead of a prime.
 *   rendezvous  the same, scrambled by two rounds of a keyed bijection, so that
 *               a slot's place in the path is a hash of (member, slot).
 *
 * Time. The k-th visit comes when the k-th of LP_SLOTS exponential random
 * variables is to be expected: after 1/n + 1/(n-1) + ... + 1/(n-k) (Rényi,
 * 1953), between two of these by the member's phase, and sooner by the factor
 * weight. So a member comes first to a share of all slots that is its weight's
 * share, whatever the weights: the time is the score of weighted rendezvous
 * hashing (Schindelhauer and Schomaker, SPAA 2005), the lowest wins.
 *
 * All in integers, of at most 64 bits (P6).
 */
#ifndef LIMPET_CORE_SLOT_TABLE_PATH_H
#define LIMPET_CORE_SLOT_TABLE_PATH_H

#include <limpet/abi.h>
#include <stdint.h>

#define SLOT_LAW_BITS  28 /* law[] is in units of 2^-28: its last value fits 32 bits */
#define SLOT_PACE_BITS 32

struct slot_path {
	uint64_t pace; /* time for one unit of law[]: 2^SLOT_PACE_BITS / weight */
	uint16_t phase;
	uint16_t offset;
	uint16_t skip;    /* odd */
	uint16_t stir[2]; /* odd */
};

/* Of a member with this id and weight (1 to 2^16 - 1). */
void slot_path_init(struct slot_path *path, uint64_t id, uint32_t weight);

/* Fills law[LP_SLOTS + 1]: when a path of weight 2^SLOT_PACE_BITS makes its visits. */
void slot_path_law(uint32_t *law);

static inline uint32_t slot_path_maglev(const struct slot_path *path, uint32_t k)
{
	return (path->offset + k * path->skip) % LP_SLOTS;
}

/* Multiplication by an odd number and x ^= x >> n are bijections of 16 bits. */
static inline uint32_t slot_path_rendezvous(const struct slot_path *path, uint32_t k)
{
	uint32_t x = slot_path_maglev(path, k);

	x ^= x >> 7;
	x = x * path->stir[0] % LP_SLOTS;
	x ^= x >> 9;
	x = x * path->stir[1] % LP_SLOTS;
	return x ^ x >> 8;
}

/* When visit k (0 to LP_SLOTS - 1) comes. Rises with k; below 2^64 - 2^60. */
static inline uint64_t slot_path_time(const struct slot_path *path, const uint32_t *law, uint32_t k)
{
	uint64_t gap = law[k + 1] - law[k];

	return (law[k] + (gap * path->phase >> 16)) * path->pace;
}

#endif
