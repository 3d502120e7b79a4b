// SPDX-License-Identifier: GPL-2.0
/*
 * Fragments that wait in the agent for their first one (agent/fragments.h), on a datapath
 * whose ring is a pipe; and what the datapath knows of first ones.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/fragments.h"
#include "dp/dp_internal.h"

#define FRAMES 1024

/* Of a fake datapath: what it holds, and what was sent in again. */
static struct world {
	struct dp *dp;
	struct dp_ops ops;
	uv_loop_t loop;
	int pipe[2];
	struct lp_held held[FRAMES];
	size_t n_held;
	uint64_t sent[FRAMES]; /* fingerprints, in their order */
	size_t n_sent;
	int send_returns;
	struct fragments *fragments;
} world;

static int fake_fd(const struct dp *dp)
{
	(void)dp;
	return world.pipe[0];
}

static void fake_take(struct dp *dp, dp_held_fn *fn, void *arg)
{
	char byte[FRAMES];

	(void)dp;
	assert_true(read(world.pipe[0], byte, sizeof(byte)) > 0);
	for (size_t i = 0; i < world.n_held; i++)
		fn(arg, &world.held[i]);
	world.n_held = 0;
}

static int fake_send(struct dp *dp, const struct lp_held *held)
{
	(void)dp;
	assert_true(world.n_sent < FRAMES);
	assert_int_equal(held->len, 60 + held->fingerprint % 100);
	for (uint32_t i = 0; i < held->len; i++)
		assert_int_equal(held->frame[i], (uint8_t)(held->fingerprint + i));
	world.sent[world.n_sent++] = held->fingerprint;
	return world.send_returns;
}

static void come(uint64_t fingerprint)
{
	struct lp_held *held = &world.held[world.n_held++];

	held->fingerprint = fingerprint;
	held->ifindex = 1;
	held->len = 60 + (uint32_t)(fingerprint % 100);
	for (uint32_t i = 0; i < held->len; i++)
		held->frame[i] = (uint8_t)(fingerprint + i);
}

static void wake(void)
{
	assert_int_equal(write(world.pipe[1], "x", 1), 1);
}

/* The first fragment passes. */
static void know(uint64_t fingerprint, unsigned int way)
{
	struct lp_record *at =
		&world.dp->maps.fragments[fingerprint & (LP_FRAGMENT_BUCKETS - 1)].way[way];

	at->value = (struct lp_record_word) { .backend = 1, .expires = 1 };
	at->fingerprint = fingerprint;
}

/* Runs the loop until so many were sent, or for so long. */
static void run_until(size_t sent, uint64_t ms)
{
	uint64_t end = uv_hrtime() + ms * 1000000;

	while (world.n_sent < sent && uv_hrtime() < end) {
		uv_run(&world.loop, UV_RUN_NOWAIT);
		usleep(500);
	}
}

static int set_up(void **state)
{
	static const struct dp_size size = { .vips = 2,
					     .pools = 2,
					     .backends = 2,
					     .tables = 2,
					     .index = 1,
					     .places = 1,
					     .ranges = 1,
					     .buckets = 1 };

	(void)state;
	memset(&world, 0, sizeof(world));
	if (dp_fake_open(&size, &world.dp) || pipe(world.pipe) || uv_loop_init(&world.loop))
		return -1;
	world.ops = *world.dp->ops;
	world.ops.held_fd = fake_fd;
	world.ops.held_take = fake_take;
	world.ops.held_send = fake_send;
	world.dp->ops = &world.ops;
	return fragments_open(&world.loop, world.dp, &world.fragments);
}

static int tear_down(void **state)
{
	(void)state;
	fragments_close(&world.fragments);
	fragments_close(&world.fragments);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	close(world.pipe[0]);
	close(world.pipe[1]);
	dp_close(&world.dp);
	return uv_loop_close(&world.loop);
}

static void test_nothing_is_sent_before_its_first_one(void **state)
{
	(void)state;
	come(1001);
	come(1002);
	wake();
	run_until(1, 50);
	assert_int_equal(world.n_sent, 0);
	know(1002, 3);
	run_until(1, 400);
	assert_int_equal(world.n_sent, 1);
	assert_int_equal(world.sent[0], 1002);
}

static void test_a_first_one_that_is_there_already(void **state)
{
	(void)state;
	know(7, LP_WAYS - 1);
	come(7);
	wake();
	run_until(1, 50);
	assert_int_equal(world.n_sent, 1);
}

static void test_who_waits_too_long_is_sent_in_as_well(void **state)
{
	uint64_t begin = uv_hrtime();

	(void)state;
	come(5);
	come(6);
	wake();
	run_until(2, 4 * FRAGMENTS_WAIT_MS);
	assert_int_equal(world.n_sent, 2);
	assert_true(uv_hrtime() - begin >= (FRAGMENTS_WAIT_MS - 5) * 1000000ull);
	/* Nobody waits: nobody looks. */
	uv_run(&world.loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_backend_timeout(&world.loop), -1);
}

static void test_no_more_wait_than_there_is_room_for(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < FRAGMENTS_MAX + 50; i++)
		come(2000 + i);
	wake();
	run_until(51, 50);
	assert_int_equal(world.n_sent, 50);
	for (uint64_t i = 0; i < 50; i++)
		assert_int_equal(world.sent[i], 2000 + FRAGMENTS_MAX + i);
}

static void test_all_of_a_packet_in_their_order(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		come(42);
		come(43 + (uint64_t)i);
	}
	wake();
	run_until(1, 20);
	world.send_returns = -EINVAL; /* is said, and changes nothing */
	know(42, 0);
	run_until(5, 400);
	assert_int_equal(world.n_sent, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(world.sent[i], 42);
}

static void test_a_datapath_that_holds_nothing(void **state)
{
	struct fragments *none = NULL;

	(void)state;
	world.ops.held_fd = NULL;
	world.ops.held_send = NULL;
	world.ops.held_take = NULL;
	assert_int_equal(fragments_open(&world.loop, world.dp, &none), 0);
	assert_null(none);
	assert_int_equal(dp_held_send(world.dp, &world.held[0]), -EOPNOTSUPP);
	dp_held_take(world.dp, NULL, NULL);
}

static void test_known_is_only_the_whole_fingerprint(void **state)
{
	const uint64_t other = 9 + (uint64_t)LP_FRAGMENT_BUCKETS;

	(void)state;
	know(9, 2);
	assert_true(dp_fragment_known(world.dp, 9));
	assert_false(dp_fragment_known(world.dp, other)); /* of the same bucket */
	world.dp->maps.fragments[9].way[2].value.word = LP_RECORD_GONE;
	assert_false(dp_fragment_known(world.dp, 9)); /* being written */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_is_sent_before_its_first_one, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_first_one_that_is_there_already, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_who_waits_too_long_is_sent_in_as_well, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_no_more_wait_than_there_is_room_for, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_all_of_a_packet_in_their_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_datapath_that_holds_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_known_is_only_the_whole_fingerprint, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
