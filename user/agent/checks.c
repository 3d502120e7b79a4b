// SPDX-License-Identifier: GPL-2.0
#include "agent/checks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/carry.h"
#include "lib/log.h"

/* Verdicts that come sooner than this after the last ones wait for each other. */
#define APART_NS 50000000u

/* --- verdicts ------------------------------------------------------------------------ */

static void on_hurry(uv_idle_t *idle)
{
	(void)idle;
}

static void carry_out(struct agent *agent)
{
	struct checks *checks = &agent->checks;
	unsigned int verdicts = checks->waiting;

	checks->waiting = 0;
	if (!agent->dp || !agent->config || agent_converge(agent))
		return;
	checks->verdicts += verdicts;
	checks->done_ns = uv_hrtime();
	checks->last_s = (double)(checks->done_ns - checks->first_ns) / 1e9;
	if (checks->last_s > checks->max_s)
		checks->max_s = checks->last_s;
	lp_info("verdicts=%u in the datapath after_ms=%.3f", verdicts, checks->last_s * 1e3);
}

static void on_settle(uv_check_t *check)
{
	struct agent *agent = check->data;

	uv_check_stop(&agent->checks.settle);
	uv_idle_stop(&agent->checks.hurry);
	carry_out(agent);
}

static void on_changed(void *arg, uint32_t number, bool up, const char *why)
{
	struct agent *agent = arg;
	struct checks *checks = &agent->checks;
	struct runtime_backend *backend = runtime_backend_number(&agent->engine.runtime, number);
	char quoted[LP_QUOTED];

	if (!backend || backend->healthy == up || !agent->dp)
		return;
	if (!checks->waiting++)
		checks->first_ns = uv_hrtime();
	backend->healthy = up;
	backend->since = (uint64_t)time(NULL);
	lp_info("backend=%s/%s state=%s why=\"%s\"", backend->pool, backend->name,
		runtime_state(backend), lp_log_quoted(quoted, why));
	agent_because(agent, "backend %s/%s %s: %s", backend->pool, backend->name,
		      up ? "up" : "down", why);
	if (checks->waiting == 1 && checks->first_ns - checks->done_ns > APART_NS) {
		carry_out(agent);
		return;
	}
	uv_check_start(&checks->settle, on_settle);
	uv_idle_start(&checks->hurry, on_hurry);
}

/* --- notes --------------------------------------------------------------------------- */

static void on_note(void *arg, uint32_t number, const char *text)
{
	struct agent *agent = arg;
	const struct runtime_backend *backend = runtime_backend_number(&agent->engine.runtime,
								       number);
	char quoted[LP_QUOTED];

	if (backend)
		lp_warning("backend=%s/%s check=\"%s\"", backend->pool, backend->name,
			   lp_log_quoted(quoted, text));
}

/* --- what is checked ------------------------------------------------------------------ */

static size_t add_targets(struct health_target *targets, const struct agent *agent,
			  const struct config_pool *pool)
{
	const struct config_check *check = config_check_find(agent->config, pool->check);

	for (size_t i = 0; i < pool->n_backends; i++) {
		const struct runtime_backend *backend = runtime_backend(
			&agent->engine.runtime, pool->name, pool->backends[i].name);

		targets[i] = (struct health_target) {
			.backend = backend->number,
			.address = backend->address,
			.port = pool->check_port,
			.pool = backend->pool,
			.name = backend->name,
			.check = check,
			.mark = carry_mark(check, backend),
			.initially_up = backend->healthy,
		};
	}
	return pool->n_backends;
}

/* Targets that are new begin with a way. */
static void tell_ways(struct agent *agent)
{
	const struct runtime *runtime = &agent->engine.runtime;

	for (size_t i = 0; i < runtime->n_backends; i++)
		if (runtime->backends[i].wanted)
			health_set_way(agent->health, runtime->backends[i].number,
				       runtime->backends[i].no_way);
}

static int set_targets(struct agent *agent)
{
	struct health_target *targets = calloc(agent->engine.runtime.n_backends + 1,
					       sizeof(*targets));
	size_t n = 0;
	int ret;

	if (!targets)
		return -ENOMEM;
	for (size_t i = 0; i < agent->config->n_pools; i++)
		if (agent->config->pools[i].check)
			n += add_targets(targets + n, agent, &agent->config->pools[i]);
	ret = health_set(agent->health, targets, n);
	free(targets);
	if (!ret)
		tell_ways(agent);
	return ret;
}

int checks_set(struct agent *agent, struct lp_err *err)
{
	int ret = carry_set(agent, err);

	if (ret)
		return ret;
	ret = set_targets(agent);
	return ret ? lp_err(err, ret, "health checks: %s", strerror(-ret)) : 0;
}

int checks_verify(const struct agent *agent, const char *file, const struct config *config,
		  struct lp_err *err)
{
	for (size_t i = 0; i < config->n_checks; i++) {
		const struct config_check *check = &config->checks[i];
		struct lp_err why;
		int ret = health_verify(check, &why);

		if (ret && agent->config)
			return lp_err(err, ret, "%s: checks.%s: %s", file, check->name, why.text);
		if (ret)
			lp_warning("checks.%s: %s", check->name, why.text);
	}
	return 0;
}

/* --- its life --------------------------------------------------------------------------- */

void checks_init(struct agent *agent)
{
	uv_check_init(agent->loop, &agent->checks.settle);
	uv_idle_init(agent->loop, &agent->checks.hurry);
	agent->checks.settle.data = agent;
}

int checks_open(struct agent *agent, struct lp_err *err)
{
	int ret = health_open(agent->loop, on_changed, agent, &agent->health, err);

	if (ret)
		return ret;
	health_set_note(agent->health, on_note);
	health_set_spawner(agent->health, agent->spawner);
	return 0;
}

void checks_close(struct agent *agent)
{
	health_close(&agent->health);
	carry_close(agent);
	uv_close((uv_handle_t *)&agent->checks.settle, NULL);
	uv_close((uv_handle_t *)&agent->checks.hurry, NULL);
}
