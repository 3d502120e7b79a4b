// SPDX-License-Identifier: GPL-2.0
#include "core/slot_table_quota.h"

static uint64_t weight_sum(const struct slot_racer *racers, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (racers[i].runs)
			sum += racers[i].weight;
	return sum;
}

/* Whole slots in a racer's share, less `cut`; may be negative. */
static int64_t share(const struct slot_racer *racer, uint64_t weights, uint32_t cut)
{
	return (int64_t)((uint64_t)racer->weight * LP_SLOTS / weights) - cut;
}

static uint64_t floor_sum(const struct slot_racer *racers, size_t n, uint64_t weights, uint32_t cut)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t whole = share(&racers[i], weights, cut);

		if (racers[i].runs)
			sum += whole > racers[i].held ? (uint64_t)whole : racers[i].held;
	}
	return sum;
}

/* Smallest cut with which the floors fit; nearly always 0. */
static uint32_t find_cut(const struct slot_racer *racers, size_t n, uint64_t weights)
{
	uint32_t low = 0, high = LP_SLOTS;

	if (floor_sum(racers, n, weights, 0) <= LP_SLOTS)
		return 0;
	while (high - low > 1) {
		uint32_t cut = low + (high - low) / 2;

		if (floor_sum(racers, n, weights, cut) <= LP_SLOTS)
			high = cut;
		else
			low = cut;
	}
	return high;
}

static void set_one(struct slot_racer *racer, uint64_t weights, uint32_t cut)
{
	int64_t whole = share(racer, weights, cut);
	bool rest = cut > 0 || (uint64_t)racer->weight * LP_SLOTS % weights > 0;

	if (whole < racer->held) {
		racer->floor = racer->held;
		racer->ceil = racer->held;
	} else {
		racer->floor = (uint32_t)whole;
		racer->ceil = (uint32_t)whole + rest;
	}
}

uint32_t slot_quota_set(struct slot_racer *racers, size_t n)
{
	uint64_t weights = weight_sum(racers, n);
	uint32_t cut = find_cut(racers, n, weights);

	for (size_t i = 0; i < n; i++)
		if (racers[i].runs)
			set_one(&racers[i], weights, cut);
	return (uint32_t)(LP_SLOTS - floor_sum(racers, n, weights, cut));
}
