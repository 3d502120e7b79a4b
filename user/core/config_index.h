/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys (names, addresses) sorted for finding, with the places where they stand.
 * Keys are not copied.
 */
#ifndef LIMPET_CORE_CONFIG_INDEX_H
#define LIMPET_CORE_CONFIG_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct config_node;

struct config_entry {
	const void *key;
	const struct config_node *node; /* where it stands */
	size_t i;                       /* how many were added before it */
};

typedef int (*config_compare_fn)(const void *a, const void *b);

struct config_index {
	struct config_entry *entries;
	size_t n;
	config_compare_fn compare;
};

/* The usual kinds of keys: char *, struct lp_addr *, struct config_prefix *. */
int config_compare_text(const void *a, const void *b);
int config_compare_address(const void *a, const void *b);
int config_compare_prefix(const void *a, const void *b);

/* Makes room for `max` keys. -ENOMEM. */
int config_index_open(struct config_index *index, size_t max, config_compare_fn compare);
void config_index_add(struct config_index *index, const void *key, const struct config_node *node);
void config_index_sort(struct config_index *index);
void config_index_close(struct config_index *index);

/* Both need a sorted index. NULL: not there. */
const struct config_entry *config_index_find(const struct config_index *index, const void *key);

/*
 * Of the keys that are there twice, the repetition that was added first and the
 * first of its kind.
 */
bool config_index_duplicate(const struct config_index *index, const struct config_entry **first,
			    const struct config_entry **second);

#endif
