// SPDX-License-Identifier: GPL-2.0
/*
 * Who of a pool is used, from what limpet.yaml(5) says of min_up, backup, on_all_down and
 * slow_start: the model's own reading of it.
 */
#include "oracle_internal.h"

#include "core/slow_start.h"

static struct oracle_backend *backend_of(struct oracle *oracle, unsigned int pool,
					 unsigned int name)
{
	unsigned int address = oracle->spec.pools[pool].members[name].address;

	return &oracle->backends[spec_id(pool, name, address)];
}

uint32_t oracle_weight(const struct oracle *oracle, unsigned int pool, unsigned int name)
{
	const struct spec_member *member = &oracle->spec.pools[pool].members[name];
	const struct oracle_backend *backend =
		&oracle->backends[spec_id(pool, name, member->address)];

	return backend->weighted ? backend->own_weight : member->weight;
}

/* Could take clients: there, with a weight, and not taken out by an operator. */
static bool is_at_hand(struct oracle *oracle, unsigned int pool, unsigned int name)
{
	return oracle->spec.pools[pool].members[name].present &&
	       oracle_weight(oracle, pool, name) &&
	       backend_of(oracle, pool, name)->admin == LP_ADMIN_ENABLED;
}

static bool is_serving(struct oracle *oracle, unsigned int pool, unsigned int name)
{
	return is_at_hand(oracle, pool, name) && !backend_of(oracle, pool, name)->dead;
}

/* --- who -------------------------------------------------------------------------------- */

/* One of the two kinds; without those in a slow start, if `warm`. Returns how many. */
static unsigned int take(struct oracle *oracle, unsigned int pool, bool backups, bool warm,
			 bool taken[SPEC_NAMES])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		if (oracle->spec.pools[pool].members[i].backup != backups ||
		    !is_serving(oracle, pool, i) || (warm && backend_of(oracle, pool, i)->ramps))
			continue;
		taken[i] = true;
		n++;
	}
	return n;
}

static unsigned int take_all(struct oracle *oracle, unsigned int pool, bool warm,
			     bool taken[SPEC_NAMES])
{
	unsigned int n = take(oracle, pool, false, warm, taken);

	if (n < oracle->spec.pools[pool].min_up)
		n += take(oracle, pool, true, warm, taken);
	return n;
}

/* on_all_down: all. Whoever no operator took out; backups where there are no others. */
static void take_desperate(struct oracle *oracle, unsigned int pool, bool taken[SPEC_NAMES])
{
	bool any = false;

	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		if (oracle->spec.pools[pool].members[i].backup || !is_at_hand(oracle, pool, i))
			continue;
		taken[i] = any = true;
	}
	for (unsigned int i = 0; i < SPEC_NAMES && !any && oracle->spec.pools[pool].min_up; i++)
		taken[i] = is_at_hand(oracle, pool, i);
}

void oracle_choose(struct oracle *oracle, unsigned int pool)
{
	bool with[SPEC_NAMES] = { false }, without[SPEC_NAMES] = { false };
	bool nobody = !take_all(oracle, pool, false, with);
	bool open = nobody && !oracle->spec.pools[pool].drop;

	take_all(oracle, pool, true, without);
	if (open)
		take_desperate(oracle, pool, with);
	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		if (!oracle->spec.pools[pool].members[i].present)
			continue;
		backend_of(oracle, pool, i)->failing_open = open;
		backend_of(oracle, pool, i)->usable = with[i];
		backend_of(oracle, pool, i)->usable_without = without[i];
	}
}

/* --- slow start --------------------------------------------------------------------------- */

static uint8_t part_now(const struct oracle *oracle, const struct oracle_backend *backend,
			uint32_t slow_start)
{
	uint32_t served = oracle->now - backend->served_at;

	if (!backend->ramps || served >= slow_start)
		return SLOW_START_WHOLE;
	return (uint8_t)(1 + served * SLOW_START_STEPS / slow_start);
}

/* Somebody has served for so long that he is no beginner. */
static bool has_seasoned(struct oracle *oracle, unsigned int pool)
{
	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		const struct oracle_backend *backend = backend_of(oracle, pool, i);

		if (backend->serving && is_serving(oracle, pool, i) &&
		    oracle->now - backend->served_at >= oracle->spec.pools[pool].slow_start)
			return true;
	}
	return false;
}

/* Backends that a name does not mean any more, and those that left, serve nobody new. */
static void forget_others(struct oracle *oracle, unsigned int pool)
{
	for (unsigned int i = 0; i < SPEC_NAMES * SPEC_ADDRESSES; i++) {
		uint32_t id = spec_id(pool, i / SPEC_ADDRESSES, i % SPEC_ADDRESSES);

		if (!spec_is_present(&oracle->spec, id))
			oracle->backends[id].serving = oracle->backends[id].ramps = false;
	}
}

void oracle_follow_slow(struct oracle *oracle, unsigned int pool, bool unsure)
{
	bool seasoned = has_seasoned(oracle, pool);

	forget_others(oracle, pool);
	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		struct oracle_backend *backend = backend_of(oracle, pool, i);
		bool serving = is_serving(oracle, pool, i);

		if (!unsure)
			backend->slow_unsure = false;
		else if (serving != backend->serving)
			backend->slow_unsure = true;
		if (serving && !backend->serving) {
			backend->served_at = oracle->now;
			backend->ramps = seasoned;
		}
		backend->serving = serving;
		backend->ramps &= serving;
		backend->part = part_now(oracle, backend, oracle->spec.pools[pool].slow_start);
		backend->ramps = backend->part < SLOW_START_WHOLE;
	}
}

void oracle_take_slow(struct oracle *oracle, uint32_t id, bool ramps, uint32_t served)
{
	struct oracle_backend *backend = &oracle->backends[id];

	backend->ramps = ramps;
	backend->served_at = oracle->now - served;
}

bool oracle_slow_is_due(const struct oracle *oracle)
{
	for (uint32_t id = 1; id < SPEC_BACKENDS; id++) {
		const struct oracle_backend *backend = &oracle->backends[id];

		if (backend->ramps &&
		    part_now(oracle, backend, oracle->spec.pools[spec_id_pool(id)].slow_start) !=
			    backend->part)
			return true;
	}
	return false;
}
