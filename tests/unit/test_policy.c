// SPDX-License-Identifier: GPL-2.0
/*
 * Policies as the datapath's trie has them, against what the configuration says. The
 * trie's lookup is done here by a linear search for the longest key that holds a source.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/policy.h"
#include "dp/dp.h"
#include "lib/addr.h"

#define ETH0 7u
#define ETH1 9u

struct world {
	struct config *config;
	struct runtime runtime;
	struct dp *dp;
	struct policy_key *keys;
	size_t n;
};

/* Interfaces eth0 and eth1 are there, eth2 is not. `text`: of interfaces, then of VIP v. */
static void world_open(struct world *world, const char *interfaces, const char *vip)
{
	static const struct runtime_interface there[] = { { "eth0", ETH0 }, { "eth1", ETH1 } };
	const struct dp_size size = { 8, 4, 8, 4, 16, 16, 4, 16, 0 };
	char text[2048];
	struct lp_err err;
	bool changed;

	snprintf(text, sizeof(text),
		 "seed: s\ninterfaces: [%s]\n"
		 "pools: {p: {backends: [{name: a, address: 10.0.0.1}]}}\n"
		 "vips: {v: {addresses: [192.0.2.1], ports: [80], pool: p, forward: ipip%s}}\n",
		 interfaces, vip);
	memset(world, 0, sizeof(*world));
	if (config_parse("t", text, strlen(text), &world->config, &err))
		fail_msg("%s", err.text);
	assert_int_equal(dp_fake_open(&size, &world->dp), 0);
	assert_int_equal(runtime_adopt(&world->runtime, world->dp), 0);
	assert_int_equal(runtime_assign(&world->runtime, world->config, &size, 1), 0);
	assert_int_equal(runtime_set_interfaces(&world->runtime, there, 2, &changed), 0);
	assert_true(changed);
	assert_int_equal(policy_make(world->config, &world->runtime, &world->keys, &world->n), 0);
}

static void world_close(struct world *world)
{
	free(world->keys);
	runtime_fini(&world->runtime);
	dp_close(&world->dp);
	config_free(&world->config);
}

static struct lp_addr address(const char *text)
{
	struct lp_addr addr;

	assert_int_equal(lp_addr_parse(text, &addr), 0);
	return addr;
}

static bool key_holds(const struct lp_policy_key *key, const struct lp_addr *addr)
{
	uint32_t bits = key->prefixlen - LP_POLICY_BITS;

	for (uint32_t i = 0; i < bits; i++)
		if ((key->addr.b[i / 8] ^ addr->b[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* What the trie answers. */
static enum lp_policy ask(const struct world *world, uint32_t vip, uint32_t ifindex,
			  const char *source)
{
	struct lp_addr addr = address(source);
	const struct policy_key *best = NULL;

	for (size_t i = 0; i < world->n; i++) {
		const struct policy_key *key = &world->keys[i];

		if (key->key.scope == LP_POLICY_SCOPE(vip, lp_addr_is_v6(&addr), 0) &&
		    key->key.ifindex == ifindex && key_holds(&key->key, &addr) &&
		    (!best || key->key.prefixlen > best->key.prefixlen))
			best = key;
	}
	return best ? best->answer : LP_POLICY_NONE;
}

static const char *const sources[] = { "10.0.0.1",    "10.1.0.1",      "10.1.2.1",
				       "10.1.2.3",    "10.200.0.1",    "192.0.2.9",
				       "2001:db8::1", "2001:db8:1::1", "2001:db9::1" };

static void check_vip(const char *vip, uint8_t flags, const char *admitted)
{
	struct world world;
	const struct config_vip *v;
	uint32_t number;

	world_open(&world, "{name: eth0}, {name: eth1}", vip);
	v = &world.config->vips[0];
	number = runtime_vip(&world.runtime, "v");
	assert_int_equal(policy_flags(world.config, v), flags);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct lp_addr addr = address(sources[i]);
		bool admit = admitted[i] == '+';

		if (policy_admits(v, &addr) != admit)
			fail_msg("%s: %s", vip, sources[i]);
		if (flags)
			assert_int_equal(ask(&world, number, 0, sources[i]),
					 admit ? LP_POLICY_ADMIT : LP_POLICY_DENY);
	}
	if (!flags)
		assert_int_equal(world.n, 0);
	world_close(&world);
}

static void test_lists(void **state)
{
	(void)state;
	check_vip("", 0, "+++++++++");
	check_vip(", allow: [], deny: [], interfaces: []", 0, "+++++++++");
	check_vip(", allow: [10.0.0.0/8]", LP_VIP_SOURCES, "+++++----");
	check_vip(", deny: [10.0.0.0/8]", LP_VIP_SOURCES, "-----++++");
	check_vip(", deny: ['::/0']", LP_VIP_SOURCES, "++++++---");
	check_vip(", allow: ['::/0'], deny: ['2001:db8:1::/48']", LP_VIP_SOURCES, "------+-+");
	check_vip(", allow: [0.0.0.0/0], deny: [10.1.0.0/16]", LP_VIP_SOURCES, "+---++---");
	/* The longest prefix decides, whichever list it is in. */
	check_vip(", allow: [10.0.0.0/8, 10.1.2.0/24], deny: [10.1.0.0/16, 10.1.2.3]",
		  LP_VIP_SOURCES, "+-+-+----");
	check_vip(", deny: [10.0.0.0/8, 10.1.2.0/24], allow: [10.1.0.0/16, 10.1.2.3]",
		  LP_VIP_SOURCES, "-+-+-----");
}

static void test_interfaces(void **state)
{
	struct world world;
	uint32_t v;

	(void)state;
	world_open(&world, "{name: eth0}, {name: eth1}, {name: eth2}",
		   ", interfaces: [eth2, eth1], deny: [10.1.0.0/16]");
	v = runtime_vip(&world.runtime, "v");
	assert_int_equal(policy_flags(world.config, &world.config->vips[0]),
			 LP_VIP_INTERFACES | LP_VIP_SOURCES);
	assert_int_equal(ask(&world, v, ETH1, "10.0.0.1"), LP_POLICY_ADMIT);
	assert_int_equal(ask(&world, v, ETH1, "10.1.0.1"), LP_POLICY_DENY);
	assert_int_equal(ask(&world, v, ETH1, "2001:db8::1"), LP_POLICY_ADMIT);
	assert_int_equal(ask(&world, v, ETH0, "10.0.0.1"), LP_POLICY_NONE);
	/* eth2 is not there; number 0 would be everywhere. */
	assert_int_equal(ask(&world, v, 0, "10.0.0.1"), LP_POLICY_NONE);
	assert_int_equal(world.n, 3);
	world_close(&world);
}

static void test_reject_sources(void **state)
{
	static const struct {
		const char *source;
		bool rejected;
	} cases[] = {
		{ "10.0.0.1", true },     { "10.7.0.1", false },   { "10.7.3.1", false },
		{ "11.0.0.1", false },    { "2001:db8::1", true }, { "2001:db8:7::1", false },
		{ "2001:db9::1", false }, { "172.16.3.1", false },
	};
	struct world world;

	(void)state;
	world_open(
		&world,
		"{name: eth0, reject_sources: [10.0.0.0/8, 10.7.3.0/24, '2001:db8::/32', "
		"172.16.3.0/24], allow_hairpin: [10.7.0.0/16, '2001:db8:7::/48', 172.16.0.0/12]}, "
		"{name: eth1, allow_hairpin: [10.0.0.0/8]}",
		"");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lp_addr addr = address(cases[i].source);

		assert_int_equal(policy_rejects(&world.config->interfaces[0], &addr),
				 cases[i].rejected);
		assert_int_equal(ask(&world, 0, ETH0, cases[i].source) == LP_POLICY_DENY,
				 cases[i].rejected);
		assert_int_equal(ask(&world, 0, ETH1, cases[i].source), LP_POLICY_NONE);
	}
	/* One interface that rejects keeps all VIPs off the fast path. */
	assert_int_equal(policy_flags(world.config, &world.config->vips[0]), LP_VIP_GUARDED);
	world_close(&world);
}

static void test_set_interfaces(void **state)
{
	struct runtime_interface there[] = { { "a", 1 }, { "b", 2 } };
	struct runtime runtime = { 0 };
	bool changed;

	(void)state;
	assert_int_equal(runtime_ifindex(&runtime, "a"), 0);
	assert_int_equal(runtime_set_interfaces(&runtime, there, 2, &changed), 0);
	assert_true(changed);
	assert_int_equal(runtime_set_interfaces(&runtime, there, 2, &changed), 0);
	assert_false(changed);
	there[1].ifindex = 3;
	assert_int_equal(runtime_set_interfaces(&runtime, there, 2, &changed), 0);
	assert_true(changed);
	assert_int_equal(runtime_ifindex(&runtime, "b"), 3);
	assert_int_equal(runtime_ifindex(&runtime, "c"), 0);
	runtime_fini(&runtime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_reject_sources),
		cmocka_unit_test(test_set_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
