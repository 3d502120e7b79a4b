// SPDX-License-Identifier: GPL-2.0
/*
 * The fast VIP table against the VIP table that it is made from: what the fast path
 * can serve is found in it with all that it needs, and nothing else is.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <limpet/hash.h>
#include <netinet/in.h>

#include "core/fast_table.h"
#include "core/vip_table.h"
#include "lib/addr.h"

#define MANY 10000u

static struct lp_hash_key hash_key;

static int make_key(void **state)
{
	(void)state;
	lp_hash_key_make(&hash_key, "fast", 4);
	return 0;
}

static struct lp_addr address(bool v6, uint32_t number)
{
	struct lp_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };

	if (v6)
		addr = (struct lp_addr) { .b = { 0x20, 0x01, 0x0d, 0xb8 } };
	addr.w[3] = htonl((v6 ? 0 : 198u << 24) + number);
	return addr;
}

static struct vip_rule rule_of(bool v6, uint32_t number, uint16_t port)
{
	return (struct vip_rule) {
		.addr = address(v6, number),
		.proto = IPPROTO_TCP,
		.first = port,
		.last = port,
		.vip = {
			.vip = number + 1,
			.pool = number % 7 + 1,
			.forward = LP_FORWARD_IPIP,
			.affinity = number % 2 ? LP_AFFINITY_SOURCE : LP_AFFINITY_TCP,
			.track = number % 3 ? LP_TRACK_NEEDED : LP_TRACK_NEVER,
			.source_mask = { .d = { v6 ? ~0ull : 0, 0 } },
			.idle_timeout = 60 + number,
		},
	};
}

static struct vip_table *build(const struct vip_rule *rules, size_t n)
{
	struct vip_table *table = NULL;
	struct vip_table_size size;
	struct lp_err err = { "" };

	vip_table_size(rules, n, &size);
	if (vip_table_build(&hash_key, rules, n, &size, &table, &err))
		fail_msg("%s", err.text);
	assert_non_null(table->fast);
	return table;
}

/* As bpf/fast.h looks it up, in plain steps. NULL: not served on the fast path. */
static const struct lp_fast4 *find4(const struct dp_fast_table *fast, const struct lp_addr *addr,
				    uint8_t proto, uint16_t port)
{
	const struct lp_fast_hash *of = &fast->hash[0];
	uint32_t service = LP_FAST_SERVICE(htons(port), proto, 0);
	uint64_t hash = lp_fast_hash4(of, addr->w[3], service);
	uint32_t bucket = lp_fast_bucket(hash, of->buckets);
	const struct lp_fast4 *key =
		&fast->v4[lp_place(hash, fast->index[0][bucket].displacement, of->places)];

	if (!key->service.class || key->addr != addr->w[3] || key->service.proto != proto ||
	    key->service.port != htons(port))
		return NULL;
	return key;
}

static const struct lp_fast6 *find6(const struct dp_fast_table *fast, const struct lp_addr *addr,
				    uint8_t proto, uint16_t port)
{
	const struct lp_fast_hash *of = &fast->hash[1];
	uint64_t hash = lp_fast_hash6(of, addr, LP_FAST_SERVICE(htons(port), proto, 0));
	uint32_t bucket = lp_fast_bucket(hash, of->buckets);
	const struct lp_fast6 *key =
		&fast->v6[lp_place(hash, fast->index[1][bucket].displacement, of->places)];

	if (!key->service.class || !lp_addr_equal(&key->addr, addr) ||
	    key->service.proto != proto || key->service.port != htons(port))
		return NULL;
	return key;
}

/* Of a TCP key: how long its records live; none are looked for where none are made. */
static uint32_t life_of(const struct vip_rule *rule)
{
	return rule->vip.track == LP_TRACK_NEVER ? 0 : rule->vip.idle_timeout;
}

static void expect4(const struct lp_fast4 *key, const struct vip_rule *rule)
{
	assert_non_null(key);
	assert_int_equal(key->vip, rule->vip.vip);
	assert_int_equal(key->pool, rule->vip.pool);
	if (rule->vip.affinity == LP_AFFINITY_TCP) {
		assert_int_equal(key->service.class, LP_FAST_TCP_IPIP);
		assert_int_equal(key->life, life_of(rule));
	} else {
		assert_int_equal(key->service.class, LP_FAST_SOURCE_IPIP);
		assert_int_equal(key->mask, rule->vip.source_mask.w[3]);
	}
}

static void expect6(const struct lp_fast6 *key, const struct vip_rule *rule)
{
	assert_non_null(key);
	assert_int_equal(key->vip, rule->vip.vip);
	assert_int_equal(key->pool, rule->vip.pool);
	if (rule->vip.affinity == LP_AFFINITY_TCP) {
		assert_int_equal(key->service.class, LP_FAST_TCP_IPIP);
		assert_true(key->life == life_of(rule));
	} else {
		assert_int_equal(key->service.class, LP_FAST_SOURCE_IPIP);
		assert_true(key->mask == rule->vip.source_mask.d[0]);
	}
}

/* Addresses in a row, as operators give them: every key has its place. */
static void test_many(void **state)
{
	struct vip_rule *rules = calloc(2 * MANY, sizeof(*rules));
	struct vip_table *table;

	(void)state;
	assert_non_null(rules);
	for (uint32_t i = 0; i < 2 * MANY; i++)
		rules[i] = rule_of(i >= MANY, i % MANY, 443);
	table = build(rules, 2 * MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		expect4(find4(table->fast, &rules[i].addr, IPPROTO_TCP, 443), &rules[i]);
		expect6(find6(table->fast, &rules[MANY + i].addr, IPPROTO_TCP, 443),
			&rules[MANY + i]);
		assert_null(find4(table->fast, &rules[i].addr, IPPROTO_TCP, 80));
		assert_null(find4(table->fast, &rules[i].addr, IPPROTO_UDP, 443));
		assert_null(find6(table->fast, &rules[MANY + i].addr, IPPROTO_TCP, 0));
	}
	vip_table_free(&table);
	free(rules);
}

/* It is dense, which is what it is for: nine keys in ten places. */
static void test_dense(void **state)
{
	struct vip_rule *rules = calloc(MANY, sizeof(*rules));
	struct vip_table *table;

	(void)state;
	assert_non_null(rules);
	for (uint32_t i = 0; i < MANY; i++)
		rules[i] = rule_of(i % 2, i / 2, 443);
	table = build(rules, MANY);
	for (int family = 0; family < 2; family++)
		assert_in_range(table->fast->hash[family].places, MANY / 2, MANY / 2 * 9 / 8 + 1);
	vip_table_free(&table);
	free(rules);
}

/* The order of rules does not matter (P6). */
static void test_order(void **state)
{
	struct vip_rule rules[64], turned[64];
	struct vip_table *one, *two;

	(void)state;
	for (uint32_t i = 0; i < 64; i++) {
		rules[i] = rule_of(i % 2, i, 443);
		turned[63 - i] = rules[i];
	}
	one = build(rules, 64);
	two = build(turned, 64);
	for (int family = 0; family < 2; family++)
		assert_memory_equal(&one->fast->hash[family], &two->fast->hash[family],
				    sizeof(struct lp_fast_hash));
	assert_memory_equal(one->fast->v4, two->fast->v4,
			    one->fast->hash[0].places * sizeof(struct lp_fast4));
	assert_memory_equal(one->fast->v6, two->fast->v6,
			    one->fast->hash[1].places * sizeof(struct lp_fast6));
	vip_table_free(&one);
	vip_table_free(&two);
}

/* What the complete walk has to do is not in it. */
static void test_odd(void **state)
{
	struct vip_rule rules[10];
	struct vip_table *table;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		rules[i] = rule_of(i == 9, 2 * i + 1, 443); /* affinity source */
		rules[i].vip.scope = (uint16_t)(i + 1);
	}
	rules[0].vip.forward = LP_FORWARD_GUE;
	rules[1].vip.forward = LP_FORWARD_DSR;
	rules[2].vip.track = LP_TRACK_ALWAYS;
	rules[3].vip.flags = LP_VIP_PROXIES;
	rules[4].proto = IPPROTO_UDP; /* T7 */
	rules[4].vip.scope = LP_SCOPE_GROUP | 1;
	rules[5].first = 0; /* any port */
	rules[5].last = 0;
	rules[6].first = 1000; /* a long range: its first port alone is a key */
	rules[6].last = 2000;
	rules[7].vip.track = LP_TRACK_NEVER;
	rules[8].proto = IPPROTO_UDP;
	rules[9].vip.source_mask.d[1] = 1; /* more than a prefix of 64 bits counts */
	table = build(rules, 10);
	for (uint32_t i = 0; i < 7; i++)
		assert_null(find4(table->fast, &rules[i].addr, rules[i].proto, 443));
	assert_null(find6(table->fast, &rules[9].addr, IPPROTO_TCP, 443));
	assert_non_null(find4(table->fast, &rules[6].addr, IPPROTO_TCP, 1000));
	assert_null(find4(table->fast, &rules[6].addr, IPPROTO_TCP, 1001));
	expect4(find4(table->fast, &rules[7].addr, IPPROTO_TCP, 443), &rules[7]);
	expect4(find4(table->fast, &rules[8].addr, IPPROTO_UDP, 443), &rules[8]);
	vip_table_free(&table);
}

static void test_none(void **state)
{
	struct vip_rule rule = rule_of(false, 1, 443);
	struct lp_addr addr = address(true, 5);
	struct vip_table *table;

	(void)state;
	rule.vip.forward = LP_FORWARD_DSR;
	table = build(&rule, 1);
	assert_null(find4(table->fast, &rule.addr, IPPROTO_TCP, 443));
	assert_null(find6(table->fast, &addr, IPPROTO_TCP, 443));
	vip_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),  cmocka_unit_test(test_dense),
		cmocka_unit_test(test_order), cmocka_unit_test(test_odd),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, make_key, NULL);
}
