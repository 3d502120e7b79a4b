// SPDX-License-Identifier: GPL-2.0
#include "core/forecast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/audit.h"
#include "core/forecast_world.h"

/* --- the runtime to come ------------------------------------------------------------ */

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

/* --- work --------------------------------------------------------------------------- */

struct work {
	struct forecast_world world;
	struct forecast *out;
	const struct config_vip **running_vips; /* by number */
	struct forecast_vip **vips;             /* by number */
	struct forecast_pool **pools;           /* by number */
	uint32_t n_vips, n_pools;
};

static void work_close(struct work *work)
{
	forecast_world_close(&work->world);
	free(work->running_vips);
	free(work->vips);
	free(work->pools);
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
	return work->out && work->running_vips && work->vips && work->pools ? 0 : -ENOMEM;
}

/* --- pools -------------------------------------------------------------------------- */

static void look_at_pool(struct work *work, struct forecast_pool *pool)
{
	const struct forecast_input *input = work->world.input;
	bool old = config_pool_find(input->running, pool->name);
	bool new = config_pool_find(input->coming, pool->name);
	uint32_t number = runtime_pool(input->now, pool->name);

	pool->change = !old ? FORECAST_COMES : new ? FORECAST_STAYS : FORECAST_GOES;
	if (old && new)
		pool->slots_moved = forecast_moved(&work->world, number);
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

/* --- VIPs --------------------------------------------------------------------------- */

static void look_at_vip(struct work *work, struct forecast_vip *vip)
{
	const struct forecast_input *input = work->world.input;
	const struct config_vip *old = config_vip_find(input->running, vip->name);
	uint32_t number = runtime_vip(input->now, vip->name);

	vip->change = FORECAST_COMES;
	if (!old)
		return;
	vip->change = config_vip_find(input->coming, vip->name) ? FORECAST_STAYS : FORECAST_GOES;
	vip->moved_share = forecast_share(&work->world, old);
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

/* --- connections and clients -------------------------------------------------------- */

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
