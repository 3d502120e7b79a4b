// SPDX-License-Identifier: GPL-2.0
#include "health/target.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "health/check.h"
#include "health/notes.h"
#include "health/schedule.h"
#include "health/tally.h"
#include "health/tcp.h"
#include "lib/addr.h"

struct target {
	uv_timer_t timer;
	const struct target_env *env;
	uint32_t backend;
	uint16_t port;
	uint32_t mark;
	struct lp_addr address;
	struct config_check check;
	char *pool, *name;           /* NULL: unknown */
	struct http_request request; /* CONFIG_CHECK_HTTP, CONFIG_CHECK_HTTPS */
	struct exec_request *exec;   /* CONFIG_CHECK_EXEC */
	struct schedule schedule;
	struct health_status status;
	struct flaps flaps;
	struct notes notes;
	struct probe *probe; /* in flight, or NULL */
	uint64_t deadline_ns;
	bool grace;         /* the deadline has been put off once */
	const char *no_way; /* why this machine has no way to the backend; NULL: it has */
	const char *blind;  /* the same at any moment of the check in flight */
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

static void note(struct target *target, const struct probe_result *result, uint64_t now_s)
{
	const struct target_env *env = target->env;
	char text[PROBE_WORDS + 32];

	if (env->note &&
	    notes_result(&target->notes, &target->check, result, now_s, text, sizeof(text)))
		env->note(env->arg, target->backend, text);
}

/* The last word on a check. `changed` comes last, as it may stop this target and
 * close everything that env points to. */
static void conclude(struct target *target, const struct probe_result *result)
{
	const struct target_env *env = target->env;
	uint64_t now_s = (uint64_t)time(NULL);
	bool changed = health_tally(&target->status, &target->check, result, now_s);

	if (changed)
		flaps_add(&target->flaps, now_s, target->status.up, result->words);
	note(target, result, now_s);
	timer_at(target, on_start, target->schedule.planned_ns);
	if (changed)
		env->changed(env->arg, target->backend, target->status.up, result->words);
}

/* A failure is the backend's only if there was a way to it all the while. */
static void judge(struct target *target, struct probe_result *result)
{
	if (target->blind && result->verdict == PROBE_BAD)
		probe_result_not_made(result, target->blind);
	conclude(target, result);
}

static void on_done(void *arg, const struct probe_result *result)
{
	struct probe_result judged = *result;
	struct target *target = arg;

	target->probe = NULL;
	judge(target, &judged);
}

static bool is_http(const struct target *target)
{
	return target->check.type == CONFIG_CHECK_HTTP || target->check.type == CONFIG_CHECK_HTTPS;
}

static int probe_start(struct target *target)
{
	const struct target_env *env = target->env;

	if (is_http(target))
		return http_probe_start(env->http, &target->request, on_done, target,
					&target->probe);
	if (target->exec)
		return exec_probe_start(env->exec, target->exec, on_done, target, &target->probe);
	return tcp_probe_start(env->loop, &target->address, target->port, target->mark, on_done,
			       target, &target->probe);
}

/* Starts a check, or says why not. */
static bool probe_start_or(struct target *target, struct probe_result *result)
{
	int err;

	if (target->exec && target->exec->problem[0]) {
		probe_result_not_made(result, target->exec->problem);
		return false;
	}
	err = probe_start(target);
	if (err)
		probe_result_local(result, err);
	return !err;
}

static void note_start(struct target *target, uint64_t now_ns)
{
	struct health_status *status = &target->status;

	status->late_s = schedule_started(&target->schedule, now_ns);
	if (status->late_s > status->late_max_s)
		status->late_max_s = status->late_s;
	target->deadline_ns = now_ns + (uint64_t)(target->check.timeout * 1e9);
	target->grace = false;
	target->blind = target->no_way;
}

static void on_start(uv_timer_t *timer)
{
	struct target *target = timer->data;
	uint64_t now_ns = uv_hrtime();
	struct probe_result result;

	note_start(target, now_ns);
	if (probe_start_or(target, &result))
		timer_at(target, on_deadline, target->deadline_ns);
	else
		judge(target, &result);
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
	judge(target, &result);
}

static bool copy_name(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

/* What its kind of check needs. */
static int make_request(struct target_env *env, const struct health_target *spec,
			struct target *target)
{
	if (is_http(target))
		return http_request_init(&target->request, &target->address, target->port,
					 &target->check, &env->roots);
	if (target->check.type == CONFIG_CHECK_EXEC)
		return exec_request_new(spec, &target->check, &target->exec);
	return 0;
}

int target_new(struct target_env *env, const struct health_target *spec, struct target **out)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return -ENOMEM;
	target->env = env;
	target->backend = spec->backend;
	target->address = spec->address;
	target->port = spec->port;
	target->mark = spec->mark;
	target->status.up = spec->initially_up;
	if (!copy_name(&target->pool, spec->pool) || !copy_name(&target->name, spec->name) ||
	    health_check_copy(&target->check, spec->check) || make_request(env, spec, target)) {
		target_free(&target);
		return -ENOMEM;
	}
	target->request.mark = spec->mark;
	*out = target;
	return 0;
}

void target_free(struct target **target)
{
	struct target *t = *target;

	if (!t)
		return;
	*target = NULL;
	http_request_fini(&t->request);
	exec_request_free(&t->exec);
	health_check_fini(&t->check);
	flaps_fini(&t->flaps);
	free(t->pool);
	free(t->name);
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
	http_request_fini(&t->request); /* now: trusted roots are env's */
	uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

void target_set_way(struct target *target, const char *why_not)
{
	target->no_way = why_not;
	if (why_not)
		target->blind = why_not;
}

uint32_t target_backend(const struct target *target)
{
	return target->backend;
}

const struct health_status *target_status(const struct target *target)
{
	return &target->status;
}

const struct flaps *target_flaps(const struct target *target)
{
	return &target->flaps;
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool target_is(const struct target *target, const struct health_target *spec)
{
	return target->backend == spec->backend && target->port == spec->port &&
	       target->mark == spec->mark && same_name(target->pool, spec->pool) &&
	       same_name(target->name, spec->name) &&
	       lp_addr_equal(&target->address, &spec->address) &&
	       health_check_equal(&target->check, spec->check);
}
