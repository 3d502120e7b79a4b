// SPDX-License-Identifier: GPL-2.0
#include "health/target.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <time.h>

#include "health/check.h"
#include "health/schedule.h"
#include "health/tally.h"
#include "health/tcp.h"
#include "lib/addr.h"

struct target {
	uv_timer_t timer;
	const struct target_env *env;
	uint32_t backend;
	uint16_t port;
	struct lp_addr address;
	struct config_check check;
	struct http_request request; /* CONFIG_CHECK_HTTP */
	struct schedule schedule;
	struct health_status status;
	struct probe *probe; /* in flight, or NULL */
	uint64_t deadline_ns;
	bool grace; /* the deadline has been put off once */
};

static void on_start(uv_timer_t *timer);
static void on_deadline(uv_timer_t *timer);

/* libuv counts from the start of the loop's iteration, which may be a while ago
 * when thousands of timers come due together: hence an absolute time here. */
static void timer_at(struct target *target, uv_timer_cb callback, uint64_t at_ns)
{
	uint64_t at_ms = (at_ns + 999999) / 1000000;
	uint64_t now_ms = uv_now(target->env->loop);

	uv_timer_start(&target->timer, callback, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

/* The last word on a check. `changed` comes last, as it may stop this target and
 * close everything that env points to. */
static void conclude(struct target *target, const struct probe_result *result)
{
	const struct target_env *env = target->env;
	bool changed = health_tally(&target->status, &target->check, result, (uint64_t)time(NULL));

	timer_at(target, on_start, target->schedule.planned_ns);
	if (changed)
		env->changed(env->arg, target->backend, target->status.up, result->words);
}

static void on_done(void *arg, const struct probe_result *result)
{
	struct target *target = arg;

	target->probe = NULL;
	conclude(target, result);
}

static int probe_start(struct target *target)
{
	if (target->check.type == CONFIG_CHECK_HTTP)
		return http_probe_start(target->env->http, &target->request, on_done, target,
					&target->probe);
	return tcp_probe_start(target->env->loop, &target->address, target->port, on_done, target,
			       &target->probe);
}

static void on_start(uv_timer_t *timer)
{
	struct target *target = timer->data;
	uint64_t now_ns = uv_hrtime();
	struct probe_result result;
	int err;

	target->status.late_s = schedule_started(&target->schedule, now_ns);
	target->deadline_ns = now_ns + (uint64_t)(target->check.timeout * 1e9);
	target->grace = false;
	err = probe_start(target);
	if (err) {
		probe_result_errno(&result, err);
		conclude(target, &result);
		return;
	}
	timer_at(target, on_deadline, target->deadline_ns);
}

/*
 * A loop that was busy elsewhere runs its timers before it looks at its sockets,
 * where the answer may have been for long. So a deadline is put off once, by as
 * much as the loop was late: its own delay is not held against a backend.
 */
static bool deadline_put_off(struct target *target)
{
	uint64_t now_ns = uv_hrtime();
	uint64_t late_ns = now_ns > target->deadline_ns ? now_ns - target->deadline_ns : 0;
	uint64_t limit_ns = (uint64_t)(target->check.timeout * 1e9);

	if (target->grace)
		return false;
	target->grace = true;
	if (late_ns > limit_ns)
		late_ns = limit_ns;
	/* Not 0, which would come before the sockets again. */
	uv_timer_start(&target->timer, on_deadline, 1 + late_ns / 1000000, 0);
	return true;
}

static void cancel(struct target *target)
{
	struct probe *probe = target->probe;

	target->probe = NULL;
	if (probe)
		probe->cancel(probe);
}

static void on_deadline(uv_timer_t *timer)
{
	struct target *target = timer->data;
	struct probe_result result;

	if (deadline_put_off(target))
		return;
	if (target->probe->trouble)
		probe_result_errno(&result, target->probe->trouble);
	else
		probe_result_timeout(&result, target->check.timeout);
	cancel(target);
	conclude(target, &result);
}

int target_new(const struct target_env *env, const struct health_target *spec, struct target **out)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return -ENOMEM;
	target->env = env;
	target->backend = spec->backend;
	target->address = spec->address;
	target->port = spec->port;
	target->status.up = spec->initially_up;
	if (health_check_copy(&target->check, spec->check))
		goto fail;
	if (target->check.type == CONFIG_CHECK_HTTP &&
	    http_request_init(&target->request, &target->address, target->port, &target->check))
		goto fail;
	*out = target;
	return 0;

fail:
	target_free(&target);
	return -ENOMEM;
}

void target_free(struct target **target)
{
	struct target *t = *target;

	if (!t)
		return;
	*target = NULL;
	http_request_fini(&t->request);
	health_check_fini(&t->check);
	free(t);
}

static uint64_t schedule_seed(const struct target *target)
{
	const struct lp_addr *address = &target->address;

	return lp_mix64(target->env->seed ^ target->backend) ^
	       lp_mix64(address->d[0] + lp_mix64(address->d[1] + target->port));
}

void target_start(struct target *target)
{
	uv_timer_init(target->env->loop, &target->timer);
	target->timer.data = target;
	schedule_begin(&target->schedule, target->check.interval, uv_hrtime(),
		       schedule_seed(target));
	timer_at(target, on_start, target->schedule.planned_ns);
}

static void on_timer_closed(uv_handle_t *timer)
{
	struct target *target = timer->data;

	target_free(&target);
}

void target_stop(struct target **target)
{
	struct target *t = *target;

	if (!t)
		return;
	*target = NULL;
	cancel(t);
	uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

uint32_t target_backend(const struct target *target)
{
	return target->backend;
}

const struct health_status *target_status(const struct target *target)
{
	return &target->status;
}

bool target_is(const struct target *target, const struct health_target *spec)
{
	return target->backend == spec->backend && target->port == spec->port &&
	       lp_addr_equal(&target->address, &spec->address) &&
	       health_check_equal(&target->check, spec->check);
}
