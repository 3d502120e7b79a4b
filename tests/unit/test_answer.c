// SPDX-License-Identifier: GPL-2.0
/*
 * Where a packet goes, by the rules T1 to T4 and T8 of bpf/track.h: each rule by an example,
 * and then every situation there is, against the rules written down in another way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/answer.h"

enum { CUR = 1, PREV = 2, FLOW = 3, CLIENT = 4 };

static const struct lp_slot settled = { .cur = CUR, .prev = LP_SLOT_SETTLED };
static const struct lp_slot opening_mark = { .cur = CUR, .prev = LP_SLOT_OPENING + 1 };
static const struct lp_slot moving = { .cur = CUR, .prev = PREV };
static const struct lp_slot orphaned = { .cur = CUR, .prev = LP_SLOT_ORPHANED };
static const struct lp_slot residual = { .cur = CUR, .prev = LP_SLOT_RESIDUAL };

static const struct answer_record of_flow = { .found = true, .lives = true, .backend = FLOW };
static const struct answer_record of_client = { .found = true, .lives = true, .backend = CLIENT };

static struct answer_question question(struct lp_slot slot)
{
	return (struct answer_question) { .slot = slot, .source = true, .past_lives = true };
}

static void goes_to(const struct answer_question *q, bool opening, uint16_t backend,
		    enum answer_reason reason)
{
	struct answer answer = answer_packet(q, opening);

	assert_int_equal(answer.backend, backend);
	assert_int_equal(answer.reason, reason);
}

static void test_settled(void **state)
{
	struct answer_question q = question(settled);

	(void)state;
	q.flow = of_flow;
	q.client = of_client;
	goes_to(&q, true, CUR, ANSWER_SLOT);
	goes_to(&q, false, CUR, ANSWER_SLOT);
	q.slot = opening_mark;
	goes_to(&q, true, CUR, ANSWER_SLOT);
	q.track = LP_TRACK_ALWAYS;
	goes_to(&q, false, FLOW, ANSWER_CONNECTION);
	q.flow.found = false;
	goes_to(&q, true, CLIENT, ANSWER_CLIENT);
	goes_to(&q, false, CUR, ANSWER_SLOT);
}

/* T1: before its client's, whatever its age while the slot moves. */
static void test_connection_record(void **state)
{
	struct answer_question q = question(moving);

	(void)state;
	q.flow = of_flow;
	q.client = of_client;
	goes_to(&q, true, FLOW, ANSWER_CONNECTION);
	goes_to(&q, false, FLOW, ANSWER_CONNECTION);
	q.flow.expired = true;
	goes_to(&q, false, FLOW, ANSWER_CONNECTION);
	q.slot = residual;
	goes_to(&q, false, CUR, ANSWER_SLOT);
	goes_to(&q, true, CLIENT, ANSWER_CLIENT);
	q.flow = of_flow;
	q.flow.lives = false;
	goes_to(&q, false, CUR, ANSWER_SLOT);
	q.flow = of_flow;
	q.flow.offline = true;
	goes_to(&q, false, FLOW, ANSWER_CONNECTION);
	goes_to(&q, true, CLIENT, ANSWER_CLIENT);
}

/* T2 and T3. */
static void test_client_record(void **state)
{
	struct answer_question q = question(moving);

	(void)state;
	goes_to(&q, true, CUR, ANSWER_SLOT);
	q.client = of_client;
	goes_to(&q, true, CLIENT, ANSWER_CLIENT);
	q.client.expired = true;
	goes_to(&q, true, CLIENT, ANSWER_CLIENT);
	q.slot = residual;
	goes_to(&q, true, CUR, ANSWER_SLOT);
	q.client = of_client;
	q.client.offline = true;
	goes_to(&q, true, CUR, ANSWER_SLOT);
	q.client = of_client;
	q.source = false;
	goes_to(&q, true, CUR, ANSWER_SLOT);
}

/* T4. */
static void test_past(void **state)
{
	struct answer_question q = question(moving);

	(void)state;
	q.client = of_client;
	goes_to(&q, false, PREV, ANSWER_PAST);
	q.past_lives = false;
	goes_to(&q, false, CUR, ANSWER_SLOT);
	q.past_lives = true;
	q.track = LP_TRACK_NEVER;
	goes_to(&q, false, CUR, ANSWER_SLOT);
	goes_to(&q, true, CUR, ANSWER_SLOT);
}

/* T8. */
static void test_orphans(void **state)
{
	struct answer_question q = question(orphaned);

	(void)state;
	q.past_lives = false;
	goes_to(&q, false, CUR, ANSWER_SLOT);
	q.resets = true;
	goes_to(&q, false, 0, ANSWER_RESET);
	goes_to(&q, true, CUR, ANSWER_SLOT);
	q.flow = of_flow;
	q.flow.expired = true; /* silent, but alive */
	goes_to(&q, false, FLOW, ANSWER_CONNECTION);
	q.flow.lives = false;
	goes_to(&q, false, 0, ANSWER_RESET);
	q.slot = residual;
	goes_to(&q, false, 0, ANSWER_RESET);
	q.flow.found = false;
	goes_to(&q, false, CUR, ANSWER_SLOT);
	q.slot = moving;
	goes_to(&q, false, 0, ANSWER_RESET);
	q.past_lives = true;
	goes_to(&q, false, PREV, ANSWER_PAST);
	q.track = LP_TRACK_NEVER;
	q.slot = orphaned;
	goes_to(&q, false, CUR, ANSWER_SLOT);
}

static void test_refusals(void **state)
{
	struct answer_question q = question(residual);
	struct answer_record record = of_client;

	(void)state;
	assert_null(answer_refuses(&q, &record, true));
	record.expired = true;
	assert_string_equal(answer_refuses(&q, &record, true), "it has expired");
	record.offline = true;
	assert_string_equal(answer_refuses(&q, &record, true), "its backend is offline");
	assert_string_equal(answer_refuses(&q, &record, false), "it has expired");
	record.lives = false;
	assert_string_equal(answer_refuses(&q, &record, true),
			    "its backend is gone, or has had another life since");
	q.slot = settled;
	assert_string_equal(answer_refuses(&q, &record, true), "the slot is settled");
	q.track = LP_TRACK_NEVER;
	assert_string_equal(answer_refuses(&q, &record, true), "the VIP tracks never");
	record.found = false;
	assert_string_equal(answer_refuses(&q, &record, true), "there is none");
}

/* --- every situation ----------------------------------------------------------------- */

static struct answer_record record_of(unsigned int bits, uint16_t backend)
{
	return (struct answer_record) {
		.found = bits & 1,
		.lives = bits & 2,
		.offline = bits & 4,
		.expired = bits & 8,
		.backend = backend,
	};
}

/* The rules as the header of bpf/track.h tells them, in their order. */
static uint16_t by_the_rules(const struct answer_question *q, bool opening)
{
	bool is_moving = q->slot.word == moving.word || q->slot.word == orphaned.word;
	bool is_residual = q->slot.word == residual.word;
	bool looks = q->track == LP_TRACK_ALWAYS ||
		     (q->track == LP_TRACK_NEEDED && (is_moving || is_residual));
	const struct answer_record *flow = &q->flow, *client = &q->client;

	if (!looks)
		return CUR;
	if (flow->found && flow->lives) {
		bool too_old = !is_moving && flow->expired;

		if (!too_old && !(opening && flow->offline))
			return FLOW;
	}
	if (!opening && q->resets &&
	    ((flow->found && !flow->lives) || (is_moving && !q->past_lives)))
		return 0;
	if (!opening)
		return is_moving && q->past_lives ? PREV : CUR;
	if (q->source && client->found && client->lives && !client->offline &&
	    (is_moving || !client->expired))
		return CLIENT;
	return CUR;
}

static void test_everything(void **state)
{
	const struct lp_slot slots[] = { settled, opening_mark, moving, residual, orphaned };
	unsigned int n = 0;

	(void)state;
	/* 5 slots, 3 ways to track, source, past, 16 records each, SYN or not, reset or not */
	for (unsigned int i = 0; i < 5 * 3 * 2 * 2 * 16 * 16 * 2 * 2; i++, n++) {
		struct answer_question q = {
			.slot = slots[i % 5],
			.track = (enum lp_track)(i / 5 % 3),
			.source = i / 15 % 2,
			.past_lives = i / 30 % 2 && i % 5 != 4, /* of the orphaned: never */
			.flow = record_of(i / 60 % 16, FLOW),
			.client = record_of(i / 960 % 16, CLIENT),
			.resets = i / 30720,
		};
		bool opening = i / 15360 % 2;

		if (answer_packet(&q, opening).backend != by_the_rules(&q, opening))
			fail_msg("situation %u: %u, not %u", i, answer_packet(&q, opening).backend,
				 by_the_rules(&q, opening));
	}
	assert_int_equal(n, 61440);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settled),       cmocka_unit_test(test_connection_record),
		cmocka_unit_test(test_client_record), cmocka_unit_test(test_past),
		cmocka_unit_test(test_refusals),      cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
