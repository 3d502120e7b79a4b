// SPDX-License-Identifier: GPL-2.0
#include "core/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/slot_state.h"

int sweep_init(struct sweep *sweep, const struct dp_size *size, uint32_t now)
{
	*sweep = (struct sweep) {
		.n_tables = size->tables,
		.n_backends = size->backends,
		.differs = calloc(size->tables, LP_SLOTS / 8),
		.held = calloc(size->backends, sizeof(*sweep->held)),
		.last_held = calloc(size->backends, sizeof(*sweep->last_held)),
		.pass_began = now,
		.phase_at = now,
	};
	if (sweep->differs && sweep->held && sweep->last_held)
		return 0;
	sweep_fini(sweep);
	return -ENOMEM;
}

void sweep_fini(struct sweep *sweep)
{
	free(sweep->differs);
	free(sweep->held);
	free(sweep->last_held);
	*sweep = (struct sweep) { 0 };
}

static bool is_alive(const struct dp *dp, uint32_t backend)
{
	return backend && backend < dp_size(dp)->backends &&
	       (dp_backend(dp, backend)->state.flags & LP_BACKEND_ALIVE);
}

/* --- slots ---------------------------------------------------------------------------- */

static struct lp_slot load_slot(const struct lp_slot *slot)
{
	return (struct lp_slot) { .word = __atomic_load_n(&slot->word, __ATOMIC_RELAXED) };
}

static void count_slot(struct sweep *sweep, struct lp_slot slot)
{
	if (slot_is_moving(slot))
		sweep->now.moving++;
	else if (!slot_is_settled(slot))
		sweep->now.residual++;
}

static bool differs(const struct sweep *sweep, uint32_t table, uint32_t slot)
{
	return sweep->differs[(size_t)table * (LP_SLOTS / 8) + slot / 8] >> (slot % 8) & 1;
}

/* A packet may have begun the slot's time anew (T6), by a clock that is a second ahead;
 * whole seconds: > and not >= is the longer one. */
static bool is_over(uint32_t since, uint32_t hold, uint32_t now)
{
	return (int32_t)(now - since) > (int32_t)hold;
}

/* The slot as it should be now; its time is that of its last change of state. */
static struct lp_slot age_slot(const struct sweep *sweep, const struct dp *dp,
			       const struct sweep_pool *pool, uint32_t at, struct lp_slot slot,
			       bool passed)
{
	uint32_t since = dp_slot_times(dp, pool->table)[at];
	/* Only what it asks of: the slot's own past. */
	bool lives[2] = { false, slot_is_moving(slot) && is_alive(dp, slot.prev) };
	struct lp_slot as_one = slot, next;

	if (slot_is_settled(slot))
		return slot;
	if (slot_is_moving(slot) && !slot_is_orphaned(slot))
		as_one.prev = 1;
	next = slot_later(as_one, &(struct slot_alive) { lives, 2, pool->resets },
			  passed && is_over(since, pool->hold, sweep->pass_began), /* S3 */
			  passed && since <= sweep->pass_began, differs(sweep, pool->table, at));
	if (next.prev == 1)
		next.prev = slot.prev;
	return next;
}

static void walk_slot(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pool,
		      uint32_t at, uint32_t fading, uint32_t now, bool passed)
{
	struct lp_slot slot = load_slot(&dp_slots(dp, pool->table)[at]), next;

	next = age_slot(sweep, dp, pool, at, slot, passed);
	if (next.prev == fading)
		next.prev = LP_SLOT_SETTLED;
	if (next.word != slot.word && !dp_slot_change(dp, pool->table, at, slot, next, now))
		slot = next;
	count_slot(sweep, slot);
}

/* Nothing moves, fades or is to be aged in it: nearly all lines, nearly always. */
static bool line_is_settled(const struct lp_slot *slots)
{
	uint16_t any = 0;

	_Static_assert(LP_SLOT_SETTLED == 0, "a settled slot has nothing in prev");
	for (uint32_t i = 0; i < LP_LINE_SLOTS; i++)
		any |= load_slot(&slots[i]).prev;
	return !any;
}

static void walk_line(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pool,
		      uint32_t at, uint32_t fading, uint32_t now, bool passed)
{
	const struct lp_slot *slots = dp_slots(dp, pool->table) + at;

	if (line_is_settled(slots))
		return;
	for (uint32_t i = 0; i < LP_LINE_SLOTS; i++)
		walk_slot(sweep, dp, pool, at + i, fading, now, passed);
}

/*
 * Marks of the coming phase are those of the last time it was on, one to two
 * periods ago: they fade before packets set new ones. Returns the mark.
 */
static uint32_t turn_phase(struct sweep *sweep, struct dp *dp, uint32_t now, bool *turned)
{
	*turned = now - sweep->phase_at >= LP_PHASE_S;
	if (!*turned)
		return 0;
	sweep->phase_at = now;
	return LP_SLOT_OPENING + !(dp_control(dp)->phase & 1);
}

static void walk_slots(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pools,
		       size_t n_pools, uint32_t now, bool passed)
{
	bool turned;
	uint32_t fading = turn_phase(sweep, dp, now, &turned);

	sweep->now.moving = 0;
	sweep->now.residual = 0;
	for (size_t i = 1; i < n_pools; i++)
		for (uint32_t at = 0; pools[i].table && at < LP_SLOTS; at += LP_LINE_SLOTS)
			walk_line(sweep, dp, &pools[i], at, fading, now, passed);
	if (turned)
		dp_phase(dp);
}

/* --- records -------------------------------------------------------------------------- */

/* Of which slot a record is; its pool may be gone. */
static const struct sweep_pool *pool_of(const struct lp_record_info *info,
					const struct sweep_pool *pools, size_t n_pools)
{
	uint32_t pool = info->slot >> LP_SLOTS_BITS;

	return pool < n_pools && pools[pool].table ? &pools[pool] : NULL;
}

/* Does the life that the record speaks of go on? */
static bool same_life(const struct dp *dp, const struct lp_record *record, uint32_t pool)
{
	uint32_t number = record->value.backend;

	return is_alive(dp, number) && dp_backend(dp, number)->pool == pool &&
	       (uint8_t)dp_backend(dp, number)->state.incarnation == record->value.incarnation;
}

/* S2 */
static bool is_needless(const struct lp_record *record, const struct sweep_pool *pool,
			struct lp_slot slot, bool expired)
{
	bool client = record->value.flags & LP_RECORD_CLIENT;
	bool same = record->value.backend == slot.cur;

	if (slot_is_moving(slot))
		return false;
	if (expired)
		return !(client && same);
	return !client && same && !pool->always && slot_is_settled(slot);
}

/*
 * S4: a connection's record of a life that is over, in a slot that is looked into: its next
 * packet is reset (track.h T8), and that nobody who comes later has its addresses and ports
 * in a settled slot, where opening packets write no record, is what the slot waits for.
 */
static bool is_orphan(const struct lp_record *record, const struct sweep_pool *pool,
		      struct lp_slot slot, bool expired)
{
	return pool->resets && !expired && !slot_is_settled(slot) &&
	       !(record->value.flags & LP_RECORD_CLIENT);
}

/* S3 */
static bool wants_confirming(const struct dp *dp, const struct lp_record *record,
			     const struct sweep_pool *pool, uint32_t at, struct lp_slot slot,
			     uint32_t now)
{
	return slot_is_moving(slot) && record->value.backend != slot.cur &&
	       !(record->value.flags & (LP_RECORD_CONFIRMED | LP_RECORD_OPENING)) &&
	       is_over(dp_slot_times(dp, pool->table)[at], pool->hold, now);
}

static void count_record(struct sweep *sweep, const struct lp_record *record)
{
	if (record->value.flags & LP_RECORD_CLIENT)
		sweep->now.clients++;
	else
		sweep->now.connections++;
	if (!(record->value.flags & LP_RECORD_CONFIRMED))
		sweep->now.unconfirmed++;
	if (!(record->value.flags & LP_RECORD_CLIENT) && record->value.backend < sweep->n_backends)
		sweep->held[record->value.backend]++;
}

static void note_difference(struct sweep *sweep, const struct sweep_pool *pool, uint32_t at)
{
	sweep->differs[(size_t)pool->table * (LP_SLOTS / 8) + at / 8] |= (uint8_t)(1u << (at % 8));
}

static void visit_record(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pools,
			 size_t n_pools, uint32_t bucket, unsigned int way, uint32_t now)
{
	struct lp_record_info info;
	struct lp_record record;
	const struct sweep_pool *pool;
	struct lp_slot slot;
	uint32_t at;
	bool expired;

	if (!dp_record(dp, bucket, way, &record, &info))
		return;
	pool = pool_of(&info, pools, n_pools);
	if (!pool) {
		dp_record_drop(dp, bucket, way, &record);
		return;
	}
	at = info.slot % LP_SLOTS;
	slot = load_slot(&dp_slots(dp, pool->table)[at]);
	expired = record.value.expires <= now;
	if (!same_life(dp, &record, info.slot >> LP_SLOTS_BITS)) {
		if (is_orphan(&record, pool, slot, expired))
			note_difference(sweep, pool, at);
		else
			dp_record_drop(dp, bucket, way, &record);
		return;
	}
	if (is_needless(&record, pool, slot, expired)) {
		dp_record_drop(dp, bucket, way, &record);
		return;
	}
	if (!expired && record.value.backend != slot.cur)
		note_difference(sweep, pool, at);
	if (!expired && wants_confirming(dp, &record, pool, at, slot, now))
		dp_record_confirm(dp, bucket, way, &record);
	if (!expired)
		count_record(sweep, &record);
}

static void visit_buckets(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pools,
			  size_t n_pools, uint32_t buckets, uint32_t now)
{
	uint32_t end = dp_size(dp)->buckets;

	for (; buckets && sweep->bucket < end; buckets--, sweep->bucket++)
		for (unsigned int way = 0; way < LP_WAYS; way++)
			visit_record(sweep, dp, pools, n_pools, sweep->bucket, way, now);
}

void sweep_restart(struct sweep *sweep, uint32_t now)
{
	uint32_t moving = sweep->now.moving, residual = sweep->now.residual;

	sweep->now = (struct sweep_counts) { .moving = moving, .residual = residual };
	memset(sweep->held, 0, sweep->n_backends * sizeof(*sweep->held));
	memset(sweep->differs, 0, (size_t)sweep->n_tables * (LP_SLOTS / 8));
	sweep->bucket = 0;
	sweep->pass_began = now;
}

static void end_pass(struct sweep *sweep, uint32_t now)
{
	sweep->last = sweep->now;
	memcpy(sweep->last_held, sweep->held, sweep->n_backends * sizeof(*sweep->held));
	sweep_restart(sweep, now);
}

bool sweep_step(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pools, size_t n_pools,
		uint32_t buckets, uint32_t now)
{
	bool passed;

	visit_buckets(sweep, dp, pools, n_pools, buckets, now);
	passed = sweep->bucket == dp_size(dp)->buckets;
	walk_slots(sweep, dp, pools, n_pools, now, passed);
	if (passed)
		end_pass(sweep, now);
	return passed;
}

void sweep_all(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pools, size_t n_pools,
	       uint32_t now)
{
	sweep_restart(sweep, now);
	sweep_step(sweep, dp, pools, n_pools, dp_size(dp)->buckets, now);
	/* What has just become residual has its own pass. */
	sweep_step(sweep, dp, pools, n_pools, dp_size(dp)->buckets, now);
}

static bool table_names(const struct lp_slot *slots, uint32_t backend)
{
	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		struct lp_slot slot = load_slot(&slots[i]);

		if (slot.cur == backend || slot.prev == backend)
			return true;
	}
	return false;
}

bool sweep_is_referenced(const struct dp *dp, const struct sweep_pool *pools, size_t n_pools,
			 uint32_t backend)
{
	if (!backend || backend >= dp_size(dp)->backends)
		return true; /* not known: not to be forgotten */
	for (size_t i = 1; i < n_pools; i++)
		if (pools[i].table && table_names(dp_slots(dp, pools[i].table), backend))
			return true;
	return false;
}
