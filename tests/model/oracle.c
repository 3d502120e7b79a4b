// SPDX-License-Identifier: GPL-2.0
/* What is true of backends, and what follows from it. */
#include "oracle_internal.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>

/* --- opening ------------------------------------------------------------------------------ */

static uint32_t entity(const struct client *client, uint32_t number, enum spec_scope scope,
		       size_t n_clients)
{
	if (scope != SCOPE_SITE)
		return number;
	/* Proxies are side by side, 256 of them in one /24 or /56. */
	if (client->proxy)
		return (uint32_t)n_clients + number / 256 * 2 + client->v6;
	return number / 2;
}

uint32_t oracle_client_of(const struct oracle *oracle, const struct flow *flow)
{
	const struct spec_vip_kind *kind = &spec_vip_kinds[flow->vip];
	const struct client *client = &oracle->history->clients[flow->client];

	if (!kind->source || (kind->proxies && client->proxy))
		return UINT32_MAX;
	return entity(client, flow->client, kind->scope, oracle->history->n_clients);
}

static void begin(struct oracle *oracle)
{
	for (uint32_t id = 1; id < SPEC_BACKENDS; id++)
		oracle->backends[id].known = oracle->backends[id].wanted = spec_is_present(
			&oracle->spec, id);
	oracle->resets = oracle->spec.reset;
	memcpy(oracle->idle_timeout, oracle->spec.idle_timeout, sizeof(oracle->idle_timeout));
	memcpy(oracle->timeout, oracle->spec.timeout, sizeof(oracle->timeout));
}

int oracle_open(struct oracle *oracle, const struct history *history)
{
	bool ok;

	*oracle = (struct oracle) { .history = history, .spec = history->spec, .n_tables = 1 };
	lp_hash_key_make(&oracle->key, SPEC_SEED, strlen(SPEC_SEED));
	oracle->flows = calloc(history->n_flows + 1, sizeof(*oracle->flows));
	oracle->slots = calloc(history->n_flows + 1, sizeof(*oracle->slots));
	oracle->odds = calloc(ORACLE_ODDS, sizeof(*oracle->odds));
	ok = oracle->flows && oracle->slots && oracle->odds;
	for (int i = 0; i < SPEC_SCOPES; i++) {
		oracle->clients[i] = calloc(2 * history->n_clients + 2,
					    sizeof(struct oracle_client));
		ok = ok && oracle->clients[i];
	}
	if (!ok) {
		oracle_close(oracle);
		return -ENOMEM;
	}
	for (size_t i = 0; i < history->n_flows; i++)
		oracle->slots[i] = oracle_slot(oracle, &history->flows[i]);
	begin(oracle);
	return 0;
}

void oracle_close(struct oracle *oracle)
{
	free(oracle->flows);
	free(oracle->slots);
	free(oracle->tables);
	free(oracle->odds);
	for (int i = 0; i < SPEC_SCOPES; i++)
		free(oracle->clients[i]);
	*oracle = (struct oracle) { 0 };
}

uint32_t oracle_backend_of(const struct oracle *oracle, const struct step *step)
{
	unsigned int pool = spec_id_pool(step->backend), name = spec_id_name(step->backend);

	return spec_id(pool, name, oracle->spec.pools[pool].members[name].address);
}

/* --- events ------------------------------------------------------------------------------- */

static bool set_dead(struct oracle *oracle, const struct step *step)
{
	bool dead = step->kind == STEP_DOWN;
	uint32_t id = oracle_backend_of(oracle, step);

	if (!oracle->backends[id].wanted || oracle->backends[id].dead == dead)
		return false;
	oracle->backends[id].dead = dead;
	return true;
}

static bool set_admin(struct oracle *oracle, const struct step *step, uint64_t wall)
{
	struct oracle_backend *backend = &oracle->backends[oracle_backend_of(oracle, step)];

	if (!backend->wanted)
		return false;
	backend->admin = step->kind == STEP_DRAIN     ? LP_ADMIN_DRAIN
			 : step->kind == STEP_OFFLINE ? LP_ADMIN_OFFLINE
						      : LP_ADMIN_ENABLED;
	backend->deadline = step->kind != STEP_ENABLE && step->value ? wall + step->value : 0;
	backend->expired = false;
	return true;
}

/* Who the configuration names, after it has changed. */
static void want(struct oracle *oracle, unsigned int pool)
{
	for (unsigned int i = 0; i < SPEC_NAMES * SPEC_ADDRESSES; i++) {
		uint32_t id = spec_id(pool, i / SPEC_ADDRESSES, i % SPEC_ADDRESSES);
		struct oracle_backend *backend = &oracle->backends[id];

		backend->wanted = spec_is_present(&oracle->spec, id);
		if (!backend->wanted)
			continue;
		if (!backend->known)
			*backend = (struct oracle_backend) { .wanted = true,
							     .life = backend->life };
		if (backend->leaving && backend->admin == LP_ADMIN_ENABLED) {
			backend->expired = false;
			backend->deadline = 0;
		}
		backend->leaving = false;
		backend->known = true;
	}
}

static bool set_member(struct oracle *oracle, const struct step *step)
{
	unsigned int pool = spec_id_pool(step->backend);
	struct spec_member *member = &oracle->spec.pools[pool].members[spec_id_name(step->backend)];

	const struct spec_member was = *member;

	if (member->present == (step->kind == STEP_ADD))
		return false;
	if (step->kind != STEP_ADD && spec_members(&oracle->spec, pool) < 2)
		return false;
	if (step->kind == STEP_READDRESS)
		member->address = (member->address + 1) % SPEC_ADDRESSES;
	else
		member->present = step->kind == STEP_ADD;
	if (!spec_is_valid(&oracle->spec, pool)) {
		*member = was;
		return false;
	}
	want(oracle, pool);
	return true;
}

/* Of a member: STEP_WEIGHT or STEP_BACKUP. */
static bool set_kind(struct oracle *oracle, const struct step *step)
{
	unsigned int pool = spec_id_pool(step->backend);
	struct spec_member *member = &oracle->spec.pools[pool].members[spec_id_name(step->backend)];
	const struct spec_member was = *member;

	if (step->kind == STEP_WEIGHT)
		member->weight = step->value;
	else
		member->backup = step->value;
	if (spec_is_valid(&oracle->spec, pool))
		return member->present;
	*member = was;
	return false;
}

static bool set_pool(struct oracle *oracle, const struct step *step)
{
	struct spec_pool *pool = &oracle->spec.pools[spec_id_pool(step->backend)];

	if (step->kind == STEP_HASH) {
		pool->hash = (enum config_hash)step->value;
	} else if (step->kind == STEP_SLOW) {
		pool->slow_start = step->value;
	} else {
		pool->min_up = step->value & 15;
		pool->drop = step->value & 16;
	}
	return true;
}

static bool weigh(struct oracle *oracle, const struct step *step, uint64_t wall)
{
	struct oracle_backend *backend = &oracle->backends[oracle_backend_of(oracle, step)];
	uint32_t lasts = step->value >> 16;

	if (!backend->wanted)
		return false;
	backend->weighted = step->kind == STEP_WEIGH;
	backend->own_weight = backend->weighted ? step->value & 0xffff : 0;
	backend->weight_until = backend->weighted && lasts ? wall + lasts : 0;
	return true;
}

bool oracle_change(struct oracle *oracle, const struct step *step, uint64_t wall)
{
	switch (step->kind) {
	case STEP_DOWN:
	case STEP_UP:
		return set_dead(oracle, step);
	case STEP_DRAIN:
	case STEP_OFFLINE:
	case STEP_ENABLE:
		return set_admin(oracle, step, wall);
	case STEP_ADD:
	case STEP_REMOVE:
	case STEP_READDRESS:
		return set_member(oracle, step);
	case STEP_WEIGHT:
	case STEP_BACKUP:
		return set_kind(oracle, step);
	case STEP_WEIGH:
	case STEP_UNWEIGH:
		return weigh(oracle, step, wall);
	case STEP_HASH:
	case STEP_MIN_UP:
	case STEP_SLOW:
		return set_pool(oracle, step);
	case STEP_IDLE:
		oracle->spec.idle_timeout[step->backend] = step->value;
		return true;
	case STEP_TIMEOUT:
		oracle->spec.timeout[step->backend] = step->value;
		return true;
	case STEP_RESETS:
		oracle->spec.reset = step->value;
		return true;
	default:
		return step->kind == STEP_RELOAD;
	}
}

/* --- what follows ------------------------------------------------------------------------- */

static void follow_backend(struct oracle_backend *backend, bool cut, uint32_t now)
{
	bool lives = !backend->dead || backend->failing_open;
	bool alive = lives && !backend->expired;
	bool offline = backend->leaving || backend->admin == LP_ADMIN_OFFLINE;

	if (!backend->wanted && !backend->leaving)
		return; /* dropped from a configuration that is not settled yet */
	/* The agent that comes after does not know that it was tried for want of others. */
	backend->alive_unsure = (cut && alive != backend->alive) ||
				(backend->leaving && backend->dead);
	backend->offline_unsure = cut && offline != backend->offline;
	if (alive && !backend->alive)
		backend->life++;
	backend->alive = alive;
	backend->offline = offline;
	if (!cut && !backend->alive_unsure)
		oracle_note_life(backend, alive, now);
}

static uint32_t shorter(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Timeouts that change hold for the silences that have begun by the shorter one. */
static void follow_timeouts(struct oracle *oracle)
{
	for (size_t i = 0; i < oracle->history->n_flows; i++) {
		uint8_t vip = oracle->history->flows[i].vip;

		oracle->flows[i].limit = shorter(oracle->flows[i].limit,
						 oracle->spec.idle_timeout[vip]);
	}
	for (int i = 0; i < SPEC_SCOPES; i++)
		for (size_t j = 0; j < 2 * oracle->history->n_clients + 2; j++)
			oracle->clients[i][j].limit = shorter(oracle->clients[i][j].limit,
							      oracle->spec.timeout[i]);
}

static void take_timeouts(struct oracle *oracle, bool cut)
{
	bool changed = memcmp(oracle->idle_timeout, oracle->spec.idle_timeout,
			      sizeof(oracle->idle_timeout)) ||
		       memcmp(oracle->timeout, oracle->spec.timeout, sizeof(oracle->timeout));

	for (int i = 0; i < SPEC_VIPS; i++)
		oracle->idle_timeout[i] = cut ? shorter(oracle->idle_timeout[i],
							oracle->spec.idle_timeout[i])
					      : oracle->spec.idle_timeout[i];
	for (int i = 0; i < SPEC_SCOPES; i++)
		oracle->timeout[i] = cut ? shorter(oracle->timeout[i], oracle->spec.timeout[i])
					 : oracle->spec.timeout[i];
	if (changed)
		follow_timeouts(oracle);
}

static void choose(struct oracle *oracle, unsigned int pool, bool unsure)
{
	oracle_follow_slow(oracle, pool, unsure);
	oracle_choose(oracle, pool);
}

int oracle_applied(struct oracle *oracle, bool cut)
{
	int ret = 0;

	for (unsigned int i = 0; i < SPEC_POOLS; i++)
		choose(oracle, i, cut || oracle->starting);
	for (uint32_t id = 1; id < SPEC_BACKENDS; id++)
		if (oracle->backends[id].known)
			follow_backend(&oracle->backends[id], cut, oracle->now);
	take_timeouts(oracle, cut);
	oracle_take_resets(oracle, cut);
	for (unsigned int i = 0; i < SPEC_POOLS && !ret; i++)
		ret = oracle_build(oracle, i, cut);
	return ret;
}

/* What was unsure about a life may have begun another one. */
int oracle_started(struct oracle *oracle, uint64_t wall)
{
	int ret;

	for (uint32_t id = 1; id < SPEC_BACKENDS; id++)
		if (oracle->backends[id].alive_unsure)
			oracle->backends[id].life++;
	oracle_settled(oracle, wall);
	oracle->starting = true;
	ret = oracle_applied(oracle, false);
	oracle->starting = false;
	return ret;
}

void oracle_settled(struct oracle *oracle, uint64_t wall)
{
	for (uint32_t id = 1; id < SPEC_BACKENDS; id++) {
		struct oracle_backend *backend = &oracle->backends[id];

		if (!backend->known || backend->wanted || backend->leaving)
			continue;
		backend->leaving = true;
		backend->offline = true;
		backend->usable = false;
		if (backend->admin == LP_ADMIN_ENABLED || !backend->deadline)
			backend->deadline = wall +
					    oracle->spec.pools[spec_id_pool(id)].drain_timeout;
	}
}

static bool end_weight(struct oracle_backend *backend, uint64_t wall)
{
	if (!backend->weighted || !backend->weight_until || backend->weight_until > wall)
		return false;
	backend->weighted = false;
	backend->own_weight = 0;
	backend->weight_until = 0;
	return true;
}

int oracle_tick(struct oracle *oracle, uint64_t wall)
{
	bool any = oracle_slow_is_due(oracle);

	for (uint32_t id = 1; id < SPEC_BACKENDS; id++) {
		struct oracle_backend *backend = &oracle->backends[id];

		any |= backend->known && end_weight(backend, wall);
		if (!backend->known || backend->expired || !backend->deadline ||
		    backend->deadline > wall)
			continue;
		backend->expired = true;
		any = true;
	}
	return any ? oracle_applied(oracle, false) : 0;
}
