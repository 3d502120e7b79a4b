// SPDX-License-Identifier: GPL-2.0
/* Pools and their backends (view.h). */
#include "agent/view.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/slot_state.h"
#include "core/slow_start.h"
#include "lib/addr.h"

json_t *view_next_hop(struct agent *agent, const struct runtime_backend *backend)
{
	char name[IF_NAMESIZE] = "", mac[18];
	const struct lp_hop *hop = &backend->hop;
	struct lp_hop fresh;
	enum net_state state = net_resolve(agent->net, &backend->address, &fresh);

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", hop->dst[0], hop->dst[1],
		 hop->dst[2], hop->dst[3], hop->dst[4], hop->dst[5]);
	if (hop->ifindex)
		if_indextoname(hop->ifindex, name);
	return json_pack("{s:s, s:s?, s:s?}", "state", net_state_name(state), "interface",
			 *name ? name : NULL, "mac", hop->ifindex ? mac : NULL);
}

/* --- what is counted, once for all backends of an answer ------------------------------------ */

struct tally {
	struct agent *agent;
	struct engine_time now;
	struct audit_scan scan;
	/* Of the pool that is being shown: */
	uint32_t *slots; /* by backend number */
	uint64_t usable_weight;
	struct lp_pool pool;
	uint32_t moving, residual; /* slots */
	uint32_t held_since;       /* of the slot that is held longest; with `moving` only */
};

static bool tally_open(struct tally *tally, struct agent *agent)
{
	*tally = (struct tally) { .agent = agent, .now = agent_now() };
	if (audit_scan(agent->dp, tally->now.mono, &tally->scan))
		return false;
	tally->slots = calloc(LP_BACKENDS_MAX + 1, sizeof(*tally->slots));
	if (!tally->slots)
		audit_scan_free(&tally->scan);
	return tally->slots;
}

static void tally_close(struct tally *tally)
{
	free(tally->slots);
	audit_scan_free(&tally->scan);
}

static void count_slot(struct tally *tally, struct lp_slot slot, uint32_t since)
{
	tally->slots[slot.cur]++;
	if (slot_is_moving(slot)) {
		if (!tally->moving || since > tally->held_since)
			tally->held_since = since;
		tally->moving++;
	} else if (!slot_is_settled(slot)) {
		tally->residual++;
	}
}

/* What of its weight takes new clients. */
static uint32_t weight_in_use(const struct runtime_backend *backend)
{
	return backend->in_use ? runtime_weight(backend) : 0;
}

/* Slots by backend number, and the weight that takes new clients. */
static void count_pool(struct tally *tally, const struct config_pool *pool)
{
	const struct runtime *runtime = &tally->agent->engine.runtime;
	const struct dp *dp = tally->agent->dp;
	struct lp_pool now = dp_pool(dp, dp_active_half(dp), runtime_pool(runtime, pool->name));
	const struct lp_slot *slots = dp_slots(dp, now.table);
	const uint32_t *times = dp_slot_times(dp, now.table);

	memset(tally->slots, 0, (LP_BACKENDS_MAX + 1) * sizeof(*tally->slots));
	tally->pool = now;
	tally->usable_weight = tally->moving = tally->residual = 0;
	for (uint32_t i = 0; now.table && i < LP_SLOTS; i++)
		count_slot(tally, slots[i], times[i]);
	for (size_t i = 0; i < pool->n_backends; i++)
		tally->usable_weight += weight_in_use(
			runtime_backend(runtime, pool->name, pool->backends[i].name));
}

/* --- backends ------------------------------------------------------------------------------- */

static uint64_t age(const struct tally *tally, uint64_t since)
{
	return since && tally->now.wall > since ? tally->now.wall - since : 0;
}

/* From what eta_s is reckoned: so many connections at first, so many after that time. */
static json_t *make_basis(const struct tally *tally, const struct runtime_backend *backend)
{
	struct drain seen;

	if (!watch_drain(&tally->agent->watch, backend, &seen))
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "first", (json_int_t)seen.first, "last",
			 (json_int_t)seen.last, "over_s",
			 (json_int_t)(seen.last_at - seen.first_at));
}

/* When a drain ends, and how it goes on. */
static void add_drain(json_t *object, const struct tally *tally,
		      const struct runtime_backend *backend)
{
	double left = watch_left(&tally->agent->watch, backend, tally->now);

	json_object_set_new(object, "leaving", json_boolean(backend->leaving));
	json_object_set_new(object, "deadline_at",
			    backend->deadline ? json_integer((json_int_t)backend->deadline)
					      : json_null());
	json_object_set_new(object, "expired", json_boolean(backend->expired));
	json_object_set_new(object, "eta_s",
			    left < 0 ? json_null() : json_integer((json_int_t)left));
	json_object_set_new(object, "eta_basis", make_basis(tally, backend));
}

/* Whose weight it is, and how much of it counts yet. */
static void add_weight(json_t *object, const struct tally *tally,
		       const struct runtime_backend *backend)
{
	bool ends = backend->weighted && backend->weight_until;

	json_object_set_new(object, "weight", json_integer((json_int_t)runtime_weight(backend)));
	json_object_set_new(object, "config_weight", json_integer((json_int_t)backend->weight));
	json_object_set_new(object, "weight_set", json_boolean(backend->weighted));
	json_object_set_new(object, "weight_until_at",
			    ends ? json_integer((json_int_t)backend->weight_until) : json_null());
	json_object_set_new(object, "in_use", json_boolean(backend->in_use));
	json_object_set_new(
		object, "slow_start",
		backend->ramps
			? json_pack("{s:f, s:I}", "part", (double)backend->part / SLOW_START_WHOLE,
				    "left_s", (json_int_t)slow_start_left(backend, tally->now.mono))
			: json_null());
}

static void add_connections(json_t *object, const struct tally *tally,
			    const struct runtime_backend *backend)
{
	uint32_t sampled = audit_scan_backend(&tally->scan, backend->number);

	json_object_set_new(object, "connections",
			    json_integer((json_int_t)audit_estimate(sampled)));
	json_object_set_new(object, "connections_error", json_real(audit_error(sampled)));
	json_object_set_new(object, "records",
			    json_integer(watch_held(&tally->agent->engine, backend->number)));
}

static json_t *make_backend(const struct tally *tally, const struct runtime_backend *backend,
			    bool backup)
{
	double weight_share = 0;
	char address[LP_ADDR_TEXT];
	struct lp_counter counter;
	json_t *object;

	if (tally->usable_weight)
		weight_share = (double)weight_in_use(backend) / (double)tally->usable_weight;
	dp_backend_counter(tally->agent->dp, backend->number, &counter);
	object = json_pack(
		"{s:s, s:s, s:I, s:s, s:b, s:s, s:I, s:b, s:o, s:I, s:f, s:f, s:o, s:I, s:I}",
		"name", backend->name, "pool", backend->pool, "number", (json_int_t)backend->number,
		"address", lp_addr_format(&backend->address, address), "backup", backup, "state",
		runtime_state(backend), "since_s", (json_int_t)age(tally, backend->since),
		"healthy", backend->healthy, "next_hop", view_next_hop(tally->agent, backend),
		"slots", (json_int_t)tally->slots[backend->number], "share",
		(double)tally->slots[backend->number] / LP_SLOTS, "weight_share", weight_share,
		"check", view_check(tally->agent, backend->number), "packets",
		(json_int_t)counter.packets, "bytes", (json_int_t)counter.bytes);
	if (object) {
		add_weight(object, tally, backend);
		add_connections(object, tally, backend);
		add_drain(object, tally, backend);
	}
	return object;
}

static json_t *make_wanted(const struct tally *tally, const struct config_pool *pool,
			   const struct config_backend *backend)
{
	return make_backend(
		tally, runtime_backend(&tally->agent->engine.runtime, pool->name, backend->name),
		backend->backup);
}

/* Those that are not in the configuration any more, but still have connections. */
static void append_leaving(json_t *list, const struct tally *tally, const struct config_pool *pool)
{
	const struct runtime *runtime = &tally->agent->engine.runtime;

	for (size_t i = 0; i < runtime->n_backends; i++) {
		const struct runtime_backend *backend = &runtime->backends[i];

		if (backend->leaving && !strcmp(backend->pool, pool->name))
			json_array_append_new(list, make_backend(tally, backend, false));
	}
}

json_t *view_backend(struct agent *agent, const struct config_pool *pool, const char *name)
{
	struct tally tally;
	json_t *backend = NULL;

	if (!tally_open(&tally, agent))
		return NULL;
	count_pool(&tally, pool);
	for (size_t i = 0; i < pool->n_backends && !backend; i++)
		if (!strcmp(pool->backends[i].name, name))
			backend = make_wanted(&tally, pool, &pool->backends[i]);
	tally_close(&tally);
	return backend;
}

/* --- pools ------------------------------------------------------------------------------------ */

static const char *hash_name(enum config_hash hash)
{
	static const char *const names[] = {
		[CONFIG_HASH_MAGLEV] = "maglev",
		[CONFIG_HASH_RENDEZVOUS] = "rendezvous",
		[CONFIG_HASH_RING] = "ring",
		[CONFIG_HASH_MODULO] = "modulo",
	};

	return names[hash];
}

static size_t count_usable(const struct agent *agent, const struct config_pool *pool)
{
	size_t usable = 0;

	for (size_t i = 0; i < pool->n_backends; i++)
		usable += runtime_usable(runtime_backend(&agent->engine.runtime, pool->name,
							 pool->backends[i].name));
	return usable;
}

/* Seconds until the last of the moving slots is residual; null if none moves. */
static json_t *make_hold(const struct tally *tally, uint32_t pool)
{
	json_int_t end = (json_int_t)tally->held_since + tally->agent->engine.pools[pool].hold;
	json_int_t left = end - (json_int_t)tally->now.mono;

	if (!tally->moving)
		return json_null();
	return json_integer(left > 0 ? left : 0);
}

static json_t *make_pool(struct tally *tally, const struct config_pool *pool)
{
	uint32_t number = runtime_pool(&tally->agent->engine.runtime, pool->name);
	json_t *backends = json_array();

	count_pool(tally, pool);
	for (size_t i = 0; i < pool->n_backends; i++)
		json_array_append_new(backends, make_wanted(tally, pool, &pool->backends[i]));
	append_leaving(backends, tally, pool);
	return json_pack(
		"{s:s, s:I, s:s, s:s?, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:s, s:f}", "name",
		pool->name, "number", (json_int_t)number, "hash", hash_name(pool->hash), "check",
		pool->check, "generation", (json_int_t)tally->pool.generation, "table",
		(json_int_t)tally->pool.table, "moving_slots", (json_int_t)tally->moving,
		"residual_slots", (json_int_t)tally->residual, "hold_s", make_hold(tally, number),
		"backends", backends, "usable", (json_int_t)count_usable(tally->agent, pool),
		"min_up", (json_int_t)pool->min_up, "on_all_down",
		pool->on_all_down == CONFIG_ALL_DOWN_DROP ? "drop" : "all", "slow_start_s",
		pool->slow_start);
}

json_t *view_pool(struct agent *agent, const struct config_pool *pool)
{
	struct tally tally;
	json_t *object;

	if (!tally_open(&tally, agent))
		return NULL;
	object = make_pool(&tally, pool);
	tally_close(&tally);
	return object;
}

json_t *view_pools(struct agent *agent)
{
	struct tally tally;
	json_t *list;

	if (!tally_open(&tally, agent))
		return NULL;
	list = json_array();
	for (size_t i = 0; i < agent->config->n_pools; i++)
		json_array_append_new(list, make_pool(&tally, &agent->config->pools[i]));
	tally_close(&tally);
	return list;
}
