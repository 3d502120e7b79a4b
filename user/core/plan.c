// SPDX-License-Identifier: GPL-2.0
#include "core/plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slot_state.h"

/* --- making --------------------------------------------------------------------- */

static int add(struct plan *plan, struct plan_op op)
{
	if (plan->n_ops == plan->room) {
		size_t room = plan->room ? 2 * plan->room : 64;
		struct plan_op *ops = realloc(plan->ops, room * sizeof(*ops));

		if (!ops)
			return -ENOMEM;
		plan->ops = ops;
		plan->room = room;
	}
	plan->ops[plan->n_ops++] = op;
	return 0;
}

static struct lp_backend_meta make_meta(const struct runtime_backend *backend)
{
	struct lp_backend_meta meta = {
		.addr = backend->address,
		.healthy = backend->healthy,
		.admin = (__u8)backend->admin,
		.since = backend->since,
		.leaving = backend->leaving,
		.expired = backend->expired,
		.deadline = backend->deadline,
		.weight_until = backend->weight_until,
		.weight = backend->own_weight,
		.came_up = backend->came_up,
		.weighted = backend->weighted,
		.ramps = backend->ramps,
		.part = backend->ramps ? backend->part : 0,
	};

	/* Zero behind their ends, so that they can be compared as bytes. */
	memcpy(meta.pool, backend->pool, sizeof(meta.pool));
	memcpy(meta.name, backend->name, sizeof(meta.name));
	return meta;
}

static bool same_backend(const struct lp_backend_meta *a, const struct lp_backend_meta *b)
{
	return !memcmp(a->pool, b->pool, sizeof(a->pool)) &&
	       !memcmp(a->name, b->name, sizeof(a->name)) &&
	       !memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

static int plan_backend(struct plan *plan, struct runtime_backend *backend, struct dp *dp)
{
	const struct lp_backend *now = dp_backend(dp, backend->number);
	const struct lp_backend_meta *old = dp_backend_meta(dp, backend->number);
	const struct lp_backend_meta new = make_meta(backend);
	struct plan_op op = { .backend = backend };
	int ret = 0;

	if (!same_backend(old, &new) || now->pool != backend->pool_number) {
		op.kind = PLAN_BACKEND_NEW;
		return add(plan, op);
	}
	if (now->state.flags != runtime_flags(backend)) {
		op.kind = PLAN_BACKEND_STATE;
		ret = add(plan, op);
	}
	if (!ret &&
	    (now->link_bits != backend->link_bits || !dp_hop_is(LP_HOP(now), &backend->hop))) {
		op.kind = PLAN_BACKEND_HOP;
		ret = add(plan, op);
	}
	if (!ret && memcmp(old, &new, sizeof(new))) {
		op.kind = PLAN_BACKEND_META;
		ret = add(plan, op);
	}
	return ret;
}

static int plan_backends(struct plan *plan, struct dp *dp)
{
	int ret = 0;

	for (size_t i = 0; i < plan->runtime->n_backends && !ret; i++) {
		struct runtime_backend *backend = &plan->runtime->backends[i];

		if (backend->wanted || backend->leaving)
			ret = plan_backend(plan, backend, dp);
	}
	return ret;
}

/*
 * Who will be alive to records. One that the configuration has just dropped
 * leaves only after the change, and lives on until then.
 */
static int plan_alive(struct plan *plan, const struct dp *dp)
{
	plan->n_alive = dp_size(dp)->backends;
	plan->alive = calloc(plan->n_alive, sizeof(*plan->alive));
	if (!plan->alive)
		return -ENOMEM;
	for (size_t i = 0; i < plan->runtime->n_backends; i++) {
		const struct runtime_backend *backend = &plan->runtime->backends[i];
		bool stays = backend->wanted || backend->leaving;
		uint16_t flags = stays ? runtime_flags(backend) : backend->state.flags;

		if (backend->number < plan->n_alive)
			plan->alive[backend->number] = flags & LP_BACKEND_ALIVE;
	}
	return 0;
}

static int plan_names(struct plan *plan, struct dp *dp)
{
	const struct runtime *runtime = plan->runtime;

	for (uint32_t i = 1; i < runtime->n_pools; i++)
		if (strcmp(dp_pool_meta(dp, i)->name, runtime->pools[i].name))
			return add(plan, (struct plan_op) { .kind = PLAN_NAME });
	for (uint32_t i = 1; i < runtime->n_vips; i++)
		if (strcmp(dp_vip_meta(dp, i)->name, runtime->vips[i].name))
			return add(plan, (struct plan_op) { .kind = PLAN_NAME });
	return 0;
}

/* Slots of a table that would get another answer. */
static uint32_t count_moved(const struct lp_slot *now, const uint16_t *table)
{
	uint32_t moved = 0;

	for (uint32_t i = 0; i < LP_SLOTS; i++)
		moved += now[i].cur != table[i];
	return moved;
}

/*
 * Tables that no pool of the active half has: first those that can be written at
 * once, then those that packets may still be looking at, for whose end a write has
 * to wait (D1), each lowest first. A grace period is tens of milliseconds on a
 * busy machine, and a dead backend's clients wait for it.
 */
struct free_tables {
	bool *used;
	uint32_t next, end;
	bool waits; /* those that can be written at once are taken */
};

static int free_tables_init(struct free_tables *tables, const struct dp *dp)
{
	tables->end = dp_size(dp)->tables;
	tables->next = 1;
	tables->waits = false;
	tables->used = calloc(tables->end, sizeof(*tables->used));
	if (!tables->used)
		return -ENOMEM;
	for (uint32_t i = 1; i < dp_size(dp)->pools; i++)
		tables->used[dp_pool(dp, dp_active_half(dp), i).table] = true;
	return 0;
}

/* The next one that does, or does not, have to wait; 0: none. */
static uint32_t free_tables_next(struct free_tables *tables, const struct dp *dp)
{
	for (; tables->next < tables->end; tables->next++) {
		if (tables->used[tables->next] || dp_table_waits(dp, tables->next) != tables->waits)
			continue;
		tables->used[tables->next] = true;
		return tables->next++;
	}
	return 0;
}

static uint32_t free_tables_take(struct free_tables *tables, const struct dp *dp)
{
	uint32_t table = free_tables_next(tables, dp);

	if (table || tables->waits)
		return table;
	tables->waits = true;
	tables->next = 1;
	return free_tables_next(tables, dp);
}

/* A pool whose table differs gets a new one; plan->tables[] says which. */
static int plan_table(struct plan *plan, const struct desired_pool *pool, const struct dp *dp,
		      struct free_tables *tables)
{
	uint32_t now = dp_pool(dp, dp_active_half(dp), pool->number).table;
	uint32_t moved = pool->built ? count_moved(dp_slots(dp, now), pool->table) : 0;
	uint32_t table;

	plan->tables[pool->number] = now;
	if (now && !moved)
		return 0;
	if (!pool->built)
		return -EINVAL; /* its digest was of a table that is not there */
	table = free_tables_take(tables, dp);
	if (!table)
		return -ENOSPC;
	plan->tables[pool->number] = table;
	return add(plan, (struct plan_op) { .kind = PLAN_TABLE,
					    .number = pool->number,
					    .table = table,
					    .moved = now ? moved : 0 });
}

static int plan_tables(struct plan *plan, const struct dp *dp)
{
	struct free_tables tables = { 0 };
	int ret = free_tables_init(&tables, dp);

	for (size_t i = 0; i < plan->desired->n_pools && !ret; i++)
		ret = plan_table(plan, &plan->desired->pools[i], dp, &tables);
	free(tables.used);
	return ret;
}

static bool same_vips(const struct vip_table *table, const struct dp *dp)
{
	unsigned int half = dp_active_half(dp);

	return dp_control(dp)->generation && dp_control(dp)->salt[half] == table->salt &&
	       dp_control(dp)->sources_id[half] == table->sources_id &&
	       !memcmp(dp_vip_index(dp, half), table->index,
		       table->n_index * sizeof(*table->index)) &&
	       !memcmp(dp_vips(dp, half), table->places,
		       table->n_places * sizeof(*table->places)) &&
	       (!table->n_ranges || !memcmp(dp_ranges(dp, half), table->ranges,
					    table->n_ranges * sizeof(*table->ranges)));
}

/* Pools that are in the datapath but not wanted keep a table until a flip drops it. */
static bool pools_to_drop(const struct plan *plan, const struct dp *dp)
{
	for (uint32_t i = 1; i < dp_size(dp)->pools; i++)
		if (dp_pool(dp, dp_active_half(dp), i).table && !plan->tables[i])
			return true;
	return false;
}

static int plan_flips(struct plan *plan, const struct dp *dp)
{
	size_t n_tables = plan->n_ops;
	int ret = 0;

	if (plan->desired->vips &&
	    (!same_vips(plan->desired->vips, dp) || pools_to_drop(plan, dp))) {
		plan->half = !dp_active_half(dp);
		ret = add(plan, (struct plan_op) { .kind = PLAN_VIPS });
		return ret ? ret : add(plan, (struct plan_op) { .kind = PLAN_FLIP });
	}
	for (size_t i = 0; i < n_tables && !ret; i++) {
		struct plan_op op = plan->ops[i];

		if (op.kind != PLAN_TABLE)
			continue;
		op.kind = PLAN_POOL_FLIP;
		ret = add(plan, op);
	}
	return ret;
}

/* A backend that will not even leave: its pool is gone, nobody can reach it. */
static bool is_unreachable(const struct runtime *runtime, const struct runtime_backend *backend)
{
	uint32_t pool;

	if (backend->wanted)
		return false;
	pool = runtime_pool(runtime, backend->pool);
	return !(pool && runtime->pools[pool].wanted);
}

static bool something_to_forget(const struct runtime *runtime)
{
	for (size_t i = 0; i < runtime->n_backends; i++)
		if (is_unreachable(runtime, &runtime->backends[i]))
			return true;
	for (size_t i = 1; i < runtime->n_pools; i++)
		if (runtime->pools[i].name[0] && !runtime->pools[i].wanted)
			return true;
	for (size_t i = 1; i < runtime->n_vips; i++)
		if ((runtime->vips[i].name[0] && !runtime->vips[i].wanted) ||
		    (runtime->groups[i].name[0] && !runtime->groups[i].wanted))
			return true;
	return false;
}

int plan_make(const struct desired *desired, struct runtime *runtime, struct dp *dp, uint32_t now,
	      struct plan **out)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int ret = -ENOMEM;

	if (!plan)
		return ret;
	plan->desired = desired;
	plan->runtime = runtime;
	plan->now = now;
	plan->tables = calloc(dp_size(dp)->pools, sizeof(*plan->tables));
	if (plan->tables)
		ret = plan_alive(plan, dp);
	if (!ret)
		ret = plan_names(plan, dp);
	if (!ret)
		ret = plan_backends(plan, dp);
	if (!ret)
		ret = plan_tables(plan, dp);
	if (!ret)
		ret = plan_flips(plan, dp);
	if (!ret && desired->vips && something_to_forget(runtime))
		ret = add(plan, (struct plan_op) { .kind = PLAN_FORGET });
	if (ret) {
		plan_free(&plan);
		return ret;
	}
	*out = plan;
	return 0;
}

/* --- applying ------------------------------------------------------------------- */

static int apply_backend_new(struct runtime_backend *backend, struct dp *dp)
{
	struct lp_backend_meta *meta = dp_backend_meta(dp, backend->number);
	struct lp_backend entry = {
		.pool = backend->pool_number,
		.link_bits = backend->link_bits,
		.hop = { backend->hop, backend->hop },
	};
	int ret;

	/* The number may have had a life before: its records must not be believed. */
	backend->state = (struct lp_backend_state) {
		.incarnation = dp_backend(dp, backend->number)->state.incarnation,
	};
	entry.state = runtime_next_state(backend);
	memset(meta, 0, sizeof(*meta)); /* a crash from here on leaves a free number */
	ret = dp_backend_write(dp, backend->number, &entry);
	if (ret)
		return ret;
	backend->state = entry.state;
	*meta = make_meta(backend);
	return 0;
}

static int apply_backend_hop(const struct runtime_backend *backend, struct dp *dp)
{
	int ret = dp_backend_link(dp, backend->number, backend->link_bits);

	return ret ? ret : dp_backend_flip(dp, backend->number, &backend->hop);
}

static int apply_backend_state(struct runtime_backend *backend, struct dp *dp)
{
	struct lp_backend_state state;
	int ret;

	backend->state = dp_backend(dp, backend->number)->state;
	state = runtime_next_state(backend);
	ret = dp_backend_state(dp, backend->number, state);
	if (!ret)
		backend->state = state;
	return ret;
}

static void apply_names(const struct runtime *runtime, struct dp *dp)
{
	for (uint32_t i = 1; i < runtime->n_pools; i++)
		memcpy(dp_pool_meta(dp, i)->name, runtime->pools[i].name, LP_NAME_MAX);
	for (uint32_t i = 1; i < runtime->n_vips; i++)
		memcpy(dp_vip_meta(dp, i)->name, runtime->vips[i].name, LP_NAME_MAX);
	for (uint32_t i = 1; i < runtime->n_vips; i++)
		memcpy(dp_group_meta(dp, i)->name, runtime->groups[i].name, LP_NAME_MAX);
}

static const struct desired_pool *find_pool(const struct desired *desired, uint32_t number)
{
	for (size_t i = 0; i < desired->n_pools; i++)
		if (desired->pools[i].number == number)
			return &desired->pools[i];
	return NULL;
}

/* What the slots become: each goes on from the state in which it is now. */
static void next_slots(const struct plan *plan, const struct dp *dp,
		       const struct desired_pool *pool, struct lp_slot *slots, uint32_t *since)
{
	const struct slot_alive alive = { plan->alive, plan->n_alive, pool->resets };
	uint32_t table = dp_pool(dp, dp_active_half(dp), pool->number).table;
	const struct lp_slot *old = dp_slots(dp, table);
	const uint32_t *times = dp_slot_times(dp, table);

	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		const struct lp_slot now = { .word = __atomic_load_n(&old[i].word,
								     __ATOMIC_RELAXED) };

		if (table && pool->tracked)
			slots[i] = slot_next(now, pool->table[i], &alive);
		else
			slots[i] = (struct lp_slot) { .cur = pool->table[i] };
		since[i] = table && slots[i].word == now.word ? times[i] : plan->now;
	}
}

static int apply_table(const struct plan *plan, const struct plan_op *op, struct dp *dp)
{
	struct lp_slot *slots = malloc(LP_SLOTS * sizeof(*slots));
	uint32_t *since = malloc(LP_SLOTS * sizeof(*since));
	int ret = -ENOMEM;

	if (slots && since) {
		next_slots(plan, dp, find_pool(plan->desired, op->number), slots, since);
		ret = dp_slots_write(dp, op->table, slots, since);
	}
	free(slots);
	free(since);
	return ret;
}

/* The pool's word in a new half: generation rises if the table is another. */
static struct lp_pool next_pool(const struct dp *dp, uint32_t pool, uint32_t table)
{
	struct lp_pool value = dp_pool(dp, dp_active_half(dp), pool);

	if (value.table != table)
		value.generation++;
	value.table = table;
	return value;
}

/* Proxies of the coming half; what that half had before is gone. */
static int apply_proxies(const struct plan *plan, struct dp *dp)
{
	int ret = 0;

	for (size_t i = 0; i < plan->desired->n_proxies && !ret; i++) {
		struct lp_proxy_key key = plan->desired->proxies[i];

		key.vip |= plan->half;
		ret = dp_proxy_add(dp, &key);
	}
	return ret;
}

static int apply_policy(const struct plan *plan, struct dp *dp)
{
	int ret = dp_policy_clear(dp, plan->half);

	for (size_t i = 0; i < plan->desired->n_policy && !ret; i++) {
		struct lp_policy_key key = plan->desired->policy[i].key;

		key.scope |= plan->half;
		ret = dp_policy_add(dp, &key, plan->desired->policy[i].answer);
	}
	return ret;
}

/* Lists of the VIPs that have one, and of the others that they have none any more. */
static int apply_snats(const struct plan *plan, struct dp *dp)
{
	const struct desired *desired = plan->desired;
	int ret = 0;

	for (uint32_t i = 1; i < dp_size(dp)->vips && !ret; i++)
		ret = dp_snat_write(dp, plan->half, i, NULL);
	for (size_t i = 0; i < desired->n_snats && !ret; i++)
		ret = dp_snat_write(dp, plan->half, desired->snats[i].vip, &desired->snats[i].list);
	return ret;
}

static int apply_vips(const struct plan *plan, struct dp *dp)
{
	const struct vip_table *table = plan->desired->vips;
	int ret = vip_table_write(table, dp, plan->half);

	if (!ret)
		ret = dp_proxies_clear(dp, plan->half);
	if (!ret)
		ret = apply_proxies(plan, dp);
	if (!ret)
		ret = apply_policy(plan, dp);
	if (!ret)
		ret = apply_snats(plan, dp);
	for (uint32_t i = 1; i < dp_size(dp)->pools && !ret; i++)
		ret = dp_pool_write(dp, plan->half, i, next_pool(dp, i, plan->tables[i]));
	return ret;
}

static void apply_forget(const struct runtime *runtime, struct dp *dp)
{
	for (size_t i = 0; i < runtime->n_backends; i++) {
		uint32_t number = runtime->backends[i].number;

		if (is_unreachable(runtime, &runtime->backends[i]) &&
		    number < dp_size(dp)->backends)
			memset(dp_backend_meta(dp, number), 0, sizeof(struct lp_backend_meta));
	}
	for (uint32_t i = 1; i < runtime->n_pools; i++)
		if (!runtime->pools[i].wanted)
			memset(dp_pool_meta(dp, i), 0, sizeof(struct lp_pool_meta));
	for (uint32_t i = 1; i < runtime->n_vips; i++) {
		if (!runtime->vips[i].wanted)
			memset(dp_vip_meta(dp, i), 0, sizeof(struct lp_vip_meta));
		if (!runtime->groups[i].wanted)
			memset(dp_group_meta(dp, i), 0, sizeof(struct lp_group_meta));
	}
}

static int apply_op(const struct plan *plan, const struct plan_op *op, struct dp *dp)
{
	switch (op->kind) {
	case PLAN_BACKEND_NEW:
		return apply_backend_new(op->backend, dp);
	case PLAN_BACKEND_HOP:
		return apply_backend_hop(op->backend, dp);
	case PLAN_BACKEND_STATE:
		return apply_backend_state(op->backend, dp);
	case PLAN_BACKEND_META:
		*dp_backend_meta(dp, op->backend->number) = make_meta(op->backend);
		return 0;
	case PLAN_NAME:
		apply_names(plan->runtime, dp);
		return 0;
	case PLAN_TABLE:
		return apply_table(plan, op, dp);
	case PLAN_POOL_FLIP:
		return dp_pool_flip(dp, op->number, next_pool(dp, op->number, op->table));
	case PLAN_VIPS:
		return apply_vips(plan, dp);
	case PLAN_FLIP:
		return dp_flip(dp, plan->half, dp_control(dp)->generation + 1);
	case PLAN_FORGET:
		apply_forget(plan->runtime, dp);
		return 0;
	}
	return -EINVAL;
}

int plan_apply(const struct plan *plan, struct dp *dp,
	       int (*progress)(void *arg, const struct plan_op *op), void *arg)
{
	for (size_t i = 0; i < plan->n_ops; i++) {
		int ret = progress ? progress(arg, &plan->ops[i]) : 0;

		if (!ret)
			ret = apply_op(plan, &plan->ops[i], dp);
		if (ret)
			return ret;
	}
	return 0;
}

uint32_t plan_moved(const struct plan *plan, uint32_t number)
{
	for (size_t i = 0; i < plan->n_ops; i++)
		if (plan->ops[i].kind == PLAN_TABLE && plan->ops[i].number == number)
			return plan->ops[i].moved;
	return 0;
}

void plan_free(struct plan **plan)
{
	if (!*plan)
		return;
	free((*plan)->ops);
	free((*plan)->tables);
	free((*plan)->alive);
	free(*plan);
	*plan = NULL;
}
