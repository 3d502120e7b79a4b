// SPDX-License-Identifier: GPL-2.0
#include "core/slot_table_quota.h"

/* What the racers that run have to share. */
struct stakes {
	uint64_t weights;
	uint32_t slots; /* all but those that others hold */
};

static struct stakes find_stakes(const struct slot_racer *racers, size_t n)
{
	struct stakes stakes = { .slots = LP_SLOTS };

	for (size_t i = 0; i < n; i++) {
		if (racers[i].runs)
			stakes.weights += racers[i].weight;
		else
			stakes.slots -= racers[i].held;
	}
	return stakes;
}

/* Whole slots in a racer's share, less `cut`; may be negative. */
static int64_t share(const struct slot_racer *racer, const struct stakes *stakes, uint32_t cut)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): somebody runs, with a weight above 0 */
	return (int64_t)((uint64_t)racer->weight * stakes->slots / stakes->weights) - cut;
}

static uint64_t floor_sum(const struct slot_racer *racers, size_t n, const struct stakes *stakes,
			  uint32_t cut)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t whole = share(&racers[i], stakes, cut);

		if (racers[i].runs)
			sum += whole > racers[i].held ? (uint64_t)whole : racers[i].held;
	}
	return sum;
}

/* Smallest cut with which the floors fit; nearly always 0. */
static uint32_t find_cut(const struct slot_racer *racers, size_t n, const struct stakes *stakes)
{
	uint32_t low = 0, high = LP_SLOTS;

	if (floor_sum(racers, n, stakes, 0) <= stakes->slots)
		return 0;
	while (high - low > 1) {
		uint32_t cut = low + (high - low) / 2;

		if (floor_sum(racers, n, stakes, cut) <= stakes->slots)
			high = cut;
		else
			low = cut;
	}
	return high;
}

/* floor, and ceil above it if the racer may be rounded up. */
static void set_bounds(struct slot_racer *racer, const struct stakes *stakes, uint32_t cut)
{
	int64_t whole = share(racer, stakes, cut);

	racer->rest = (uint32_t)((uint64_t)racer->weight * stakes->slots % stakes->weights);
	if (whole < racer->held) {
		racer->floor = racer->held;
		racer->ceil = racer->held;
	} else {
		racer->floor = (uint32_t)whole;
		racer->ceil = (uint32_t)whole + (cut > 0 || racer->rest > 0);
	}
}

static bool may_round_up(const struct slot_racer *racer)
{
	return racer->runs && racer->ceil > racer->floor;
}

static uint32_t count_rests(const struct slot_racer *racers, size_t n, uint32_t least)
{
	uint32_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += may_round_up(&racers[i]) && racers[i].rest >= least;
	return count;
}

/* The `spare`-th largest remainder (spare > 0): the largest that at least so
 * many racers reach. */
static uint32_t find_last_rest(const struct slot_racer *racers, size_t n, uint32_t spare)
{
	uint32_t rest = 0;

	for (uint32_t bit = 1u << 31; bit > 0; bit >>= 1)
		if (count_rests(racers, n, rest | bit) >= spare)
			rest |= bit;
	return rest;
}

/* Gives spares to the largest remainders. Returns what is left to those who tie. */
static uint32_t round_up(struct slot_racer *racers, size_t n, uint32_t spare)
{
	uint32_t last = spare > 0 ? find_last_rest(racers, n, spare) : UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		struct slot_racer *racer = &racers[i];

		if (!may_round_up(racer))
			continue;
		if (spare > 0 && racer->rest > last) {
			racer->floor = racer->ceil;
			spare--;
		} else if (racer->rest < last) {
			racer->ceil = racer->floor;
		}
	}
	return spare;
}

uint32_t slot_quota_set(struct slot_racer *racers, size_t n)
{
	const struct stakes stakes = find_stakes(racers, n);
	uint32_t cut = find_cut(racers, n, &stakes);

	for (size_t i = 0; i < n; i++)
		if (racers[i].runs)
			set_bounds(&racers[i], &stakes, cut);
	return round_up(racers, n, (uint32_t)(stakes.slots - floor_sum(racers, n, &stakes, cut)));
}

/* Those that hold their share already rest; the others' share is less then, so
 * that more may do. True if there were any. */
static bool rest_full(struct slot_racer *racers, size_t n)
{
	const struct stakes stakes = find_stakes(racers, n);
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (!racers[i].runs || racers[i].backup ||
		    share(&racers[i], &stakes, 0) >= racers[i].held)
			continue;
		racers[i].runs = false;
		any = true;
	}
	return any;
}

static bool backups_run(const struct slot_racer *racers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (racers[i].runs && racers[i].backup)
			return true;
	return false;
}

void slot_quota_rest(struct slot_racer *racers, size_t n)
{
	bool more = backups_run(racers, n);

	while (more)
		more = rest_full(racers, n);
}
