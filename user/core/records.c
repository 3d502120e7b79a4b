// SPDX-License-Identifier: GPL-2.0
#include "core/records.h"

#include <errno.h>

#include "core/slot_state.h"

bool records_find(const struct dp *dp, uint64_t fingerprint, struct records_entry *entry)
{
	struct records_entry found = {
		.bucket = (uint32_t)fingerprint & (dp_size(dp)->buckets - 1),
	};

	for (; found.way < LP_WAYS; found.way++) {
		if (!dp_record(dp, found.bucket, found.way, &found.record, &found.info) ||
		    found.record.fingerprint != fingerprint)
			continue;
		*entry = found;
		return true;
	}
	return false;
}

bool records_lives(const struct dp *dp, struct lp_record_word word, uint32_t pool)
{
	const struct lp_backend *backend;

	if (!word.backend || word.backend >= dp_size(dp)->backends)
		return false;
	backend = dp_backend(dp, word.backend);
	return backend->pool == pool && (backend->state.flags & LP_BACKEND_ALIVE) &&
	       (uint8_t)backend->state.incarnation == word.incarnation;
}

struct lp_slot records_slot(const struct dp *dp, const struct lp_record_info *info)
{
	uint32_t pool = info->slot >> LP_SLOTS_BITS, table;

	if (pool >= dp_size(dp)->pools)
		return (struct lp_slot) { .word = 0 };
	table = dp_pool(dp, dp_active_half(dp), pool).table;
	if (!table)
		return (struct lp_slot) { .word = 0 };
	return (struct lp_slot) { .word = __atomic_load_n(
					  &dp_slots(dp, table)[info->slot % LP_SLOTS].word,
					  __ATOMIC_RELAXED) };
}

int records_begin(struct records_walk *walk, const struct dp *dp, uint64_t cursor)
{
	uint64_t end = (uint64_t)dp_size(dp)->buckets * LP_WAYS;
	uint64_t stop = cursor - cursor % LP_WAYS + (uint64_t)RECORDS_STEP * LP_WAYS;

	if (cursor && cursor >= end)
		return -ERANGE;
	*walk = (struct records_walk) { cursor, stop < end ? stop : end, end };
	return 0;
}

static bool is_client(const struct records_entry *entry)
{
	return entry->record.value.flags & LP_RECORD_CLIENT;
}

static bool is_of_vips(const struct records_filter *filter, const struct records_entry *entry)
{
	uint8_t kind = is_client(entry) ? RECORDS_CLIENTS : RECORDS_CONNECTIONS;

	if (!filter->vips)
		return true;
	return entry->info.vip < filter->n_vips && (filter->vips[entry->info.vip] & kind);
}

static bool is_of_source(const struct records_filter *filter, const struct records_entry *entry)
{
	const struct prefix_client *client = NULL;
	struct config_prefix source;

	if (!filter->source)
		return true;
	if (is_client(entry) && entry->info.vip < filter->n_clients)
		client = &filter->clients[entry->info.vip];
	source = prefix_of_client(&entry->info.src, client);
	return prefix_meets(filter->source, &source);
}

bool records_next(struct records_walk *walk, const struct dp *dp,
		  const struct records_filter *filter, struct records_entry *entry)
{
	struct records_entry at;

	while (walk->place < walk->stop) {
		at.bucket = (uint32_t)(walk->place / LP_WAYS);
		at.way = (unsigned int)(walk->place % LP_WAYS);
		walk->place++;
		if (!dp_record(dp, at.bucket, at.way, &at.record, &at.info) ||
		    !is_of_vips(filter, &at) || !is_of_source(filter, &at))
			continue;
		*entry = at;
		return true;
	}
	return false;
}

uint64_t records_cursor(const struct records_walk *walk)
{
	return walk->place < walk->end ? walk->place : 0;
}

/* The slot of a record is not orphaned any more, whoever changes it meanwhile. */
static void end_orphans(struct dp *dp, const struct lp_record_info *info, uint32_t now)
{
	struct lp_slot slot;
	int ret;

	do {
		struct lp_slot next = slot = records_slot(dp, info);
		uint32_t table;

		if (!slot_is_orphaned(slot))
			return;
		next.prev = LP_SLOT_RESIDUAL;
		table = dp_pool(dp, dp_active_half(dp), info->slot >> LP_SLOTS_BITS).table;
		ret = dp_slot_change(dp, table, info->slot % LP_SLOTS, slot, next, now);
	} while (ret == -EAGAIN);
}

void records_forget(struct dp *dp, const struct records_entry *entry, uint32_t now)
{
	end_orphans(dp, &entry->info, now);
	dp_record_drop(dp, entry->bucket, entry->way, &entry->record);
}
