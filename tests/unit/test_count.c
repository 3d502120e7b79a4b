// SPDX-License-Identifier: GPL-2.0
/* Packets and bytes counted in one word (limpet/count.h), against two plain sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <limpet/count.h>

/* Both ways of counting, as one CPU does it. */
struct counted {
	__u64 count;
	struct lp_counter total, plain;
};

static void count(struct counted *counted, uint32_t bytes)
{
	counted->plain.packets++;
	counted->plain.bytes += bytes;
	counted->count += lp_count_of(bytes);
	if (lp_count_is_due(counted->count))
		lp_count_catch_up(&counted->total, counted->count);
}

/* Who read the total a while ago, and the count now. */
static void check(const struct counted *counted, struct lp_counter total)
{
	lp_count_catch_up(&total, counted->count);
	assert_int_equal(total.packets, counted->plain.packets);
	assert_int_equal(total.bytes, counted->plain.bytes);
}

/* Past the end of the count's packets three times, and of its bytes; `bytes`: each at most, or
 * exactly. */
static void run(uint32_t bytes, bool exactly)
{
	struct lp_counter early = { 0 };
	struct counted counted = { 0 };
	uint32_t random = 1;

	for (uint32_t i = 0; i < 3u << LP_COUNT_SHIFT; i++) {
		random = random * 1664525 + 1013904223;
		count(&counted, exactly ? bytes : random % bytes);
		if (i % LP_COUNT_NOTE == 0)
			early = counted.total;
		if (random < UINT32_MAX / 1000 || i % LP_COUNT_NOTE > LP_COUNT_NOTE - 3) {
			check(&counted, counted.total);
			check(&counted, early);
		}
	}
	assert_int_equal(counted.plain.packets, 3u << LP_COUNT_SHIFT);
}

static void test_shortest(void **state)
{
	(void)state;
	run(60, true);
}

static void test_any(void **state)
{
	(void)state;
	run(9014, false);
}

static void test_longest(void **state)
{
	(void)state;
	run(1u << 17, true);
}

/* A total that is a whole note behind, when the next one is due. */
static void test_late(void **state)
{
	const uint32_t bytes = 1u << 17;
	struct counted counted = { 0 };
	struct lp_counter before;

	(void)state;
	while (counted.plain.packets < LP_COUNT_NOTE)
		count(&counted, bytes);
	before = counted.total;
	while (counted.plain.packets < 2 * LP_COUNT_NOTE)
		count(&counted, bytes);
	assert_int_equal(before.packets, LP_COUNT_NOTE);
	check(&counted, before);
	count(&counted, bytes);
	check(&counted, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shortest),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
