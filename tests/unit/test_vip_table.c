// SPDX-License-Identifier: GPL-2.0
/*
 * VIP tables against an oracle: a linear search over the rules.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <limpet/hash.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/vip_table.h"
#include "lib/addr.h"

static struct lp_hash_key hash_key;

/* --- random rules, the same in each run --- */

static uint64_t random_state;

static uint64_t random64(void)
{
	random_state += 0x9e3779b97f4a7c15ull;
	return lp_mix64(random_state);
}

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(random64() % n);
}

/* Address number i, IPv4 or IPv6 by turns; neighbours differ in few bits. */
static struct lp_addr address(uint32_t i)
{
	struct lp_addr addr = { 0 };

	if (i % 2) {
		addr.w[0] = htonl(0x20010db8);
		addr.w[3] = htonl(i);
	} else {
		addr.w[2] = htonl(0xffff);
		addr.w[3] = htonl(0x0a000000 + i);
	}
	return addr;
}

static struct vip_rule make_rule(const struct lp_addr *addr, uint8_t proto, uint32_t first,
				 uint32_t last)
{
	return (struct vip_rule) {
		.addr = *addr,
		.proto = proto,
		.first = (uint16_t)first,
		.last = (uint16_t)last,
		/* Template fields that must not come through: port, kind, range_first; target
		 * where there is more than one port. */
		.vip = { .port = 7, .kind = LP_VIP_ANY, .range_first = 7, .target = 7 },
	};
}

struct rules {
	struct vip_rule *rule;
	size_t n, max;
};

static void add(struct rules *rules, struct vip_rule rule)
{
	if (rules->n == rules->max)
		return;
	rules->rule[rules->n] = rule;
	rules->rule[rules->n].vip.vip = (uint32_t)rules->n + 1;
	rules->n++;
}

/* Ports of one address and protocol: singles, short and long ranges with gaps
 * of any size down to none, and perhaps `any`. */
static void add_ports(struct rules *rules, const struct lp_addr *addr, uint8_t proto)
{
	uint32_t ranges = random_below(10) ? random_below(6) : random_below(LP_RANGES_PER_ADDR);
	uint32_t port = 1;

	if (ranges == 0 || random_below(3) == 0)
		add(rules, make_rule(addr, proto, 0, 0));
	for (uint32_t i = 0; i < ranges; i++) {
		uint32_t style = random_below(3);
		uint32_t ports = style == 0 ? 1 : 1 + random_below(style == 1 ? 20 : 400);
		uint32_t first = port + random_below(4) * random_below(300);

		if (first + ports - 1 > 65535)
			break;
		add(rules, make_rule(addr, proto, first, first + ports - 1));
		port = first + ports;
	}
}

static struct rules make_rules(size_t max)
{
	struct rules rules = { .rule = test_calloc(max, sizeof(*rules.rule)), .max = max };

	for (uint32_t i = 0; rules.n < max; i++) {
		struct lp_addr addr = address(i / 2);

		add_ports(&rules, &addr, i % 2 ? IPPROTO_UDP : IPPROTO_TCP);
	}
	return rules;
}

static void shuffle(struct rules *rules)
{
	for (size_t i = rules->n; i > 1; i--) {
		size_t j = random_below((uint32_t)i);
		struct vip_rule rule = rules->rule[i - 1];

		rules->rule[i - 1] = rules->rule[j];
		rules->rule[j] = rule;
	}
}

static struct vip_table *build(const struct rules *rules)
{
	struct vip_table *table = NULL;
	struct vip_table_size size;
	struct lp_err err = { "" };

	vip_table_size(rules->rule, rules->n, &size);
	if (vip_table_build(&hash_key, rules->rule, rules->n, &size, &table, &err))
		fail_msg("%s", err.text);
	return table;
}

/* --- the oracle --- */

static bool is_of(const struct vip_rule *rule, const struct lp_addr *addr, uint8_t proto)
{
	return rule->proto == proto && memcmp(&rule->addr, addr, sizeof(*addr)) == 0;
}

static const struct vip_rule *oracle_find(const struct rules *rules, const struct lp_addr *addr,
					  uint8_t proto, uint16_t port)
{
	const struct vip_rule *any = NULL;

	for (size_t i = 0; i < rules->n; i++) {
		const struct vip_rule *rule = &rules->rule[i];

		if (!is_of(rule, addr, proto))
			continue;
		if (rule->first == 0)
			any = rule;
		else if (rule->first <= port && port <= rule->last)
			return rule;
	}
	return any;
}

static void compare(const struct vip_table *table, const struct rules *rules,
		    const struct lp_addr *addr, uint8_t proto, uint16_t port)
{
	const struct vip_rule *expected = oracle_find(rules, addr, proto, port);
	const struct lp_vip *found = vip_table_find(table, &hash_key, addr, proto, port);

	assert_int_equal(!expected, !found);
	if (!expected)
		return;
	assert_int_equal(found->vip, expected->vip.vip);
	assert_memory_equal(&found->addr, addr, sizeof(*addr));
	assert_int_equal(found->proto, proto);
	assert_int_equal(found->kind, expected->first ? LP_VIP_EXACT : LP_VIP_ANY);
	if (expected->first) {
		assert_in_range(ntohs(found->port), expected->first, expected->last);
		assert_int_equal(found->target, expected->first == expected->last ? 7 : 0);
	}
}

/* A port in the rule, at its edges, or next to them. */
static uint16_t interesting_port(const struct vip_rule *rule)
{
	switch (random_below(8)) {
	case 0:
		return (uint16_t)(rule->first - 1);
	case 1:
		return (uint16_t)(rule->last + 1);
	case 2:
		return rule->last;
	case 3:
		return (uint16_t)random64();
	case 4:
		return 0;
	case 5:
		return (uint16_t)(rule->first +
				  random_below((uint32_t)rule->last - rule->first + 1));
	default:
		return rule->first;
	}
}

static void compare_many(const struct vip_table *table, const struct rules *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct vip_rule *rule = &rules->rule[random_below((uint32_t)rules->n)];
		struct lp_addr addr = rule->addr;
		uint8_t proto = rule->proto;

		if (random_below(8) == 0)
			addr.b[random_below(16)] ^= (uint8_t)(1 << random_below(8));
		if (random_below(8) == 0)
			proto = proto == IPPROTO_TCP ? IPPROTO_UDP : IPPROTO_TCP;
		compare(table, rules, &addr, proto, interesting_port(rule));
	}
}

/* Overlaps being refused, a rule's ports are its own: no search needed. */
static void check_hits(const struct vip_table *table, const struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct vip_rule *rule = &rules->rule[i];
		const uint32_t ports[] = { rule->first, rule->last,
					   ((uint32_t)rule->first + rule->last) / 2 };

		for (size_t j = 0; j < 3; j++) {
			const struct lp_vip *vip = vip_table_find(table, &hash_key, &rule->addr,
								  rule->proto, (uint16_t)ports[j]);

			assert_non_null(vip);
			assert_int_equal(vip->vip, rule->vip.vip);
		}
	}
}

static void test_oracle_small(void **state)
{
	(void)state;
	random_state = 1;
	for (unsigned int i = 0; i < 400; i++) {
		struct rules rules = make_rules(1 + random_below(i % 2 ? 12 : 300));
		struct vip_table *table = build(&rules);

		check_hits(table, &rules);
		compare_many(table, &rules, 400);
		vip_table_free(&table);
		test_free(rules.rule);
	}
}

static void test_oracle_large(void **state)
{
	(void)state;
	random_state = 2;
	for (size_t n = 5000; n <= 20000; n *= 2) {
		struct rules rules = make_rules(n);
		struct vip_table *table = build(&rules);

		check_hits(table, &rules);
		compare_many(table, &rules, 4000);
		vip_table_free(&table);
		test_free(rules.rule);
	}
}

/* Every port of every rule of a small set, and all 65,536 of one address. */
static void test_all_ports(void **state)
{
	struct lp_addr addr = address(4), other = address(5);
	struct rules rules = { .rule = test_calloc(8, sizeof(*rules.rule)), .max = 8 };
	struct vip_table *table;

	(void)state;
	add(&rules, make_rule(&addr, IPPROTO_TCP, 65535, 65535));
	add(&rules, make_rule(&addr, IPPROTO_TCP, 1, 1));
	add(&rules, make_rule(&addr, IPPROTO_TCP, 2, 18));  /* 17 ports: a range entry */
	add(&rules, make_rule(&addr, IPPROTO_TCP, 19, 34)); /* 16 ports: exact keys */
	add(&rules, make_rule(&addr, IPPROTO_TCP, 60000, 65534));
	add(&rules, make_rule(&addr, IPPROTO_UDP, 0, 0));
	add(&rules, make_rule(&addr, IPPROTO_UDP, 1000, 2000));
	add(&rules, make_rule(&other, IPPROTO_UDP, 1, 65535));
	table = build(&rules);
	assert_int_equal(table->n_ranges, 4);
	for (uint32_t port = 0; port < 65536; port++) {
		compare(table, &rules, &addr, IPPROTO_TCP, (uint16_t)port);
		compare(table, &rules, &addr, IPPROTO_UDP, (uint16_t)port);
		compare(table, &rules, &other, IPPROTO_TCP, (uint16_t)port);
		compare(table, &rules, &other, IPPROTO_UDP, (uint16_t)port);
	}
	vip_table_free(&table);
	test_free(rules.rule);
}

/* --- what the builder promises of its output --- */

static const struct lp_vip *base_of(const struct vip_table *table, const struct lp_addr *addr,
				    uint8_t proto)
{
	for (uint32_t i = 0; i < table->n_places; i++) {
		const struct lp_vip *vip = &table->places[i];

		if (vip->kind != LP_VIP_EMPTY && vip->port == 0 && vip->proto == proto &&
		    lp_addr_equal(&vip->addr, addr))
			return vip;
	}
	return NULL;
}

/* Each place that is not empty is where its own key is looked for. */
static void test_places(void **state)
{
	struct rules rules;
	struct vip_table *table;

	(void)state;
	random_state = 3;
	rules = make_rules(3000);
	table = build(&rules);
	for (uint32_t i = 0; i < table->n_places; i++) {
		const struct lp_vip *vip = &table->places[i];
		uint64_t hash = lp_vip_hash(&hash_key, table->salt, &vip->addr, vip->proto,
					    vip->port, lp_addr_is_v6(&vip->addr));
		uint32_t bucket = lp_vip_bucket(hash, table->n_index);

		if (vip->kind != LP_VIP_EMPTY)
			assert_int_equal(
				lp_place(hash, table->index[bucket].displacement, table->n_places),
				i);
	}
	vip_table_free(&table);
	test_free(rules.rule);
}

static void test_base_keys(void **state)
{
	struct rules rules;
	struct vip_table *table;

	(void)state;
	random_state = 4;
	rules = make_rules(500);
	table = build(&rules);
	for (size_t i = 0; i < rules.n; i++) {
		const struct vip_rule *rule = &rules.rule[i];
		const struct lp_vip *base = base_of(table, &rule->addr, rule->proto);
		bool any = oracle_find(&rules, &rule->addr, rule->proto, 0) != NULL;
		uint32_t last = 0;

		assert_non_null(base);
		assert_int_equal(base->kind, any ? LP_VIP_ANY : LP_VIP_RANGES);
		assert_in_range(base->range_count, 0, LP_RANGES_PER_ADDR);
		assert_in_range(base->range_first + base->range_count, 0, table->n_ranges);
		for (uint32_t j = 0; j < base->range_count; j++) {
			const struct lp_range *range = &table->ranges[base->range_first + j];

			assert_true(last < range->first);
			assert_true(range->last - range->first >= (int)LP_RANGE_EXPAND_MAX);
			last = range->last;
		}
	}
	vip_table_free(&table);
	test_free(rules.rule);
}

static void test_template(void **state)
{
	struct lp_addr addr = address(2);
	struct vip_rule rule = make_rule(&addr, IPPROTO_TCP, 80, 80);
	struct rules rules = { .rule = &rule, .n = 1 };
	struct vip_table *table;
	const struct lp_vip *vip;

	(void)state;
	rule.vip.pool = 12;
	rule.vip.forward = LP_FORWARD_GUE;
	rule.vip.affinity = LP_AFFINITY_TCP;
	memset(&rule.vip.source_mask, 0xa5, sizeof(rule.vip.source_mask));
	table = build(&rules);
	vip = vip_table_find(table, &hash_key, &addr, IPPROTO_TCP, 80);
	assert_non_null(vip);
	assert_int_equal(vip->pool, 12);
	assert_int_equal(vip->forward, LP_FORWARD_GUE);
	assert_int_equal(vip->affinity, LP_AFFINITY_TCP);
	assert_memory_equal(&vip->source_mask, &rule.vip.source_mask, sizeof(vip->source_mask));
	assert_int_equal(vip->range_first, 0);
	assert_int_equal(vip->port, htons(80));
	vip_table_free(&table);
}

static void assert_same(const struct vip_table *a, const struct vip_table *b)
{
	assert_int_equal(a->salt, b->salt);
	assert_int_equal(a->n_index, b->n_index);
	assert_int_equal(a->n_places, b->n_places);
	assert_int_equal(a->n_ranges, b->n_ranges);
	assert_memory_equal(a->index, b->index, a->n_index * sizeof(*a->index));
	assert_memory_equal(a->places, b->places, a->n_places * sizeof(*a->places));
	if (a->n_ranges > 0)
		assert_memory_equal(a->ranges, b->ranges, a->n_ranges * sizeof(*a->ranges));
}

static void test_order(void **state)
{
	(void)state;
	random_state = 5;
	for (size_t n = 1; n < 5000; n = n * 3 + 1) {
		struct rules rules = make_rules(n);
		struct vip_table *before = build(&rules), *after;

		shuffle(&rules);
		after = build(&rules);
		assert_same(before, after);
		vip_table_free(&before);
		vip_table_free(&after);
		test_free(rules.rule);
	}
}

/* Thousands of small tables, where attempts fail most, in the sizes they ask for. */
static void test_sizes(void **state)
{
	(void)state;
	random_state = 6;
	for (unsigned int i = 0; i < 4000; i++) {
		struct rules rules = make_rules(1 + i % 40);
		struct vip_table *table = build(&rules);
		uint32_t keys = 0;

		for (uint32_t j = 0; j < table->n_places; j++)
			keys += table->places[j].kind != LP_VIP_EMPTY;
		assert_true(keys * 5 <= table->n_places * 4);
		assert_true(keys * 5 > table->n_places * 2 - 5 || table->n_places <= 2);
		assert_true(keys <= table->n_index * 4);
		vip_table_free(&table);
		test_free(rules.rule);
	}
}

/* Rules of one address that do not stand together count its base key once. */
static void test_size_exact(void **state)
{
	struct lp_addr a = address(2), b = address(4);
	struct vip_rule rule[] = {
		make_rule(&a, IPPROTO_TCP, 80, 80),
		make_rule(&b, IPPROTO_TCP, 80, 80),
		make_rule(&a, IPPROTO_TCP, 100, 200),
		make_rule(&b, IPPROTO_TCP, 100, 115),
	};
	struct vip_table_size size;

	(void)state;
	/* Base keys 2, exact 1 + 1 + 1 + 16. */
	vip_table_size(rule, 4, &size);
	assert_int_equal(size.index, 8);
	assert_int_equal(size.places, 32);
	assert_int_equal(size.ranges, 1);
	vip_table_size(NULL, 0, &size);
	assert_int_equal(size.index, 1);
	assert_int_equal(size.places, 1);
	assert_int_equal(size.ranges, 0);
}

static void test_empty(void **state)
{
	struct rules rules = { 0 };
	struct vip_table *table = build(&rules);
	struct lp_addr addr = address(1);

	(void)state;
	assert_null(vip_table_find(table, &hash_key, &addr, IPPROTO_TCP, 80));
	assert_null(vip_table_find(table, &hash_key, &addr, IPPROTO_TCP, 0));
	vip_table_free(&table);
	assert_null(table);
	vip_table_free(&table);
}

/* An all-zero address is a key like any other; an empty place is not it. */
static void test_unspecified(void **state)
{
	struct lp_addr other = address(3);
	struct lp_addr zero = { 0 };
	struct vip_rule rule = make_rule(&zero, 0, 80, 80);
	struct rules rules = { .rule = &rule, .n = 1 };
	struct vip_table *table = build(&rules);

	(void)state;
	assert_non_null(vip_table_find(table, &hash_key, &zero, 0, 80));
	for (uint32_t port = 0; port < 65536; port++)
		if (port != 80)
			assert_null(vip_table_find(table, &hash_key, &zero, 0, (uint16_t)port));
	vip_table_free(&table);
	rule.addr = other;
	table = build(&rules);
	for (uint32_t port = 0; port < 65536; port++)
		assert_null(vip_table_find(table, &hash_key, &zero, 0, (uint16_t)port));
	vip_table_free(&table);
}

/* --- refusals --- */

static void assert_refused(const struct vip_rule *rules, size_t n,
			   const struct vip_table_size *size, int code, const char *words)
{
	struct vip_table *untouched = (struct vip_table *)&hash_key, *table = untouched;
	struct lp_err err = { "" };

	assert_int_equal(vip_table_build(&hash_key, rules, n, size, &table, &err), code);
	assert_string_equal(err.text, words);
	assert_ptr_equal(table, untouched);
	assert_int_equal(vip_table_build(&hash_key, rules, n, size, &table, NULL), code);
}

static void assert_clash(uint8_t proto, uint32_t first_a, uint32_t last_a, uint32_t first_b,
			 uint32_t last_b, const char *words)
{
	const struct vip_table_size size = { 1024, 4096, 16 };
	struct lp_addr v4 = address(0x1020), v6 = address(0x11);
	struct vip_rule rules[] = {
		make_rule(&v6, proto, first_a, last_a),
		make_rule(&v4, proto, 80, 80),
		make_rule(&v6, proto, first_b, last_b),
	};

	assert_refused(rules, 3, &size, -EINVAL, words);
}

static void test_overlaps(void **state)
{
	(void)state;
	assert_clash(IPPROTO_TCP, 80, 80, 80, 80, "2001:db8::11 tcp: ports 80 and 80 overlap");
	assert_clash(IPPROTO_TCP, 85, 100, 80, 90,
		     "2001:db8::11 tcp: ports 80-90 and 85-100 overlap");
	assert_clash(IPPROTO_UDP, 1, 65535, 5000, 5000,
		     "2001:db8::11 udp: ports 1-65535 and 5000 overlap");
	assert_clash(IPPROTO_UDP, 65000, 65535, 65535, 65535,
		     "2001:db8::11 udp: ports 65000-65535 and 65535 overlap");
	assert_clash(IPPROTO_TCP, 0, 0, 0, 0, "2001:db8::11 tcp: ports any and any overlap");
}

static void test_bad_ports(void **state)
{
	(void)state;
	assert_clash(IPPROTO_TCP, 80, 80, 0, 9,
		     "2001:db8::11 tcp: ports 0-9: a range begins with port 1 or higher");
	assert_clash(132, 90, 81, 1, 2,
		     "2001:db8::11 protocol 132: ports 90-81: the last port is below the first");
}

static void test_too_many_ranges(void **state)
{
	const struct vip_table_size size = { 1024, 4096, LP_RANGES_PER_ADDR + 1 };
	struct rules rules = { .rule = test_calloc(300, sizeof(*rules.rule)), .max = 300 };
	struct lp_addr addr = address(0x20);
	struct vip_table *table = NULL;

	(void)state;
	for (uint32_t i = 0; i <= LP_RANGES_PER_ADDR; i++)
		add(&rules, make_rule(&addr, IPPROTO_TCP, 1 + 200 * i, 100 + 200 * i));
	assert_refused(rules.rule, rules.n, &size, -EINVAL,
		       "10.0.0.32 tcp: ports 51201-51300: too many ranges for one address and "
		       "protocol");
	rules.n--;
	table = build(&rules);
	for (uint32_t port = 0; port < 65536; port++)
		compare(table, &rules, &addr, IPPROTO_TCP, (uint16_t)port);
	vip_table_free(&table);
	test_free(rules.rule);
}

static void test_no_room(void **state)
{
	struct rules rules = { .rule = test_calloc(40, sizeof(*rules.rule)), .max = 40 };
	struct lp_addr addr = address(0x20);
	struct vip_table *table = NULL;
	struct rules many;

	(void)state;
	for (uint32_t i = 0; i < 40; i++)
		add(&rules, make_rule(&addr, IPPROTO_TCP, 100 + 40 * i, 119 + 40 * i));
	assert_refused(rules.rule, 40, &(struct vip_table_size) { 16, 32, 40 }, -ENOSPC,
		       "41 VIP keys and 40 port ranges, room for 32 keys and 40 ranges");
	assert_refused(rules.rule, 40, &(struct vip_table_size) { 16, 64, 39 }, -ENOSPC,
		       "41 VIP keys and 40 port ranges, room for 64 keys and 39 ranges");
	random_state = 11;
	many = make_rules(60);
	assert_int_equal(vip_table_build(&hash_key, many.rule, many.n,
					 &(struct vip_table_size) { 1, 128, 4096 }, &table, NULL),
			 -ENOSPC);
	test_free(many.rule);
	assert_refused(rules.rule, 40, &(struct vip_table_size) { 12, 64, 40 }, -EINVAL,
		       "VIP table of 12 buckets and 64 places: not powers of two");
	assert_refused(rules.rule, 40, &(struct vip_table_size) { 16, 0, 40 }, -EINVAL,
		       "VIP table of 16 buckets and 0 places: not powers of two");
	test_free(rules.rule);
}

/* More room than needed is fine: the maps of a running datapath are as they are. */
static void test_more_room(void **state)
{
	struct vip_table *table = NULL;
	struct rules rules;

	(void)state;
	random_state = 7;
	rules = make_rules(100);
	assert_int_equal(vip_table_build(&hash_key, rules.rule, rules.n,
					 &(struct vip_table_size) { 4096, 65536, 1000 }, &table,
					 NULL),
			 0);
	assert_int_equal(table->n_index, 4096);
	assert_int_equal(table->n_places, 65536);
	compare_many(table, &rules, 2000);
	vip_table_free(&table);
	test_free(rules.rule);
}

/* --- speed: printed, not judged --- */

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void test_speed(void **state)
{
	struct rules rules = { .rule = test_calloc(40000, sizeof(*rules.rule)), .max = 40000 };
	struct vip_table *table;
	double start;

	(void)state;
	for (uint32_t i = 0; i < 40000; i++) {
		struct lp_addr addr = address(i);

		add(&rules, make_rule(&addr, IPPROTO_TCP, 443, 443));
	}
	start = milliseconds();
	table = build(&rules);
	print_message("80,000 keys in %u buckets and %u places: %.1f ms\n", table->n_index,
		      table->n_places, milliseconds() - start);
	vip_table_free(&table);
	test_free(rules.rule);
}

static int make_key(void **state)
{
	(void)state;
	lp_hash_key_make(&hash_key, "a seed", 6);
	return 0;
}

/* --- fragments: the key of port 0 --- */

/* Rules of one address: `n` ports of VIPs vip[i], all else from `template`. */
static const struct lp_vip *base_key(const struct lp_vip *template, const uint32_t *vip, size_t n,
				     struct vip_table **table)
{
	struct lp_addr addr = address(2);
	struct vip_rule rules[4];
	struct vip_table_size size;
	struct lp_err err;

	for (size_t i = 0; i < n; i++) {
		uint32_t port = i ? 1000 * (uint32_t)i : 80;

		rules[i] = make_rule(&addr, IPPROTO_UDP, port, i == 2 ? port + 100 : port);
		rules[i].vip = *template;
		rules[i].vip.vip = vip[i];
	}
	vip_table_size(rules, n, &size);
	assert_int_equal(vip_table_build(&hash_key, rules, n, &size, table, &err), 0);
	for (uint32_t i = 0; i < (*table)->n_places; i++)
		if ((*table)->places[i].kind != LP_VIP_EMPTY && !(*table)->places[i].port)
			return &(*table)->places[i];
	return NULL;
}

static bool is_portless(const struct lp_vip *template, const uint32_t *vip, size_t n)
{
	struct vip_table *table = NULL;
	const struct lp_vip *key = base_key(template, vip, n, &table);
	bool portless = key->flags & LP_VIP_PORTLESS;

	assert_int_equal(key->kind, LP_VIP_RANGES);
	if (portless) { /* all that an answer takes */
		assert_int_equal(key->vip, vip[0]);
		assert_int_equal(key->pool, template->pool);
		assert_int_equal(key->idle_timeout, template->idle_timeout);
		assert_int_equal(key->range_count, n > 2);
	}
	/* It is not a port's key for that. */
	assert_null(vip_table_find(table, &hash_key, &key->addr, IPPROTO_UDP, 81));
	vip_table_free(&table);
	return portless;
}

static void test_one_answer_for_all_ports(void **state)
{
	static const uint32_t one[] = { 5, 5, 5 }, two[] = { 5, 5, 6 };
	const struct lp_vip good = {
		.pool = 3,
		.forward = LP_FORWARD_IPIP,
		.affinity = LP_AFFINITY_SOURCE,
		.idle_timeout = 77,
	};
	struct lp_vip other = good;

	(void)state;
	assert_true(is_portless(&good, one, 1));
	assert_true(is_portless(&good, one, 3));
	assert_false(is_portless(&good, two, 3)); /* of two VIPs, each has its own rules */
	other.affinity = LP_AFFINITY_TCP;
	assert_false(is_portless(&other, one, 3));
	other = good;
	other.forward = LP_FORWARD_NAT;
	assert_false(is_portless(&other, one, 1));
	other.forward = LP_FORWARD_SNAT;
	assert_false(is_portless(&other, one, 1));
	other = good;
	other.flags = LP_VIP_PROXIES; /* of a crowd, ports decide */
	assert_false(is_portless(&other, one, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_answer_for_all_ports),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_unspecified),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_all_ports),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_base_keys),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_size_exact),
		cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_bad_ports),
		cmocka_unit_test(test_too_many_ranges),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_more_room),
		cmocka_unit_test(test_oracle_small),
		cmocka_unit_test(test_oracle_large),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests_name("vip_table", tests, make_key, NULL);
}
