/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A loop with health checks on it, and what they told: for the tests of checks. To
 * be included after cmocka.h.
 */
#ifndef LIMPET_TESTS_HEALTH_WORLD_H
#define LIMPET_TESTS_HEALTH_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/health.h"
#include "lib/addr.h"

#define PATIENCE_S 30.0 /* for what must happen some time */

struct event {
	uint32_t backend;
	bool up;
	char why[128];
};

/* Loop, checks, and what they told. */
struct world {
	uv_loop_t loop;
	uv_timer_t wake; /* so that a loop with nothing to do returns */
	struct health *health;
	struct event events[4096];
	size_t n_events;
	void (*on_changed)(struct world *world); /* called after an event was noted */
	bool late;                               /* PATIENCE_S is over */
};

static inline void on_changed(void *arg, uint32_t backend, bool up, const char *why)
{
	struct world *world = arg;
	struct event *event = &world->events[world->n_events % 4096];

	world->n_events++;
	event->backend = backend;
	event->up = up;
	snprintf(event->why, sizeof(event->why), "%s", why);
	if (world->on_changed)
		world->on_changed(world);
}

static inline void on_wake(uv_timer_t *timer)
{
	(void)timer;
}

static inline struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));
	struct lp_err err;

	assert_non_null(world);
	assert_int_equal(uv_loop_init(&world->loop), 0);
	uv_timer_init(&world->loop, &world->wake);
	uv_timer_start(&world->wake, on_wake, 5, 5);
	assert_int_equal(health_open(&world->loop, on_changed, world, &world->health, &err), 0);
	return world;
}

/* Everything closes: what is left open on the loop is a bug, and a busy loop. */
static inline void world_free(struct world *world)
{
	health_close(&world->health);
	health_close(&world->health); /* idempotent */
	uv_close((uv_handle_t *)&world->wake, NULL);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->loop), 0);
	free(world);
}

typedef bool (*condition_fn)(struct world *world, const void *arg);

static inline bool world_run_until(struct world *world, condition_fn condition, const void *arg)
{
	uint64_t end_ns = uv_hrtime() + (uint64_t)(PATIENCE_S * 1e9);

	while (!condition(world, arg)) {
		if (uv_hrtime() > end_ns)
			return false;
		uv_run(&world->loop, UV_RUN_ONCE);
	}
	return true;
}

static inline bool never(struct world *world, const void *end_ns)
{
	(void)world;
	return uv_hrtime() >= *(const uint64_t *)end_ns;
}

static inline void world_run_for(struct world *world, double seconds)
{
	uint64_t end_ns = uv_hrtime() + (uint64_t)(seconds * 1e9);

	assert_true(world_run_until(world, never, &end_ns));
}

struct checks {
	uint32_t backend;
	uint64_t at_least;
};

static inline bool has_checks(struct world *world, const void *arg)
{
	const struct checks *wanted = arg;
	struct health_status status;

	assert_int_equal(health_status(world->health, wanted->backend, &status), 0);
	return status.checks >= wanted->at_least;
}

static inline bool has_result(struct world *world, const void *backend)
{
	struct health_status status;

	assert_int_equal(health_status(world->health, *(const uint32_t *)backend, &status), 0);
	return status.last_at_s;
}

static inline bool has_events(struct world *world, const void *n)
{
	return world->n_events >= *(const size_t *)n;
}

static struct config_status_range expect_2xx_3xx = { 200, 399 };

/* A check that is quick to come round and slow to give up. */
static inline struct config_check check_of(enum config_check_type type)
{
	static char name[] = "test", path[] = "/health";

	return (struct config_check) {
		.name = name,
		.type = type,
		.path = path,
		.expect = &expect_2xx_3xx,
		.n_expect = 1,
		.interval = 0.02,
		.timeout = 20,
		.rise = 1,
		.fall = 1,
	};
}

static inline struct health_target target_of(uint32_t backend, const char *address, uint16_t port,
					     const struct config_check *check)
{
	struct health_target target = { .backend = backend, .port = port, .check = check };

	assert_int_equal(lp_addr_parse(address, &target.address), 0);
	return target;
}

static inline void set_one(struct world *world, const char *address, uint16_t port,
			   const struct config_check *check, bool initially_up)
{
	struct health_target target = target_of(1, address, port, check);

	target.initially_up = initially_up;
	assert_int_equal(health_set(world->health, &target, 1), 0);
}

static inline struct health_status status_of(struct world *world, uint32_t backend)
{
	struct health_status status;

	assert_int_equal(health_status(world->health, backend, &status), 0);
	return status;
}

static inline void assert_prefix(const char *text, const char *prefix)
{
	if (strncmp(text, prefix, strlen(prefix)))
		fail_msg("\"%s\" does not begin with \"%s\"", text, prefix);
}

#endif
