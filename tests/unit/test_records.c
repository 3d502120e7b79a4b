// SPDX-License-Identifier: GPL-2.0
/* Prefixes, and the record table read from outside: in steps, filtered, one by one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/fake_dp.h"
#include "core/records.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define BUCKETS (2 * RECORDS_STEP) /* two walks */

static int setup(void **state)
{
	struct dp *dp = fake_dp_open(BUCKETS);

	if (!dp)
		return -1;
	fake_dp_backend(dp, 1, 1, 0x305);
	*state = dp;
	return 0;
}

static struct config_prefix prefix(const char *text, unsigned int bits)
{
	const struct lp_addr a = addr(text);

	return prefix_of(&a, bits);
}

/* --- prefixes ------------------------------------------------------------------------------- */

static void test_prefix_holds(void **state)
{
	static const struct {
		const char *prefix;
		unsigned int bits;
		const char *addr;
		bool holds;
	} cases[] = {
		{ "10.0.0.0", 8, "10.255.0.1", true },
		{ "10.0.0.0", 8, "11.0.0.0", false },
		{ "10.1.2.3", 32, "10.1.2.3", true },
		{ "10.1.2.3", 32, "10.1.2.2", false },
		{ "10.1.2.2", 31, "10.1.2.3", true },
		{ "0.0.0.0", 0, "203.0.113.1", true },
		{ "0.0.0.0", 0, "2001:db8::1", false },
		{ "::", 0, "203.0.113.1", false },
		{ "::", 0, "2001:db8::1", true },
		{ "2001:db8::", 32, "2001:db8:ffff::1", true },
		{ "2001:db8::", 33, "2001:db8:ffff::1", false },
		{ "2001:db8::1", 128, "2001:db8::1", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct config_prefix p = prefix(cases[i].prefix, cases[i].bits);
		const struct lp_addr a = addr(cases[i].addr);

		assert_int_equal(prefix_holds(&p, &a), cases[i].holds);
	}
}

static void test_prefixes_meet(void **state)
{
	const struct config_prefix wide = prefix("10.0.0.0", 8), narrow = prefix("10.1.0.0", 16),
				   other = prefix("10.2.0.0", 16), v6 = prefix("::", 0);

	(void)state;
	assert_true(prefix_meets(&wide, &narrow));
	assert_true(prefix_meets(&narrow, &wide));
	assert_true(prefix_meets(&narrow, &narrow));
	assert_false(prefix_meets(&narrow, &other));
	assert_false(prefix_meets(&wide, &v6));
	assert_false(prefix_meets(&v6, &wide));
}

static void test_prefix_of_client(void **state)
{
	static const struct prefix_client client = { 24, 56 };
	const struct lp_addr v4 = addr("192.0.2.77"), v6 = addr("2001:db8:1:2ff::9");
	struct config_prefix p = prefix_of_client(&v4, &client);
	char text[PREFIX_TEXT];

	(void)state;
	assert_string_equal(prefix_format(&p, text), "192.0.2.0/24");
	p = prefix_of_client(&v6, &client);
	assert_string_equal(prefix_format(&p, text), "2001:db8:1:200::/56");
	p = prefix_of_client(&v4, NULL);
	assert_string_equal(prefix_format(&p, text), "192.0.2.77/32");
	p = prefix_of_client(&v6, NULL);
	assert_string_equal(prefix_format(&p, text), "2001:db8:1:2ff::9/128");
}

static void test_proxies(void **state)
{
	struct config_prefix proxies[] = { prefix("10.9.0.0", 24), prefix("2001:db8:9::", 48) };
	struct config_vip vip = { .affinity = LP_AFFINITY_SOURCE,
				  .proxies = proxies,
				  .n_proxies = 2 };
	const struct lp_addr in4 = addr("10.9.0.5"), in6 = addr("2001:db8:9:1::1"),
			     out = addr("10.9.1.5");

	(void)state;
	assert_true(prefix_is_proxy(&vip, &in4));
	assert_true(prefix_is_proxy(&vip, &in6));
	assert_false(prefix_is_proxy(&vip, &out));
	vip.affinity = LP_AFFINITY_TCP;
	assert_false(prefix_is_proxy(&vip, &in4));
}

/* --- the table ----------------------------------------------------------------------------------
 */

static void put(struct dp *dp, uint64_t place, const char *source, uint32_t vip, uint8_t flags)
{
	uint32_t bucket = (uint32_t)(place / LP_WAYS);
	unsigned int way = place % LP_WAYS;

	dp->maps.records[bucket].way[way] = (struct lp_record) {
		.fingerprint = (place + 1) << 32 | bucket,
		.value = { .backend = 1, .incarnation = 5, .flags = flags, .expires = 7 },
	};
	dp->maps.record_info[bucket].way[way] = (struct lp_record_info) {
		.src = addr(source),
		.vip = vip,
		.slot = 1u << LP_SLOTS_BITS | 77,
	};
}

/* The places of what a filter means, from the first to the last, over all steps. */
static size_t list(struct dp *dp, const struct records_filter *filter, uint64_t *places, size_t max,
		   unsigned int *steps)
{
	struct records_entry entry;
	struct records_walk walk;
	uint64_t cursor = 0;
	size_t n = 0;

	*steps = 0;
	do {
		assert_int_equal(records_begin(&walk, dp, cursor), 0);
		while (records_next(&walk, dp, filter, &entry)) {
			assert_true(n < max);
			places[n++] = (uint64_t)entry.bucket * LP_WAYS + entry.way;
		}
		cursor = records_cursor(&walk);
		assert_true(++*steps < 100);
	} while (cursor);
	return n;
}

static void test_walk_sees_each_once(void **state)
{
	static const uint64_t where[] = {
		0, 7, 8, RECORDS_STEP * LP_WAYS - 1, RECORDS_STEP * LP_WAYS, BUCKETS * LP_WAYS - 1
	};
	const struct records_filter all = { 0 };
	struct dp *dp = *state;
	unsigned int steps;
	uint64_t places[8];

	assert_int_equal(list(dp, &all, places, 8, &steps), 0);
	assert_int_equal(steps, 2);
	for (size_t i = 0; i < COUNT(where); i++)
		put(dp, where[i], "192.0.2.1", 1, 0);
	dp->maps.records[3].way[3].fingerprint = LP_FINGERPRINT_BUSY;
	assert_int_equal(list(dp, &all, places, 8, &steps), COUNT(where));
	assert_int_equal(steps, 2);
	assert_memory_equal(places, where, sizeof(where));
}

/* A page that ends early goes on at the next place, in the middle of a bucket as well. */
static void test_pages(void **state)
{
	const struct records_filter all = { 0 };
	struct records_entry entry;
	struct records_walk walk;
	struct dp *dp = *state;
	uint64_t cursor = 0;
	size_t n = 0;

	for (uint64_t i = 0; i < 20; i++)
		put(dp, 10 + i, "192.0.2.1", 1, 0);
	while (n < 20) {
		assert_int_equal(records_begin(&walk, dp, cursor), 0);
		for (int i = 0; i < 3 && n < 20; i++, n++) {
			assert_true(records_next(&walk, dp, &all, &entry));
			assert_int_equal(entry.bucket * LP_WAYS + entry.way, 10 + n);
		}
		cursor = records_cursor(&walk);
		assert_int_equal(cursor, 10 + n);
	}
	/* What is left of the first step, from the middle of a bucket, ends where it would have. */
	assert_false(records_next(&walk, dp, &all, &entry));
	assert_int_equal(records_cursor(&walk) % LP_WAYS, 0);
	assert_true(records_cursor(&walk) <= (uint64_t)(RECORDS_STEP + 4) * LP_WAYS);
	assert_int_equal(records_begin(&walk, dp, (uint64_t)BUCKETS * LP_WAYS), -ERANGE);
}

static void test_filters(void **state)
{
	static const uint8_t vips[3] = { 0, RECORDS_CONNECTIONS | RECORDS_CLIENTS,
					 RECORDS_CLIENTS };
	static const struct prefix_client clients[3] = { { 32, 128 }, { 24, 64 }, { 32, 64 } };
	struct config_prefix source = prefix("192.0.2.77", 32);
	struct records_filter filter = { .vips = vips, .n_vips = 3 };
	struct dp *dp = *state;
	uint64_t places[8];
	unsigned int steps;

	put(dp, 0, "192.0.2.77", 1, 0);
	put(dp, 1, "192.0.2.0", 1, LP_RECORD_CLIENT);
	put(dp, 2, "192.0.2.77", 2, 0);
	put(dp, 3, "192.0.2.77", 2, LP_RECORD_CLIENT);
	put(dp, 4, "192.0.2.77", 6, LP_RECORD_CLIENT);
	put(dp, 5, "2001:db8::1", 1, 0);
	put(dp, 6, "192.0.2.78", 1, 0);
	assert_int_equal(list(dp, &filter, places, 8, &steps), 5);
	assert_memory_equal(places, ((uint64_t[]) { 0, 1, 3, 5, 6 }), 5 * sizeof(*places));

	/* The record of 192.0.2.0/24 is 192.0.2.77's too. */
	filter = (struct records_filter) { .source = &source, .clients = clients, .n_clients = 3 };
	assert_int_equal(list(dp, &filter, places, 8, &steps), 5);
	assert_memory_equal(places, ((uint64_t[]) { 0, 1, 2, 3, 4 }), 5 * sizeof(*places));
	source = prefix("192.0.0.0", 16);
	assert_int_equal(list(dp, &filter, places, 8, &steps), 6);
	source = prefix("2001:db8::", 32);
	assert_int_equal(list(dp, &filter, places, 8, &steps), 1);
	assert_int_equal(places[0], 5);
}

static void test_find(void **state)
{
	struct records_entry entry = { .bucket = 99 };
	struct dp *dp = *state;

	assert_false(records_find(dp, 3ull << 32 | 5, &entry));
	assert_int_equal(entry.bucket, 99);
	put(dp, 5 * LP_WAYS + 6, "192.0.2.1", 1, 0);
	assert_true(records_find(dp, (5ull * LP_WAYS + 7) << 32 | 5, &entry));
	assert_int_equal(entry.bucket, 5);
	assert_int_equal(entry.way, 6);
	assert_int_equal(entry.info.vip, 1);
	assert_false(records_find(dp, 3ull << 32 | 5, &entry));
}

static void test_lives(void **state)
{
	struct lp_record_word word = { .backend = 1, .incarnation = 5 };
	struct dp *dp = *state;

	assert_true(records_lives(dp, word, 1));
	assert_false(records_lives(dp, word, 2));
	word.incarnation = 4;
	assert_false(records_lives(dp, word, 1));
	word.incarnation = 5;
	dp->maps.backends[1].state.flags = LP_BACKEND_OFFLINE;
	assert_false(records_lives(dp, word, 1));
	word.backend = 0;
	assert_false(records_lives(dp, word, 0));
	word.backend = 8;
	assert_false(records_lives(dp, word, 1));
}

static void test_slot_of_a_record(void **state)
{
	const struct lp_record_info info = { .slot = 1u << LP_SLOTS_BITS | 77 };
	const struct lp_record_info gone = { .slot = 9u << LP_SLOTS_BITS | 77 };
	struct dp *dp = *state;

	assert_int_equal(records_slot(dp, &info).word, 0); /* no table yet */
	dp->maps.pools[1].table = 2;
	dp->maps.slots[2 * LP_TABLE_LINES + 77 / LP_LINE_SLOTS].slot[77 % LP_LINE_SLOTS] =
		(struct lp_slot) { .cur = 3, .prev = 4 };
	assert_int_equal(records_slot(dp, &info).cur, 3);
	assert_int_equal(records_slot(dp, &info).prev, 4);
	assert_int_equal(records_slot(dp, &gone).word, 0);
}

/* A record that is flushed takes its slot's orphans with it: nobody who lives is reset. */
static void test_forget(void **state)
{
	const struct lp_slot orphaned = { .cur = 1, .prev = LP_SLOT_ORPHANED };
	struct records_entry entry;
	struct dp *dp = *state;
	struct lp_slot *slot;

	put(dp, 3, "192.0.2.1", 1, 0);
	assert_true(records_find(dp, 4ull << 32, &entry));
	dp->maps.pools[1].table = 2;
	entry.info.slot = 1u << LP_SLOTS_BITS | 77;
	slot = &dp->maps.slots[2 * LP_TABLE_LINES + 77 / LP_LINE_SLOTS].slot[77 % LP_LINE_SLOTS];
	slot[0] = slot[1] = orphaned;
	records_forget(dp, &entry, 500);
	assert_false(records_find(dp, 4ull << 32, &entry));
	assert_int_equal(slot[0].cur, 1);
	assert_int_equal(slot[0].prev, LP_SLOT_RESIDUAL);
	assert_int_equal(slot[1].word, orphaned.word);
	assert_int_equal(dp_slot_times(dp, 2)[77], 500);
	/* Other slots stay as they are. */
	slot[0].prev = 2;
	records_forget(dp, &entry, 501);
	assert_int_equal(slot[0].prev, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_holds),
		cmocka_unit_test(test_prefixes_meet),
		cmocka_unit_test(test_prefix_of_client),
		cmocka_unit_test(test_proxies),
		cmocka_unit_test_setup_teardown(test_walk_sees_each_once, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_pages, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_filters, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_lives, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_slot_of_a_record, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_forget, setup, fake_dp_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
