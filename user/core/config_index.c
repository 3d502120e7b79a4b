// SPDX-License-Identifier: GPL-2.0
#include "core/config_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "lib/addr.h"

int config_compare_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

int config_compare_address(const void *a, const void *b)
{
	return lp_addr_compare(a, b);
}

int config_compare_prefix(const void *a, const void *b)
{
	const struct config_prefix *x = a, *y = b;
	int order = lp_addr_compare(&x->addr, &y->addr);

	return order ? order : (x->bits > y->bits) - (x->bits < y->bits);
}

int config_index_open(struct config_index *index, size_t max, config_compare_fn compare)
{
	struct config_entry *entries = calloc(max ? max : 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	*index = (struct config_index) { .entries = entries, .compare = compare };
	return 0;
}

void config_index_add(struct config_index *index, const void *key, const struct config_node *node)
{
	index->entries[index->n] = (struct config_entry) { .key = key,
							   .node = node,
							   .i = index->n };
	index->n++;
}

/* Equal keys stay in the order in which they were added. */
static int compare_entries(const void *a, const void *b, void *arg)
{
	const struct config_entry *x = a, *y = b;
	const struct config_index *index = arg;
	int order = index->compare(x->key, y->key);

	return order ? order : (x->i > y->i) - (x->i < y->i);
}

void config_index_sort(struct config_index *index)
{
	qsort_r(index->entries, index->n, sizeof(*index->entries), compare_entries, index);
}

void config_index_close(struct config_index *index)
{
	free(index->entries);
	*index = (struct config_index) { 0 };
}

const struct config_entry *config_index_find(const struct config_index *index, const void *key)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = index->compare(key, index->entries[middle].key);

		if (!order)
			return &index->entries[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool config_index_duplicate(const struct config_index *index, const struct config_entry **first,
			    const struct config_entry **second)
{
	const struct config_entry *head = index->entries, *found = NULL;

	for (size_t i = 1; i < index->n; i++) {
		const struct config_entry *entry = &index->entries[i];

		if (index->compare(head->key, entry->key)) {
			head = entry;
		} else if (!found || entry->i < found->i) {
			found = entry;
			*first = head;
			*second = found;
		}
	}
	return found;
}
