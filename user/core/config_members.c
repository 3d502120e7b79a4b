// SPDX-License-Identifier: GPL-2.0
#include "core/config_members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_names(const void *a, const void *b)
{
	const struct config_backend *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int compare_backends(const struct config_backend *a, const struct config_backend *b)
{
	int order = strcmp(a->name, b->name);

	if (!order)
		order = lp_addr_compare(&a->address, &b->address);
	if (!order)
		order = compare_numbers(a->weight, b->weight);
	return order ? order : compare_numbers(a->backup, b->backup);
}

/* What of a pool's own keys its slot table depends on, besides its members. */
static int compare_rules(const struct config_pool *a, const struct config_pool *b)
{
	int order = compare_numbers(a->hash, b->hash);

	if (!order)
		order = compare_numbers(a->min_up, b->min_up);
	if (!order)
		order = compare_numbers(a->on_all_down, b->on_all_down);
	return order ? order : (a->slow_start > b->slow_start) - (a->slow_start < b->slow_start);
}

/* A total order in which pools with the same members are equal. */
static int compare_members(const void *a, const void *b)
{
	const struct config_pool_members *x = *(struct config_pool_members *const *)a;
	const struct config_pool_members *y = *(struct config_pool_members *const *)b;
	int order = compare_rules(x->pool, y->pool);

	if (!order)
		order = compare_numbers(x->pool->n_backends, y->pool->n_backends);
	for (size_t i = 0; i < x->pool->n_backends && !order; i++)
		order = compare_backends(x->backends[i], y->backends[i]);
	return order;
}

/*
 * Classes come from one sort of all pools, so that asking about two of them
 * costs the same for large pools: there may be as many questions as VIPs.
 */
static int set_classes(struct config_members *members, size_t n)
{
	struct config_pool_members **sorted = calloc(n ? n : 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &members->pools[i];
	qsort(sorted, n, sizeof(*sorted), compare_members);
	for (size_t i = 1; i < n; i++)
		sorted[i]->class = sorted[i - 1]->class +
				   !!compare_members(&sorted[i - 1], &sorted[i]);
	free(sorted);
	return 0;
}

static void sort_backends(struct config_members *members, const struct config *config)
{
	const struct config_backend **next = members->backends;

	for (size_t i = 0; i < config->n_pools; i++) {
		const struct config_pool *pool = &config->pools[i];

		members->pools[i] = (struct config_pool_members) { .pool = pool, .backends = next };
		for (size_t j = 0; j < pool->n_backends; j++)
			next[j] = &pool->backends[j];
		qsort(next, pool->n_backends, sizeof(*next), compare_names);
		next += pool->n_backends;
	}
}

int config_members_open(struct config_members *members, const struct config *config)
{
	struct config_members m;
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].n_backends;
	m.pools = calloc(config->n_pools + 1, sizeof(*m.pools));
	m.backends = calloc(n + 1, sizeof(*m.backends));
	if (!m.pools || !m.backends)
		goto fail;
	sort_backends(&m, config);
	if (set_classes(&m, config->n_pools))
		goto fail;
	*members = m;
	return 0;
fail:
	config_members_close(&m);
	return -ENOMEM;
}

void config_members_close(struct config_members *members)
{
	free(members->backends);
	free(members->pools);
	*members = (struct config_members) { 0 };
}

static const char *hash_name(enum config_hash hash)
{
	static const char *const names[] = {
		[CONFIG_HASH_MAGLEV] = "maglev",
		[CONFIG_HASH_RENDEZVOUS] = "rendezvous",
		[CONFIG_HASH_RING] = "ring",
		[CONFIG_HASH_MODULO] = "modulo",
	};

	return names[hash];
}

/* The first of two sorted lists' backends without an equal in the other: NULL on the other side,
 * or of the same name. */
static void find_difference(const struct config_pool_members *a,
			    const struct config_pool_members *b, const struct config_backend **x,
			    const struct config_backend **y)
{
	size_t n = a->pool->n_backends, m = b->pool->n_backends, i = 0;
	int order;

	while (i < n && i < m && !compare_backends(a->backends[i], b->backends[i]))
		i++;
	*x = i < n ? a->backends[i] : NULL;
	*y = i < m ? b->backends[i] : NULL;
	if (!*x || !*y)
		return;
	order = strcmp((*x)->name, (*y)->name);
	if (order < 0)
		*y = NULL;
	else if (order > 0)
		*x = NULL;
}

static const char *all_down_name(const struct config_pool *pool)
{
	return pool->on_all_down == CONFIG_ALL_DOWN_DROP ? "drop" : "all";
}

/* Where compare_rules() finds a difference; false: nowhere. */
static bool explain_rules(const struct config_pool *a, const struct config_pool *b,
			  struct config_difference *buf)
{
	if (a->hash != b->hash)
		snprintf(buf->text, sizeof(buf->text), "hash %s in \"%s\", %s in \"%s\"",
			 hash_name(a->hash), a->name, hash_name(b->hash), b->name);
	else if (a->min_up != b->min_up)
		snprintf(buf->text, sizeof(buf->text), "min_up %u in \"%s\", %u in \"%s\"",
			 a->min_up, a->name, b->min_up, b->name);
	else if (a->on_all_down != b->on_all_down)
		snprintf(buf->text, sizeof(buf->text), "on_all_down %s in \"%s\", %s in \"%s\"",
			 all_down_name(a), a->name, all_down_name(b), b->name);
	else if (compare_rules(a, b))
		snprintf(buf->text, sizeof(buf->text), "slow_start %gs in \"%s\", %gs in \"%s\"",
			 a->slow_start, a->name, b->slow_start, b->name);
	else
		return false;
	return true;
}

/* Two backends of one name that are not equal. */
static void explain_backend(const struct config_backend *x, const char *in_x,
			    const struct config_backend *y, const char *in_y,
			    struct config_difference *buf)
{
	char address[2][LP_ADDR_TEXT];

	if (!lp_addr_equal(&x->address, &y->address))
		snprintf(buf->text, sizeof(buf->text),
			 "backend \"%s\" is %s in \"%s\", %s in \"%s\"", x->name,
			 lp_addr_format(&x->address, address[0]), in_x,
			 lp_addr_format(&y->address, address[1]), in_y);
	else if (x->weight != y->weight)
		snprintf(buf->text, sizeof(buf->text),
			 "backend \"%s\" has weight %u in \"%s\", %u in \"%s\"", x->name, x->weight,
			 in_x, y->weight, in_y);
	else
		snprintf(buf->text, sizeof(buf->text), "backend \"%s\" is a backup only in \"%s\"",
			 x->name, x->backup ? in_x : in_y);
}

const char *config_members_explain(const struct config_pool_members *a,
				   const struct config_pool_members *b,
				   struct config_difference *buf)
{
	const struct config_backend *x, *y;

	if (explain_rules(a->pool, b->pool, buf))
		return buf->text;
	find_difference(a, b, &x, &y);
	if (x && y)
		explain_backend(x, a->pool->name, y, b->pool->name, buf);
	else if (x || y)
		snprintf(buf->text, sizeof(buf->text), "backend \"%s\" is only in \"%s\"",
			 x ? x->name : y->name, x ? a->pool->name : b->pool->name);
	else
		snprintf(buf->text, sizeof(buf->text), "\"%s\" and \"%s\" do not differ",
			 a->pool->name, b->pool->name);
	return buf->text;
}
