// SPDX-License-Identifier: GPL-2.0
#include "core/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t table_of(const struct dp *dp, uint32_t pool)
{
	return dp_pool(dp, dp_control(dp)->active & 1, pool).table;
}

/* Remembers which table each pool has; without memory, none. */
static void look(struct history *history, const struct dp *dp)
{
	uint32_t n = dp_size(dp)->pools;

	if (history->n_tables != n) {
		free(history->tables);
		history->tables = calloc(n, sizeof(*history->tables));
		history->n_tables = history->tables ? n : 0;
	}
	for (uint32_t i = 0; i < history->n_tables; i++)
		history->tables[i] = table_of(dp, i);
}

void history_because(struct history *history, const struct dp *dp, const char *fmt, va_list ap)
{
	size_t len = strlen(history->text);

	look(history, dp);
	if (len)
		len += (size_t)snprintf(history->text + len, sizeof(history->text) - len, "; ");
	if (len < sizeof(history->text))
		vsnprintf(history->text + len, sizeof(history->text) - len, fmt, ap);
}

static uint32_t mark_moved(struct history_change *change, const struct lp_slot *before,
			   const struct lp_slot *after)
{
	uint32_t moved = 0;

	memset(change->moved, 0, sizeof(change->moved));
	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		if (before[i].cur == after[i].cur)
			continue;
		change->moved[i / 8] |= (uint8_t)(1u << (i % 8));
		moved++;
	}
	return moved;
}

static void keep(struct history *history, struct dp *dp, uint32_t pool, uint32_t mono,
		 uint64_t wall)
{
	struct history_change **at = &history->ring[history->next];

	if (!*at)
		*at = malloc(sizeof(**at));
	if (!*at)
		return;
	(*at)->generation = dp_pool(dp, dp_control(dp)->active & 1, pool).generation;
	(*at)->mono = mono;
	(*at)->wall = wall;
	(*at)->n_moved = mark_moved(*at, dp_slots(dp, history->tables[pool]),
				    dp_slots(dp, table_of(dp, pool)));
	memcpy((*at)->pool, dp_pool_meta(dp, pool)->name, LP_NAME_MAX);
	memcpy((*at)->text, history->text, sizeof(history->text));
	history->next = (history->next + 1) % HISTORY_CHANGES;
}

void history_applied(struct history *history, struct dp *dp, uint32_t mono, uint64_t wall)
{
	for (uint32_t i = 1; i < history->n_tables && i < dp_size(dp)->pools; i++) {
		uint32_t after = table_of(dp, i);

		/* A pool's first table moves nobody. */
		if (history->tables[i] && after && history->tables[i] != after)
			keep(history, dp, i, mono, wall);
	}
	history->text[0] = '\0';
	look(history, dp);
}

typedef bool (*history_matches)(const struct history_change *change, uint32_t number);

/* The newest change of the pool that matches. */
static const struct history_change *find(const struct history *history, const char *pool,
					 history_matches matches, uint32_t number)
{
	for (size_t i = 1; i <= HISTORY_CHANGES; i++) {
		size_t at = (history->next + HISTORY_CHANGES - i) % HISTORY_CHANGES;
		const struct history_change *change = history->ring[at];

		if (change && !strcmp(change->pool, pool) && matches(change, number))
			return change;
	}
	return NULL;
}

static bool moved_slot(const struct history_change *change, uint32_t slot)
{
	return change->moved[slot / 8] >> (slot % 8) & 1;
}

const struct history_change *history_of_slot(const struct history *history, const char *pool,
					     uint32_t slot)
{
	return find(history, pool, moved_slot, slot);
}

static bool made_generation(const struct history_change *change, uint32_t generation)
{
	return change->generation == generation;
}

const struct history_change *history_of_generation(const struct history *history, const char *pool,
						   uint32_t generation)
{
	return find(history, pool, made_generation, generation);
}

void history_fini(struct history *history)
{
	for (size_t i = 0; i < HISTORY_CHANGES; i++)
		free(history->ring[i]);
	free(history->tables);
	*history = (struct history) { 0 };
}
