// SPDX-License-Identifier: GPL-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/runtime.h"

static void test_it_goes_on(void **state)
{
	struct clock_watch watch = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(clock_jump(&watch, 1700000000 + i, 5 + i), 0);
	/* A tick comes late, a machine sleeps. */
	assert_int_equal(clock_jump(&watch, 1700000200, 205), 0);
	assert_int_equal(clock_jump(&watch, 1700086600, 86605), 0);
}

static void test_it_jumps(void **state)
{
	struct clock_watch watch = { 0 };

	(void)state;
	assert_int_equal(clock_jump(&watch, 10, 10), 0);
	assert_int_equal(clock_jump(&watch, 1700000011, 11), 1700000000);
	assert_int_equal(clock_jump(&watch, 1700000012, 12), 0);
	assert_int_equal(clock_jump(&watch, 1699996413, 13), -3600);
	assert_int_equal(clock_jump(&watch, 1699996414, 14), 0);
	assert_int_equal(clock_jump(&watch, 1699996417, 15), 2);
}

/* A second now and then is slewing, or rounding; it does not add up to a jump. */
static void test_it_drifts(void **state)
{
	struct clock_watch watch = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(clock_jump(&watch, 1000 + 2 * i, 1000 + i), 0);
}

static void test_dates_follow(void **state)
{
	struct runtime_backend backends[] = {
		{ .since = 1000, .deadline = 1600, .weight_until = 1900 },
		{ .since = 50, .deadline = 0 }
	};
	struct runtime runtime = { .backends = backends, .n_backends = 2 };

	(void)state;
	runtime_shift(&runtime, 3600);
	assert_int_equal(backends[0].since, 4600);
	assert_int_equal(backends[0].deadline, 5200);
	assert_int_equal(backends[0].weight_until, 5500);
	assert_int_equal(backends[1].weight_until, 0); /* no end */
	assert_int_equal(backends[1].since, 3650);
	assert_int_equal(backends[1].deadline, 0); /* none */
	assert_false(runtime_expire(&runtime, 5199));
	runtime_shift(&runtime, -4000);
	assert_int_equal(backends[0].since, 600);
	assert_int_equal(backends[0].deadline, 1200);
	assert_int_equal(backends[1].since, 1);
	assert_true(runtime_expire(&runtime, 1200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_goes_on),
		cmocka_unit_test(test_it_jumps),
		cmocka_unit_test(test_it_drifts),
		cmocka_unit_test(test_dates_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
