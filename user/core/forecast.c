// SPDX-License-Identifier: GPL-2.0
#include "core/forecast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/forecast_world.h"
#include "lib/addr.h"

/* --- the runtime to come ------------------------------------------------------------------- */

/* The way to what is new is not asked for: nothing is changed, not even a neighbour. */
static void reach_all(struct runtime *next, const bool *known)
{
	for (size_t i = 0; i < next->n_backends; i++)
		if (!known[next->backends[i].number])
			next->backends[i].hop.ifindex = 1;
}

int forecast_runtime(const struct runtime *now, const struct config *coming,
		     const struct dp_size *size, uint64_t wall, struct runtime *next)
{
	bool *known = calloc(LP_BACKENDS_MAX + 1, sizeof(*known));
	struct runtime copy = { 0 };
	int ret = known ? runtime_copy(now, &copy) : -ENOMEM;

	for (size_t i = 0; i < now->n_backends && !ret; i++)
		known[now->backends[i].number] = true;
	if (!ret)
		ret = runtime_assign(&copy, coming, size, wall);
	if (ret) {
		runtime_fini(&copy);
	} else {
		reach_all(&copy, known);
		runtime_settle(&copy, wall);
		*next = copy;
	}
	free(known);
	return ret;
}

/* --- work ------------------------------------------------------------------------------------- */

struct work {
	struct forecast_world world;
	struct forecast *out;
	const struct config_vip **running_vips; /* by number */
	struct forecast_vip **vips;             /* by number */
	struct forecast_pool **pools;           /* by number */
	uint32_t n_vips, n_pools;
	uint32_t *before, *after; /* slots by server, of share_rehashed() */
};

static void work_close(struct work *work)
{
	forecast_world_close(&work->world);
	free(work->running_vips);
	free(work->vips);
	free(work->pools);
	free(work->before);
	free(work->after);
}

static int work_open(struct work *work, const struct forecast_input *input)
{
	int ret;

	*work = (struct work) {
		.n_vips = (uint32_t)input->now->n_vips,
		.n_pools = (uint32_t)input->now->n_pools,
	};
	ret = forecast_world_open(&work->world, input);
	if (ret)
		return ret;
	work->out = calloc(1, sizeof(*work->out));
	work->running_vips = calloc(work->n_vips + 1, sizeof(*work->running_vips));
	work->vips = calloc(work->n_vips + 1, sizeof(struct forecast_vip *));
	work->pools = calloc(work->n_pools + 1, sizeof(struct forecast_pool *));
	work->before = calloc(work->world.n_backends + 1, sizeof(*work->before));
	work->after = calloc(work->world.n_backends + 1, sizeof(*work->after));
	return work->out && work->running_vips && work->vips && work->pools && work->before &&
			       work->after
		       ? 0
		       : -ENOMEM;
}

/* --- pools ---------------------------------------------------------------------------------------
 */

static uint32_t count_moved(const struct forecast_table *old, const struct forecast_table *new)
{
	uint32_t moved = 0;

	if (!old->running || (!new->built &&new->running))
		return 0;
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		moved += forecast_cur(old, i) != forecast_cur(new, i);
	return moved;
}

static void look_at_pool(struct work *work, struct forecast_pool *pool)
{
	const struct forecast_input *input = work->world.input;
	bool old = config_pool_find(input->running, pool->name);
	bool new = config_pool_find(input->coming, pool->name);
	uint32_t number = runtime_pool(input->now, pool->name);
	struct forecast_table before = forecast_running(&work->world, number);
	struct forecast_table after = forecast_next(&work->world, number);

	pool->change = !old ? FORECAST_COMES : new ? FORECAST_STAYS : FORECAST_GOES;
	if (old && new)
		pool->slots_moved = count_moved(&before, &after);
	if (old && number && number < work->n_pools)
		work->pools[number] = pool;
}

/* Names of both, each once; both are sorted. */
static int compare_pools(const void *left, const void *right)
{
	return strcmp(((const struct forecast_pool *)left)->name,
		      ((const struct forecast_pool *)right)->name);
}

static int look_at_pools(struct work *work)
{
	const struct config *running = work->world.input->running;
	const struct config *coming = work->world.input->coming;
	struct forecast *out = work->out;

	out->pools = calloc(running->n_pools + coming->n_pools + 1, sizeof(*out->pools));
	if (!out->pools)
		return -ENOMEM;
	for (size_t i = 0; i < running->n_pools; i++)
		out->pools[out->n_pools++].name = running->pools[i].name;
	for (size_t i = 0; i < coming->n_pools; i++)
		if (!config_pool_find(running, coming->pools[i].name))
			out->pools[out->n_pools++].name = coming->pools[i].name;
	qsort(out->pools, out->n_pools, sizeof(*out->pools), compare_pools);
	for (size_t i = 0; i < out->n_pools; i++)
		look_at_pool(work, &out->pools[i]);
	return 0;
}

/* --- shares of VIPs
 * -------------------------------------------------------------------------------- */

/* Servers by slots; slots of nobody are server 0. */
static void count_servers(const struct work *work, const struct forecast_table *table,
			  uint32_t *slots)
{
	memset(slots, 0, (work->world.n_backends + 1) * sizeof(*slots));
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		slots[forecast_server(&work->world, forecast_cur(table, i))]++;
}

/*
 * With another hash a client's slots before and after have nothing to do with each other:
 * it stays by chance, with the probability that both have the same server.
 */
static double share_rehashed(struct work *work, const struct forecast_table *old,
			     const struct forecast_table *new)
{
	double stays = 0;

	count_servers(work, old, work->before);
	count_servers(work, new, work->after);
	for (uint32_t i = 1; i <= work->world.n_backends; i++)
		stays += (double)work->before[i] / LP_SLOTS * work->after[i] / LP_SLOTS;
	return 1 - stays;
}

static double share_other_pool(const struct work *work, const struct forecast_table *old,
			       const struct forecast_table *new)
{
	uint32_t moved = 0;

	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		uint32_t after = forecast_server(&work->world, forecast_cur(new, i));

		moved += !after || after != forecast_server(&work->world, forecast_cur(old, i));
	}
	return (double)moved / LP_SLOTS;
}

/* Between two VIPs, for clients of one family. */
static double share_between(struct work *work, const struct config_vip *old,
			    const struct config_vip *new, bool v6)
{
	const struct forecast_input *input = work->world.input;
	uint32_t from = runtime_pool(input->now, old->table_pool);
	uint32_t to = runtime_pool(input->next, new->table_pool);
	struct forecast_table before = forecast_running(&work->world, from);
	struct forecast_table after = forecast_next(&work->world, to);

	if (!before.running)
		return 0; /* nobody answered before */
	if (!forecast_same_key(&work->world, old, new, v6))
		return share_rehashed(work, &before, &after);
	if (from != to)
		return share_other_pool(work, &before, &after);
	if (from < work->n_pools && work->pools[from])
		return (double)work->pools[from]->slots_moved / LP_SLOTS;
	return (double)count_moved(&before, &after) / LP_SLOTS;
}

/* What is left of the ports of a range at one address, and of whom; the first that
 * answers stands for all. */
static double share_of_range(struct work *work, const struct config_vip *old,
			     const struct lp_addr *addr, const struct config_port_range *range)
{
	uint32_t first = range->first ? range->first : 1;
	uint32_t last = range->first ? range->last : UINT16_MAX, gone = 0;
	const struct config_vip *heir = NULL;

	for (uint32_t port = first; port <= last; port++) {
		const struct config_vip *vip = forecast_at(&work->world, old, addr, (uint16_t)port);

		gone += !vip;
		heir = heir ? heir : vip;
	}
	if (!heir)
		return 1;
	return ((double)gone + (double)(last - first + 1 - gone) *
				       share_between(work, old, heir, lp_addr_is_v6(addr))) /
	       (last - first + 1);
}

/* Is the range there as it was, at an address of the VIP of the same name? */
static bool is_untouched(const struct work *work, const struct config_vip *old,
			 const struct lp_addr *addr, const struct config_port_range *range)
{
	const struct config_vip *new = config_vip_find(work->world.input->coming, old->name);

	if (!new || new->protocol != old->protocol || !forecast_has(new, addr))
		return false;
	for (size_t i = 0; i < new->n_ports; i++)
		if (new->ports[i].first == range->first &&new->ports[i].last == range->last)
			return true;
	return false;
}

/* All addresses and ports of a VIP count alike. */
static double share_of_vip(struct work *work, const struct config_vip *old)
{
	const struct config_vip *same = config_vip_find(work->world.input->coming, old->name);
	double sum = 0, of_family[2] = { -1, -1 };

	for (size_t i = 0; i < old->n_addresses; i++) {
		const struct lp_addr *addr = &old->addresses[i];
		bool v6 = lp_addr_is_v6(addr);

		for (size_t j = 0; j < old->n_ports; j++) {
			if (!is_untouched(work, old, addr, &old->ports[j])) {
				sum += share_of_range(work, old, addr, &old->ports[j]);
				continue;
			}
			if (of_family[v6] < 0)
				of_family[v6] = share_between(work, old, same, v6);
			sum += of_family[v6];
		}
	}
	return sum / (double)(old->n_addresses * old->n_ports);
}

/* --- VIPs
 * ----------------------------------------------------------------------------------------- */

static void look_at_vip(struct work *work, struct forecast_vip *vip)
{
	const struct forecast_input *input = work->world.input;
	const struct config_vip *old = config_vip_find(input->running, vip->name);
	uint32_t number = runtime_vip(input->now, vip->name);

	vip->change = FORECAST_COMES;
	if (!old)
		return;
	vip->change = config_vip_find(input->coming, vip->name) ? FORECAST_STAYS : FORECAST_GOES;
	vip->moved_share = share_of_vip(work, old);
	if (vip->moved_share > 0 &&
	    (!work->out->worst || vip->moved_share > work->out->worst->moved_share))
		work->out->worst = vip;
	if (number && number < work->n_vips) {
		work->running_vips[number] = old;
		work->vips[number] = vip;
	}
}

static int compare_vips(const void *left, const void *right)
{
	return strcmp(((const struct forecast_vip *)left)->name,
		      ((const struct forecast_vip *)right)->name);
}

static int look_at_vips(struct work *work)
{
	const struct config *running = work->world.input->running;
	const struct config *coming = work->world.input->coming;
	struct forecast *out = work->out;

	out->vips = calloc(running->n_vips + coming->n_vips + 1, sizeof(*out->vips));
	if (!out->vips)
		return -ENOMEM;
	for (size_t i = 0; i < running->n_vips; i++)
		out->vips[out->n_vips++].name = running->vips[i].name;
	for (size_t i = 0; i < coming->n_vips; i++)
		if (!config_vip_find(running, coming->vips[i].name))
			out->vips[out->n_vips++].name = coming->vips[i].name;
	qsort(out->vips, out->n_vips, sizeof(*out->vips), compare_vips);
	for (size_t i = 0; i < out->n_vips; i++)
		look_at_vip(work, &out->vips[i]);
	return 0;
}

/* --- connections and clients
 * ------------------------------------------------------------------------ */

static void count(struct forecast_counts *counts, bool client, struct forecast_verdict verdict)
{
	struct forecast_count *count = client ? &counts->clients : &counts->connections;

	count->all++;
	count->moved += verdict.moved;
	count->leaving += verdict.fate == FORECAST_LEAVING;
	count->lost += verdict.fate == FORECAST_LOST;
}

/* A sampled thing of a VIP that is not in force any more has nothing left to lose. */
static void judge(void *arg, const struct lp_record *record, const struct lp_record_info *info)
{
	const struct work *work = arg;
	uint32_t pool = info->slot >> LP_SLOTS_BITS;
	bool client = record->value.flags & LP_RECORD_CLIENT;
	struct forecast_verdict verdict;

	if (info->vip >= work->n_vips || !work->running_vips[info->vip])
		return;
	verdict = forecast_judge(&work->world, work->running_vips[info->vip], record, info);
	count(&work->out->total, client, verdict);
	count(&work->vips[info->vip]->counts, client, verdict);
	if (pool < work->n_pools && work->pools[pool])
		count(&work->pools[pool]->counts, client, verdict);
}

int forecast_make(const struct forecast_input *input, struct forecast **out)
{
	struct work work;
	int ret = work_open(&work, input);

	if (!ret)
		ret = look_at_pools(&work);
	if (!ret)
		ret = look_at_vips(&work);
	if (ret) {
		forecast_free(&work.out);
	} else {
		audit_visit(input->dp, input->mono, judge, &work);
		*out = work.out;
	}
	work_close(&work);
	return ret;
}

void forecast_free(struct forecast **forecast)
{
	if (!*forecast)
		return;
	free((*forecast)->pools);
	free((*forecast)->vips);
	free(*forecast);
	*forecast = NULL;
}
