// SPDX-License-Identifier: GPL-2.0
/*
 * The sweep over the datapath in memory, with records and slots made by hand:
 * when slots become residual and settle (S1), which records go (S2), how long a
 * mark stands, what is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "../../bpf/record.h"
#include "core/slot_state.h"
#include "core/sweep.h"
#include "dp/dp_internal.h"

#define NOW     10000u
#define HOLD    600u
#define POOL    1u
#define OTHER   2u /* pool, with table 2 and backend 4 */
#define SLOT    1234u
#define BUCKETS 64u

#define CLIENT    LP_RECORD_CLIENT
#define CONFIRMED LP_RECORD_CONFIRMED

/* Backends of POOL: two that live, and one that is dead. */
enum { A = 1, B = 2, DEAD = 3, ELSEWHERE = 4 };

struct world {
	struct dp *dp;
	struct sweep sweep;
	struct sweep_pool pools[4];
};

static void add_backend(struct dp *dp, uint32_t number, uint32_t pool, uint16_t flags)
{
	const struct lp_backend backend = {
		.pool = pool,
		.state = { { { .flags = flags, .incarnation = 0x107 } } },
	};

	assert_int_equal(dp_backend_write(dp, number, &backend), 0);
}

/* A table whose slots are all settled on one backend since long ago. */
static void add_pool(struct world *world, uint32_t pool, uint32_t table, uint16_t backend)
{
	struct lp_slot *slots = calloc(LP_SLOTS, sizeof(*slots));
	uint32_t *since = calloc(LP_SLOTS, sizeof(*since));

	assert_non_null(slots);
	assert_non_null(since);
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		slots[i].cur = backend;
	assert_int_equal(dp_slots_write(world->dp, table, slots, since), 0);
	assert_int_equal(dp_pool_flip(world->dp, pool, (struct lp_pool) { .table = table }), 0);
	world->pools[pool] = (struct sweep_pool) { .table = table, .hold = HOLD };
	free(slots);
	free(since);
}

static void open_world(struct world *world)
{
	const struct dp_size size = { .vips = 2,
				      .pools = 4,
				      .backends = 8,
				      .tables = 4,
				      .index = 8,
				      .places = 8,
				      .ranges = 1,
				      .buckets = BUCKETS };

	memset(world, 0, sizeof(*world));
	assert_int_equal(dp_fake_open(&size, &world->dp), 0);
	add_backend(world->dp, A, POOL, LP_BACKEND_ALIVE);
	add_backend(world->dp, B, POOL, LP_BACKEND_ALIVE);
	add_backend(world->dp, DEAD, POOL, 0);
	add_backend(world->dp, ELSEWHERE, OTHER, LP_BACKEND_ALIVE);
	add_pool(world, POOL, 1, A);
	add_pool(world, OTHER, 2, ELSEWHERE);
	assert_int_equal(sweep_init(&world->sweep, dp_size(world->dp), NOW), 0);
}

static void close_world(struct world *world)
{
	sweep_fini(&world->sweep);
	sweep_fini(&world->sweep); /* twice is fine */
	dp_close(&world->dp);
}

static struct lp_slot get_slot(const struct world *world)
{
	return dp_slots(world->dp, world->pools[POOL].table)[SLOT];
}

static void set_slot(struct world *world, uint16_t cur, uint16_t prev, uint32_t since)
{
	const struct lp_slot new = { .cur = cur, .prev = prev };

	assert_int_equal(dp_slot_change(world->dp, world->pools[POOL].table, SLOT, get_slot(world),
					new, since),
			 0);
}

static void expect_slot(const struct world *world, uint16_t cur, uint16_t prev)
{
	assert_int_equal(get_slot(world).cur, cur);
	assert_int_equal(get_slot(world).prev, prev);
}

/* What a record is, and where. */
struct entry {
	uint32_t bucket;
	uint16_t backend;
	uint8_t flags;
	uint32_t expires;
};

/* The fingerprint is that of the bucket; the slot is SLOT of POOL. */
static void add_record(struct world *world, struct entry entry)
{
	struct lp_record *record = &world->dp->maps.records[entry.bucket].way[0];

	record->fingerprint = 0x100 + entry.bucket;
	record->value = (struct lp_record_word) { .backend = entry.backend,
						  .incarnation = 7,
						  .flags = entry.flags,
						  .expires = entry.expires };
	world->dp->maps.record_info[entry.bucket].way[0] = (struct lp_record_info) {
		.slot = POOL << LP_SLOTS_BITS | SLOT,
	};
}

static bool has_record(const struct world *world, uint32_t bucket)
{
	struct lp_record record;

	return dp_record(world->dp, bucket, 0, &record, NULL);
}

static bool step(struct world *world, uint32_t buckets, uint32_t now)
{
	return sweep_step(&world->sweep, world->dp, world->pools, 4, buckets, now);
}

/* --- steps and passes ------------------------------------------------------------------ */

static void test_pass(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	for (unsigned int pass = 0; pass < 3; pass++) {
		for (unsigned int i = 0; i < 3; i++)
			assert_false(step(&world, BUCKETS / 4, NOW + pass * 4 + i));
		assert_true(step(&world, BUCKETS / 4, NOW + pass * 4 + 3));
		assert_int_equal(world.sweep.pass_began, NOW + pass * 4 + 3);
	}
	/* A step that would go beyond the end stops there. */
	assert_false(step(&world, BUCKETS - 1, NOW + 20));
	assert_true(step(&world, BUCKETS, NOW + 21));
	close_world(&world);
}

/* Every bucket is visited once in a pass, however the steps divide it. */
static void test_pass_visits_all(void **state)
{
	(void)state;
	for (uint32_t buckets = 1; buckets <= BUCKETS + 1; buckets++) {
		struct world world;
		uint32_t now = NOW;

		open_world(&world);
		for (uint32_t i = 0; i < BUCKETS; i++)
			add_record(&world, (struct entry) { i, DEAD, CONFIRMED, NOW + 999 });
		while (!step(&world, buckets, now++))
			;
		assert_int_equal(now - NOW, (BUCKETS + buckets - 1) / buckets);
		for (uint32_t i = 0; i < BUCKETS; i++)
			assert_false(has_record(&world, i));
		close_world(&world);
	}
}

/* --- marks ------------------------------------------------------------------------------- */

/* As packets do it: the word of the phase that is on. */
static void mark(struct world *world, uint32_t now)
{
	set_slot(world, A, (uint16_t)(LP_SLOT_OPENING + (dp_control(world->dp)->phase & 1)), now);
}

/* Wherever in a period it is set, a mark stands for one to two periods. */
static void test_marks_fade(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 4 * LP_PHASE_S; at++) {
		struct world world;
		uint32_t now = NOW;

		open_world(&world);
		while (now < NOW + at)
			step(&world, 1, ++now);
		mark(&world, now);
		while (get_slot(&world).prev != LP_SLOT_SETTLED)
			step(&world, 1, ++now);
		assert_in_range(now - NOW - at, LP_PHASE_S, 2 * LP_PHASE_S);
		assert_int_equal(get_slot(&world).cur, A);
		close_world(&world);
	}
}

/* Where packets go on coming it never fades: each period has its own mark. */
static void test_marks_are_renewed(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	for (uint32_t now = NOW; now < NOW + 100; now++) {
		mark(&world, now);
		step(&world, 1, now);
		assert_int_not_equal(get_slot(&world).prev, LP_SLOT_SETTLED);
	}
	close_world(&world);
}

/* --- hold -------------------------------------------------------------------------------- */

static void test_hold(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, B, NOW);
	step(&world, BUCKETS, NOW + HOLD);
	step(&world, BUCKETS, NOW + HOLD + 1);
	expect_slot(&world, A, B); /* perhaps a fraction of a second was missing */
	step(&world, BUCKETS, NOW + HOLD + 2);
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	assert_int_equal(dp_slot_times(world.dp, 1)[SLOT], NOW + HOLD + 2);
	close_world(&world);
}

/* S3: not before the end of a pass that began when the hold time was over. */
static void test_hold_waits_for_its_own_pass(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, B, NOW);
	step(&world, BUCKETS, NOW + HOLD);
	assert_false(step(&world, BUCKETS / 2, NOW + HOLD + 5));
	assert_true(step(&world, BUCKETS / 2, NOW + HOLD + 6));
	expect_slot(&world, A, B);
	assert_false(step(&world, BUCKETS - 1, NOW + HOLD + 7));
	expect_slot(&world, A, B);
	assert_true(step(&world, 1, NOW + HOLD + 8));
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	close_world(&world);
}

static uint8_t flags_of(const struct world *world, uint32_t bucket)
{
	struct lp_record record;

	assert_true(dp_record(world->dp, bucket, 0, &record, NULL));
	return record.value.flags;
}

/*
 * S3: whoever sent one packet while the slot moved is confirmed before it stops: neither
 * before the hold time is over, nor what is half open, has expired, or agrees with the slot.
 */
static void test_hold_confirms(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, B, NOW);
	add_record(&world, (struct entry) { 0, B, 0, NOW + 9999 });
	add_record(&world, (struct entry) { BUCKETS - 1, B, CLIENT, NOW + 9999 });
	add_record(&world, (struct entry) { 2, B, LP_RECORD_OPENING, NOW + 9999 });
	add_record(&world, (struct entry) { 3, A, 0, NOW + 9999 });
	add_record(&world, (struct entry) { 4, B, 0, NOW + HOLD + 1 });
	step(&world, BUCKETS, NOW + HOLD);
	assert_int_equal(flags_of(&world, 0), 0);
	step(&world, BUCKETS, NOW + HOLD + 1);
	step(&world, BUCKETS, NOW + HOLD + 2);
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	assert_int_equal(flags_of(&world, 0), CONFIRMED);
	assert_int_equal(flags_of(&world, BUCKETS - 1), CLIENT | CONFIRMED);
	assert_int_equal(flags_of(&world, 2), LP_RECORD_OPENING);
	assert_int_equal(flags_of(&world, 3), 0);
	assert_int_equal(flags_of(&world, 4), 0);
	close_world(&world);
}

/* A slot whose time a packet has begun anew (T6) confirms nobody yet. */
static void test_hold_again_confirms_later(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, B, NOW);
	add_record(&world, (struct entry) { 0, B, 0, NOW + 9999 });
	world.dp->maps.slot_times[LP_TABLE_LINES + SLOT / LP_LINE_SLOTS]
		.since[SLOT % LP_LINE_SLOTS] = NOW + HOLD;
	step(&world, BUCKETS, NOW + 2 * HOLD);
	assert_int_equal(flags_of(&world, 0), 0);
	step(&world, BUCKETS, NOW + 2 * HOLD + 1);
	assert_int_equal(flags_of(&world, 0), CONFIRMED);
	close_world(&world);
}

/* Packets begin it anew (bpf/track.h T6), by a clock that may be a second ahead. */
static void test_hold_again(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, B, NOW);
	world.dp->maps.slot_times[LP_TABLE_LINES + SLOT / LP_LINE_SLOTS]
		.since[SLOT % LP_LINE_SLOTS] = NOW + HOLD;
	step(&world, BUCKETS, NOW + HOLD - 1);
	expect_slot(&world, A, B);
	step(&world, BUCKETS, NOW + 2 * HOLD);
	expect_slot(&world, A, B);
	step(&world, BUCKETS, NOW + 2 * HOLD + 1);
	expect_slot(&world, A, B);
	step(&world, BUCKETS, NOW + 2 * HOLD + 2);
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	close_world(&world);
}

/* A past that has died is not held. */
static void test_dead_past(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, DEAD, NOW);
	step(&world, 1, NOW + 1);
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	close_world(&world);
}

/* cur need not live: somebody has to answer when all are down. */
static void test_dead_answer(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, DEAD, B, NOW);
	step(&world, BUCKETS, NOW + 1);
	expect_slot(&world, DEAD, B);
	close_world(&world);
}

/* --- S1 ------------------------------------------------------------------------------------ */

static void test_residual_settles(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW);
	assert_false(step(&world, BUCKETS - 1, NOW + 1));
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	assert_true(step(&world, 1, NOW + 2));
	expect_slot(&world, A, LP_SLOT_SETTLED);
	close_world(&world);
}

/* Not by the end of a pass that had begun before: what it saw first is too old. */
static void test_residual_waits_for_its_own_pass(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	step(&world, BUCKETS / 2, NOW + 1);
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW + 2);
	assert_true(step(&world, BUCKETS, NOW + 3));
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	assert_true(step(&world, BUCKETS, NOW + 4));
	expect_slot(&world, A, LP_SLOT_SETTLED);
	close_world(&world);
}

/* From moving, by time or by death: residual first, and then a pass of its own. */
static void test_moving_never_settles_at_once(void **state)
{
	static const uint16_t pasts[] = { B, DEAD };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world world;

		open_world(&world);
		set_slot(&world, A, pasts[i], NOW - HOLD - 1); /* and the pass began at NOW */
		assert_true(step(&world, BUCKETS, NOW + 1));
		expect_slot(&world, A, LP_SLOT_RESIDUAL);
		assert_true(step(&world, BUCKETS, NOW + 2));
		expect_slot(&world, A, LP_SLOT_SETTLED);
		close_world(&world);
	}
}

/* A living record that differs, of either kind, confirmed or not, in any bucket. */
static void test_residual_with_a_record(void **state)
{
	static const uint8_t flags[] = { 0, CONFIRMED, CLIENT, CLIENT | CONFIRMED };

	(void)state;
	for (size_t i = 0; i < sizeof(flags); i++) {
		struct world world;

		open_world(&world);
		set_slot(&world, A, LP_SLOT_RESIDUAL, NOW);
		add_record(&world, (struct entry) { BUCKETS - 1, B, flags[i], NOW + 100 });
		for (uint32_t now = NOW + 1; now < NOW + 100; now++) {
			assert_true(step(&world, BUCKETS, now));
			expect_slot(&world, A, LP_SLOT_RESIDUAL);
			assert_true(has_record(&world, BUCKETS - 1));
		}
		step(&world, BUCKETS, NOW + 100);
		expect_slot(&world, A, LP_SLOT_SETTLED);
		assert_false(has_record(&world, BUCKETS - 1));
		close_world(&world);
	}
}

/* Records that say what the slot says do not keep it residual. */
static void test_residual_with_the_same(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW);
	add_record(&world, (struct entry) { 5, A, CLIENT | CONFIRMED, NOW + 100 });
	add_record(&world, (struct entry) { 6, A, CONFIRMED, NOW + 100 });
	step(&world, BUCKETS, NOW + 1);
	expect_slot(&world, A, LP_SLOT_SETTLED);
	close_world(&world);
}

/* Nor does a record of another slot, or of the same slot of another pool. */
static void test_residual_with_another_slots(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW);
	add_record(&world, (struct entry) { 5, B, CONFIRMED, NOW + 100 });
	world.dp->maps.record_info[5].way[0].slot = POOL << LP_SLOTS_BITS | (SLOT + 8);
	add_record(&world, (struct entry) { 6, ELSEWHERE, CONFIRMED, NOW + 100 });
	world.dp->maps.record_info[6].way[0].slot = OTHER << LP_SLOTS_BITS | SLOT;
	step(&world, BUCKETS, NOW + 1);
	expect_slot(&world, A, LP_SLOT_SETTLED);
	close_world(&world);
}

/* After a change of tables, what the pass has seen so far is of another table. */
static void test_restart(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	step(&world, BUCKETS / 2, NOW + 1);
	sweep_restart(&world.sweep, NOW + 2);
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW + 2);
	add_record(&world, (struct entry) { 3, B, CONFIRMED, NOW + 100 });
	assert_false(step(&world, BUCKETS / 2, NOW + 3));
	assert_true(step(&world, BUCKETS / 2, NOW + 4));
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	close_world(&world);
}

/* ... and differences that it has found are forgotten with it. */
static void test_restart_forgets(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW);
	add_record(&world, (struct entry) { 3, B, CONFIRMED, NOW + 100 });
	step(&world, BUCKETS / 2, NOW + 1);
	set_slot(&world, B, LP_SLOT_RESIDUAL, NOW + 1);
	sweep_restart(&world.sweep, NOW + 1);
	step(&world, BUCKETS, NOW + 2);
	expect_slot(&world, B, LP_SLOT_SETTLED);
	close_world(&world);
}

static void test_all(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	step(&world, BUCKETS / 2, NOW);
	set_slot(&world, A, B, NOW - HOLD - 1);
	sweep_all(&world.sweep, world.dp, world.pools, 4, NOW + 1);
	expect_slot(&world, A, LP_SLOT_SETTLED);
	close_world(&world);
}

/* --- orphans ------------------------------------------------------------------------------- */

/* The hold time of an orphaned slot ends as that of a moving one does; then it settles. */
static void test_orphaned_is_held(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	world.pools[POOL].resets = true;
	set_slot(&world, A, LP_SLOT_ORPHANED, NOW);
	sweep_all(&world.sweep, world.dp, world.pools, 4, NOW + world.pools[POOL].hold);
	expect_slot(&world, A, LP_SLOT_ORPHANED);
	sweep_restart(&world.sweep, NOW + world.pools[POOL].hold + 1);
	step(&world, BUCKETS, NOW + world.pools[POOL].hold + 1);
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	sweep_all(&world.sweep, world.dp, world.pools, 4, NOW + world.pools[POOL].hold + 2);
	expect_slot(&world, A, LP_SLOT_SETTLED);
	close_world(&world);
}

/* The past of a moving slot dies. */
static void test_past_dies_orphaned(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, DEAD, NOW);
	step(&world, 1, NOW + 1);
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	world.pools[POOL].resets = true;
	set_slot(&world, A, DEAD, NOW);
	step(&world, 1, NOW + 1);
	expect_slot(&world, A, LP_SLOT_ORPHANED);
	assert_int_equal(dp_slot_times(world.dp, world.pools[POOL].table)[SLOT], NOW + 1);
	close_world(&world);
}

/* S4: a slot does not settle over a record of a life that is over, until that expires. */
static void test_orphans_keep_slot(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	world.pools[POOL].resets = true;
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW);
	add_record(&world, (struct entry) { 9, DEAD, CONFIRMED, NOW + 10 });
	sweep_all(&world.sweep, world.dp, world.pools, 4, NOW + 5);
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	assert_true(has_record(&world, 9));
	sweep_all(&world.sweep, world.dp, world.pools, 4, NOW + 11);
	expect_slot(&world, A, LP_SLOT_SETTLED);
	assert_false(has_record(&world, 9));
	close_world(&world);
}

/* --- S2 ------------------------------------------------------------------------------------ */

#define SETTLED  LP_SLOT_SETTLED
#define RESIDUAL LP_SLOT_RESIDUAL
#define LATER    (NOW + 100) /* living */
#define PAST     (NOW - 1)   /* expired */

struct fate {
	uint16_t prev; /* of the slot, whose answer is A */
	bool always;
	uint16_t backend;
	uint8_t flags;
	uint32_t expires;
	bool stays;
};

static const struct fate fates[] = {
	/* A connection's record that says what its settled slot says. */
	{ SETTLED, false, A, CONFIRMED, LATER, false },
	{ SETTLED, false, A, 0, LATER, false },
	{ LP_SLOT_OPENING, false, A, CONFIRMED, LATER, false },
	{ LP_SLOT_OPENING + 1, false, A, CONFIRMED, LATER, false },
	{ SETTLED, true, A, CONFIRMED, LATER, true },
	{ SETTLED, true, A, CONFIRMED, PAST, false },
	/* A client's: it is asked when the slot moves. */
	{ SETTLED, false, A, CLIENT | CONFIRMED, LATER, true },
	{ SETTLED, false, A, CLIENT, LATER, true },
	/* ... even an expired one: in a settled slot only openings refresh it. */
	{ SETTLED, false, A, CLIENT | CONFIRMED, PAST, true },
	{ SETTLED, false, B, CLIENT | CONFIRMED, PAST, false },
	{ RESIDUAL, false, A, CLIENT | CONFIRMED, PAST, true },
	{ RESIDUAL, false, A, CONFIRMED, PAST, false },
	{ LP_SLOT_OPENING, false, A, CLIENT, LATER, true },
	/* Of another backend, while the slot is settled: its owner may be silent. */
	{ SETTLED, false, B, CONFIRMED, LATER, true },
	{ SETTLED, false, B, CLIENT | CONFIRMED, LATER, true },
	{ SETTLED, false, B, CONFIRMED, PAST, false },
	/* Residual: what lives stays, what has expired means cur. */
	{ RESIDUAL, false, B, CONFIRMED, LATER, true },
	{ RESIDUAL, false, A, CONFIRMED, LATER, true },
	{ RESIDUAL, false, B, CLIENT, LATER, true },
	{ RESIDUAL, false, B, CONFIRMED, PAST, false },
	{ RESIDUAL, false, B, CLIENT | CONFIRMED, PAST, false },
	/* Moving: asked at any age. */
	{ B, false, B, CONFIRMED, LATER, true },
	{ B, false, A, CONFIRMED, LATER, true },
	{ B, false, B, CONFIRMED, PAST, true },
	{ B, false, B, CLIENT | CONFIRMED, PAST, true },
	{ B, false, A, CLIENT, PAST, true },
	/* Whose backend's life is over, everywhere. */
	{ SETTLED, true, DEAD, CONFIRMED, LATER, false },
	{ RESIDUAL, false, DEAD, CLIENT | CONFIRMED, LATER, false },
	{ B, false, DEAD, CLIENT | CONFIRMED, LATER, false },
	/* Of a backend of another pool: the number has another owner now. */
	{ B, false, ELSEWHERE, CONFIRMED, LATER, false },
};

/* S4: in a pool that resets. */
static const struct fate orphans[] = {
	/* A connection's, of a life that is over, is kept where packets look for it. */
	{ RESIDUAL, false, DEAD, CONFIRMED, LATER, true },
	{ RESIDUAL, false, DEAD, 0, LATER, true },
	{ B, false, DEAD, CONFIRMED, LATER, true },
	{ LP_SLOT_ORPHANED, false, DEAD, CONFIRMED, LATER, true },
	{ LP_SLOT_ORPHANED, false, ELSEWHERE, CONFIRMED, LATER, true },
	{ RESIDUAL, false, DEAD, CONFIRMED, PAST, false },
	{ LP_SLOT_ORPHANED, false, DEAD, CONFIRMED, PAST, false },
	/* ... and not in a settled slot, where it would meet who comes later. */
	{ SETTLED, false, DEAD, CONFIRMED, LATER, false },
	{ SETTLED, true, DEAD, CONFIRMED, LATER, false },
	{ LP_SLOT_OPENING, false, DEAD, CONFIRMED, LATER, false },
	/* A client's never: it moves on. */
	{ RESIDUAL, false, DEAD, CLIENT | CONFIRMED, LATER, false },
	{ LP_SLOT_ORPHANED, false, DEAD, CLIENT | CONFIRMED, LATER, false },
	/* Of the living, as in a moving slot. */
	{ LP_SLOT_ORPHANED, false, A, CONFIRMED, LATER, true },
	{ LP_SLOT_ORPHANED, false, B, CONFIRMED, PAST, true },
	{ LP_SLOT_ORPHANED, false, A, CLIENT | CONFIRMED, PAST, true },
};

static void check_fate(const struct fate *fate, size_t number, bool resets)
{
	struct world world;

	open_world(&world);
	world.pools[POOL].resets = resets;
	world.pools[POOL].always = fate->always;
	set_slot(&world, A, fate->prev, NOW);
	add_record(&world, (struct entry) { 9, fate->backend, fate->flags, fate->expires });
	/* The walk over the slots comes after that over the records. */
	step(&world, BUCKETS, NOW);
	if (has_record(&world, 9) != fate->stays)
		fail_msg("fate %zu: the record %s", number, fate->stays ? "is gone" : "stays");
	close_world(&world);
}

static void test_fates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++)
		check_fate(&fates[i], i, false);
	for (size_t i = 0; i < sizeof(orphans) / sizeof(orphans[0]); i++)
		check_fate(&orphans[i], i, true);
}

/* Expiry is the same second for packets and for the sweep. */
static void test_expiry(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	add_record(&world, (struct entry) { 9, B, CONFIRMED, NOW + 5 });
	step(&world, BUCKETS, NOW + 4);
	assert_true(has_record(&world, 9));
	step(&world, BUCKETS, NOW + 5);
	assert_false(has_record(&world, 9));
	close_world(&world);
}

/* A record of an earlier life of its backend is void; eight bits of it are compared. */
static void test_earlier_life(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	add_record(&world, (struct entry) { 9, B, CLIENT, NOW + 100 });
	step(&world, BUCKETS, NOW);
	assert_true(has_record(&world, 9)); /* incarnation 0x107, and 7 in the record */
	assert_int_equal(
		dp_backend_state(world.dp, B,
				 (struct lp_backend_state) { { { LP_BACKEND_ALIVE, 0x108 } } }),
		0);
	step(&world, BUCKETS, NOW);
	assert_false(has_record(&world, 9));
	close_world(&world);
}

/* Offline or draining is alive. */
static void test_offline_keeps_records(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	assert_int_equal(
		dp_backend_state(world.dp, B,
				 (struct lp_backend_state) {
					 { { LP_BACKEND_ALIVE | LP_BACKEND_OFFLINE, 7 } } }),
		0);
	add_record(&world, (struct entry) { 9, B, CONFIRMED, NOW + 100 });
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW - 1);
	step(&world, BUCKETS, NOW);
	assert_true(has_record(&world, 9));
	expect_slot(&world, A, LP_SLOT_RESIDUAL);
	close_world(&world);
}

/* Records of a pool that has no table any more, and of numbers that never were. */
static void test_pool_is_gone(void **state)
{
	static const uint32_t pools[] = { 0, 3, 4, 65535 };

	(void)state;
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct world world;

		open_world(&world);
		add_record(&world, (struct entry) { 9, B, CLIENT, NOW + 100 });
		world.dp->maps.record_info[9].way[0].slot = pools[i] << LP_SLOTS_BITS | SLOT;
		step(&world, BUCKETS, NOW);
		assert_false(has_record(&world, 9));
		close_world(&world);
	}
}

/* What packets own at the moment is left alone, and so is what they have just changed. */
static void test_places_being_written(void **state)
{
	struct lp_record read, *at;
	struct world world;

	(void)state;
	open_world(&world);
	at = &world.dp->maps.records[9].way[0];
	at->fingerprint = LP_FINGERPRINT_BUSY;
	step(&world, BUCKETS, NOW);
	assert_int_equal(at->fingerprint, LP_FINGERPRINT_BUSY);
	add_record(&world, (struct entry) { 9, B, CONFIRMED, PAST });
	at->value.word = LP_RECORD_GONE;
	assert_false(has_record(&world, 9));
	step(&world, BUCKETS, NOW);
	assert_int_equal(at->value.word, LP_RECORD_GONE);
	add_record(&world, (struct entry) { 9, B, CONFIRMED, PAST });
	assert_true(dp_record(world.dp, 9, 0, &read, NULL));
	at->value.expires = LATER; /* refreshed */
	dp_record_drop(world.dp, 9, 0, &read);
	assert_true(has_record(&world, 9));
	assert_true(dp_record(world.dp, 9, 0, &read, NULL));
	dp_record_drop(world.dp, 9, 0, &read);
	assert_false(has_record(&world, 9));
	close_world(&world);
}

/* A place that the sweep has emptied is the first to be taken, though others expired. */
static void test_dropped_place_is_free(void **state)
{
	struct lp_record_word word = { .backend = A, .expires = LATER };
	struct lp_bucket *bucket;
	struct world world;

	(void)state;
	open_world(&world);
	bucket = &world.dp->maps.records[9];
	add_record(&world, (struct entry) { 9, DEAD, CONFIRMED, LATER });
	step(&world, BUCKETS, NOW);
	for (unsigned int i = 1; i < LP_WAYS; i++)
		bucket->way[i] = (struct lp_record) {
			0x200 + i, { .backend = A, .flags = CONFIRMED, .expires = LATER }
		};
	assert_int_equal(record_make(bucket, NULL, 0x300, &word, NULL, NOW), RECORD_MADE);
	assert_int_equal(bucket->way[0].fingerprint, 0x300);
	close_world(&world);
}

/* --- counting --------------------------------------------------------------------------------- */

static void test_counts(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, B, NOW);
	add_record(&world, (struct entry) { 0, A, CONFIRMED, LATER });
	add_record(&world, (struct entry) { 9, B, CONFIRMED, LATER });
	add_record(&world, (struct entry) { 20, B, LP_RECORD_OPENING, LATER });
	add_record(&world, (struct entry) { 30, B, CLIENT, LATER });
	add_record(&world, (struct entry) { 31, A, CLIENT | CONFIRMED, LATER });
	add_record(&world, (struct entry) { 63, DEAD, CLIENT | CONFIRMED, LATER });
	assert_int_equal(world.sweep.last.connections, 0);
	step(&world, BUCKETS, NOW);
	assert_int_equal(world.sweep.last.connections, 3);
	assert_int_equal(world.sweep.last.clients, 2);
	assert_int_equal(world.sweep.last.unconfirmed, 2);
	assert_int_equal(world.sweep.last.moving, 1);
	assert_int_equal(world.sweep.last.residual, 0);
	assert_int_equal(world.sweep.last_held[A], 1);
	assert_int_equal(world.sweep.last_held[B], 2);
	assert_int_equal(world.sweep.last_held[DEAD], 0);
	close_world(&world);
}

/* Of the last whole pass, not of how far this one has come. */
static void test_counts_are_of_whole_passes(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	add_record(&world, (struct entry) { 2, B, CONFIRMED, LATER });
	step(&world, BUCKETS, NOW);
	add_record(&world, (struct entry) { 3, B, CONFIRMED, LATER });
	step(&world, BUCKETS / 2, NOW);
	assert_int_equal(world.sweep.last.connections, 1);
	step(&world, BUCKETS / 2, NOW);
	assert_int_equal(world.sweep.last.connections, 2);
	step(&world, BUCKETS, NOW);
	assert_int_equal(world.sweep.last.connections, 2);
	close_world(&world);
}

static void test_references(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	step(&world, 1, NOW);
	assert_true(sweep_is_referenced(world.dp, world.pools, 4, A));
	assert_false(sweep_is_referenced(world.dp, world.pools, 4, B));
	assert_true(sweep_is_referenced(world.dp, world.pools, 4, ELSEWHERE));
	set_slot(&world, A, B, NOW);
	step(&world, 1, NOW + 1);
	assert_true(sweep_is_referenced(world.dp, world.pools, 4, B));
	set_slot(&world, A, LP_SLOT_RESIDUAL, NOW);
	step(&world, 1, NOW + 1);
	assert_false(sweep_is_referenced(world.dp, world.pools, 4, B));
	assert_true(sweep_is_referenced(world.dp, world.pools, 4,
					1000)); /* not known: not to be forgotten */
	close_world(&world);
}

/* Slots that change state in a step are counted as what they have become. */
static void test_counts_after_change(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, B, NOW - HOLD - 1);
	step(&world, BUCKETS, NOW);
	assert_int_equal(world.sweep.last.moving, 0);
	assert_int_equal(world.sweep.last.residual, 1);
	assert_false(sweep_is_referenced(world.dp, world.pools, 4, B));
	close_world(&world);
}

/* A packet was faster: the slot stays as it made it, and so does its time. */
static void test_slot_change_is_atomic(void **state)
{
	const struct lp_slot old = { .cur = A, .prev = B }, new = { .cur = A };
	struct world world;

	(void)state;
	open_world(&world);
	set_slot(&world, A, LP_SLOT_OPENING, NOW);
	assert_int_equal(dp_slot_change(world.dp, 1, SLOT, old, new, NOW + 1), -EAGAIN);
	expect_slot(&world, A, LP_SLOT_OPENING);
	assert_int_equal(dp_slot_times(world.dp, 1)[SLOT], NOW);
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_pass_visits_all),
		cmocka_unit_test(test_marks_fade),
		cmocka_unit_test(test_marks_are_renewed),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_hold_again),
		cmocka_unit_test(test_hold_waits_for_its_own_pass),
		cmocka_unit_test(test_hold_confirms),
		cmocka_unit_test(test_hold_again_confirms_later),
		cmocka_unit_test(test_dead_past),
		cmocka_unit_test(test_dead_answer),
		cmocka_unit_test(test_residual_settles),
		cmocka_unit_test(test_residual_waits_for_its_own_pass),
		cmocka_unit_test(test_moving_never_settles_at_once),
		cmocka_unit_test(test_residual_with_a_record),
		cmocka_unit_test(test_residual_with_the_same),
		cmocka_unit_test(test_residual_with_another_slots),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_forgets),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_orphaned_is_held),
		cmocka_unit_test(test_past_dies_orphaned),
		cmocka_unit_test(test_orphans_keep_slot),
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_earlier_life),
		cmocka_unit_test(test_offline_keeps_records),
		cmocka_unit_test(test_pool_is_gone),
		cmocka_unit_test(test_places_being_written),
		cmocka_unit_test(test_dropped_place_is_free),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_counts_are_of_whole_passes),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_counts_after_change),
		cmocka_unit_test(test_slot_change_is_atomic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
