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

#define MANY  10000u
#define LARGE 200000u

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

/* What a key says, with what its profile says. */
struct found {
	uint32_t vip;
	struct lp_fast_profile profile;
	struct lp_fast_nat nat;
};

/* As bpf/fast.h looks it up, in plain steps. False: not served on the fast path. */
static bool find(const struct dp_fast_table *fast, const struct lp_addr *addr, uint8_t proto,
		 uint16_t port, struct found *found)
{
	bool v6 = lp_addr_is_v6(addr);
	const struct lp_fast_hash *of = &fast->hash[v6];
	uint32_t service = LP_FAST_SERVICE(htons(port), proto, 0);
	uint64_t hash = v6 ? lp_fast_hash6(of, addr, service)
			   : lp_fast_hash4(of, addr->w[3], service);
	uint32_t bucket = lp_fast_bucket(hash, of->buckets);
	uint32_t place = lp_fast_place(hash, fast->index[v6][bucket].displacement, of->range);
	uint32_t number;

	assert_in_range(place, 0, fast_table_places(of) - 1);
	if (fast->keys[v6][place].addr != addr->w[3])
		return false;
	found->vip = fast->keys[v6][place].vip;
	number = fast->keys[v6][place].profile;
	assert_in_range(number, 0, fast->n_profiles - 1);
	found->profile = fast->profiles[number];
	found->nat = fast->nats[v6][place];
	if (found->profile.high != (v6 ? addr->d[0] : 0) ||
	    found->profile.third != (v6 ? addr->w[2] : 0))
		return false;
	return found->profile.service.class && found->profile.service.proto == proto &&
	       found->profile.service.port == htons(port);
}

static bool serves(const struct vip_table *table, const struct lp_addr *addr, uint8_t proto,
		   uint16_t port)
{
	struct found found;

	return find(table->fast, addr, proto, port, &found);
}

/* How long records or entries of the rule's connections live; 0 where none are looked for. */
static uint32_t life_of(const struct vip_rule *rule)
{
	if (rule->vip.forward == LP_FORWARD_SNAT || (rule->vip.flags & LP_VIP_ENTRIES))
		return rule->vip.idle_timeout;
	if (rule->vip.forward != LP_FORWARD_IPIP || rule->vip.track == LP_TRACK_NEVER ||
	    rule->vip.affinity != LP_AFFINITY_TCP || rule->proto != IPPROTO_TCP)
		return 0;
	return rule->vip.idle_timeout;
}

static uint8_t class_of(const struct vip_rule *rule)
{
	bool source = rule->vip.affinity == LP_AFFINITY_SOURCE;

	if (rule->vip.forward == LP_FORWARD_IPIP)
		return source ? LP_FAST_SOURCE_IPIP : LP_FAST_TCP_IPIP;
	if (rule->vip.forward == LP_FORWARD_SNAT || (rule->vip.flags & LP_VIP_ENTRIES))
		return source ? LP_FAST_SOURCE_ENTRY : LP_FAST_TCP_ENTRY;
	return source ? LP_FAST_SOURCE_NAT : LP_FAST_TCP_NAT;
}

/* The ones' complement sum of an address, as checksums have it (RFC 1071). */
static uint32_t sum_of(const struct lp_addr *addr)
{
	uint32_t sum = 0;

	for (int i = lp_addr_is_v6(addr) ? 0 : 12; i < 16; i += 2)
		sum += (uint32_t)(addr->b[i] | addr->b[i + 1] << 8);
	return sum % 0xffff;
}

static void expect(const struct vip_table *table, const struct vip_rule *rule)
{
	const struct lp_vip *vip = &rule->vip;
	struct found found;

	assert_true(find(table->fast, &rule->addr, rule->proto, rule->first, &found));
	assert_int_equal(found.vip, vip->vip);
	assert_int_equal(found.profile.pool, vip->pool);
	assert_int_equal(found.profile.service.class, class_of(rule));
	assert_int_equal(found.profile.life, life_of(rule));
	if (vip->affinity == LP_AFFINITY_SOURCE && lp_addr_is_v6(&rule->addr))
		assert_true(found.profile.mask6 == vip->source_mask.d[0]);
	else if (vip->affinity == LP_AFFINITY_SOURCE)
		assert_int_equal(found.profile.mask4, vip->source_mask.w[3]);
	if (vip->forward != LP_FORWARD_IPIP) {
		assert_int_equal(ntohs(found.nat.target),
				 vip->target ? ntohs(vip->target) : rule->first);
		assert_int_equal(sum_of(&rule->addr) + found.nat.sum, 0xffff);
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
		expect(table, &rules[i]);
		expect(table, &rules[MANY + i]);
		assert_false(serves(table, &rules[i].addr, IPPROTO_TCP, 80));
		assert_false(serves(table, &rules[i].addr, IPPROTO_UDP, 443));
		assert_false(serves(table, &rules[MANY + i].addr, IPPROTO_TCP, 0));
	}
	vip_table_free(&table);
	free(rules);
}

/* As many as there ever were: no window is too narrow for the last ones. */
static void test_large(void **state)
{
	struct vip_rule *rules = calloc(LARGE, sizeof(*rules));
	struct vip_table *table;

	(void)state;
	assert_non_null(rules);
	for (uint32_t i = 0; i < LARGE; i++) {
		rules[i] = rule_of(false, i, 443);
		rules[i].vip.vip = i % UINT16_MAX + 1;
		rules[i].vip.idle_timeout = 60;
	}
	table = build(rules, LARGE);
	for (uint32_t i = 0; i < LARGE; i++)
		expect(table, &rules[i]);
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
		assert_in_range(table->fast->hash[family].range, MANY / 2, MANY / 2 * 9 / 8 + 1);
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
	for (int family = 0; family < 2; family++) {
		assert_memory_equal(&one->fast->hash[family], &two->fast->hash[family],
				    sizeof(struct lp_fast_hash));
		assert_memory_equal(one->fast->keys[family], two->fast->keys[family],
				    fast_table_places(&one->fast->hash[family]) *
					    sizeof(struct lp_fast_key));
	}
	assert_int_equal(one->fast->n_profiles, two->fast->n_profiles);
	assert_memory_equal(one->fast->profiles, two->fast->profiles,
			    one->fast->n_profiles * sizeof(struct lp_fast_profile));
	vip_table_free(&one);
	vip_table_free(&two);
}

/* IPv6 addresses that agree in their last word: what else they are is in their profiles. */
static void test_last_words_agree(void **state)
{
	struct vip_rule rules[96];
	struct vip_table *table;

	(void)state;
	for (uint32_t i = 0; i < 96; i++) {
		rules[i] = rule_of(true, 7, 443);
		rules[i].vip.vip = i + 1;
		rules[i].addr.w[i / 32] ^= htonl(1u << i % 32);
	}
	table = build(rules, 96);
	for (uint32_t i = 0; i < 96; i++)
		expect(table, &rules[i]);
	for (uint32_t i = 0; i < 95; i++) {
		struct lp_addr addr = rules[i].addr;

		addr.w[(i + 1) / 32] ^= htonl(1u << (i + 1) % 32);
		assert_false(serves(table, &addr, IPPROTO_TCP, 443));
	}
	vip_table_free(&table);
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
		assert_false(serves(table, &rules[i].addr, rules[i].proto, 443));
	assert_false(serves(table, &rules[9].addr, IPPROTO_TCP, 443));
	assert_true(serves(table, &rules[6].addr, IPPROTO_TCP, 1000));
	assert_false(serves(table, &rules[6].addr, IPPROTO_TCP, 1001));
	expect(table, &rules[7]);
	expect(table, &rules[8]);
	vip_table_free(&table);
}

/* Translated: which of them need entries, and to which port. */
static void test_nat(void **state)
{
	struct vip_rule rules[8];
	struct vip_table *table;

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		rules[i] = rule_of(i % 2, i, 443);
		rules[i].vip.track = LP_TRACK_NEEDED;
		rules[i].vip.affinity = i & 2 ? LP_AFFINITY_SOURCE : LP_AFFINITY_TCP;
		rules[i].vip.forward = i & 4 ? LP_FORWARD_SNAT : LP_FORWARD_NAT;
		rules[i].vip.target = i % 3 ? htons(8443) : 0;
	}
	rules[3].vip.flags = LP_VIP_ENTRIES;
	table = build(rules, 8);
	for (uint32_t i = 0; i < 8; i++)
		expect(table, &rules[i]);
	vip_table_free(&table);
}

/* A reply's key is no VIP's. */
static void test_reply(void **state)
{
	struct vip_rule rule = rule_of(false, 1, 8443);
	struct vip_table *table;

	(void)state;
	rule.vip.forward = LP_FORWARD_NAT;
	rule.vip.flags = LP_VIP_REPLY;
	table = build(&rule, 1);
	assert_false(serves(table, &rule.addr, IPPROTO_TCP, 8443));
	vip_table_free(&table);
}

/* VIPs that differ in their addresses alone have one profile between them. */
static void test_profiles(void **state)
{
	struct vip_rule rules[256];
	struct vip_table *table;

	(void)state;
	for (uint32_t i = 0; i < 256; i++) {
		rules[i] = rule_of(i % 2, i, i & 2 ? 443 : 80);
		rules[i].vip.pool = 1;
		rules[i].vip.affinity = LP_AFFINITY_TCP;
		rules[i].vip.track = LP_TRACK_NEEDED;
		rules[i].vip.idle_timeout = 60;
	}
	table = build(rules, 256);
	assert_int_equal(table->fast->n_profiles, 1 + 4); /* two families, two ports */
	for (uint32_t i = 0; i < 256; i++)
		expect(table, &rules[i]);
	vip_table_free(&table);
}

/* An address that is nothing but zeroes is no empty place's. */
static void test_zero(void **state)
{
	struct vip_rule rule = rule_of(false, 1, 443);
	struct lp_addr zero4 = { .b = { [10] = 0xff, [11] = 0xff } };
	struct vip_table *table = build(&rule, 1);

	(void)state;
	assert_false(serves(table, &zero4, IPPROTO_TCP, 443));
	assert_false(serves(table, &zero4, 0, 0));
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
	assert_false(serves(table, &rule.addr, IPPROTO_TCP, 443));
	assert_false(serves(table, &addr, IPPROTO_TCP, 443));
	vip_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),  cmocka_unit_test(test_dense),
		cmocka_unit_test(test_order), cmocka_unit_test(test_last_words_agree),
		cmocka_unit_test(test_odd),   cmocka_unit_test(test_nat),
		cmocka_unit_test(test_reply), cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_zero),  cmocka_unit_test(test_none),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, make_key, NULL);
}
