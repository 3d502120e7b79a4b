// SPDX-License-Identifier: GPL-2.0
#include "core/forecast_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

/* --- servers: numbers by address ---------------------------------------------------- */

struct numbered {
	struct lp_addr addr;
	uint32_t number;
};

static int compare_numbered(const void *left, const void *right)
{
	const struct numbered *a = left, *b = right;

	return lp_addr_compare(&a->addr, &b->addr);
}

static size_t list_backends(const struct runtime *runtime, struct numbered *list)
{
	for (size_t i = 0; i < runtime->n_backends; i++)
		list[i] = (struct numbered) { runtime->backends[i].address,
					      runtime->backends[i].number };
	return runtime->n_backends;
}

/* A number means the same backend before and after (runtime_assign()). */
static int find_servers(struct forecast_world *world)
{
	const struct runtime *now = world->input->now, *next = world->input->next;
	struct numbered *list = calloc(now->n_backends + next->n_backends + 1, sizeof(*list));
	uint32_t server = 0;
	size_t n;

	if (!list)
		return -ENOMEM;
	n = list_backends(now, list);
	n += list_backends(next, list + n);
	qsort(list, n, sizeof(*list), compare_numbered);
	for (size_t i = 0; i < n; i++) {
		server += !i || !lp_addr_equal(&list[i].addr, &list[i - 1].addr);
		world->server[list[i].number] = server;
	}
	free(list);
	return 0;
}

static uint32_t highest(const struct runtime *runtime, uint32_t number)
{
	for (size_t i = 0; i < runtime->n_backends; i++)
		if (runtime->backends[i].number > number)
			number = runtime->backends[i].number;
	return number;
}

static void find_states(struct forecast_world *world)
{
	const struct runtime *now = world->input->now, *next = world->input->next;

	for (size_t i = 0; i < next->n_backends; i++) {
		const struct runtime_backend *backend = &next->backends[i];
		uint16_t flags = runtime_flags(backend);

		world->alive[backend->number] = flags & LP_BACKEND_ALIVE;
		world->offline[backend->number] = flags & LP_BACKEND_OFFLINE;
		world->leaves[backend->number] = backend->leaving;
	}
	for (size_t i = 0; i < now->n_backends; i++)
		if (now->backends[i].leaving) /* it does already, whatever is applied */
			world->leaves[now->backends[i].number] = false;
}

/* --- tables ------------------------------------------------------------------------- */

struct forecast_table forecast_running(const struct forecast_world *world, uint32_t pool)
{
	const struct dp *dp = world->input->dp;
	struct forecast_table table = { 0 };
	uint32_t number;

	if (!pool || pool >= dp_size(dp)->pools)
		return table;
	number = dp_pool(dp, dp_active_half(dp), pool).table;
	if (number)
		table.running = dp_slots(dp, number);
	return table;
}

struct forecast_table forecast_next(const struct forecast_world *world, uint32_t pool)
{
	return pool < world->n_pools ? world->next[pool] : (struct forecast_table) { 0 };
}

uint32_t forecast_moved(const struct forecast_world *world, uint32_t pool)
{
	return pool < world->n_pools ? world->moved[pool] : 0;
}

uint16_t forecast_cur(const struct forecast_table *table, uint32_t slot)
{
	const struct lp_slot *at;

	if (table->built)
		return table->built[slot];
	if (!table->running)
		return 0;
	at = &table->running[slot];
	return ((struct lp_slot) { .word = __atomic_load_n(&at->word, __ATOMIC_RELAXED) }).cur;
}

static uint32_t count_moved(const struct forecast_table *table)
{
	const struct forecast_table old = { .running = table->running };
	uint32_t moved = 0;

	for (uint32_t i = 0; table->running && table->built && i < LP_SLOTS; i++)
		moved += forecast_cur(&old, i) != table->built[i];
	return moved;
}

static void find_tables(struct forecast_world *world)
{
	const struct desired *desired = world->input->desired;

	for (size_t i = 0; i < desired->n_pools; i++) {
		uint32_t number = desired->pools[i].number;

		world->next[number] = forecast_running(world, number);
		world->next[number].resets = desired->pools[i].resets;
		if (desired->pools[i].built)
			world->next[number].built = desired->pools[i].table;
		world->moved[number] = count_moved(&world->next[number]);
	}
}

/* --- opening and closing ------------------------------------------------------------ */

static int alloc(struct forecast_world *world)
{
	world->server = calloc(world->n_backends, sizeof(*world->server));
	world->alive = calloc(world->n_backends, sizeof(*world->alive));
	world->offline = calloc(world->n_backends, sizeof(*world->offline));
	world->leaves = calloc(world->n_backends, sizeof(*world->leaves));
	world->next = calloc(world->n_pools, sizeof(*world->next));
	world->moved = calloc(world->n_pools, sizeof(*world->moved));
	world->before = calloc(world->n_backends + 1, sizeof(*world->before));
	world->after = calloc(world->n_backends + 1, sizeof(*world->after));
	return world->server && world->alive && world->offline && world->leaves && world->next &&
			       world->moved && world->before && world->after
		       ? 0
		       : -ENOMEM;
}

int forecast_world_open(struct forecast_world *world, const struct forecast_input *input)
{
	struct forecast_world new = {
		.input = input,
		.rekeyed = strcmp(input->running->seed, input->coming->seed) != 0,
		.n_backends = highest(input->next, highest(input->now, 0)) + 1,
		.n_pools = (uint32_t)input->next->n_pools + 1,
	};
	int ret = alloc(&new);

	if (!ret)
		ret = find_servers(&new);
	if (ret) {
		forecast_world_close(&new);
		return ret;
	}
	find_states(&new);
	find_tables(&new);
	*world = new;
	return 0;
}

void forecast_world_close(struct forecast_world *world)
{
	free(world->server);
	free(world->alive);
	free(world->offline);
	free(world->leaves);
	free(world->next);
	free(world->moved);
	free(world->before);
	free(world->after);
	*world = (struct forecast_world) { 0 };
}

/* --- asking ------------------------------------------------------------------------- */

uint32_t forecast_server(const struct forecast_world *world, uint32_t number)
{
	return number < world->n_backends ? world->server[number] : 0;
}

bool forecast_has(const struct config_vip *vip, const struct lp_addr *addr)
{
	for (size_t i = 0; i < vip->n_addresses; i++)
		if (lp_addr_equal(&vip->addresses[i], addr))
			return true;
	return false;
}

/* Does it name the port, or, with `any`, has it all that nobody names? */
static bool serves(const struct config_vip *vip, const struct lp_addr *addr, uint8_t protocol,
		   uint16_t port, bool any)
{
	if (vip->protocol != protocol || !forecast_has(vip, addr))
		return false;
	for (size_t i = 0; i < vip->n_ports; i++) {
		const struct config_port_range *range = &vip->ports[i];

		if (any ? !range->first : port >= range->first && port <= range->last)
			return true;
	}
	return false;
}

/* A port belongs to the VIP that names it; no two may. What nobody names is `any`'s. */
const struct config_vip *forecast_at(const struct forecast_world *world,
				     const struct config_vip *vip, const struct lp_addr *addr,
				     uint16_t port)
{
	const struct config *coming = world->input->coming;
	const struct config_vip *same = config_vip_find(coming, vip->name);

	/* Mostly it is the one of the same name. */
	if (same && serves(same, addr, vip->protocol, port, false))
		return same;
	for (int any = 0; any < 2; any++)
		for (size_t i = 0; i < coming->n_vips; i++)
			if (serves(&coming->vips[i], addr, vip->protocol, port, any))
				return &coming->vips[i];
	return NULL;
}

bool forecast_same_key(const struct forecast_world *world, const struct config_vip *old,
		       const struct config_vip *new, bool v6)
{
	if (world->rekeyed || old->affinity != new->affinity)
		return false;
	return old->affinity != LP_AFFINITY_SOURCE ||
	       (v6 ? old->mask6 == new->mask6 : old->mask == new->mask);
}
