// SPDX-License-Identifier: GPL-2.0
#include "core/slot_table_simple.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>

static int compare_members(const void *left, const void *right)
{
	const struct slot_member *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

/* Those that take clients, in the order of their ids; NULL: out of memory. */
static struct slot_member *usable_members(const struct slot_member *members, size_t n,
					  size_t *n_usable, uint64_t *weight)
{
	struct slot_member *usable = calloc(n + 1, sizeof(*usable));

	*n_usable = 0;
	*weight = 0;
	for (size_t i = 0; usable && i < n; i++) {
		if (!members[i].usable || !members[i].weight)
			continue;
		usable[(*n_usable)++] = members[i];
		*weight += members[i].weight;
	}
	if (usable)
		qsort(usable, *n_usable, sizeof(*usable), compare_members);
	return usable;
}

int slot_table_modulo(const struct slot_member *members, size_t n, uint16_t *table)
{
	size_t n_usable, at = 0;
	uint64_t weight, end = 0;
	struct slot_member *usable = usable_members(members, n, &n_usable, &weight);

	if (!usable)
		return -ENOMEM;
	memset(table, 0, LP_SLOTS * sizeof(*table));
	/* Remainders in rising order: each member has as many as its weight. */
	for (uint64_t rest = 0; weight && rest < weight && rest < LP_SLOTS; rest++) {
		while (rest >= end + usable[at].weight)
			end += usable[at++].weight;
		for (uint64_t slot = rest; slot < LP_SLOTS; slot += weight)
			table[slot] = usable[at].value;
	}
	free(usable);
	return 0;
}

struct point {
	uint64_t at, id; /* of members whose points fall together, the lower id comes first */
	uint16_t value;
};

static int compare_points(const void *left, const void *right)
{
	const struct point *a = left, *b = right;

	if (a->at != b->at)
		return a->at > b->at ? 1 : -1;
	return (a->id > b->id) - (a->id < b->id);
}

static size_t points_of(const struct slot_member *member, size_t n, uint64_t weight)
{
	uint64_t points = (uint64_t)SLOT_RING_POINTS * n * member->weight / weight;

	return points ? (size_t)points : 1;
}

static struct point *make_ring(const struct slot_member *members, size_t n, uint64_t weight,
			       size_t *n_points)
{
	struct point *ring = calloc((SLOT_RING_POINTS + 1) * n + 1, sizeof(*ring));

	*n_points = 0;
	for (size_t i = 0; ring && i < n; i++) {
		size_t end = points_of(&members[i], n, weight);

		for (size_t j = 0; j < end; j++)
			ring[(*n_points)++] = (struct point) {
				.at = lp_mix64(members[i].id + j * 0x9e3779b97f4a7c15ull),
				.id = members[i].id,
				.value = members[i].value,
			};
	}
	if (ring)
		qsort(ring, *n_points, sizeof(*ring), compare_points);
	return ring;
}

static void fill_from_ring(const struct point *ring, size_t n, uint16_t *table)
{
	size_t next = 0;

	for (uint64_t slot = 0; slot < LP_SLOTS; slot++) {
		while (next < n && ring[next].at < slot << (64 - LP_SLOTS_BITS))
			next++;
		table[slot] = n ? ring[next < n ? next : 0].value : 0;
	}
}

int slot_table_ring(const struct slot_member *members, size_t n, uint16_t *table)
{
	size_t n_usable, n_points;
	uint64_t weight;
	struct slot_member *usable = usable_members(members, n, &n_usable, &weight);
	struct point *ring = usable ? make_ring(usable, n_usable, weight, &n_points) : NULL;

	free(usable);
	if (!ring)
		return -ENOMEM;
	fill_from_ring(ring, n_points, table);
	free(ring);
	return 0;
}
