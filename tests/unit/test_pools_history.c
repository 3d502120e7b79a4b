// SPDX-License-Identifier: GPL-2.0
/* Short histories of pools, each compared with a fresh start at every turn (pools_truth.h). */
#include "pools_truth.h"

#define HISTORIES 20
#define EVENTS    30

/* Compared wherever it might end, as long as nobody is in a slow start. */
static void test_no_history(void **state)
{
	uint32_t compared = 0, p4 = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
		struct pools_world world;
		struct truth truth;

		state64 = seed;
		begin(&truth);
		pools_open(&world);
		apply(&world, &truth);
		for (uint32_t i = 0; i < EVENTS; i++) {
			if (!below(8))
				heal(&world, &truth, below(POOLS));
			happen(&world, &truth, below(4) ? below(2) : below(30));
			if (in_slow_start(&world))
				continue;
			compare(&world, &truth, seed);
			compared++;
		}
		pools_wait(&world, SLOW);
		assert_false(in_slow_start(&world));
		compare(&world, &truth, seed);
		pools_close(&world);
		p4 += truth.p4;
	}
	assert_true(p4 > 0);
	assert_in_range(compared, HISTORIES * EVENTS / 2, HISTORIES * EVENTS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_history) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
