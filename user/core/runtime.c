// SPDX-License-Identifier: GPL-2.0
#include "core/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slot_table.h"
#include "lib/addr.h"

static int compare_names(const struct runtime_backend *a, const char *pool, const char *name)
{
	int diff = strcmp(a->pool, pool);

	return diff ? diff : strcmp(a->name, name);
}

static int compare_backends(const void *left, const void *right)
{
	const struct runtime_backend *a = left, *b = right;
	int diff = compare_names(a, b->pool, b->name);

	return diff ? diff : lp_addr_compare(&a->address, &b->address);
}

static bool is_sorted(const struct runtime *runtime)
{
	for (size_t i = 1; i < runtime->n_backends; i++)
		if (compare_backends(&runtime->backends[i - 1], &runtime->backends[i]) > 0)
			return false;
	return true;
}

/* Mostly they are: so is a configuration. */
static void sort_backends(struct runtime *runtime)
{
	if (!is_sorted(runtime))
		qsort(runtime->backends, runtime->n_backends, sizeof(*runtime->backends),
		      compare_backends);
}

static bool has_memory(const struct runtime *runtime)
{
	return runtime->backends && runtime->pools && runtime->vips && runtime->groups;
}

/* --- adoption ------------------------------------------------------------------- */

static bool name_is_sane(const char name[LP_NAME_MAX])
{
	return name[0] && memchr(name, 0, LP_NAME_MAX);
}

static void adopt_backend(struct runtime_backend *backend, const struct lp_backend_meta *meta,
			  const struct lp_backend *datapath, uint32_t number)
{
	snprintf(backend->pool, sizeof(backend->pool), "%s", meta->pool);
	snprintf(backend->name, sizeof(backend->name), "%s", meta->name);
	backend->address = meta->addr;
	backend->number = number;
	backend->pool_number = datapath->pool;
	backend->healthy = meta->healthy;
	backend->admin = (enum lp_admin)meta->admin;
	backend->since = meta->since;
	backend->deadline = meta->deadline;
	backend->leaving = meta->leaving;
	backend->expired = meta->expired;
	backend->weighted = meta->weighted;
	backend->own_weight = meta->weight;
	backend->weight_until = meta->weight_until;
	backend->came_up = meta->came_up;
	backend->ramps = meta->ramps;
	backend->part = meta->part;
	backend->state = datapath->state;
	backend->hop = *LP_HOP(datapath);
	backend->link_bits = datapath->link_bits;
}

static void adopt_backends(struct runtime *runtime, struct dp *dp)
{
	for (uint32_t i = 1; i < dp_size(dp)->backends; i++) {
		const struct lp_backend_meta *meta = dp_backend_meta(dp, i);

		if (name_is_sane(meta->name) && name_is_sane(meta->pool))
			adopt_backend(&runtime->backends[runtime->n_backends++], meta,
				      dp_backend(dp, i), i);
	}
	sort_backends(runtime);
}

static void adopt_name(struct runtime_name *to, const char name[LP_NAME_MAX])
{
	if (name_is_sane(name))
		snprintf(to->name, sizeof(to->name), "%s", name);
}

int runtime_adopt(struct runtime *runtime, struct dp *dp)
{
	const struct dp_size *size = dp_size(dp);
	struct runtime new = {
		.backends = calloc(size->backends, sizeof(*new.backends)),
		.pools = calloc(size->pools, sizeof(*new.pools)),
		.vips = calloc(size->vips, sizeof(*new.vips)),
		.groups = calloc(size->vips, sizeof(*new.groups)),
		.n_pools = size->pools,
		.n_vips = size->vips,
	};

	if (!has_memory(&new)) {
		runtime_fini(&new);
		return -ENOMEM;
	}
	adopt_backends(&new, dp);
	for (uint32_t i = 1; i < size->pools; i++)
		adopt_name(&new.pools[i], dp_pool_meta(dp, i)->name);
	for (uint32_t i = 1; i < size->vips; i++) {
		adopt_name(&new.vips[i], dp_vip_meta(dp, i)->name);
		adopt_name(&new.groups[i], dp_group_meta(dp, i)->name);
	}
	*runtime = new;
	return 0;
}

/* --- numbers -------------------------------------------------------------------- */

static uint32_t find_name(const struct runtime_name *names, size_t n, const char *name)
{
	for (uint32_t i = 1; i < n; i++)
		if (!strcmp(names[i].name, name))
			return i;
	return 0;
}

uint32_t runtime_pool(const struct runtime *runtime, const char *name)
{
	return find_name(runtime->pools, runtime->n_pools, name);
}

uint32_t runtime_vip(const struct runtime *runtime, const char *name)
{
	return find_name(runtime->vips, runtime->n_vips, name);
}

uint32_t runtime_group(const struct runtime *runtime, const char *name)
{
	return find_name(runtime->groups, runtime->n_vips, name);
}

/* The number of a name, its own or a free one; -ENOSPC. */
static int assign_name(struct runtime_name *names, size_t n, const char *name)
{
	uint32_t number = find_name(names, n, name);

	if (!number)
		number = find_name(names, n, "");
	if (!number)
		return -ENOSPC;
	snprintf(names[number].name, sizeof(names[number].name), "%s", name);
	names[number].wanted = true;
	return (int)number;
}

/* A copy of `old` names with room for n, nothing wanted. */
static struct runtime_name *copy_names(const struct runtime_name *old, size_t n_old, size_t n)
{
	struct runtime_name *names = calloc(n, sizeof(*names));

	if (!names)
		return NULL;
	for (size_t i = 0; i < n_old && i < n; i++)
		memcpy(names[i].name, old[i].name, sizeof(names[i].name));
	return names;
}

static int assign_names(struct runtime *new, const struct config *config)
{
	for (size_t i = 0; i < config->n_pools; i++)
		if (assign_name(new->pools, new->n_pools, config->pools[i].name) < 0)
			return -ENOSPC;
	for (size_t i = 0; i < config->n_vips; i++) {
		const char *group = config->vips[i].group;

		if (assign_name(new->vips, new->n_vips, config->vips[i].name) < 0 ||
		    (group && assign_name(new->groups, new->n_vips, group) < 0))
			return -ENOSPC;
	}
	return 0;
}

/* Free backend numbers, lowest first. */
struct numbers {
	bool *used;
	uint32_t next, end;
};

static uint32_t numbers_take(struct numbers *numbers)
{
	while (numbers->next < numbers->end && numbers->used[numbers->next])
		numbers->next++;
	return numbers->next < numbers->end ? numbers->next++ : 0;
}

static void new_backend(struct runtime_backend *backend, const struct config_pool *pool,
			const struct config_backend *config, uint64_t now)
{
	*backend = (struct runtime_backend) {
		.address = config->address,
		.healthy = true,
		.since = now,
	};
	snprintf(backend->pool, sizeof(backend->pool), "%s", pool->name);
	snprintf(backend->name, sizeof(backend->name), "%s", config->name);
}

/* A backend that was leaving is in the configuration again: as if it had not left, so a
 * drain goes on. */
static void come_back(struct runtime_backend *backend, uint64_t now)
{
	backend->leaving = false;
	backend->since = now;
	if (backend->admin != LP_ADMIN_ENABLED)
		return;
	backend->expired = false;
	backend->deadline = 0;
}

/* A backend that is known, or NULL. `*next` is where it will be, if the one before was
 * found: both lists are in the same order. */
static struct runtime_backend *find_known(const struct runtime *old,
					  const struct runtime_backend *key, size_t *next)
{
	struct runtime_backend *known = NULL;

	if (*next < old->n_backends && !compare_backends(key, &old->backends[*next]))
		known = &old->backends[*next];
	else if (old->n_backends)
		known = bsearch(key, old->backends, old->n_backends, sizeof(*key),
				compare_backends);
	if (known)
		*next = (size_t)(known - old->backends) + 1;
	return known;
}

/* Takes over or makes the backends of one pool of the configuration. */
static int assign_pool(struct runtime *new, const struct runtime *old, struct numbers *numbers,
		       const struct config *config, const struct config_pool *pool, size_t *next,
		       uint64_t now)
{
	uint32_t pool_number = runtime_pool(new, pool->name);

	for (size_t i = 0; i < pool->n_backends; i++) {
		struct runtime_backend key, *backend = &new->backends[new->n_backends], *known;

		new_backend(&key, pool, &pool->backends[i], now);
		known = find_known(old, &key, next);
		*backend = known ? *known : key;
		if (known)
			known->wanted = true; /* for assign_rest() */
		else
			backend->number = numbers_take(numbers);
		if (!backend->number)
			return -ENOSPC;
		backend->pool_number = pool_number;
		backend->place = (uint32_t)i;
		backend->id = slot_member_id(config->seed, pool->name, backend->name);
		backend->weight = pool->backends[i].weight;
		backend->drain_timeout = pool->drain_timeout;
		backend->slow_start = pool->slow_start;
		backend->wanted = true;
		if (backend->leaving)
			come_back(backend, now);
		if (!pool->check)
			backend->healthy = true;
		new->n_backends++;
	}
	return 0;
}

/*
 * What the configuration does not name stays known. How long it may take to leave
 * is its pool's to say, if that is there; an agent that has just adopted the
 * datapath knows it only from here.
 */
static void assign_rest(struct runtime *new, const struct runtime *old, const struct config *config)
{
	for (size_t i = 0; i < old->n_backends; i++) {
		const struct runtime_backend *from = &old->backends[i];
		const struct config_pool *pool = config_pool_find(config, from->pool);
		struct runtime_backend *to = &new->backends[new->n_backends];

		if (from->wanted)
			continue;
		*to = *from;
		to->in_use = false;
		if (pool)
			to->drain_timeout = pool->drain_timeout;
		new->n_backends++;
	}
}

static int assign_backends(struct runtime *new, const struct runtime *old,
			   const struct config *config, const struct dp_size *size, uint64_t now)
{
	struct numbers numbers = { calloc(size->backends, sizeof(bool)), 1, size->backends };
	size_t next = 0;
	int ret = 0;

	if (!numbers.used)
		return -ENOMEM;
	for (size_t i = 0; i < old->n_backends; i++) {
		old->backends[i].wanted = false;
		if (old->backends[i].number < size->backends)
			numbers.used[old->backends[i].number] = true;
	}
	for (size_t i = 0; i < config->n_pools && !ret; i++)
		ret = assign_pool(new, old, &numbers, config, &config->pools[i], &next, now);
	if (!ret)
		assign_rest(new, old, config);
	sort_backends(new);
	free(numbers.used);
	return ret;
}

int runtime_assign(struct runtime *runtime, const struct config *config, const struct dp_size *size,
		   uint64_t now)
{
	struct runtime next = { .n_pools = size->pools, .n_vips = size->vips };
	size_t room = runtime->n_backends + 1;
	int ret;

	for (size_t i = 0; i < config->n_pools; i++)
		room += config->pools[i].n_backends;
	next.backends = calloc(room, sizeof(*next.backends));
	next.pools = copy_names(runtime->pools, runtime->n_pools, size->pools);
	next.vips = copy_names(runtime->vips, runtime->n_vips, size->vips);
	next.groups = copy_names(runtime->groups, runtime->n_vips, size->vips);
	ret = has_memory(&next) ? assign_names(&next, config) : -ENOMEM;
	if (!ret)
		ret = assign_backends(&next, runtime, config, size, now);
	if (ret) {
		runtime_fini(&next);
		return ret;
	}
	runtime_fini(runtime);
	*runtime = next;
	return 0;
}

static void forget_names(struct runtime_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!names[i].wanted)
			names[i].name[0] = 0;
}

/* What becomes of a backend that the configuration does not name. */
static bool leaves_later(const struct runtime *runtime, struct runtime_backend *backend,
			 uint64_t now)
{
	if (!runtime_pool(runtime, backend->pool))
		return false; /* nobody can reach it */
	if (backend->leaving)
		return true;
	backend->leaving = true;
	backend->since = now;
	backend->came_up = 0; /* if it comes back, it begins anew */
	backend->ramps = false;
	if (backend->admin == LP_ADMIN_ENABLED || !backend->deadline)
		backend->deadline = now + (uint64_t)backend->drain_timeout;
	return true;
}

void runtime_settle(struct runtime *runtime, uint64_t now)
{
	size_t kept = 0;

	forget_names(runtime->pools, runtime->n_pools);
	forget_names(runtime->vips, runtime->n_vips);
	forget_names(runtime->groups, runtime->n_vips);
	for (size_t i = 0; i < runtime->n_backends; i++)
		if (runtime->backends[i].wanted ||
		    leaves_later(runtime, &runtime->backends[i], now))
			runtime->backends[kept++] = runtime->backends[i];
	runtime->n_backends = kept;
}

void runtime_forget(struct runtime *runtime, uint32_t number)
{
	size_t kept = 0;

	for (size_t i = 0; i < runtime->n_backends; i++)
		if (runtime->backends[i].number != number)
			runtime->backends[kept++] = runtime->backends[i];
	runtime->n_backends = kept;
}

/* --- states --------------------------------------------------------------------- */

/* It cannot be reached, and nobody else of its pool can. */
static bool is_waited_for(const struct runtime_backend *backend)
{
	return backend->fail_open && backend->state.flags & LP_BACKEND_ALIVE;
}

uint16_t runtime_flags(const struct runtime_backend *backend)
{
	bool offline = backend->leaving || backend->admin == LP_ADMIN_OFFLINE;

	if (backend->expired || !(backend->wanted || backend->leaving) ||
	    !(backend->hop.ifindex || is_waited_for(backend)) ||
	    !(backend->healthy || backend->fail_open))
		return 0;
	return offline ? LP_BACKEND_ALIVE | LP_BACKEND_OFFLINE : LP_BACKEND_ALIVE;
}

struct lp_backend_state runtime_next_state(const struct runtime_backend *backend)
{
	struct lp_backend_state state = backend->state;

	state.flags = runtime_flags(backend);
	if ((state.flags & LP_BACKEND_ALIVE) && !(backend->state.flags & LP_BACKEND_ALIVE))
		state.incarnation++;
	return state;
}

void runtime_set_admin(struct runtime_backend *backend, enum lp_admin admin, uint64_t deadline,
		       uint64_t now)
{
	if (backend->admin != admin)
		backend->since = now;
	backend->admin = admin;
	backend->deadline = admin == LP_ADMIN_ENABLED ? 0 : deadline;
	backend->expired = false;
}

void runtime_set_weight(struct runtime_backend *backend, uint32_t weight, uint64_t until)
{
	backend->weighted = true;
	backend->own_weight = weight;
	backend->weight_until = until;
}

void runtime_clear_weight(struct runtime_backend *backend)
{
	backend->weighted = false;
	backend->own_weight = 0;
	backend->weight_until = 0;
}

uint32_t runtime_weight(const struct runtime_backend *backend)
{
	return backend->weighted ? backend->own_weight : backend->weight;
}

bool runtime_weight_is_over(const struct runtime_backend *backend, uint64_t now)
{
	return backend->weighted && backend->weight_until && backend->weight_until <= now;
}

bool runtime_expire(struct runtime *runtime, uint64_t now)
{
	bool any = false;

	for (size_t i = 0; i < runtime->n_backends; i++) {
		struct runtime_backend *backend = &runtime->backends[i];

		if (runtime_weight_is_over(backend, now)) {
			runtime_clear_weight(backend);
			any = true;
		}
		if (backend->expired || !backend->deadline || backend->deadline > now)
			continue;
		backend->expired = true;
		any = true;
	}
	return any;
}

/* 0 means something else. */
static uint64_t shifted(uint64_t date, int64_t seconds)
{
	if (seconds < 0 && date <= (uint64_t)-seconds)
		return 1;
	return date + (uint64_t)seconds;
}

void runtime_shift(struct runtime *runtime, int64_t seconds)
{
	for (size_t i = 0; i < runtime->n_backends; i++) {
		struct runtime_backend *backend = &runtime->backends[i];

		backend->since = shifted(backend->since, seconds);
		if (backend->deadline)
			backend->deadline = shifted(backend->deadline, seconds);
		if (backend->weight_until)
			backend->weight_until = shifted(backend->weight_until, seconds);
	}
}

/* --- asking --------------------------------------------------------------------- */

/* The first backend of pool and name, or where it would be; without a name the first
 * behind the pool. */
static size_t find_place(const struct runtime *runtime, const char *pool, const char *name)
{
	size_t low = 0, high = runtime->n_backends;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct runtime_backend *at = &runtime->backends[middle];

		if (name ? compare_names(at, pool, name) < 0 : strcmp(at->pool, pool) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct runtime_backend *runtime_crew(const struct runtime *runtime, const char *pool, size_t *n)
{
	size_t first = find_place(runtime, pool, "");

	*n = find_place(runtime, pool, NULL) - first;
	return *n ? &runtime->backends[first] : NULL;
}

struct runtime_backend *runtime_backend(const struct runtime *runtime, const char *pool,
					const char *name)
{
	size_t low = find_place(runtime, pool, name);

	for (; low < runtime->n_backends && !compare_names(&runtime->backends[low], pool, name);
	     low++)
		if (runtime->backends[low].wanted)
			return &runtime->backends[low];
	return NULL;
}

struct runtime_backend *runtime_backend_number(const struct runtime *runtime, uint32_t number)
{
	for (size_t i = 0; i < runtime->n_backends; i++)
		if (runtime->backends[i].number == number)
			return &runtime->backends[i];
	return NULL;
}

bool runtime_usable(const struct runtime_backend *backend)
{
	return backend->wanted && backend->healthy && backend->hop.ifindex &&
	       backend->admin == LP_ADMIN_ENABLED;
}

bool runtime_serves(const struct runtime_backend *backend)
{
	return runtime_usable(backend) && runtime_weight(backend);
}

const char *runtime_state(const struct runtime_backend *backend)
{
	if (backend->leaving || backend->admin == LP_ADMIN_OFFLINE)
		return "offline";
	if (!backend->healthy || !backend->hop.ifindex)
		return "down";
	return backend->admin == LP_ADMIN_DRAIN ? "drain" : "up";
}

int runtime_set_interfaces(struct runtime *runtime, const struct runtime_interface *interfaces,
			   size_t n, bool *changed)
{
	struct runtime_interface *copy = calloc(n + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, interfaces, n * sizeof(*copy));
	*changed = n != runtime->n_interfaces ||
		   (n && memcmp(copy, runtime->interfaces, n * sizeof(*copy)));
	free(runtime->interfaces);
	runtime->interfaces = copy;
	runtime->n_interfaces = n;
	return 0;
}

uint32_t runtime_ifindex(const struct runtime *runtime, const char *name)
{
	for (size_t i = 0; i < runtime->n_interfaces; i++)
		if (!strcmp(runtime->interfaces[i].name, name))
			return runtime->interfaces[i].ifindex;
	return 0;
}

void runtime_fini(struct runtime *runtime)
{
	free(runtime->interfaces);
	free(runtime->backends);
	free(runtime->pools);
	free(runtime->vips);
	free(runtime->groups);
	*runtime = (struct runtime) { 0 };
}
