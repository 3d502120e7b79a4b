// SPDX-License-Identifier: GPL-2.0
#include "core/vip_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/fast_table.h"
#include "core/vip_table_keys.h"
#include "core/vip_table_perfect.h"
#include "core/vip_table_rules.h"
#include "lib/addr.h"

#define SALTS_MAX 64

static uint32_t power_of_two(uint64_t least)
{
	uint32_t power = 1;

	while (power < least)
		power *= 2;
	return power;
}

static bool is_power_of_two(uint32_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

void vip_table_size(const struct vip_rule *rules, size_t n, struct vip_table_size *size)
{
	const struct vip_rule **sorted = vip_rules_sort(rules, n);
	/* Without memory to count the groups: there are at most n. */
	size_t groups = sorted ? vip_groups_count(sorted, n) : n;
	struct vip_need need = vip_rules_need(rules, n, groups);

	size->index = power_of_two((need.keys + 3) / 4);
	size->places = power_of_two((need.keys * 5 + 3) / 4);
	size->ranges = need.ranges;
	free(sorted);
}

static int table_new(const struct vip_table_size *size, uint32_t n_ranges, struct vip_table **out)
{
	struct vip_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->n_index = size->index;
	table->n_places = size->places;
	table->n_ranges = n_ranges;
	table->index = calloc(size->index, sizeof(*table->index));
	table->places = calloc(size->places, sizeof(*table->places));
	if (n_ranges > 0)
		table->ranges = calloc(n_ranges, sizeof(*table->ranges));
	if (!table->index || !table->places || (n_ranges > 0 && !table->ranges)) {
		vip_table_free(&table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

void vip_table_free(struct vip_table **table)
{
	if (!*table)
		return;
	free((*table)->index);
	free((*table)->places);
	free((*table)->ranges);
	fast_table_free(&(*table)->fast);
	free(*table);
	*table = NULL;
}

static uint32_t place_of(const struct vip_table *table, uint64_t hash)
{
	uint32_t bucket = lp_vip_bucket(hash, table->n_index);

	return lp_place(hash, table->index[bucket].displacement, table->n_places);
}

/* Looks for a salt with which every key has a place of its own. */
static int solve(struct vip_table *table, struct vip_keys *keys, const struct lp_hash_key *key)
{
	struct vip_perfect *perfect = NULL;
	int err = vip_perfect_new(keys->n, table->n_index, table->n_places, &vip_perfect_full,
				  &perfect);

	if (err)
		return err;
	err = -EAGAIN;
	for (uint64_t i = 1; i <= SALTS_MAX && err == -EAGAIN; i++) {
		table->salt = lp_mix64(i);
		vip_keys_hash(keys, key, table->salt);
		/* struct lp_vip_index is nothing but a displacement. */
		err = vip_perfect_solve(perfect, keys->hashes, &table->index->displacement);
	}
	vip_perfect_free(&perfect);
	return err;
}

static void fill(struct vip_table *table, const struct vip_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		table->places[place_of(table, keys->hashes[i])] = keys->vips[i];
	for (uint32_t i = 0; i < table->n_ranges; i++) {
		struct lp_range *range = &table->ranges[i];

		range->place = place_of(table, keys->hashes[range->place]);
	}
}

static int check_size(const struct vip_table_size *size, const struct vip_need *need,
		      struct lp_err *err)
{
	if (!is_power_of_two(size->index) || !is_power_of_two(size->places))
		return lp_err(err, -EINVAL,
			      "VIP table of %u buckets and %u places: not powers of two",
			      size->index, size->places);
	if (need->keys > size->places || need->ranges > size->ranges)
		return lp_err(err, -ENOSPC,
			      "%zu VIP keys and %u port ranges, room for %u keys and %u ranges",
			      need->keys, need->ranges, size->places, size->ranges);
	return 0;
}

/* Of sorted, checked rules that fit. */
static int build(const struct lp_hash_key *key, const struct vip_rule *const *sorted, size_t n,
		 const struct vip_need *need, struct vip_table *table)
{
	struct vip_keys keys;
	int err = vip_keys_make(&keys, sorted, n, need, table->ranges);

	if (err)
		return err;
	err = solve(table, &keys, key);
	if (!err)
		fill(table, &keys);
	if (!err)
		err = fast_table_build(key, table->places, table->n_places, &table->fast);
	vip_keys_free(&keys);
	return err;
}

static int build_new(const struct lp_hash_key *key, const struct vip_rule *const *sorted, size_t n,
		     const struct vip_table_size *size, const struct vip_need *need,
		     struct vip_table **out)
{
	struct vip_table *table = NULL;
	int err = table_new(size, need->ranges, &table);

	if (err)
		return err;
	err = build(key, sorted, n, need, table);
	if (err)
		vip_table_free(&table);
	else
		*out = table;
	return err;
}

int vip_table_build(const struct lp_hash_key *key, const struct vip_rule *rules, size_t n,
		    const struct vip_table_size *size, struct vip_table **out, struct lp_err *err)
{
	const struct vip_rule **sorted = vip_rules_sort(rules, n);
	struct vip_need need;
	int code;

	if (!sorted)
		return lp_err(err, -ENOMEM, "no memory for a VIP table of %zu rules", n);
	code = vip_rules_check(sorted, n, err);
	if (code)
		goto out;
	need = vip_rules_need(rules, n, vip_groups_count(sorted, n));
	code = check_size(size, &need, err);
	if (code)
		goto out;
	code = build_new(key, sorted, n, size, &need, out);
	if (code == -ENOMEM)
		lp_err(err, code, "no memory for a VIP table of %zu keys", need.keys);
	if (code == -EAGAIN)
		code = lp_err(err, -ENOSPC, "%zu VIP keys do not fit into %u buckets and %u places",
			      need.keys, size->index, size->places);
out:
	free(sorted);
	return code;
}

/* The place of a key, if it is in the table. An empty place may pass for the
 * key of all zeros: it is of no kind and has no ranges, so nothing comes of it. */
static const struct lp_vip *find_key(const struct vip_table *table, const struct lp_hash_key *key,
				     const struct lp_addr *addr, uint8_t proto, __be16 port)
{
	uint64_t hash = lp_vip_hash(key, table->salt, addr, proto, port, lp_addr_is_v6(addr));
	const struct lp_vip *vip = &table->places[place_of(table, hash)];

	if (vip->port != port || vip->proto != proto || !lp_addr_equal(&vip->addr, addr))
		return NULL;
	return vip;
}

/* The range of `base` that holds the port. */
static const struct lp_range *find_range(const struct vip_table *table, const struct lp_vip *base,
					 uint16_t port)
{
	uint32_t low = base->range_first, end = low + base->range_count, high = end;

	/* The first range from `low` on that does not end below the port. */
	for (int i = 0; i < LP_RANGE_SEARCH_STEPS && low < high; i++) {
		uint32_t middle = low + (high - low) / 2;

		if (table->ranges[middle].last < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low < end && table->ranges[low].first <= port ? &table->ranges[low] : NULL;
}

int vip_table_write(const struct vip_table *table, struct dp *dp, unsigned int half)
{
	const struct dp_vip_table image = {
		.salt = table->salt,
		.index = table->index,
		.places = table->places,
		.ranges = table->ranges,
		.n_ranges = table->n_ranges,
		.sources_id = table->sources_id,
		.fast = table->fast,
	};

	return dp_vip_table_write(dp, half, &image);
}

/* What packets use now, as the builder's image of it; only to be read. */
static struct vip_table running(const struct dp *dp)
{
	unsigned int half = dp_active_half(dp);
	const struct dp_size *size = dp_size(dp);

	return (struct vip_table) {
		.salt = dp_control(dp)->salt[half],
		.n_index = size->index,
		.n_places = size->places,
		.n_ranges = size->ranges,
		.index = (struct lp_vip_index *)(uintptr_t)dp_vip_index(dp, half),
		.places = (struct lp_vip *)(uintptr_t)dp_vips(dp, half),
		.ranges = (struct lp_range *)(uintptr_t)dp_ranges(dp, half),
	};
}

const struct lp_vip *vip_table_find_running(const struct dp *dp, const struct lp_hash_key *key,
					    const struct lp_addr *addr, uint8_t proto,
					    uint16_t port)
{
	const struct vip_table table = running(dp);

	return vip_table_find(&table, key, addr, proto, port);
}

const struct lp_vip *vip_table_find(const struct vip_table *table, const struct lp_hash_key *key,
				    const struct lp_addr *addr, uint8_t proto, uint16_t port)
{
	const struct lp_vip *vip = find_key(table, key, addr, proto, htons(port));
	const struct lp_range *range;

	/* The key of port 0 is no port's exact key, not even port 0's. */
	if (vip && vip->kind == LP_VIP_EXACT)
		return vip;
	vip = find_key(table, key, addr, proto, 0);
	if (!vip)
		return NULL;
	range = find_range(table, vip, port);
	if (range)
		return &table->places[range->place];
	return vip->kind == LP_VIP_ANY ? vip : NULL;
}
