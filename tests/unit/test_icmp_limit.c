// SPDX-License-Identifier: GPL-2.0
/* The token bucket of ICMP answers (limit.h), against a bucket that is filled drop by drop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <limpet/abi.h>
#include <limpet/limit.h>

#define SECOND 1000000000ull

static unsigned int take_all(struct lp_limit *limit, uint64_t now, unsigned int per_s,
			     unsigned int burst)
{
	unsigned int n = 0;

	while (n < 10 * burst && lp_limit_take(limit, now, per_s, burst))
		n++;
	return n;
}

static void test_burst_and_rate(void **state)
{
	struct lp_limit limit = { 0 };
	uint64_t now = 1000 * SECOND;

	(void)state;
	assert_int_equal(take_all(&limit, now, 1000, 50), 50);
	assert_int_equal(take_all(&limit, now, 1000, 50), 0);
	/* One a millisecond, and no more for having asked in between. */
	for (int i = 0; i < 200; i++) {
		assert_false(lp_limit_take(&limit, now + SECOND / 2000, 1000, 50));
		now += SECOND / 1000;
		assert_int_equal(take_all(&limit, now, 1000, 50), 1);
	}
	/* However long nobody asked, there is a burst and no more. */
	assert_int_equal(take_all(&limit, now + 20 * SECOND / 1000, 1000, 50), 20);
	assert_int_equal(take_all(&limit, now + 3600 * SECOND, 1000, 50), 50);
}

static void test_a_clock_that_has_just_begun(void **state)
{
	struct lp_limit limit = { 0 };

	(void)state;
	assert_int_equal(take_all(&limit, 0, 1000, 50), 1);
	assert_int_equal(take_all(&limit, SECOND, 1000, 50), 50);
}

/* Nobody is silent until the clock has caught up. */
static void test_a_clock_that_goes_back(void **state)
{
	struct lp_limit limit = { 0 };

	(void)state;
	assert_int_equal(take_all(&limit, 1000 * SECOND, 1000, 50), 50);
	assert_int_equal(take_all(&limit, 10 * SECOND, 1000, 50), 50);
	assert_int_equal(take_all(&limit, 10 * SECOND, 1000, 50), 0);
	assert_int_equal(take_all(&limit, 10 * SECOND + SECOND / 1000, 1000, 50), 1);
}

static void test_burst_of_one(void **state)
{
	struct lp_limit limit = { 0 };

	(void)state;
	assert_int_equal(take_all(&limit, SECOND, 7, 1), 1);
	assert_int_equal(take_all(&limit, 2 * SECOND - 1, 7, 1), 1);
	assert_int_equal(take_all(&limit, 2 * SECOND, 7, 1), 0);
}

/* Tokens as a number that grows: the same to the last one, at random times. */
static void test_against_a_bucket(void **state)
{
	const unsigned int per_s = 1000, burst = 50;
	const uint64_t gap = SECOND / per_s;
	struct lp_limit limit = { 0 };
	uint64_t now = 5 * SECOND, level = burst * gap, last = now;

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		now += (uint64_t)(rand() % 3 ? rand() % 400000 : rand() % 3000000);
		level += now - last;
		if (level > burst * gap)
			level = burst * gap;
		last = now;
		assert_int_equal(lp_limit_take(&limit, now, per_s, burst), level >= gap);
		if (level >= gap)
			level -= gap;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_and_rate),
		cmocka_unit_test(test_a_clock_that_has_just_begun),
		cmocka_unit_test(test_a_clock_that_goes_back),
		cmocka_unit_test(test_burst_of_one),
		cmocka_unit_test(test_against_a_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
