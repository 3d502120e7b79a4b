// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a slot: every transition, for every state and every combination
 * of who is alive, against the rules as they are written in slot_state.h, and
 * histories of several changes in a row.
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

#include "core/slot_state.h"

#define OPENING0 LP_SLOT_OPENING
#define OPENING1 (LP_SLOT_OPENING + 1)
#define RESIDUAL LP_SLOT_RESIDUAL
#define SETTLED  LP_SLOT_SETTLED
#define ORPHANED LP_SLOT_ORPHANED

/* Backends 1 to 3: A, B, C. */
enum { A = 1, B = 2, C = 3, N = 4 };

/* Who is alive, as bits: 1 << A and so on. */
#define ALIVE_A   (1u << A)
#define ALIVE_B   (1u << B)
#define ALIVE_C   (1u << C)
#define ALIVE_ALL (ALIVE_A | ALIVE_B | ALIVE_C)

static struct lp_slot slot(uint16_t cur, uint16_t prev)
{
	return (struct lp_slot) { .cur = cur, .prev = prev };
}

static struct lp_slot next_of(struct lp_slot old, uint16_t cur, unsigned int mask, bool resets)
{
	bool alive[N] = { false, mask & ALIVE_A, mask & ALIVE_B, mask & ALIVE_C };

	return slot_next(old, cur, &(struct slot_alive) { alive, N, resets });
}

/* Of a pool that reroutes. */
static struct lp_slot next(struct lp_slot old, uint16_t cur, unsigned int mask)
{
	return next_of(old, cur, mask, false);
}

static struct lp_slot later_of(struct lp_slot old, unsigned int mask, bool held, bool passed,
			       bool differs, bool resets)
{
	bool alive[N] = { false, mask & ALIVE_A, mask & ALIVE_B, mask & ALIVE_C };

	return slot_later(old, &(struct slot_alive) { alive, N, resets }, held, passed, differs);
}

static struct lp_slot later(struct lp_slot old, unsigned int mask, bool held, bool passed,
			    bool differs)
{
	return later_of(old, mask, held, passed, differs, false);
}

static void expect(struct lp_slot got, uint16_t cur, uint16_t prev)
{
	if (got.cur != cur || got.prev != prev)
		fail_msg("cur %u, prev %#x; expected cur %u, prev %#x", got.cur, got.prev, cur,
			 prev);
}

/* --- what a word means -------------------------------------------------------------- */

static void test_words(void **state)
{
	static const struct {
		uint16_t prev;
		bool settled, moving;
		const char *name;
	} words[] = {
		{ SETTLED, true, false, "settled" },
		{ OPENING0, true, false, "settled" },
		{ OPENING1, true, false, "settled" },
		{ RESIDUAL, false, false, "residual" },
		{ A, false, true, "moving" },
		{ LP_BACKENDS_MAX - 1, false, true, "moving" },
		{ ORPHANED, false, true, "orphaned" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(slot_is_settled(slot(A, words[i].prev)), words[i].settled);
		assert_int_equal(slot_is_moving(slot(A, words[i].prev)), words[i].moving);
		assert_string_equal(slot_state_name(slot(A, words[i].prev)), words[i].name);
		assert_int_equal(slot_is_orphaned(slot(A, words[i].prev)),
				 words[i].prev == ORPHANED);
	}
}

/* No backend's number is a word of a state. */
static void test_words_are_no_backends(void **state)
{
	(void)state;
	for (uint32_t number = 1; number < LP_BACKENDS_MAX; number++) {
		assert_true(slot_is_moving(slot(A, (uint16_t)number)));
		assert_false(slot_is_orphaned(slot(A, (uint16_t)number)));
	}
}

static void test_is_alive(void **state)
{
	const bool alive[] = { true, true, false };
	const struct slot_alive some = { alive, 3, false };

	(void)state;
	assert_false(slot_is_alive(&some, 0)); /* nobody (A4), whatever stands there */
	assert_true(slot_is_alive(&some, 1));
	assert_false(slot_is_alive(&some, 2));
	assert_false(slot_is_alive(&some, 3)); /* beyond the end */
	assert_false(slot_is_alive(&some, LP_SLOT_RESIDUAL));
}

/* --- slot_next() -------------------------------------------------------------------- */

struct change {
	struct lp_slot old;
	uint16_t cur;
	unsigned int alive;
	struct lp_slot want;
};

static const struct change changes[] = {
	/* the same answer: nothing happens, but a dead past is noticed */
	{ { { { A, SETTLED } } }, A, ALIVE_A, { { { A, SETTLED } } } },
	{ { { { A, OPENING0 } } }, A, ALIVE_A, { { { A, OPENING0 } } } },
	{ { { { A, OPENING1 } } }, A, ALIVE_A, { { { A, OPENING1 } } } },
	{ { { { A, RESIDUAL } } }, A, ALIVE_A, { { { A, RESIDUAL } } } },
	{ { { { A, B } } }, A, ALIVE_A | ALIVE_B, { { { A, B } } } },
	{ { { { A, B } } }, A, ALIVE_A, { { { A, RESIDUAL } } } },
	/* from settled: the past is the old answer, if it lives */
	{ { { { A, SETTLED } } }, B, ALIVE_ALL, { { { B, A } } } },
	{ { { { A, SETTLED } } }, B, ALIVE_B, { { { B, SETTLED } } } },
	{ { { { A, OPENING0 } } }, B, ALIVE_ALL, { { { B, A } } } },
	{ { { { A, OPENING1 } } }, B, ALIVE_ALL, { { { B, A } } } },
	{ { { { A, OPENING0 } } }, B, ALIVE_B, { { { B, SETTLED } } } },
	/* from residual: the same, but there are records */
	{ { { { A, RESIDUAL } } }, B, ALIVE_ALL, { { { B, A } } } },
	{ { { { A, RESIDUAL } } }, B, ALIVE_B, { { { B, RESIDUAL } } } },
	/* from moving: the oldest living past stays */
	{ { { { B, A } } }, C, ALIVE_ALL, { { { C, A } } } },
	{ { { { B, A } } }, C, ALIVE_A | ALIVE_C, { { { C, A } } } },
	{ { { { B, A } } }, C, ALIVE_B | ALIVE_C, { { { C, B } } } },
	{ { { { B, A } } }, C, ALIVE_C, { { { C, RESIDUAL } } } },
	/* back to where it came from: nobody to move away from, but records of B */
	{ { { { B, A } } }, A, ALIVE_ALL, { { { A, RESIDUAL } } } },
	{ { { { B, A } } }, A, ALIVE_A, { { { A, RESIDUAL } } } },
	/* back to a past that had died: what has come to B since stays there */
	{ { { { B, A } } }, A, ALIVE_B, { { { A, B } } } },
	{ { { { B, A } } }, A, 0, { { { A, RESIDUAL } } } },
	/* from and to nobody (A4) */
	{ { { { 0, SETTLED } } }, A, ALIVE_ALL, { { { A, SETTLED } } } },
	{ { { { A, SETTLED } } }, 0, ALIVE_ALL, { { { 0, A } } } },
	{ { { { A, SETTLED } } }, 0, 0, { { { 0, SETTLED } } } },
	{ { { { 0, A } } }, B, ALIVE_ALL, { { { B, A } } } },
	{ { { { 0, A } } }, A, ALIVE_ALL, { { { A, RESIDUAL } } } },
};

/* In a pool that resets: a dead past is orphaned. */
static const struct change deaths[] = {
	/* the same answer */
	{ { { { A, SETTLED } } }, A, ALIVE_A, { { { A, SETTLED } } } },
	{ { { { A, B } } }, A, ALIVE_A | ALIVE_B, { { { A, B } } } },
	{ { { { A, B } } }, A, ALIVE_A, { { { A, ORPHANED } } } },
	{ { { { A, ORPHANED } } }, A, ALIVE_ALL, { { { A, ORPHANED } } } },
	/* the answer dies */
	{ { { { A, SETTLED } } }, B, ALIVE_B, { { { B, ORPHANED } } } },
	{ { { { A, OPENING1 } } }, B, ALIVE_B, { { { B, ORPHANED } } } },
	{ { { { A, RESIDUAL } } }, B, ALIVE_B, { { { B, ORPHANED } } } },
	{ { { { A, SETTLED } } }, 0, 0, { { { 0, ORPHANED } } } },
	/* or lives */
	{ { { { A, SETTLED } } }, B, ALIVE_ALL, { { { B, A } } } },
	{ { { { A, RESIDUAL } } }, B, ALIVE_ALL, { { { B, A } } } },
	/* the past lives, dies, and is the answer again */
	{ { { { B, A } } }, C, ALIVE_A | ALIVE_C, { { { C, A } } } },
	{ { { { B, A } } }, C, ALIVE_B | ALIVE_C, { { { C, ORPHANED } } } },
	{ { { { B, A } } }, C, ALIVE_C, { { { C, ORPHANED } } } },
	{ { { { B, A } } }, A, ALIVE_ALL, { { { A, RESIDUAL } } } },
	/* once orphaned, always, whoever comes, goes, and comes back */
	{ { { { B, ORPHANED } } }, A, ALIVE_ALL, { { { A, ORPHANED } } } },
	{ { { { B, ORPHANED } } }, C, ALIVE_C, { { { C, ORPHANED } } } },
	{ { { { B, ORPHANED } } }, 0, 0, { { { 0, ORPHANED } } } },
	{ { { { 0, ORPHANED } } }, A, ALIVE_ALL, { { { A, ORPHANED } } } },
	/* nobody's was nobody's (A4) */
	{ { { { 0, SETTLED } } }, A, ALIVE_ALL, { { { A, SETTLED } } } },
	{ { { { 0, RESIDUAL } } }, A, ALIVE_ALL, { { { A, RESIDUAL } } } },
};

static void check_changes(const struct change *list, size_t n, bool resets)
{
	for (size_t i = 0; i < n; i++) {
		struct lp_slot got = next_of(list[i].old, list[i].cur, list[i].alive, resets);

		if (got.word != list[i].want.word)
			fail_msg("change %zu: cur %u, prev %#x", i, got.cur, got.prev);
	}
}

static void test_next(void **state)
{
	(void)state;
	check_changes(changes, sizeof(changes) / sizeof(changes[0]), false);
}

static void test_next_where_clients_are_told(void **state)
{
	(void)state;
	check_changes(deaths, sizeof(deaths) / sizeof(deaths[0]), true);
}

/* A pool that resets no more: what was orphaned is forgotten, but not the living. */
static void test_orphans_of_before(void **state)
{
	(void)state;
	expect(next(slot(A, ORPHANED), A, ALIVE_ALL), A, RESIDUAL);
	expect(next(slot(A, ORPHANED), B, ALIVE_ALL), B, A);
	expect(next(slot(A, ORPHANED), B, ALIVE_B), B, RESIDUAL);
}

/* What slot_next() promises, for all words, answers and lives that there are. */
static void check_next(struct lp_slot old, uint16_t cur, unsigned int mask)
{
	bool old_moves = slot_is_moving(old) && (mask >> old.prev & 1);
	uint16_t past = old_moves ? old.prev : old.cur;
	struct lp_slot got = next(old, cur, mask);

	assert_int_equal(got.cur, cur);
	if (slot_is_moving(got)) {
		assert_true(mask >> got.prev & 1); /* the past lives */
		assert_int_not_equal(got.prev, got.cur);
	}
	if (cur == old.cur) {
		if (!slot_is_moving(old) || old_moves)
			assert_int_equal(got.word, old.word);
		return;
	}
	/* A packet that no record knows goes where it went, while that lives (P1). */
	if (past != cur && past && (mask >> past & 1))
		assert_int_equal(got.prev, past);
	else
		assert_false(slot_is_moving(got));
	/* Where there may be records they are asked. */
	if (!slot_is_settled(old))
		assert_false(slot_is_settled(got));
}

static void test_next_always(void **state)
{
	static const uint16_t words[] = { SETTLED, OPENING0, OPENING1, RESIDUAL, A, B, C };

	(void)state;
	for (uint16_t old = 0; old < N; old++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			for (uint16_t cur = 0; cur < N; cur++)
				for (unsigned int mask = 0; mask <= ALIVE_ALL; mask += 2)
					if (words[i] != old || words[i] == SETTLED)
						check_next(slot(old, words[i]), cur, mask);
}

/* What a pool that resets adds to that: only where the past is dead it is another slot. */
static void check_next_resets(struct lp_slot old, uint16_t cur, unsigned int mask)
{
	struct lp_slot got = next_of(old, cur, mask, true), without = next(old, cur, mask);
	uint16_t past = slot_is_moving(old) ? old.prev : old.cur;
	bool stays = cur == old.cur && !slot_is_moving(old);
	bool dead = slot_is_orphaned(old) || (past && !(mask >> past & 1));

	if (!stays && dead)
		expect(got, cur, ORPHANED);
	else
		assert_int_equal(got.word, without.word);
}

static void test_next_always_where_clients_are_told(void **state)
{
	static const uint16_t words[] = { SETTLED, OPENING0, RESIDUAL, ORPHANED, A, B, C };

	(void)state;
	for (uint16_t old = 0; old < N; old++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			for (uint16_t cur = 0; cur < N; cur++)
				for (unsigned int mask = 0; mask <= ALIVE_ALL; mask += 2)
					if (words[i] != old || words[i] == SETTLED)
						check_next_resets(slot(old, words[i]), cur, mask);
}

/* --- slot_later() ------------------------------------------------------------------- */

/* Time does nothing to a settled slot; marks fade elsewhere (sweep.h). */
static void test_later_settled(void **state)
{
	static const uint16_t words[] = { SETTLED, OPENING0, OPENING1 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (unsigned int bits = 0; bits < 8; bits++)
			expect(later(slot(A, words[i]), ALIVE_A, bits & 1, bits & 2, bits & 4), A,
			       words[i]);
}

static void test_later_moving(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 4; bits++) {
		bool passed = bits & 1, differs = bits & 2;

		expect(later(slot(B, A), ALIVE_ALL, false, passed, differs), B, A);
		expect(later(slot(B, A), ALIVE_ALL, true, passed, differs), B, RESIDUAL);
		/* A dead past is nobody's answer; a living one does not need cur to live. */
		expect(later(slot(B, A), ALIVE_A, false, passed, differs), B, A);
	}
	expect(later(slot(B, A), ALIVE_B, false, false, false), B, RESIDUAL);
	expect(later(slot(B, A), ALIVE_B, false, false, true), B, RESIDUAL);
}

static void test_later_orphaned(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 4; bits++) {
		bool passed = bits & 1, differs = bits & 2;
		struct lp_slot orphaned = slot(B, ORPHANED);

		expect(later_of(slot(B, A), ALIVE_B, false, passed, differs, true), B, ORPHANED);
		expect(later_of(slot(B, A), ALIVE_ALL, false, passed, differs, true), B, A);
		expect(later_of(orphaned, ALIVE_ALL, false, passed, differs, true), B, ORPHANED);
		expect(later_of(orphaned, ALIVE_ALL, true, passed, differs, true), B, RESIDUAL);
		expect(later_of(orphaned, ALIVE_ALL, false, passed, differs, false), B, RESIDUAL);
	}
}

static void test_later_residual(void **state)
{
	(void)state;
	for (unsigned int held = 0; held < 2; held++) {
		expect(later(slot(B, RESIDUAL), ALIVE_ALL, held, false, false), B, RESIDUAL);
		expect(later(slot(B, RESIDUAL), ALIVE_ALL, held, false, true), B, RESIDUAL);
		expect(later(slot(B, RESIDUAL), ALIVE_ALL, held, true, true), B, RESIDUAL);
		expect(later(slot(B, RESIDUAL), ALIVE_ALL, held, true, false), B, SETTLED);
	}
}

/* Never from moving to settled at once: the pass that has ended is of the time
 * when it was moving, and looked with other eyes (S1). */
static void test_later_never_skips(void **state)
{
	(void)state;
	for (unsigned int mask = 0; mask <= ALIVE_ALL; mask += 2)
		for (unsigned int bits = 0; bits < 8; bits++)
			assert_false(slot_is_settled(
				later(slot(B, A), mask, bits & 1, bits & 2, bits & 4)));
}

/* --- several in a row ------------------------------------------------------------------ */

/* A to B to C to B: whoever was there before is at A, and is answered so. */
static void test_oldest_past_stays(void **state)
{
	struct lp_slot now = slot(A, OPENING1);

	(void)state;
	now = next(now, B, ALIVE_ALL);
	expect(now, B, A);
	now = next(now, C, ALIVE_ALL);
	expect(now, C, A);
	now = next(now, B, ALIVE_ALL);
	expect(now, B, A);
	now = later(now, ALIVE_ALL, true, true, false);
	expect(now, B, RESIDUAL);
	now = later(now, ALIVE_ALL, true, true, false);
	expect(now, B, SETTLED);
}

/* The past dies on the way: the next oldest that lives takes its place, once the
 * answer moves on. */
static void test_past_dies(void **state)
{
	struct lp_slot now = next(slot(A, SETTLED), B, ALIVE_ALL);

	(void)state;
	now = next(now, C, ALIVE_B | ALIVE_C);
	expect(now, C, B);
	now = next(now, A, ALIVE_ALL);
	expect(now, A, B);
	now = next(now, C, ALIVE_C);
	expect(now, C, RESIDUAL);
}

/* It leaves and comes back within the hold time: B has records of its own then. */
static void test_there_and_back(void **state)
{
	struct lp_slot now = next(slot(A, SETTLED), B, ALIVE_ALL);

	(void)state;
	now = next(now, A, ALIVE_ALL);
	expect(now, A, RESIDUAL);
	now = next(now, B, ALIVE_ALL);
	expect(now, B, A);
	now = next(now, A, ALIVE_ALL);
	now = later(now, ALIVE_ALL, true, true, true);
	expect(now, A, RESIDUAL);
	now = later(now, ALIVE_ALL, true, true, false);
	expect(now, A, SETTLED);
}

/* A dies and returns while its slots are settled on others: P4, no state is left. */
static void test_death_and_return(void **state)
{
	struct lp_slot now = next(slot(A, SETTLED), B, ALIVE_B | ALIVE_C);

	(void)state;
	expect(now, B, SETTLED);
	now = next(now, A, ALIVE_ALL); /* nobody of B's is moved: they are remembered there */
	expect(now, A, B);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_are_no_backends),
		cmocka_unit_test(test_is_alive),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_next_always),
		cmocka_unit_test(test_next_where_clients_are_told),
		cmocka_unit_test(test_next_always_where_clients_are_told),
		cmocka_unit_test(test_orphans_of_before),
		cmocka_unit_test(test_later_orphaned),
		cmocka_unit_test(test_later_settled),
		cmocka_unit_test(test_later_moving),
		cmocka_unit_test(test_later_residual),
		cmocka_unit_test(test_later_never_skips),
		cmocka_unit_test(test_oldest_past_stays),
		cmocka_unit_test(test_past_dies),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_death_and_return),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
