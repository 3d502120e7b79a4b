// SPDX-License-Identifier: GPL-2.0
#include "health/health.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "health/http.h"
#include "health/table.h"
#include "health/target.h"

struct health {
	struct target_env env;
	struct table table;
};

/* Two balancers that start together should not check together. */
static uint64_t random_seed(void)
{
	uint64_t seed;

	if (uv_random(NULL, NULL, &seed, sizeof(seed), 0, NULL))
		seed = uv_hrtime();
	return seed;
}

int health_open(uv_loop_t *loop, health_changed_fn changed, void *arg, struct health **out,
		struct lp_err *err)
{
	struct health *health = calloc(1, sizeof(*health));
	int code;

	if (!health)
		return lp_err(err, -ENOMEM, "health checks: out of memory");
	health->env = (struct target_env) {
		.loop = loop,
		.changed = changed,
		.arg = arg,
		.seed = random_seed(),
	};
	code = http_open(loop, &health->env.http, err);
	if (!code && exec_open(loop, &health->env.exec))
		code = lp_err(err, -ENOMEM, "health checks: out of memory");
	if (code) {
		http_close(&health->env.http);
		free(health);
		return code;
	}
	*out = health;
	return 0;
}

void health_set_spawner(struct health *health, struct exec_spawner *spawner)
{
	exec_set_spawner(health->env.exec, spawner);
}

void health_close(struct health **health)
{
	struct health *h = *health;

	if (!h)
		return;
	*health = NULL;
	for (size_t i = 0; i < h->table.size; i++)
		target_stop(&h->table.slots[i]);
	table_fini(&h->table);
	http_close(&h->env.http);
	exec_close(&h->env.exec);
	free(h);
}

/* The target of the old table if it does what is asked, else a new one. */
static int target_get(struct health *health, const struct health_target *spec, struct target **out)
{
	struct target *old = table_find(&health->table, spec->backend);

	if (!old || !target_is(old, spec))
		return target_new(&health->env, spec, out);
	*out = old;
	return 0;
}

static bool table_has(const struct table *table, const struct target *target)
{
	return table_find(table, target_backend(target)) == target;
}

static void free_new(struct health *health, struct table *table)
{
	for (size_t i = 0; i < table->size; i++) {
		if (table->slots[i] && !table_has(&health->table, table->slots[i]))
			target_free(&table->slots[i]);
	}
	table_fini(table);
}

static int table_fill(struct health *health, const struct health_target *targets, size_t n,
		      struct table *table)
{
	struct target *target;

	for (size_t i = 0; i < n; i++) {
		if (table_find(table, targets[i].backend))
			continue; /* the first one of a backend counts */
		if (target_get(health, &targets[i], &target))
			return -ENOMEM;
		table_insert(table, target);
	}
	return 0;
}

static void stop_old(struct table *old, const struct table *table)
{
	for (size_t i = 0; i < old->size; i++) {
		if (old->slots[i] && !table_has(table, old->slots[i]))
			target_stop(&old->slots[i]);
	}
}

/* While `old` is whole: what it does not have is new. */
static void start_new(const struct table *old, struct table *table)
{
	for (size_t i = 0; i < table->size; i++) {
		if (table->slots[i] && !table_has(old, table->slots[i]))
			target_start(table->slots[i]);
	}
}

int health_set(struct health *health, const struct health_target *targets, size_t n)
{
	struct table table = { 0 };
	int err = table_init(&table, n);

	tls_roots_refresh(&health->env.roots);
	if (!err)
		err = table_fill(health, targets, n, &table);
	if (err) {
		free_new(health, &table);
		return err;
	}
	start_new(&health->table, &table);
	stop_old(&health->table, &table);
	table_fini(&health->table);
	health->table = table;
	return 0;
}

void health_set_way(struct health *health, uint32_t backend, const char *why_not)
{
	struct target *target = table_find(&health->table, backend);

	if (target)
		target_set_way(target, why_not);
}

int health_status(const struct health *health, uint32_t backend, struct health_status *status)
{
	const struct target *target = table_find(&health->table, backend);

	if (!target)
		return -ENOENT;
	*status = *target_status(target);
	status->flaps_recent = flaps_recent(target_flaps(target), (uint64_t)time(NULL));
	return 0;
}

size_t health_flaps(const struct health *health, uint32_t backend, struct flap *out, size_t max)
{
	const struct target *target = table_find(&health->table, backend);

	return target ? flaps_list(target_flaps(target), out, max) : 0;
}

void health_set_note(struct health *health, health_note_fn note)
{
	health->env.note = note;
}

int health_verify(const struct config_check *check, struct lp_err *err)
{
	int ret = 0;

	if (check->type == CONFIG_CHECK_EXEC)
		return exec_verify(check, err);
	if (check->type == CONFIG_CHECK_HTTPS)
		ret = http_tls_verify(err);
	return ret || !check->ca ? ret : tls_roots_verify(check->ca, err);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int health_lateness(const struct health *health, struct health_lateness *lateness)
{
	double *late = calloc(health->table.size + 1, sizeof(*late));
	size_t n = 0;

	if (!late)
		return -ENOMEM;
	for (size_t i = 0; i < health->table.size; i++) {
		const struct target *target = health->table.slots[i];

		if (target && target_status(target)->last_at_s)
			late[n++] = target_status(target)->late_s;
	}
	qsort(late, n, sizeof(*late), compare_double);
	*lateness = (struct health_lateness) {
		.targets = n,
		.median = late[n ? (n - 1) / 2 : 0],
		.p99 = late[n ? (n - 1) * 99 / 100 : 0],
		.max = late[n ? n - 1 : 0],
	};
	free(late);
	return 0;
}
