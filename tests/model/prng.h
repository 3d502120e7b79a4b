/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that depend on the seed alone. */
#ifndef LIMPET_TESTS_MODEL_PRNG_H
#define LIMPET_TESTS_MODEL_PRNG_H

#include <limpet/hash.h>
#include <stdbool.h>
#include <stdint.h>

struct prng {
	uint64_t state;
};

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static inline uint64_t prng_next(struct prng *prng)
{
	prng->state += 0x9e3779b97f4a7c15ull;
	return lp_mix64(prng->state);
}

/* 0 to n - 1; 0 for n = 0. The bias of the remainder is below 2^-32 here. */
static inline uint32_t prng_below(struct prng *prng, uint32_t n)
{
	return n ? (uint32_t)((prng_next(prng) >> 32) * n >> 32) : 0;
}

/* first to last, inclusive. */
static inline uint32_t prng_between(struct prng *prng, uint32_t first, uint32_t last)
{
	return first + prng_below(prng, last - first + 1);
}

static inline bool prng_percent(struct prng *prng, uint32_t percent)
{
	return prng_below(prng, 100) < percent;
}

#endif
