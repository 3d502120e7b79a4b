// SPDX-License-Identifier: GPL-2.0
#include "core/slot_table.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>

#include "core/slot_table_quota.h"
#include "core/slot_table_race.h"
#include "core/slot_table_simple.h"

/* Any fixed, distinct numbers do; these are digits of e. */
#define ID_K0 0xb7e151628aed2a6aull
#define ID_K1 0xbf7158809cf4f3c7ull

uint64_t slot_member_id(const char *seed, const char *pool, const char *backend)
{
	uint64_t of_seed = lp_siphash(ID_K0, ID_K1, seed, strlen(seed));
	uint64_t of_pool = lp_siphash(of_seed, ID_K1, pool, strlen(pool));

	/* A key for each name, so that no two pairs of names are one text. */
	return lp_siphash(of_pool, ID_K0, backend, strlen(backend));
}

static int compare_ids(const void *a, const void *b)
{
	const struct slot_racer *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int check(const struct slot_racer *racers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (racers[i].weight > CONFIG_WEIGHT_MAX ||
		    (i > 0 && racers[i].id == racers[i - 1].id))
			return -EINVAL;
	return 0;
}

/* Members of any weight, sorted by id. */
static size_t make_racers(const struct slot_member *members, size_t n, struct slot_racer *racers)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (members[i].weight == 0)
			continue;
		racers[used++] = (struct slot_racer) {
			.id = members[i].id,
			.weight = members[i].weight,
			.value = members[i].value,
			.usable = members[i].usable,
			.backup = members[i].backup,
			.runs = !members[i].backup,
		};
	}
	qsort(racers, used, sizeof(*racers), compare_ids);
	return used;
}

static bool any_usable(const struct slot_racer *racers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (racers[i].usable)
			return true;
	return false;
}

static bool any_runs(const struct slot_racer *racers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (racers[i].runs)
			return true;
	return false;
}

/*
 * First everybody's slots but the backups', as if all were usable; then those of
 * the unusable ones go to the others, backups among them. So no slot of a usable
 * member moves (P4), and the result depends on who is unusable, not on who was
 * first (P6).
 */
static void run_both(struct slot_race *race, struct slot_racer *racers, size_t n)
{
	uint32_t left = LP_SLOTS;
	bool first = any_runs(racers, n);

	if (first)
		slot_race_run(race, slot_quota_set(racers, n));
	for (size_t i = 0; i < n; i++)
		racers[i].runs = racers[i].usable;
	if (first)
		left = slot_race_release(race);
	if (left > 0) {
		slot_quota_rest(racers, n);
		slot_race_run(race, slot_quota_set(racers, n));
	}
}

static int build(enum config_hash hash, struct slot_racer *racers, size_t n, uint16_t *table)
{
	struct slot_race *race = NULL;
	int err;

	if (!any_usable(racers, n)) {
		memset(table, 0, LP_SLOTS * sizeof(*table));
		return 0;
	}
	err = slot_race_new(hash, racers, n, &race);
	if (err)
		return err;
	run_both(race, racers, n);
	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		table[slot] = racers[slot_race_owner(race, slot)].value;
	slot_race_free(&race);
	return 0;
}

int slot_table_build(enum config_hash hash, const struct slot_member *members, size_t n,
		     uint16_t *table)
{
	struct slot_racer *racers;
	size_t used;
	int err;

	if (n > LP_SLOTS)
		return -EINVAL;
	racers = calloc(n ? n : 1, sizeof(*racers));
	if (!racers)
		return -ENOMEM;
	used = make_racers(members, n, racers);
	err = check(racers, used);
	if (!err && hash == CONFIG_HASH_RING)
		err = slot_table_ring(members, n, table);
	else if (!err && hash == CONFIG_HASH_MODULO)
		err = slot_table_modulo(members, n, table);
	else if (!err)
		err = build(hash, racers, used, table);
	free(racers);
	return err;
}
