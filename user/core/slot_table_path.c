// SPDX-License-Identifier: GPL-2.0
#include "core/slot_table_path.h"

#include <limpet/hash.h>

/* The increment of SplitMix64: 2^64 divided by the golden ratio, made odd. */
#define GOLDEN 0x9e3779b97f4a7c15ull

void slot_path_init(struct slot_path *path, uint64_t id, uint32_t weight)
{
	uint64_t a = lp_mix64(id + GOLDEN);
	uint64_t b = lp_mix64(id + 2 * GOLDEN);

	path->pace = (1ull << SLOT_PACE_BITS) / weight;
	path->phase = (uint16_t)b;
	path->offset = (uint16_t)a;
	path->skip = (uint16_t)(a >> 16) | 1;
	path->stir[0] = (uint16_t)(a >> 32) | 1;
	path->stir[1] = (uint16_t)(a >> 48) | 1;
}

void slot_path_law(uint32_t *law)
{
	law[0] = 0;
	for (uint32_t k = 0; k < LP_SLOTS; k++)
		law[k + 1] = law[k] + (1u << SLOT_LAW_BITS) / (LP_SLOTS - k);
}
