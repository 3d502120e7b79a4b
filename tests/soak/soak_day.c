// SPDX-License-Identifier: GPL-2.0
/*
 * soak_day [SEED]
 *
 * A day in a minute or two: 86,400 seconds of the agent's core over the datapath in memory,
 * with verdicts, drains, weights, reloads and deaths of the agent at random from SEED on.
 * After each event all that a packet meets is compared with a fresh start (P6), and each
 * verdict's moves are looked at (P4): tests/unit/pools_truth.h. Progress is on stderr, the
 * result on stdout.
 */
#include "../unit/pools_truth.h"

#include "lib/parse.h"

#define DAY_S  86400u
#define HOUR_S 3600u

static uint64_t seed = 1;

struct day {
	struct pools_world world;
	struct truth truth;
	uint32_t hour;
	uint64_t events, compared;
};

/* Mostly some seconds, now and then a while in which deadlines pass. */
static uint32_t pause_s(void)
{
	return below(4) ? below(8) : below(60);
}

static void show(struct day *day)
{
	if (day->world.seconds / HOUR_S == day->hour)
		return;
	day->hour = day->world.seconds / HOUR_S;
	fprintf(stderr, "soak_day: %02u:00 of 24:00, %llu events, %llu compared, %u verdicts\n",
		day->hour, (unsigned long long)day->events, (unsigned long long)day->compared,
		day->truth.p4);
}

/* The plainest of events: of a pool that is well one backend dies, and comes back. */
static void die_and_return(struct day *day)
{
	uint32_t pool = below(POOLS), name = below(NAMES);

	heal(&day->world, &day->truth, pool);
	pools_wait(&day->world, SLOW);
	change_verdict(&day->world, &day->truth, pool, name);
	pools_wait(&day->world, pause_s());
	change_verdict(&day->world, &day->truth, pool, name);
	expire(&day->truth, day->world.seconds);
}

static void live(struct day *day)
{
	while (day->world.seconds < DAY_S) {
		if (!below(3))
			die_and_return(day);
		happen(&day->world, &day->truth, pause_s());
		day->events++;
		if (!in_slow_start(&day->world)) {
			compare(&day->world, &day->truth, seed);
			day->compared++;
		}
		show(day);
	}
}

static void test_a_day(void **state)
{
	struct day day = { 0 };

	(void)state;
	state64 = seed;
	begin(&day.truth);
	pools_open(&day.world);
	apply(&day.world, &day.truth);
	live(&day);
	pools_wait(&day.world, SLOW);
	compare(&day.world, &day.truth, seed);
	pools_close(&day.world);
	/* Else it has not looked at what it is there for. */
	assert_true(day.events > DAY_S / 30);
	assert_true(day.compared > day.events / 2 && day.truth.p4 > day.events / 100);
	printf("a day from seed %llu: %llu events, %llu compared with a fresh start, moves of %u "
	       "verdicts looked at\n",
	       (unsigned long long)seed, (unsigned long long)day.events,
	       (unsigned long long)day.compared, day.truth.p4);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_day) };

	if (argc > 2 || (argc == 2 && lp_parse_u64(argv[1], 0, UINT64_MAX, &seed))) {
		fprintf(stderr, "soak_day: \"%s\": usage: soak_day [SEED]\n", argv[argc - 1]);
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
