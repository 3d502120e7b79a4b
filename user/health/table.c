// SPDX-License-Identifier: GPL-2.0
#include "health/table.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>

int table_init(struct table *table, size_t n)
{
	struct target **slots;
	size_t size = 4;

	/* At least every other slot stays free: short probes, and a find that ends. */
	while (size < 2 * n)
		size *= 2;
	slots = calloc(size, sizeof(struct target *));
	if (!slots)
		return -ENOMEM;
	*table = (struct table) { .slots = slots, .size = size };
	return 0;
}

void table_fini(struct table *table)
{
	free(table->slots);
	*table = (struct table) { 0 };
}

/* The slot that holds the backend's target, or the free one where it would go. */
static struct target **slot_of(const struct table *table, uint32_t backend)
{
	size_t i = lp_mix64(backend) & (table->size - 1);

	while (table->slots[i] && target_backend(table->slots[i]) != backend)
		i = (i + 1) & (table->size - 1);
	return &table->slots[i];
}

void table_insert(struct table *table, struct target *target)
{
	*slot_of(table, target_backend(target)) = target;
}

struct target *table_find(const struct table *table, uint32_t backend)
{
	return table->size ? *slot_of(table, backend) : NULL;
}
