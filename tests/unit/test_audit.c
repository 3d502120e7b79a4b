// SPDX-License-Identifier: GPL-2.0
/*
 * The sampled audit's figures: are the stated errors true, who lives, who is heavy, and
 * what the ledger blames on which generation. Over the datapath in memory.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/fake_dp.h"
#include "core/audit.h"
#include "core/drain.h"

#define NOW 1000u

static int setup(void **state)
{
	struct dp *dp = fake_dp_open(64);

	if (!dp)
		return -1;
	strcpy(dp_pool_meta(dp, 1)->name, "web");
	strcpy(dp_pool_meta(dp, 2)->name, "dns");
	for (uint32_t i = 1; i < dp_size(dp)->backends; i++)
		fake_dp_backend(dp, i, i < 4 ? 1 : 2, 5);
	*state = dp;
	return 0;
}

/* An entry of the audit table at place n; of a connection that lives if nothing else is
 * changed. */
static struct lp_record *put(struct dp *dp, uint32_t n, const char *source, uint32_t vip,
			     uint16_t backend)
{
	struct lp_record *record = &dp->maps.audit[n / LP_WAYS].way[n % LP_WAYS];

	*record = (struct lp_record) {
		.fingerprint = 100 + n,
		.value = { .backend = backend,
			   .incarnation = 5,
			   .flags = LP_RECORD_CONFIRMED,
			   .expires = NOW + 60 },
	};
	dp->maps.audit_info[n / LP_WAYS].way[n % LP_WAYS] = (struct lp_record_info) {
		.src = addr(source),
		.vip = vip,
		.slot = (backend < 4 ? 1u : 2u) << LP_SLOTS_BITS | n % LP_SLOTS,
	};
	return record;
}

/* --- statistics ------------------------------------------------------------------------ */

static void test_error_is_as_documented(void **state)
{
	(void)state;
	assert_int_equal(audit_estimate(100), 6400);
	assert_int_equal(lround(audit_error(100)), 1245);
	assert_int_equal(audit_estimate(10000), 640000);
	assert_int_equal(lround(audit_error(10000)), 12446);
	assert_int_equal(audit_estimate(0), 0);
	assert_int_equal(lround(audit_error(0)), 192);
}

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* How many of `rounds` samples of `truth` things have the truth within their error. */
static unsigned int covered(unsigned int truth, unsigned int rounds, uint64_t seed)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t sampled = 0;

		for (unsigned int j = 0; j < truth; j++)
			sampled += random_next(&seed) % LP_AUDIT_SAMPLE == 0;
		n += fabs((double)audit_estimate(sampled) - truth) <= audit_error(sampled);
	}
	return n;
}

/* 95% of 2,000 are 1,900, with a standard deviation of 10; a normal approximation of a
 * hundred samples is good to a per cent. An error that was half of what it should be
 * would cover 67%. */
static void test_error_covers_the_truth(void **state)
{
	(void)state;
	assert_in_range(covered(6400, 2000, 1), 1850, 1950);
}

/* The rule of three: so many are all missed in just below 5% of cases. */
static void test_error_of_nothing(void **state)
{
	double missed = pow(1 - 1.0 / LP_AUDIT_SAMPLE, audit_error(0));

	(void)state;
	assert_true(missed < 0.05);
	assert_true(missed > 0.045);
}

/* --- what lives -------------------------------------------------------------------------- */

static void test_scan_counts_what_lives(void **state)
{
	struct dp *dp = *state;
	struct audit_scan scan;

	put(dp, 0, "192.0.2.1", 1, 1);
	put(dp, 9, "192.0.2.1", 1, 1);
	put(dp, LP_AUDIT_BUCKETS * LP_WAYS - 1, "192.0.2.2", 1, 2);
	put(dp, 20, "192.0.2.3", 1, 1)->value.expires = NOW;
	put(dp, 21, "192.0.2.3", 1, 1)->value.flags |= LP_RECORD_CLIENT;
	put(dp, 22, "192.0.2.3", 1, 1)->value.incarnation = 4;
	put(dp, 23, "192.0.2.3", 1, 3);
	dp->maps.backends[3].state.flags = 0;
	put(dp, 24, "192.0.2.3", 1, 1)->value.backend = 200;
	put(dp, 25, "192.0.2.3", 1, 1)->fingerprint = LP_FINGERPRINT_BUSY;
	assert_int_equal(audit_scan(dp, NOW, &scan), 0);
	assert_int_equal(scan.connections, 3);
	assert_int_equal(audit_scan_backend(&scan, 1), 2);
	assert_int_equal(audit_scan_backend(&scan, 2), 1);
	assert_int_equal(audit_scan_backend(&scan, 3), 0);
	assert_int_equal(audit_scan_backend(&scan, 200), 0);
	audit_scan_free(&scan);
	audit_scan_free(&scan);
}

/* --- heavy sources --------------------------------------------------------------------------- */

static void expect_source(const struct audit_source *source, const char *prefix, uint32_t vip,
			  uint32_t connections)
{
	char text[PREFIX_TEXT];

	assert_string_equal(prefix_format(&source->client, text), prefix);
	assert_int_equal(source->vip, vip);
	assert_int_equal(source->connections, connections);
}

static void test_heavy_sources(void **state)
{
	static const struct prefix_client clients[] = { { 32, 128 }, { 24, 64 }, { 32, 48 } };
	struct audit_source top[4];
	struct dp *dp = *state;
	uint32_t total, n = 0;
	size_t found = 4;

	for (uint32_t i = 0; i < 5; i++)
		put(dp, n++, i % 2 ? "192.0.2.7" : "192.0.2.9", 1, 1);
	for (uint32_t i = 0; i < 3; i++)
		put(dp, n++, i ? "2001:db8:1:2::9" : "2001:db8:1:2:3::1", 1, 2);
	put(dp, n++, "2001:db8:1:2::9", 2, 2);
	put(dp, n++, "198.51.100.2", 2, 4);
	put(dp, n++, "198.51.100.1", 2, 4);
	put(dp, n++, "192.0.2.9", 7, 4); /* a VIP that nobody knows any more */
	put(dp, n++, "192.0.2.9", 1, 1)->value.flags |= LP_RECORD_CLIENT;
	assert_int_equal(audit_heavy(dp, NOW, clients, 3, top, &found, &total), 0);
	assert_int_equal(total, 12);
	assert_int_equal(found, 4);
	expect_source(&top[0], "192.0.2.0/24", 1, 5);
	expect_source(&top[1], "2001:db8:1:2::/64", 1, 3);
	expect_source(&top[2], "192.0.2.9/32", 7, 1);
	expect_source(&top[3], "198.51.100.1/32", 2, 1);
	found = 1;
	assert_int_equal(audit_heavy(dp, NOW, clients, 3, top, &found, &total), 0);
	assert_int_equal(found, 1);
	expect_source(&top[0], "192.0.2.0/24", 1, 5);
}

static void test_no_sources(void **state)
{
	struct audit_source top[4];
	uint32_t total = 1;
	size_t n = 4;

	assert_int_equal(audit_heavy(*state, NOW, NULL, 0, top, &n, &total), 0);
	assert_int_equal(n, 0);
	assert_int_equal(total, 0);
}

/* As many sources as the table has places: none is lost, and the crowd among them is found. */
static void test_heavy_among_very_many(void **state)
{
	struct audit_source top[3];
	struct dp *dp = *state;
	uint32_t total;
	size_t n = 3;
	char text[LP_ADDR_TEXT];

	for (uint32_t i = 0; i < LP_AUDIT_BUCKETS * LP_WAYS; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		put(dp, i, i % 100 ? text : "203.0.113.1", 1, 1);
	}
	assert_int_equal(audit_heavy(dp, NOW, NULL, 0, top, &n, &total), 0);
	assert_int_equal(total, LP_AUDIT_BUCKETS * LP_WAYS);
	expect_source(&top[0], "203.0.113.1/32", 1, 1311);
	assert_int_equal(top[1].connections, 1);
}

/* --- the ledger ------------------------------------------------------------------------------- */

static void add(struct dp *dp, uint32_t cpu, uint32_t pool, uint64_t broken, uint64_t lost,
		uint64_t moved)
{
	struct lp_audit_counter *counter =
		&dp->maps.audit_counters[cpu * dp_size(dp)->pools + pool];

	counter->broken += broken;
	counter->lost += lost;
	counter->moved += moved;
	counter->opened += 10;
}

static void set_generation(struct dp *dp, uint32_t pool, uint32_t generation)
{
	struct lp_pool word = { .table = pool, .generation = generation };

	assert_int_equal(dp_pool_flip(dp, pool, word), 0);
}

static void expect_entry(const struct audit_entry *entry, const char *pool, uint32_t generation,
			 const uint64_t numbers[3], uint64_t first, uint64_t last)
{
	assert_non_null(entry);
	assert_string_equal(entry->pool, pool);
	assert_int_equal(entry->generation, generation);
	assert_int_equal(entry->broken, numbers[0]);
	assert_int_equal(entry->lost, numbers[1]);
	assert_int_equal(entry->moved, numbers[2]);
	assert_int_equal(entry->first_at, first);
	assert_int_equal(entry->last_at, last);
}

static void test_ledger_blames_the_generation(void **state)
{
	struct audit_ledger ledger = { 0 };
	struct dp *dp = *state;

	set_generation(dp, 1, 3);
	set_generation(dp, 2, 1);
	assert_int_equal(audit_tick(&ledger, dp, 5000), 0);
	assert_null(audit_entry(&ledger, 0));
	add(dp, 0, 1, 1, 0, 2);
	add(dp, 1, 1, 1, 0, 0);
	assert_int_equal(audit_tick(&ledger, dp, 5001), 0);
	assert_int_equal(audit_tick(&ledger, dp, 5002), 0);
	add(dp, 1, 2, 0, 7, 0);
	add(dp, 1, 1, 0, 1, 0);
	assert_int_equal(audit_tick(&ledger, dp, 5003), 0);
	set_generation(dp, 1, 4);
	add(dp, 0, 1, 5, 0, 0);
	assert_int_equal(audit_tick(&ledger, dp, 5004), 0);
	expect_entry(audit_entry(&ledger, 0), "web", 4, (uint64_t[]) { 5, 0, 0 }, 5004, 5004);
	expect_entry(audit_entry(&ledger, 1), "dns", 1, (uint64_t[]) { 0, 7, 0 }, 5003, 5003);
	expect_entry(audit_entry(&ledger, 2), "web", 3, (uint64_t[]) { 2, 1, 2 }, 5001, 5003);
	assert_null(audit_entry(&ledger, 3));
	audit_ledger_free(&ledger);
	audit_ledger_free(&ledger);
}

/* What an agent finds when it starts is not of its time. */
static void test_ledger_of_before(void **state)
{
	struct audit_ledger ledger = { 0 };
	struct dp *dp = *state;

	set_generation(dp, 1, 3);
	add(dp, 0, 1, 4, 0, 1);
	assert_int_equal(audit_tick(&ledger, dp, 5000), 0);
	add(dp, 0, 1, 1, 0, 0);
	assert_int_equal(audit_tick(&ledger, dp, 5001), 0);
	expect_entry(audit_entry(&ledger, 0), "web", 3, (uint64_t[]) { 1, 0, 0 }, 5001, 5001);
	expect_entry(audit_entry(&ledger, 1), "web", 0, (uint64_t[]) { 4, 0, 1 }, 0, 0);
	audit_ledger_free(&ledger);
}

/* The oldest makes room; what is still known is the newest. */
static void test_ledger_is_a_ring(void **state)
{
	struct audit_ledger ledger = { 0 };
	struct dp *dp = *state;

	assert_int_equal(audit_tick(&ledger, dp, 1), 0);
	for (uint32_t i = 1; i <= AUDIT_LEDGER + 44; i++) {
		set_generation(dp, 1, i);
		add(dp, 0, 1, i, 0, 0);
		assert_int_equal(audit_tick(&ledger, dp, 5000 + i), 0);
	}
	for (uint32_t i = 0; i < AUDIT_LEDGER; i++) {
		assert_int_equal(audit_entry(&ledger, i)->generation, AUDIT_LEDGER + 44 - i);
		assert_int_equal(audit_entry(&ledger, i)->broken, AUDIT_LEDGER + 44 - i);
	}
	assert_null(audit_entry(&ledger, AUDIT_LEDGER));
	audit_ledger_free(&ledger);
}

/* The datapath has grown: new maps, counters from zero, more pools. */
static void test_ledger_over_a_new_datapath(void **state)
{
	struct audit_ledger ledger = { 0 };
	struct dp *dp = *state, *new;
	struct dp_size larger = *dp_size(dp);

	set_generation(dp, 1, 3);
	assert_int_equal(audit_tick(&ledger, dp, 5000), 0);
	add(dp, 0, 1, 9, 0, 0);
	assert_int_equal(audit_tick(&ledger, dp, 5001), 0);
	larger.pools = 8;
	assert_int_equal(dp_fake_open(&larger, &new), 0);
	strcpy(dp_pool_meta(new, 1)->name, "web");
	strcpy(dp_pool_meta(new, 7)->name, "new");
	set_generation(new, 1, 4);
	new->maps.audit_counters[1].broken = 2;
	new->maps.audit_counters[7].moved = 1;
	assert_int_equal(audit_tick(&ledger, new, 5002), 0);
	expect_entry(audit_entry(&ledger, 0), "new", 0, (uint64_t[]) { 0, 0, 1 }, 5002, 5002);
	expect_entry(audit_entry(&ledger, 1), "web", 4, (uint64_t[]) { 2, 0, 0 }, 5002, 5002);
	expect_entry(audit_entry(&ledger, 2), "web", 3, (uint64_t[]) { 9, 0, 0 }, 5001, 5001);
	audit_ledger_free(&ledger);
	dp_close(&new);
}

/* --- drains --------------------------------------------------------------------------------------
 */

static void test_drain_decays(void **state)
{
	struct drain drain = { 0 };

	(void)state;
	assert_true(drain_left(&drain, 7, 100) < 0);
	/* Halved every minute: 640 to half a one takes log2(1280) = 10.3 of them. */
	drain_note(&drain, 7, 640, 100);
	assert_true(drain_left(&drain, 7, 100) < 0);
	drain_note(&drain, 7, 320, 160);
	assert_int_equal(lround(drain_left(&drain, 7, 160)), 559);
	assert_int_equal(lround(drain_left(&drain, 7, 170)), 549);
	drain_note(&drain, 7, 160, 220);
	assert_int_equal(lround(drain_left(&drain, 7, 220)), 499);
	assert_int_equal(lround(drain_left(&drain, 7, 5000)), 0);
	drain_note(&drain, 7, 0, 700);
	assert_int_equal(lround(drain_left(&drain, 7, 700)), 0);
	assert_true(drain_left(&drain, 8, 700) < 0); /* another drain */
}

/* Records of the connections are made as packets come: the count rises at first. */
static void test_drain_begins_when_it_falls(void **state)
{
	struct drain drain = { 0 };

	(void)state;
	drain_note(&drain, 7, 10, 100);
	drain_note(&drain, 7, 640, 108);
	assert_true(drain_left(&drain, 7, 108) < 0);
	drain_note(&drain, 7, 320, 168);
	assert_int_equal(lround(drain_left(&drain, 7, 168)), 559);
	drain_note(&drain, 9, 5, 200);
	assert_true(drain_left(&drain, 9, 200) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_is_as_documented),
		cmocka_unit_test(test_error_covers_the_truth),
		cmocka_unit_test(test_error_of_nothing),
		cmocka_unit_test_setup_teardown(test_scan_counts_what_lives, setup,
						fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_heavy_sources, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_no_sources, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_heavy_among_very_many, setup,
						fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_ledger_blames_the_generation, setup,
						fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_ledger_of_before, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_ledger_is_a_ring, setup, fake_dp_teardown),
		cmocka_unit_test_setup_teardown(test_ledger_over_a_new_datapath, setup,
						fake_dp_teardown),
		cmocka_unit_test(test_drain_decays),
		cmocka_unit_test(test_drain_begins_when_it_falls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
