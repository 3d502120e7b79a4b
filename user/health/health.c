// SPDX-License-Identifier: GPL-2.0
#include "health/health.h"

#include <errno.h>
#include <stdlib.h>

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
	if (code) {
		free(health);
		return code;
	}
	*out = health;
	return 0;
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
	free(h);
}

/* The target of the old table if it does what is asked, else a new one. */
static int target_get(const struct health *health, const struct health_target *spec,
		      struct target **out)
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

int health_status(const struct health *health, uint32_t backend, struct health_status *status)
{
	const struct target *target = table_find(&health->table, backend);

	if (!target)
		return -ENOENT;
	*status = *target_status(target);
	return 0;
}
