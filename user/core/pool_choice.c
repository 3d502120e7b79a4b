// SPDX-License-Identifier: GPL-2.0
#include "core/pool_choice.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>

#include "core/slow_start.h"

/* A pool, and what is known of its backends, in its order. */
struct crew {
	const struct config_pool *pool;
	struct runtime_backend **backend;
	size_t n;
};

static int find_crew(const struct config_pool *pool, const struct runtime *runtime,
		     struct crew *crew)
{
	struct runtime_backend *all;
	size_t n;

	*crew = (struct crew) { .pool = pool, .n = pool->n_backends };
	crew->backend = calloc(crew->n + 1, sizeof(*crew->backend));
	if (!crew->backend)
		return -ENOMEM;
	all = runtime_crew(runtime, pool->name, &n);
	for (size_t i = 0; i < n; i++)
		if (all[i].wanted && all[i].place < crew->n)
			crew->backend[all[i].place] = &all[i];
	for (size_t i = 0; i < crew->n; i++)
		if (!crew->backend[i])
			return -ENOENT; /* never: the runtime follows the configuration */
	return 0;
}

/* --- who -------------------------------------------------------------------------- */

/* Serves; `all` counts those in a slow start, too. */
static bool serves(const struct runtime_backend *backend, bool all)
{
	return runtime_serves(backend) && (all || !backend->ramps);
}

static bool wants_backups(const struct crew *crew, bool all)
{
	uint32_t up = 0;

	for (size_t i = 0; i < crew->n; i++)
		up += !crew->pool->backends[i].backup && serves(crew->backend[i], all);
	return up < crew->pool->min_up;
}

/* Returns how many are usable. */
static size_t choose(const struct crew *crew, bool all, bool *usable)
{
	bool backups = wants_backups(crew, all);
	size_t n = 0;

	for (size_t i = 0; i < crew->n; i++) {
		usable[i] = serves(crew->backend[i], all) &&
			    (backups || !crew->pool->backends[i].backup);
		n += usable[i];
	}
	return n;
}

/* Who is tried when nobody serves, of the backups or of the others. */
static size_t choose_open(const struct crew *crew, bool backups, bool *usable)
{
	size_t n = 0;

	for (size_t i = 0; i < crew->n; i++) {
		const struct runtime_backend *backend = crew->backend[i];

		usable[i] = crew->pool->backends[i].backup == backups &&
			    backend->admin == LP_ADMIN_ENABLED && runtime_weight(backend);
		n += usable[i];
	}
	return n;
}

static void fail_open(const struct crew *crew, bool nobody, bool *usable)
{
	bool open = nobody && crew->pool->on_all_down == CONFIG_ALL_DOWN_ALL;

	for (size_t i = 0; i < crew->n; i++)
		crew->backend[i]->fail_open = open;
	if (open && !choose_open(crew, false, usable) && crew->pool->min_up)
		choose_open(crew, true, usable);
}

/* --- the choice ----------------------------------------------------------------------- */

static int allocate(struct pool_choice *choice, size_t n)
{
	choice->n = n;
	choice->members = calloc(n + 1, sizeof(*choice->members));
	choice->without = calloc(n + 1, sizeof(*choice->without));
	choice->part = calloc(n + 1, sizeof(*choice->part));
	if (choice->members && choice->without && choice->part)
		return 0;
	pool_choice_free(choice);
	return -ENOMEM;
}

static void fill(struct pool_choice *choice, const struct crew *crew, const bool *usable)
{
	choice->least = SLOW_START_WHOLE;
	for (size_t i = 0; i < crew->n; i++) {
		const struct config_backend *from = &crew->pool->backends[i];
		struct runtime_backend *backend = crew->backend[i];

		choice->members[i] = (struct slot_member) {
			.id = backend->id,
			.weight = runtime_weight(backend),
			.usable = usable[i],
			.backup = from->backup,
			.value = (uint16_t)backend->number,
		};
		choice->part[i] = backend->ramps ? backend->part : SLOW_START_WHOLE;
		if (choice->part[i] < choice->least)
			choice->least = choice->part[i];
		backend->in_use = usable[i] || choice->without[i];
	}
}

int pool_choice_make(const struct config_pool *pool, struct runtime *runtime,
		     struct pool_choice *out)
{
	struct pool_choice choice = { .hash = pool->hash };
	bool *usable = calloc(pool->n_backends + 1, sizeof(*usable));
	struct crew crew = { 0 };
	int ret = usable ? find_crew(pool, runtime, &crew) : -ENOMEM;

	if (!ret)
		ret = allocate(&choice, pool->n_backends);
	if (!ret) {
		bool nobody = !choose(&crew, true, usable);
		bool others = choose(&crew, false, choice.without);

		fail_open(&crew, nobody, usable);
		fill(&choice, &crew, usable);
		if (!others) /* there is nobody to start slowly for */
			choice.least = SLOW_START_WHOLE;
		*out = choice;
	}
	free(crew.backend);
	free(usable);
	return ret;
}

static bool is_slow(const struct pool_choice *choice)
{
	return choice->least < SLOW_START_WHOLE;
}

/* All of a member that its pool's table depends on. */
struct digested {
	uint64_t id, weight, rest;
};

static struct digested digested(const struct pool_choice *choice, size_t i)
{
	const struct slot_member *member = &choice->members[i];
	uint64_t slow = 0;

	if (is_slow(choice))
		slow = (uint64_t)choice->without[i] << 8 | choice->part[i];
	return (struct digested) {
		.id = member->id,
		.weight = member->weight,
		.rest = slow << 32 | (uint64_t)member->backup << 17 |
			(uint64_t)member->usable << 16 | member->value,
	};
}

/* Members at a time: the hash's end costs more than a member. */
#define DIGEST_MEMBERS 32

uint64_t pool_choice_digest(const struct pool_choice *choice)
{
	uint64_t digest = (uint64_t)choice->hash + 1;
	struct digested part[DIGEST_MEMBERS];

	for (size_t i = 0; i < choice->n; i += DIGEST_MEMBERS) {
		size_t n = choice->n - i < DIGEST_MEMBERS ? choice->n - i : DIGEST_MEMBERS;

		for (size_t j = 0; j < n; j++)
			part[j] = digested(choice, i + j);
		digest = lp_siphash(digest, i, part, n * sizeof(part[0]));
	}
	return digest ? digest : 1;
}

/* --- the table -------------------------------------------------------------------------- */

static int build_without(const struct pool_choice *choice, uint16_t *table)
{
	struct slot_member *members = calloc(choice->n + 1, sizeof(*members));
	int ret = -ENOMEM;

	if (!members)
		return ret;
	memcpy(members, choice->members, choice->n * sizeof(*members));
	for (size_t i = 0; i < choice->n; i++)
		members[i].usable = choice->without[i];
	ret = slot_table_build(choice->hash, members, choice->n, table);
	free(members);
	return ret;
}

/* Parts by backend number: whoever is not in a slow start goes with the slowest. */
static uint8_t *make_parts(const struct pool_choice *choice)
{
	uint8_t *parts = malloc(LP_BACKENDS_MAX + 1);

	if (!parts)
		return NULL;
	memset(parts, choice->least, LP_BACKENDS_MAX + 1);
	for (size_t i = 0; i < choice->n; i++)
		if (choice->part[i] < SLOW_START_WHOLE)
			parts[choice->members[i].value] = choice->part[i];
	return parts;
}

static int mix(const struct pool_choice *choice, uint16_t *table)
{
	uint16_t *without = malloc(LP_SLOTS * sizeof(*without));
	uint8_t *parts = make_parts(choice);
	int ret = without && parts ? build_without(choice, without) : -ENOMEM;

	for (uint32_t slot = 0; slot < LP_SLOTS && !ret; slot++)
		if (table[slot] != without[slot] && !slow_start_takes(parts[table[slot]], slot))
			table[slot] = without[slot];
	free(without);
	free(parts);
	return ret;
}

int pool_choice_build(const struct pool_choice *choice, uint16_t *table)
{
	int ret = slot_table_build(choice->hash, choice->members, choice->n, table);

	return ret || !is_slow(choice) ? ret : mix(choice, table);
}

void pool_choice_free(struct pool_choice *choice)
{
	free(choice->members);
	free(choice->without);
	free(choice->part);
	*choice = (struct pool_choice) { 0 };
}
