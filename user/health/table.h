/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Targets by backend number: a hash table with linear probing, made for a known
 * number of targets and never changed after that (a new set gets a new table).
 */
#ifndef LIMPET_HEALTH_TABLE_H
#define LIMPET_HEALTH_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "health/target.h"

struct table {
	struct target **slots; /* NULL: free */
	size_t size;           /* a power of two, or 0 */
};

/* Room for n targets. 0, or -ENOMEM with *table untouched. */
int table_init(struct table *table, size_t n);

/* Frees the table, not its targets; can be called twice. */
void table_fini(struct table *table);

/* Enters a target whose backend is not in the table yet. */
void table_insert(struct table *table, struct target *target);

/* The backend's target, or NULL. */
struct target *table_find(const struct table *table, uint32_t backend);

#endif
