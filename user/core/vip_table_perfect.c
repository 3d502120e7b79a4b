// SPDX-License-Identifier: GPL-2.0
#include "core/vip_table_perfect.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Tables of the sizes that vip_table_size() gives take about 2 displacements
 * for each place or fewer (docs/tables.md); one that is too full could take
 * hours. It gets so many for each place, and some for many attempts at small
 * tables, where an attempt often fails.
 */
#define BUDGET_PER_PLACE 64u
#define BUDGET_EXTRA     65536u

struct vip_perfect {
	const struct vip_perfect_kind *kind;
	size_t n;
	uint32_t buckets;
	uint32_t places;
	uint64_t budget;  /* displacements still to be tried, over all attempts */
	uint32_t *first;  /* buckets + 1: where a bucket's hashes begin in `hashes` */
	uint64_t *hashes; /* by bucket */
	uint32_t *order;  /* buckets, the largest first */
	uint32_t *counts; /* n + 2: buckets by size */
	bool *taken;      /* places */
};

static uint32_t bucket_fast(uint64_t hash, uint32_t buckets)
{
	return lp_fast_bucket(hash, buckets - 1);
}

static uint32_t bucket_full(uint64_t hash, uint32_t buckets)
{
	return lp_vip_bucket(hash, buckets);
}

static uint32_t place_full(uint64_t hash, uint32_t displacement, uint32_t places)
{
	return lp_place(hash, displacement, places);
}

static uint32_t place_fast(uint64_t hash, uint32_t displacement, uint32_t places)
{
	return lp_fast_place(hash, displacement, places - LP_FAST_WINDOW + 1);
}

const struct vip_perfect_kind vip_perfect_full = { .bucket = bucket_full, .place = place_full };
const struct vip_perfect_kind vip_perfect_fast = {
	.bucket = bucket_fast,
	.place = place_fast,
	.displacements = LP_FAST_WINDOW,
};

int vip_perfect_new(size_t n, uint32_t buckets, uint32_t places,
		    const struct vip_perfect_kind *kind, struct vip_perfect **out)
{
	struct vip_perfect *perfect = calloc(1, sizeof(*perfect));

	if (!perfect)
		return -ENOMEM;
	perfect->kind = kind;
	perfect->n = n;
	perfect->buckets = buckets;
	perfect->places = places;
	perfect->budget = (uint64_t)places * BUDGET_PER_PLACE + BUDGET_EXTRA;
	perfect->first = calloc((size_t)buckets + 1, sizeof(*perfect->first));
	perfect->hashes = calloc(n ? n : 1, sizeof(*perfect->hashes));
	perfect->order = calloc(buckets, sizeof(*perfect->order));
	perfect->counts = calloc(n + 2, sizeof(*perfect->counts));
	perfect->taken = calloc(places, sizeof(*perfect->taken));
	if (!perfect->first || !perfect->hashes || !perfect->order || !perfect->counts ||
	    !perfect->taken) {
		vip_perfect_free(&perfect);
		return -ENOMEM;
	}
	*out = perfect;
	return 0;
}

void vip_perfect_free(struct vip_perfect **perfect)
{
	if (!*perfect)
		return;
	free((*perfect)->first);
	free((*perfect)->hashes);
	free((*perfect)->order);
	free((*perfect)->counts);
	free((*perfect)->taken);
	free(*perfect);
	*perfect = NULL;
}

static uint32_t bucket_size(const struct vip_perfect *perfect, uint32_t bucket)
{
	return perfect->first[bucket + 1] - perfect->first[bucket];
}

/* Groups the hashes by bucket: a counting sort. */
static void group(struct vip_perfect *perfect, const uint64_t *hashes)
{
	uint32_t *first = perfect->first;

	memset(first, 0, ((size_t)perfect->buckets + 1) * sizeof(*first));
	for (size_t i = 0; i < perfect->n; i++)
		first[perfect->kind->bucket(hashes[i], perfect->buckets)]++;
	for (uint32_t i = 0; i < perfect->buckets; i++)
		first[i + 1] += first[i];
	/* first[i] is now the end of bucket i, and becomes its beginning. */
	for (size_t i = 0; i < perfect->n; i++)
		perfect->hashes[--first[perfect->kind->bucket(hashes[i], perfect->buckets)]] =
			hashes[i];
}

/* Orders the buckets by size, the largest first, equal ones by number. */
static void rank(struct vip_perfect *perfect)
{
	uint32_t *counts = perfect->counts;

	memset(counts, 0, (perfect->n + 2) * sizeof(*counts));
	for (uint32_t i = 0; i < perfect->buckets; i++)
		counts[bucket_size(perfect, i)]++;
	for (size_t size = perfect->n; size-- > 0;)
		counts[size] += counts[size + 1];
	/* counts[size + 1]: how many are larger than size, which is where those begin. */
	for (uint32_t i = 0; i < perfect->buckets; i++)
		perfect->order[counts[bucket_size(perfect, i) + 1]++] = i;
}

/* Where a hash goes. */
static bool *taken_at(struct vip_perfect *perfect, uint64_t hash, uint32_t displacement)
{
	return &perfect->taken[perfect->kind->place(hash, displacement, perfect->places)];
}

/* Takes the places of the bucket's hashes, all or none. */
static bool place(struct vip_perfect *perfect, uint32_t bucket, uint32_t displacement)
{
	const uint64_t *hashes = perfect->hashes + perfect->first[bucket];
	uint32_t n = bucket_size(perfect, bucket), i;

	for (i = 0; i < n; i++) {
		bool *taken = taken_at(perfect, hashes[i], displacement);

		if (*taken)
			break;
		*taken = true;
	}
	if (i == n)
		return true;
	while (i-- > 0)
		*taken_at(perfect, hashes[i], displacement) = false;
	return false;
}

static int displace(struct vip_perfect *perfect, uint32_t bucket, uint32_t *displacements)
{
	uint32_t end = perfect->kind->displacements ? perfect->kind->displacements
						    : perfect->places;

	for (uint32_t displacement = 0; displacement < end; displacement++) {
		if (perfect->budget == 0)
			break;
		perfect->budget--;
		if (place(perfect, bucket, displacement)) {
			displacements[bucket] = displacement;
			return 0;
		}
	}
	return -EAGAIN;
}

int vip_perfect_solve(struct vip_perfect *perfect, const uint64_t *hashes, uint32_t *displacements)
{
	int err = 0;

	group(perfect, hashes);
	rank(perfect);
	memset(perfect->taken, 0, perfect->places * sizeof(*perfect->taken));
	for (uint32_t i = 0; i < perfect->buckets && !err; i++)
		err = displace(perfect, perfect->order[i], displacements);
	return err;
}
