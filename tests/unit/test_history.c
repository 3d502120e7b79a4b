// SPDX-License-Identifier: GPL-2.0
/* Which change moved which slots, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/history.h"

static const struct dp_size size = { .vips = 8,
				     .pools = 4,
				     .backends = 8,
				     .tables = 8,
				     .index = 64,
				     .places = 64,
				     .ranges = 64,
				     .buckets = 64 };

struct world {
	struct dp *dp;
	struct history history;
	uint32_t table; /* the last one that was written */
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world || dp_fake_open(&size, &world->dp))
		return -1;
	strcpy(dp_pool_meta(world->dp, 1)->name, "web");
	strcpy(dp_pool_meta(world->dp, 2)->name, "dns");
	for (uint32_t i = 1; i < size.backends; i++) {
		struct lp_backend backend = { .pool = 1, .state.flags = LP_BACKEND_ALIVE };

		if (dp_backend_write(world->dp, i, &backend))
			return -1;
	}
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	history_fini(&world->history);
	history_fini(&world->history);
	dp_close(&world->dp);
	free(world);
	return 0;
}

__attribute__((format(printf, 2, 3))) static void because(struct world *world, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	history_because(&world->history, world->dp, fmt, ap);
	va_end(ap);
}

/* Gives a pool another table: all slots `cur`, but slot 7, which is `odd`. */
static void change(struct world *world, uint32_t pool, struct lp_slot all, struct lp_slot odd)
{
	static struct lp_slot slots[LP_SLOTS];
	static uint32_t since[LP_SLOTS];
	struct lp_pool word = dp_pool(world->dp, 0, pool);

	for (uint32_t i = 0; i < LP_SLOTS; i++)
		slots[i] = i == 7 ? odd : all;
	world->table = world->table % (size.tables - 1) + 1;
	assert_int_equal(dp_slots_write(world->dp, world->table, slots, since), 0);
	word.table = world->table;
	word.generation++;
	assert_int_equal(dp_pool_flip(world->dp, pool, word), 0);
}

static void applied(struct world *world, uint32_t mono)
{
	history_applied(&world->history, world->dp, mono, 1000000 + mono);
}

static struct lp_slot slot(uint16_t cur, uint16_t prev)
{
	return (struct lp_slot) { .cur = cur, .prev = prev };
}

static void test_which_slots_moved(void **state)
{
	struct world *world = *state;
	const struct history_change *first, *second;

	because(world, "configuration loaded");
	change(world, 1, slot(1, 0), slot(1, 0));
	applied(world, 10);
	assert_null(history_of_slot(&world->history, "web", 7)); /* nobody was there before */
	because(world, "backend %s down", "web/b1");
	change(world, 1, slot(2, 1), slot(1, 0));
	applied(world, 11);
	because(world, "operator drained web/b2");
	change(world, 1, slot(2, 1), slot(3, 1));
	applied(world, 12);
	first = history_of_slot(&world->history, "web", 8);
	second = history_of_slot(&world->history, "web", 7);
	assert_non_null(first);
	assert_non_null(second);
	assert_string_equal(first->text, "backend web/b1 down");
	assert_int_equal(first->n_moved, LP_SLOTS - 1);
	assert_int_equal(first->generation, 2);
	assert_int_equal(first->mono, 11);
	assert_int_equal(first->wall, 1000011);
	assert_string_equal(second->text, "operator drained web/b2");
	assert_int_equal(second->n_moved, 1);
	assert_int_equal(second->generation, 3);
	assert_null(history_of_slot(&world->history, "dns", 7));
}

/* Those who had stayed with a backend that dies have to leave it: no new table is made. */
static void test_death_of_the_past(void **state)
{
	struct lp_backend_state dead = { .flags = 0 };
	struct world *world = *state;
	const struct history_change *last;
	char why[HISTORY_TEXT];

	because(world, "configuration loaded");
	change(world, 1, slot(2, 0), slot(1, 0));
	applied(world, 10);
	because(world, "operator drained web/b1");
	change(world, 1, slot(2, 0), slot(2, 1));
	applied(world, 11);
	because(world, "deadline of web/b1 passed");
	assert_int_equal(dp_backend_state(world->dp, 1, dead), 0);
	applied(world, 12);
	last = history_of_slot(&world->history, "web", 7);
	assert_non_null(last);
	assert_string_equal(last->text, "deadline of web/b1 passed");
	assert_int_equal(last->n_moved, 1);
	assert_null(history_of_slot(&world->history, "web", 8));
	assert_string_equal(history_why(&world->history, "web", 2, why),
			    "operator drained web/b1; deadline of web/b1 passed");
	assert_string_equal(history_why(&world->history, "web", 1, why), "");
	assert_string_equal(history_why(&world->history, "dns", 2, why), "");
}

static void test_reasons_are_joined_and_forgotten(void **state)
{
	struct world *world = *state;

	because(world, "configuration loaded");
	change(world, 1, slot(1, 0), slot(1, 0));
	applied(world, 10);
	because(world, "one");
	because(world, "two");
	change(world, 1, slot(2, 0), slot(2, 0));
	applied(world, 11);
	assert_string_equal(history_of_slot(&world->history, "web", 1)->text, "one; two");
	because(world, "nothing came of it");
	applied(world, 12);
	because(world, "three");
	change(world, 1, slot(3, 0), slot(3, 0));
	applied(world, 13);
	assert_string_equal(history_of_slot(&world->history, "web", 1)->text, "three");
}

static void test_long_reasons_are_cut(void **state)
{
	struct world *world = *state;
	char why[HISTORY_TEXT];

	because(world, "configuration loaded");
	change(world, 1, slot(1, 0), slot(1, 0));
	applied(world, 10);
	for (int i = 0; i < 60; i++)
		because(world, "reason %d", i);
	change(world, 1, slot(2, 0), slot(2, 0));
	applied(world, 11);
	history_why(&world->history, "web", 2, why);
	assert_int_equal(strlen(why), HISTORY_TEXT - 1);
	assert_memory_equal(why, "reason 0; reason 1; ", 20);
}

static void test_ring(void **state)
{
	struct world *world = *state;
	char why[HISTORY_TEXT], text[32];

	because(world, "configuration loaded");
	change(world, 1, slot(1, 0), slot(1, 0));
	applied(world, 0);
	for (uint32_t i = 2; i < HISTORY_CHANGES + 10; i++) {
		because(world, "change %u", i);
		change(world, 1, slot(1, 0), slot((uint16_t)(i % 7 + 1), 0));
		applied(world, i);
	}
	snprintf(text, sizeof(text), "change %d", HISTORY_CHANGES + 9);
	assert_string_equal(history_of_slot(&world->history, "web", 7)->text, text);
	assert_string_equal(history_why(&world->history, "web", 9, why), "");
	assert_string_equal(history_why(&world->history, "web", 10, why), "change 10");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_which_slots_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_death_of_the_past, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reasons_are_joined_and_forgotten, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_long_reasons_are_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ring, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
