// SPDX-License-Identifier: GPL-2.0
/*
 * Visits are looked at slice by slice of time: of each slice, those to slots
 * that are free at its start are collected, sorted, and done in order. Nine of
 * ten visits are to slots long taken and cost a bit test only. How wide slices
 * are changes nothing in the result.
 */
#include "core/slot_table_race.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>

/* Visits in a slice, about: enough to be worth a look at every racer, few
 * enough that most of them are to different slots. */
#define SLICE_BITS   14
#define BUCKETS_BITS 13
#define BUCKETS      (1u << BUCKETS_BITS)
/* Log2 of the first, smallest gap between two values of law[]. */
#define GAP_BITS (SLOT_LAW_BITS - LP_SLOTS_BITS)

struct event {
	uint64_t time;
	uint16_t racer;
	uint16_t slot;
};

struct slot_race {
	enum config_hash hash;
	struct slot_racer *racers;
	size_t n;
	uint32_t spare;
	uint32_t n_free;
	size_t n_open;
	uint16_t *open; /* racers with room, in order */
	struct event *events;
	struct event *sorted;
	uint32_t bucket[BUCKETS + 1];
	uint32_t law[LP_SLOTS + 1];
	uint16_t owner[LP_SLOTS];
	uint64_t free[LP_SLOTS / 64];
};

/*
 * Visits that one slice can have: slice_end() asks for 2^SLICE_BITS, rounding
 * of pace adds less than 2^-15 of them, and each racer may begin one more.
 */
static size_t slice_max(size_t n)
{
	return (1u << SLICE_BITS) + (1u << SLICE_BITS) / 1024 + n;
}

int slot_race_new(enum config_hash hash, struct slot_racer *racers, size_t n,
		  struct slot_race **out)
{
	struct slot_race *race = calloc(1, sizeof(*race));

	if (!race)
		return -ENOMEM;
	race->open = calloc(n, sizeof(*race->open));
	race->events = calloc(slice_max(n), sizeof(*race->events));
	race->sorted = calloc(slice_max(n), sizeof(*race->sorted));
	if (!race->open || !race->events || !race->sorted) {
		slot_race_free(&race);
		return -ENOMEM;
	}
	race->hash = hash;
	race->racers = racers;
	race->n = n;
	race->n_free = LP_SLOTS;
	memset(race->free, 0xff, sizeof(race->free));
	slot_path_law(race->law);
	for (size_t i = 0; i < n; i++)
		slot_path_init(&racers[i].path, racers[i].id, racers[i].weight);
	*out = race;
	return 0;
}

void slot_race_free(struct slot_race **race)
{
	if (!*race)
		return;
	free((*race)->open);
	free((*race)->events);
	free((*race)->sorted);
	free(*race);
	*race = NULL;
}

static bool is_free(const struct slot_race *race, uint32_t slot)
{
	return race->free[slot / 64] >> (slot % 64) & 1;
}

static bool has_room(const struct slot_race *race, const struct slot_racer *racer)
{
	return racer->held < racer->floor || (racer->held < racer->ceil && race->spare > 0);
}

/* Everybody who runs and has room stands at the start of its path. */
static void line_up(struct slot_race *race)
{
	race->n_open = 0;
	for (size_t i = 0; i < race->n; i++) {
		struct slot_racer *racer = &race->racers[i];

		racer->next = 0;
		if (racer->runs && has_room(race, racer))
			race->open[race->n_open++] = (uint16_t)i;
	}
}

static void drop_full(struct slot_race *race)
{
	size_t n = 0;

	for (size_t i = 0; i < race->n_open; i++)
		if (has_room(race, &race->racers[race->open[i]]))
			race->open[n++] = race->open[i];
	race->n_open = n;
}

/* End of the slice that begins at `start`: 2^SLICE_BITS visits later, if all
 * open racers keep the speed of their first visit (they only slow down). */
static uint64_t slice_end(const struct slot_race *race, uint64_t start)
{
	uint64_t weight = 0;

	for (size_t i = 0; i < race->n_open; i++)
		weight += race->racers[race->open[i]].weight;
	/* While slots are free somebody is open (R1), with a weight above 0. */
	/* cppcheck-suppress zerodiv */
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero) */
	return start + (1ull << (SLICE_BITS + GAP_BITS + SLOT_PACE_BITS)) / weight;
}

/* Inlined with a constant `hash`, so that the innermost loop has no branch for it. */
LP_INLINE size_t collect_racer(struct slot_race *race, uint16_t number, uint64_t end,
			       enum config_hash hash, struct event *events)
{
	struct slot_racer *racer = &race->racers[number];
	struct slot_path path = racer->path;
	uint32_t k = racer->next;
	size_t n = 0;

	for (; k < LP_SLOTS; k++) {
		uint64_t time = slot_path_time(&path, race->law, k);
		uint32_t slot;

		if (time >= end)
			break;
		slot = hash == CONFIG_HASH_MAGLEV ? slot_path_maglev(&path, k)
						  : slot_path_rendezvous(&path, k);
		if (is_free(race, slot))
			events[n++] = (struct event) { time, number, (uint16_t)slot };
	}
	racer->next = k;
	return n;
}

static size_t collect(struct slot_race *race, uint64_t end)
{
	size_t n = 0;

	if (race->hash == CONFIG_HASH_MAGLEV)
		for (size_t i = 0; i < race->n_open; i++)
			n += collect_racer(race, race->open[i], end, CONFIG_HASH_MAGLEV,
					   race->events + n);
	else
		for (size_t i = 0; i < race->n_open; i++)
			n += collect_racer(race, race->open[i], end, CONFIG_HASH_RENDEZVOUS,
					   race->events + n);
	return n;
}

/* Distributes events to buckets of equal width, keeping the order within each. */
static void sort_coarse(struct slot_race *race, size_t n, uint64_t start, uint64_t end)
{
	unsigned int shift = 0;

	while ((end - start) >> shift >= BUCKETS)
		shift++;
	memset(race->bucket, 0, sizeof(race->bucket));
	for (size_t i = 0; i < n; i++)
		race->bucket[((race->events[i].time - start) >> shift) + 1]++;
	for (size_t i = 0; i < BUCKETS; i++)
		race->bucket[i + 1] += race->bucket[i];
	for (size_t i = 0; i < n; i++) {
		uint32_t *at = &race->bucket[(race->events[i].time - start) >> shift];

		race->sorted[(*at)++] = race->events[i];
	}
}

/* Insertion sort, which is fast because nothing is far from its place. Stable:
 * events came in the order of ids and those of equal times stay in it. */
static void sort_fine(struct event *events, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct event event = events[i];
		size_t j = i;

		for (; j > 0 && events[j - 1].time > event.time; j--)
			events[j] = events[j - 1];
		events[j] = event;
	}
}

static void visit(struct slot_race *race, const struct event *event)
{
	struct slot_racer *racer = &race->racers[event->racer];

	if (!is_free(race, event->slot) || !has_room(race, racer))
		return;
	if (racer->held >= racer->floor)
		race->spare--;
	racer->held++;
	race->owner[event->slot] = event->racer;
	race->free[event->slot / 64] &= ~(1ull << (event->slot % 64));
	race->n_free--;
}

void slot_race_run(struct slot_race *race, uint32_t spare)
{
	uint64_t start = 0;

	race->spare = spare;
	line_up(race);
	while (race->n_free > 0) {
		uint64_t end = slice_end(race, start);
		size_t n = collect(race, end);

		sort_coarse(race, n, start, end);
		sort_fine(race->sorted, n);
		for (size_t i = 0; i < n; i++)
			visit(race, &race->sorted[i]);
		drop_full(race);
		start = end;
	}
}

uint32_t slot_race_release(struct slot_race *race)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++) {
		struct slot_racer *racer = &race->racers[race->owner[slot]];

		if (racer->runs)
			continue;
		racer->held--;
		race->free[slot / 64] |= 1ull << (slot % 64);
		n++;
	}
	race->n_free += n;
	return n;
}

size_t slot_race_owner(const struct slot_race *race, uint32_t slot)
{
	return race->owner[slot];
}
