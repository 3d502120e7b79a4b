// SPDX-License-Identifier: GPL-2.0
#include "core/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/slot_state.h"

static uint32_t table_of(const struct dp *dp, uint32_t pool)
{
	return dp_pool(dp, dp_active_half(dp), pool).table;
}

static bool is_alive(const struct dp *dp, uint32_t backend)
{
	return dp_backend(dp, backend)->state.flags & LP_BACKEND_ALIVE;
}

/* Without memory, nothing is known of before. */
static void make_room(struct history *history, const struct dp_size *size)
{
	if (history->n_tables != size->pools) {
		free(history->tables);
		history->tables = calloc(size->pools, sizeof(*history->tables));
		history->n_tables = history->tables ? size->pools : 0;
	}
	if (history->n_alive != size->backends) {
		free(history->alive);
		history->alive = calloc(size->backends, sizeof(*history->alive));
		history->n_alive = history->alive ? size->backends : 0;
	}
}

/* Remembers how things are before a change. */
static void look(struct history *history, const struct dp *dp)
{
	make_room(history, dp_size(dp));
	for (uint32_t i = 0; i < history->n_tables; i++)
		history->tables[i] = table_of(dp, i);
	for (uint32_t i = 0; i < history->n_alive; i++)
		history->alive[i] = is_alive(dp, i);
}

void history_because(struct history *history, const struct dp *dp, const char *fmt, va_list ap)
{
	size_t len = strlen(history->text);

	if (!len)
		look(history, dp);
	else
		len += (size_t)snprintf(history->text + len, sizeof(history->text) - len, "; ");
	if (len < sizeof(history->text))
		vsnprintf(history->text + len, sizeof(history->text) - len, fmt, ap);
}

/* Has the backend died by this change? */
static bool has_died(const struct history *history, const struct dp *dp, uint32_t backend)
{
	return backend < history->n_alive && history->alive[backend] && !is_alive(dp, backend);
}

static uint32_t mark_moved(struct history_change *change, const struct history *history,
			   const struct dp *dp, const struct lp_slot *before,
			   const struct lp_slot *after)
{
	uint32_t moved = 0;

	memset(change->moved, 0, sizeof(change->moved));
	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		if (before[i].cur == after[i].cur &&
		    !(slot_is_moving(before[i]) && has_died(history, dp, before[i].prev)))
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
	(*at)->generation = dp_pool(dp, dp_active_half(dp), pool).generation;
	(*at)->mono = mono;
	(*at)->wall = wall;
	(*at)->n_moved = mark_moved(*at, history, dp, dp_slots(dp, history->tables[pool]),
				    dp_slots(dp, table_of(dp, pool)));
	memcpy((*at)->pool, dp_pool_meta(dp, pool)->name, LP_NAME_MAX);
	memcpy((*at)->text, history->text, sizeof(history->text));
	history->next = (history->next + 1) % HISTORY_CHANGES;
}

/* Of the pools by number: did one lose a backend? */
static bool *find_losses(const struct history *history, const struct dp *dp)
{
	bool *lost = calloc(dp_size(dp)->pools, sizeof(*lost));

	for (uint32_t i = 1; lost && i < dp_size(dp)->backends; i++)
		if (has_died(history, dp, i) && dp_backend(dp, i)->pool < dp_size(dp)->pools)
			lost[dp_backend(dp, i)->pool] = true;
	return lost;
}

void history_applied(struct history *history, struct dp *dp, uint32_t mono, uint64_t wall)
{
	bool *lost = find_losses(history, dp);

	for (uint32_t i = 1; lost && i < history->n_tables && i < dp_size(dp)->pools; i++) {
		uint32_t after = table_of(dp, i);

		/* A pool's first table moves nobody. */
		if (history->tables[i] && after && (history->tables[i] != after || lost[i]))
			keep(history, dp, i, mono, wall);
	}
	free(lost);
	history->text[0] = '\0';
	look(history, dp);
}

const struct history_change *history_of_slot(const struct history *history, const char *pool,
					     uint32_t slot)
{
	for (size_t i = 1; i <= HISTORY_CHANGES; i++) {
		size_t at = (history->next + HISTORY_CHANGES - i) % HISTORY_CHANGES;
		const struct history_change *change = history->ring[at];

		if (change && !strcmp(change->pool, pool) &&
		    (change->moved[slot / 8] >> (slot % 8) & 1))
			return change;
	}
	return NULL;
}

const char *history_why(const struct history *history, const char *pool, uint32_t generation,
			char *text)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < HISTORY_CHANGES; i++) {
		const struct history_change *change =
			history->ring[(history->next + i) % HISTORY_CHANGES];

		if (!change || strcmp(change->pool, pool) != 0 || change->generation != generation)
			continue;
		snprintf(text + len, HISTORY_TEXT - len, "%s%s", len ? "; " : "", change->text);
		len += strlen(text + len);
	}
	return text;
}

void history_fini(struct history *history)
{
	for (size_t i = 0; i < HISTORY_CHANGES; i++)
		free(history->ring[i]);
	free(history->tables);
	free(history->alive);
	*history = (struct history) { 0 };
}
