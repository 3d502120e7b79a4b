// SPDX-License-Identifier: GPL-2.0
#include "replay.h"

#include <errno.h>
#include <string.h>

struct run {
	struct world *world;
	const struct history *history;
	const struct replay_options *options;
	struct replay_result *result;
	struct oracle oracle;
	struct lp_err *err;
};

static bool is_health(const struct step *step)
{
	return step->kind == STEP_DOWN || step->kind == STEP_UP;
}

static bool is_admin(const struct step *step)
{
	return step->kind >= STEP_DRAIN && step->kind <= STEP_UNWEIGH;
}

static struct world_backend truth(const struct run *run, uint32_t id)
{
	const struct oracle_backend *backend = &run->oracle.backends[id];

	return (struct world_backend) {
		.id = id,
		.dead = backend->dead,
		.admin = backend->admin,
		.deadline = backend->deadline,
		.weighted = backend->weighted,
		.own_weight = backend->own_weight,
		.weight_until = backend->weight_until,
	};
}

static size_t truths(const struct run *run, struct world_backend all[SPEC_BACKENDS])
{
	size_t n = 0;

	for (uint32_t id = 1; id < SPEC_BACKENDS; id++)
		if (run->oracle.backends[id].wanted)
			all[n++] = truth(run, id);
	return n;
}

/* What checks and operators have to say after an agent's start. */
static int tell_all(struct run *run)
{
	struct world_backend all[SPEC_BACKENDS];
	size_t n = truths(run, all);

	return world_backends(run->world, &run->oracle.spec, all, n, 0, run->err);
}

/*
 * Whether and since when somebody is in a slow start who has begun to serve while no agent
 * was there, or while one died, is for the agent to say. Of all others the model knows.
 */
static int take_slow_starts(struct run *run)
{
	for (uint32_t id = 1; id < SPEC_BACKENDS; id++) {
		uint32_t served;
		bool ramps;

		if (run->oracle.backends[id].slow_unsure &&
		    world_slow(run->world, &run->oracle.spec, id, &ramps, &served))
			oracle_take_slow(&run->oracle, id, ramps, served);
	}
	return oracle_applied(&run->oracle, false);
}

static int run_start(struct run *run)
{
	int ret;

	if (world_has_agent(run->world))
		return 0;
	ret = world_start(run->world, &run->oracle.spec, run->err);
	if (!ret)
		ret = oracle_started(&run->oracle, world_wall(run->world));
	if (!ret)
		ret = tell_all(run);
	return ret ? ret : take_slow_starts(run);
}

static int run_backend(struct run *run, const struct step *step)
{
	struct world_backend backend = truth(run, oracle_backend_of(&run->oracle, step));
	int ret = world_backends(run->world, &run->oracle.spec, &backend, 1, step->cut, run->err);

	return ret ? ret : oracle_applied(&run->oracle, step->cut);
}

static int run_configure(struct run *run, const struct step *step)
{
	struct world_backend all[SPEC_BACKENDS];
	size_t n = truths(run, all);
	int ret = world_configure(run->world, &run->oracle.spec, all, n, step->cut, run->err);

	if (!ret)
		ret = oracle_applied(&run->oracle, step->cut);
	if (!ret && !step->cut)
		oracle_settled(&run->oracle, world_wall(run->world));
	return ret;
}

static int run_change(struct run *run, const struct step *step)
{
	bool agent = world_has_agent(run->world);

	if (!agent && is_admin(step))
		return 0; /* there is nobody to tell */
	if (!oracle_change(&run->oracle, step, world_wall(run->world)) || !agent)
		return 0;
	if (is_health(step) || is_admin(step))
		return run_backend(run, step);
	return run_configure(run, step);
}

static int run_tick(struct run *run)
{
	int ret;

	if (!world_has_agent(run->world))
		return 0;
	ret = world_tick(run->world, run->err);
	return ret ? ret : oracle_tick(&run->oracle, world_wall(run->world));
}

static void run_packet(struct run *run, const struct step *step)
{
	struct replay_result *result = run->result;
	uint32_t got = world_packet(run->world, run->history, step);
	struct oracle_complaint complaint;

	if (got == WORLD_STRANGE) {
		complaint = (struct oracle_complaint) { .promise = "a packet has a verdict" };
	} else {
		oracle_packet(&run->oracle, step, world_wall(run->world),
			      got == WORLD_RESET ? RESET : got, &complaint);
		if (!complaint.promise || run->options->goes_on)
			return;
	}
	result->failed = true;
	result->step = (size_t)(step - run->history->steps);
	result->got = got;
	result->complaint = complaint;
	if (run->options->describe)
		world_describe(run->world, run->history, &run->history->flows[step->flow],
			       run->oracle.slots[step->flow], run->options->describe);
}

static int run_step(struct run *run, const struct step *step)
{
	world_now(run->world, step->ms);
	run->oracle.now = step->ms / 1000;
	switch (step->kind) {
	case STEP_TICK:
		return run_tick(run);
	case STEP_KILL:
		world_kill(run->world);
		return 0;
	case STEP_START:
		return run_start(run);
	default:
		if (!step_is_packet(step))
			return run_change(run, step);
		run_packet(run, step);
		return 0;
	}
}

static int run_steps(struct run *run)
{
	const bool *off = run->options->off;
	int ret = 0;

	for (size_t i = 0; i < run->history->n_steps && !ret && !run->result->failed; i++)
		if (!off || !off[i])
			ret = run_step(run, &run->history->steps[i]);
	if (!ret && world_full(run->world))
		ret = lp_err(run->err, -ENOSPC, "the record table is too small for the history");
	return ret;
}

static int begin(struct run *run)
{
	int ret = world_reset(run->world, run->history->wall_ms, run->err);

	if (!ret)
		ret = world_configure(run->world, &run->oracle.spec, NULL, 0, 0, run->err);
	return ret ? ret : oracle_applied(&run->oracle, false);
}

int replay(struct world *world, const struct history *history, const struct replay_options *options,
	   struct replay_result *result, struct lp_err *err)
{
	struct run run = { world, history, options, result, { 0 }, err };
	int ret = oracle_open(&run.oracle, history);

	if (ret)
		return lp_err(err, ret, "out of memory");
	run.oracle.predicts = options->goes_on;
	run.oracle.any_packet = options->any_packet;
	*result = (struct replay_result) { 0 };
	err->text[0] = 0;
	ret = begin(&run);
	if (!ret)
		ret = run_steps(&run);
	result->counts = run.oracle.counts;
	oracle_close(&run.oracle);
	if (ret && !err->text[0])
		lp_err(err, ret, "%s", strerror(-ret));
	return ret;
}
