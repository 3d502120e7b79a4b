/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An engine over the datapath in memory, driven as the agent does it, for tests of how
 * pools behave: configurations, health, operators, time, and agents that die.
 */
#ifndef LIMPET_TESTS_UNIT_POOLS_WORLD_H
#define LIMPET_TESTS_UNIT_POOLS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <limpet/hash.h>

#include "core/config.h"
#include "core/desired.h"
#include "core/engine.h"
#include "core/plan.h"
#include "core/slot_state.h"
#include "core/slow_start.h"
#include "dp/dp.h"
#include "lib/addr.h"

#define POOLS_MONO 1000u
#define POOLS_WALL 1700000000ull

struct pools_world {
	struct dp *dp;
	struct engine engine;
	struct lp_hash_key key;
	struct config *config; /* in force */
	uint32_t seconds;      /* since it began */
	uint32_t moved;        /* slots, by the last change */
};

static inline struct engine_time pools_now(const struct pools_world *world)
{
	return (struct engine_time) { POOLS_MONO + world->seconds, POOLS_WALL + world->seconds };
}

static inline void pools_open(struct pools_world *world)
{
	const struct dp_size size = {
		.vips = 16,
		.pools = 8,
		.backends = 64,
		.tables = 9,
		.index = 64,
		.places = 64,
		.ranges = 64,
		.buckets = 64,
	};

	*world = (struct pools_world) { 0 };
	assert_int_equal(dp_fake_open(&size, &world->dp), 0);
	lp_hash_key_make(&world->key, "s", 1);
	assert_int_equal(engine_open(&world->engine, world->dp, &world->key, pools_now(world)), 0);
}

static inline void pools_close(struct pools_world *world)
{
	engine_close(&world->engine);
	dp_close(&world->dp);
	config_free(&world->config);
}

/* Every backend can be reached. */
static inline void pools_resolve(struct pools_world *world)
{
	for (size_t i = 0; i < world->engine.runtime.n_backends; i++) {
		struct runtime_backend *backend = &world->engine.runtime.backends[i];

		backend->hop = (struct lp_hop) { .ifindex = 2,
						 .mtu = 1500,
						 .daddr = backend->address };
	}
}

static inline void pools_count_moved(void *arg, const struct plan *plan)
{
	struct pools_world *world = arg;

	world->moved = 0;
	for (size_t i = 0; i < plan->n_ops; i++)
		if (plan->ops[i].kind == PLAN_TABLE)
			world->moved += plan->ops[i].moved;
}

static inline void pools_converge(struct pools_world *world, bool with_vips)
{
	struct lp_err err;

	if (engine_converge(&world->engine, world->config, with_vips, pools_now(world),
			    pools_count_moved, world, &err))
		fail_msg("%s", err.text);
}

/* What a reload does once the file has been read. */
static inline void pools_reload(struct pools_world *world)
{
	struct lp_err err;

	if (engine_assign(&world->engine, world->config, pools_now(world), &err))
		fail_msg("%s", err.text);
	pools_resolve(world);
	pools_converge(world, true);
	engine_settle(&world->engine, pools_now(world));
}

static inline void pools_apply(struct pools_world *world, const char *text)
{
	struct config *config = NULL;
	struct lp_err err;

	if (config_parse("test", text, strlen(text), &config, &err))
		fail_msg("%s", err.text);
	config_free(&world->config);
	world->config = config;
	pools_reload(world);
}

/* SIGKILL, and another agent: it knows what is in the datapath, and the file. */
static inline void pools_restart(struct pools_world *world)
{
	engine_close(&world->engine);
	assert_int_equal(engine_open(&world->engine, world->dp, &world->key, pools_now(world)), 0);
	pools_reload(world);
}

/* Seconds pass, one after the other. */
static inline void pools_wait(struct pools_world *world, uint32_t seconds)
{
	while (seconds--) {
		world->seconds++;
		if (engine_tick(&world->engine, pools_now(world)))
			pools_converge(world, false);
	}
}

static inline struct runtime_backend *pools_backend(struct pools_world *world, const char *pool,
						    const char *name)
{
	struct runtime_backend *backend = runtime_backend(&world->engine.runtime, pool, name);

	assert_non_null(backend);
	return backend;
}

static inline void pools_health(struct pools_world *world, const char *pool, const char *name,
				bool up)
{
	pools_backend(world, pool, name)->healthy = up;
	pools_converge(world, false);
}

static inline void pools_admin(struct pools_world *world, const char *pool, const char *name,
			       enum lp_admin admin, uint32_t deadline)
{
	runtime_set_admin(pools_backend(world, pool, name), admin,
			  deadline ? pools_now(world).wall + deadline : 0, pools_now(world).wall);
	pools_converge(world, false);
}

/* The pool's slots as packets see them. */
static inline const struct lp_slot *pools_slots(struct pools_world *world, const char *pool)
{
	uint32_t number = runtime_pool(&world->engine.runtime, pool);

	return dp_slots(world->dp, dp_pool(world->dp, dp_active_half(world->dp), number).table);
}

/* How many of them `name` answers; "": nobody. */
static inline uint32_t pools_count(struct pools_world *world, const char *pool, const char *name)
{
	uint32_t number = *name ? pools_backend(world, pool, name)->number : 0, n = 0;
	const struct lp_slot *slots = pools_slots(world, pool);

	for (uint32_t i = 0; i < LP_SLOTS; i++)
		n += slots[i].cur == number;
	return n;
}

#endif
