// SPDX-License-Identifier: GPL-2.0
#include "core/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/slow_start.h"

#define PASS_STEPS 8 /* a pass over the record table takes so many seconds */

int engine_open(struct engine *engine, struct dp *dp, const struct lp_hash_key *key,
		struct engine_time now)
{
	int ret;

	*engine = (struct engine) { .dp = dp, .key = *key };
	engine->pools = calloc(dp_size(dp)->pools, sizeof(*engine->pools));
	engine->digests = calloc(dp_size(dp)->pools, sizeof(*engine->digests));
	ret = engine->pools && engine->digests ? sweep_init(&engine->sweep, dp_size(dp), now.mono)
					       : -ENOMEM;
	if (!ret)
		ret = entries_init(&engine->entries);
	if (!ret)
		ret = runtime_adopt(&engine->runtime, dp);
	if (ret)
		engine_close(engine);
	return ret;
}

void engine_close(struct engine *engine)
{
	runtime_fini(&engine->runtime);
	sweep_fini(&engine->sweep);
	entries_fini(&engine->entries);
	free(engine->pools);
	free(engine->digests);
	*engine = (struct engine) { 0 };
}

int engine_assign(struct engine *engine, const struct config *config, struct engine_time now,
		  struct lp_err *err)
{
	int ret = runtime_assign(&engine->runtime, config, dp_size(engine->dp), now.wall);

	if (ret == -ENOSPC)
		return lp_err(err, ret,
			      "the datapath is out of numbers for pools, VIPs or backends");
	return ret ? lp_err(err, ret, "out of memory") : 0;
}

/* Which tables the sweep walks, and how long their slots are held. */
static void tell_sweep(struct engine *engine, const struct config *config,
		       const struct desired *desired)
{
	unsigned int half = dp_active_half(engine->dp);

	memset(engine->pools, 0, dp_size(engine->dp)->pools * sizeof(*engine->pools));
	for (size_t i = 0; i < desired->n_pools; i++) {
		struct sweep_pool *pool = &engine->pools[desired->pools[i].number];

		pool->table = dp_pool(engine->dp, half, desired->pools[i].number).table;
		pool->hold = desired->pools[i].hold;
		pool->resets = desired->pools[i].resets;
	}
	for (size_t i = 0; i < config->n_vips; i++)
		if (config->vips[i].track == LP_TRACK_ALWAYS)
			engine->pools[runtime_pool(&engine->runtime, config->vips[i].table_pool)]
				.always = true;
}

static bool has_tables(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_ops; i++)
		if (plan->ops[i].kind == PLAN_TABLE || plan->ops[i].kind == PLAN_FLIP)
			return true;
	return false;
}

int engine_converge(struct engine *engine, const struct config *config, bool with_vips,
		    struct engine_time now, void (*applied)(void *arg, const struct plan *plan),
		    void *arg, struct lp_err *err)
{
	const struct desired_known known = { engine->digests, dp_size(engine->dp)->pools };
	struct desired *desired = NULL;
	struct plan *plan = NULL;
	int ret;

	slow_start_follow(&engine->runtime, now.mono);
	ret = desired_make(config, &engine->runtime, dp_size(engine->dp), &engine->key, &known,
			   with_vips, &desired, err);
	if (ret)
		return ret;
	ret = plan_make(desired, &engine->runtime, engine->dp, now.mono, &plan);
	if (!ret)
		ret = plan_apply(plan, engine->dp, NULL, NULL);
	if (ret) {
		lp_err(err, ret, "applying to the datapath: %s", strerror(-ret));
	} else {
		desired_remember(desired, engine->digests, known.n);
		tell_sweep(engine, config, desired);
		if (has_tables(plan))
			sweep_restart(&engine->sweep, now.mono);
		if (applied)
			applied(arg, plan);
	}
	plan_free(&plan);
	desired_free(&desired);
	return ret;
}

/* A leaving backend says so in its name's place, for the next agent. */
static void write_leaving(struct engine *engine)
{
	for (size_t i = 0; i < engine->runtime.n_backends; i++) {
		struct runtime_backend *backend = &engine->runtime.backends[i];
		struct lp_backend_meta *meta;

		if (!backend->leaving)
			continue;
		meta = dp_backend_meta(engine->dp, backend->number);
		meta->leaving = true;
		meta->since = backend->since;
		meta->deadline = backend->deadline;
		meta->came_up = backend->came_up;
		meta->ramps = backend->ramps;
		meta->part = backend->ramps ? backend->part : 0;
		dp_backend_state(engine->dp, backend->number, runtime_next_state(backend));
		backend->state = dp_backend(engine->dp, backend->number)->state;
	}
}

void engine_settle(struct engine *engine, struct engine_time now)
{
	runtime_settle(&engine->runtime, now.wall);
	write_leaving(engine);
}

/* One that has left for good: its time is over and no slot names it any more. */
static uint32_t find_left(const struct engine *engine)
{
	for (size_t i = 0; i < engine->runtime.n_backends; i++) {
		const struct runtime_backend *backend = &engine->runtime.backends[i];

		if (backend->leaving && backend->expired &&
		    !(backend->state.flags & LP_BACKEND_ALIVE) &&
		    !sweep_is_referenced(engine->dp, engine->pools, dp_size(engine->dp)->pools,
					 backend->number))
			return backend->number;
	}
	return 0;
}

static void forget_left(struct engine *engine)
{
	uint32_t number;

	while ((number = find_left(engine))) {
		memset(dp_backend_meta(engine->dp, number), 0, sizeof(struct lp_backend_meta));
		runtime_forget(&engine->runtime, number);
	}
}

bool engine_tick(struct engine *engine, struct engine_time now)
{
	const struct dp_size *size = dp_size(engine->dp);
	bool expired = runtime_expire(&engine->runtime, now.wall);

	sweep_step(&engine->sweep, engine->dp, engine->pools, size->pools,
		   (size->buckets + PASS_STEPS - 1) / PASS_STEPS, now.mono);
	entries_step(&engine->entries, engine->dp, (size->entries + PASS_STEPS - 1) / PASS_STEPS,
		     now.mono);
	if (!expired)
		forget_left(engine);
	return expired || slow_start_due(&engine->runtime, now.mono);
}
