// SPDX-License-Identifier: GPL-2.0
/* Counting of entries, and when it warns; sizes, lists of addresses, and the host's ports. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/desired.h"
#include "core/entries.h"
#include "core/plan.h"
#include "core/snat.h"
#include "dp/dp_internal.h"
#include "lib/addr.h"
#include "net/ports.h"

#define BUCKETS 64u
#define NOW     1000u
#define OWN     28232u /* ports that the host keeps to itself, below */

struct world {
	struct dp *dp;
	struct entries entries;
	uint32_t made;
};

static struct lp_addr addr(const char *text)
{
	struct lp_addr out;

	assert_int_equal(lp_addr_parse(text, &out), 0);
	return out;
}

static int setup(void **state)
{
	static const struct dp_size size = { .vips = 8,
					     .pools = 4,
					     .backends = 8,
					     .tables = 4,
					     .index = 64,
					     .places = 64,
					     .ranges = 64,
					     .buckets = 8,
					     .entries = BUCKETS };
	struct world *world = calloc(1, sizeof(*world));

	if (!world || dp_fake_open(&size, &world->dp) || entries_init(&world->entries))
		return -1;
	dp_own_ports(world->dp, 32768, 60999);
	world->dp->maps.backends[1].hop[0].saddr = addr("10.1.0.1");
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	entries_fini(&world->entries);
	entries_fini(&world->entries);
	dp_close(&world->dp);
	free(world);
	return 0;
}

/* As packets do (bpf/snat.h): replies to it are looked for from then on. */
static void watch(struct world *world, const struct lp_addr *source)
{
	const __be32 *w = source->w;
	uint32_t bit = LP_GUARD_BIT(lp_addr_is_v6(source) ? w[0] ^ w[1] ^ w[2] ^ w[3] : w[3]);

	world->dp->maps.snat_guard->bits[bit / 32] |= 1u << bit % 32;
}

static void make(struct world *world, uint16_t backend, const char *source, uint16_t target,
		 uint8_t flags, uint32_t expires)
{
	uint32_t number = world->made++;
	struct lp_entries *at = &world->dp->maps.entries[number / LP_WAYS];
	struct lp_addr from = addr(source);
	unsigned int way = number % LP_WAYS;

	assert_true(number < BUCKETS * LP_WAYS);
	if (!lp_addr_is_v6(&from)) /* only the last word, as packets write it */
		from = (struct lp_addr) { .w = { 0, 0, 0, from.w[3] } };
	at->index.way[way] = (struct lp_record) {
		.fingerprint = 100 + number,
		.value = { .backend = backend, .flags = flags, .expires = expires },
	};
	at->to[way] = (struct lp_entry_port) { .addr4 = from.w[3], .target = htons(target) };
	at->addr[way] = from;
}

static void make_many(struct world *world, unsigned int n, uint16_t backend, const char *source,
		      uint16_t target)
{
	for (unsigned int i = 0; i < n; i++)
		make(world, backend, source, target, LP_RECORD_CONFIRMED, NOW + 1);
}

static const struct entries_counts *count(struct world *world)
{
	bool ended = false;

	for (int i = 0; i < 8; i++) {
		assert_false(ended);
		ended = entries_step(&world->entries, world->dp, BUCKETS / 8, NOW);
	}
	assert_true(ended);
	return &world->entries.last;
}

static void test_states(void **state)
{
	struct world *world = *state;
	const struct entries_counts *last;

	make(world, 1, "10.1.0.1", 80, LP_RECORD_CONFIRMED, NOW + 1);
	make(world, 1, "10.1.0.1", 80, LP_RECORD_CONFIRMED, NOW); /* has expired */
	make(world, 1, "10.1.0.1", 80, LP_RECORD_OPENING, NOW + 60);
	make(world, 1, "10.1.0.1", 80, 0, NOW + 60);
	make(world, 1, "10.1.0.1", 80, LP_RECORD_CONFIRMED | LP_ENTRY_CLOSING, NOW + 9);
	last = count(world);
	assert_int_equal(last->established, 1);
	assert_int_equal(last->opening, 2);
	assert_int_equal(last->closing, 1);
	assert_int_equal(entries_used(last), 4);
	assert_int_equal(entries_capacity(world->dp), BUCKETS * LP_WAYS);
	assert_int_equal(last->busiest.backend, 0); /* of a client's own address */
}

static void test_the_busiest(void **state)
{
	struct lp_addr own = addr("10.1.0.1"), other = addr("10.1.0.2"), six = addr("2001:db8::1");
	struct world *world = *state;
	const struct entries_use *busiest;

	watch(world, &own);
	watch(world, &other);
	watch(world, &six);
	make_many(world, 30, 1, "10.1.0.1", 80);
	make_many(world, 40, 1, "10.1.0.2", 80); /* more, but a smaller part */
	make_many(world, 25, 1, "10.1.0.1", 81);
	make_many(world, 20, 2, "2001:db8::1", 80);
	busiest = &count(world)->busiest;
	assert_int_equal(busiest->backend, 1);
	assert_int_equal(ntohs(busiest->port), 80);
	assert_true(lp_addr_equal(&busiest->addr, &own));
	assert_int_equal(busiest->used, 30);
	assert_int_equal(busiest->ports, 64512 - OWN);
	make_many(world, 200, 2, "2001:db8::1", 80);
	busiest = &count(world)->busiest;
	assert_int_equal(busiest->backend, 2);
	assert_true(lp_addr_equal(&busiest->addr, &six));
	assert_int_equal(busiest->used, 220);
	assert_int_equal(busiest->ports, 64512);
}

static void test_it_warns_once(void **state)
{
	struct world *world = *state;

	make_many(world, BUCKETS * LP_WAYS * 8 / 10 - 1, 1, "10.1.0.1", 80);
	count(world);
	assert_false(entries_warn_places(&world->entries, world->dp));
	make_many(world, 2, 1, "10.1.0.1", 80);
	count(world);
	assert_true(entries_warn_places(&world->entries, world->dp));
	assert_false(entries_warn_places(&world->entries, world->dp));
	memset(world->dp->maps.entries, 0, BUCKETS * sizeof(struct lp_entries));
	count(world);
	assert_false(entries_warn_places(&world->entries, world->dp));
	world->made = 0;
	make_many(world, BUCKETS * LP_WAYS, 1, "10.1.0.1", 80);
	count(world);
	assert_true(entries_warn_places(&world->entries, world->dp));
}

static void test_it_warns_of_ports(void **state)
{
	struct world *world = *state;
	struct lp_addr own = addr("10.1.0.1");

	watch(world, &own);
	dp_own_ports(world->dp, 1124, 65535); /* a hundred are left */
	make_many(world, 79, 1, "10.1.0.1", 80);
	count(world);
	assert_false(entries_warn_ports(&world->entries));
	make_many(world, 1, 1, "10.1.0.1", 80);
	assert_int_equal(count(world)->busiest.ports, 100);
	assert_true(entries_warn_ports(&world->entries));
	assert_false(entries_warn_ports(&world->entries));
}

/* --- sizes and lists ------------------------------------------------------------------------ */

static struct config *parse(const char *vips)
{
	struct config *config = NULL;
	struct lp_err err;
	char text[2048];

	snprintf(text, sizeof(text),
		 "seed: s\ninterfaces: [{name: eth0}]\n"
		 "pools: {p: {backends: [{name: a, address: 10.0.0.1}]}}\nvips:\n%s",
		 vips);
	if (config_parse("t", text, strlen(text), &config, &err))
		fail_msg("%s", err.text);
	return config;
}

static uint32_t size_of(const char *vips)
{
	struct config *config = parse(vips);
	uint32_t buckets = 1;

	assert_int_equal(snat_size(config, &buckets), 0);
	config_free(&config);
	return buckets;
}

static void test_size(void **state)
{
	uint32_t nat, snat;

	(void)state;
	assert_int_equal(size_of("  v: {addresses: [192.0.2.1], ports: [80], pool: p,\n"
				 "      forward: ipip}\n"),
			 0);
	nat = size_of("  v: {addresses: [192.0.2.1], ports: [80], pool: p}\n");
	snat = size_of("  v: {addresses: [192.0.2.1], ports: [80], pool: p, forward: snat}\n");
	assert_true(nat && snat > nat);
	assert_false(nat & (nat - 1) || snat & (snat - 1));
	/* Where a port serves two, all connections have entries. */
	assert_int_equal(
		size_of("  v: {addresses: [192.0.2.1, 192.0.2.2], ports: [80], pool: p}\n"), snat);
}

/* Applies a configuration to the datapath as the agent does. */
static void apply(struct dp *dp, struct runtime *runtime, const struct config *config)
{
	struct lp_hash_key key;
	struct desired *desired;
	struct plan *plan;
	struct lp_err err;

	lp_hash_key_make(&key, "s", 1);
	assert_int_equal(runtime_assign(runtime, config, dp_size(dp), 1), 0);
	if (desired_make(config, runtime, dp_size(dp), &key, NULL, true, &desired, &err))
		fail_msg("%s", err.text);
	assert_int_equal(plan_make(desired, runtime, dp, NOW, &plan), 0);
	assert_int_equal(plan_apply(plan, dp, NULL, NULL), 0);
	plan_free(&plan);
	desired_free(&desired);
	runtime_settle(runtime, 1);
}

static const struct lp_snat_list *list_of(const struct dp *dp, const struct runtime *runtime)
{
	return dp_snat(dp, dp_active_half(dp), runtime_vip(runtime, "v"));
}

/* Only the addresses change: that is another configuration, too. */
static void test_lists(void **state)
{
	static const char *const texts[] = {
		"[10.9.0.2, 10.9.0.1]",
		"[10.9.0.3]",
		"[]",
	};
	struct world *world = *state;
	struct runtime runtime = { 0 };
	struct lp_addr first = addr("10.9.0.1"), third = addr("10.9.0.3");

	assert_int_equal(runtime_adopt(&runtime, world->dp), 0);
	for (int i = 0; i < 3; i++) {
		struct config *config;
		char vips[256];

		snprintf(vips, sizeof(vips),
			 "  v: {addresses: [192.0.2.1], ports: [80], pool: p, forward: snat,\n"
			 "      snat_addresses: %s}\n",
			 texts[i]);
		config = parse(vips);
		apply(world->dp, &runtime, config);
		assert_int_equal(list_of(world->dp, &runtime)->n, 2 - i);
		if (i < 2)
			assert_true(lp_addr_equal(&list_of(world->dp, &runtime)->addr[0],
						  i ? &third : &first));
		config_free(&config);
	}
	runtime_fini(&runtime);
}

static void test_own_ports(void **state)
{
	static const char *const bad[] = {
		"", "32768", "32768 x", "60999 32768", "0 5", "1 65536", "1 2 3", "-1 5",
	};
	uint16_t first = 1, last = 2;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(net_own_ports_parse(bad[i], &first, &last), -EINVAL);
		assert_true(first == 1 && last == 2);
	}
	assert_int_equal(net_own_ports_parse("32768\t60999\n", &first, &last), 0);
	assert_true(first == 32768 && last == 60999);
	net_own_ports(&first, &last);
	assert_true(first && first <= last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_busiest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_warns_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_warns_of_ports, setup, teardown),
		cmocka_unit_test(test_size),
		cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
		cmocka_unit_test(test_own_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
