// SPDX-License-Identifier: GPL-2.0
/*
 * Replies of nat VIPs: for every port of every backend, what the rules make of a reply is
 * what a client asked; and configurations where that cannot be told are found.
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

#include "core/desired.h"
#include "core/nat.h"
#include "dp/dp.h"
#include "lib/addr.h"

#define POOLS                                                                                      \
	"pools:\n"                                                                                 \
	"  p: {backends: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}]}\n"          \
	"  q: {backends: [{name: a, address: 10.0.0.1}, {name: c, address: 10.0.0.3}]}\n"          \
	"  six: {backends: [{name: a, address: '2001:db8::1'}]}\n"

static int parse(const char *vips, struct config **config, struct lp_err *err)
{
	char text[4096];

	snprintf(text, sizeof(text), "seed: s\ninterfaces: [{name: eth0}]\n" POOLS "vips:\n%s",
		 vips);
	return config_parse("t", text, strlen(text), config, err);
}

static struct config *parse_good(const char *vips)
{
	struct config *config = NULL;
	struct lp_err err;

	if (parse(vips, &config, &err))
		fail_msg("%s", err.text);
	return config;
}

/* Which VIPs need entries: "1" and "0", in the order of their names. */
static void check(const char *vips, const char *wanted)
{
	struct config *config = parse_good(vips);
	char got[16] = "";
	bool *ambiguous;

	assert_int_equal(nat_ambiguous(config, &ambiguous), 0);
	for (size_t i = 0; i < config->n_vips; i++)
		got[i] = ambiguous[i] ? '1' : '0';
	if (strcmp(got, wanted))
		fail_msg("%s: %s and not %s", vips, got, wanted);
	free(ambiguous);
	config_free(&config);
}

static void test_ambiguous(void **state)
{
	(void)state;
	check("  v: {addresses: [192.0.2.1], ports: [80, '443:4443', 5088-5089], pool: p}\n", "0");
	/* The same port of another protocol, of other servers, of another family. */
	check("  s: {addresses: ['2001:db8::9'], ports: [80], pool: six}\n"
	      "  u: {addresses: [192.0.2.2], ports: [80], pool: p, protocol: udp}\n"
	      "  v: {addresses: [192.0.2.1], ports: [80], pool: p}\n",
	      "000");
	check("  v: {addresses: [192.0.2.1], ports: ['80:8080'], pool: p}\n"
	      "  w: {addresses: [192.0.2.2], ports: ['80:8081'], pool: p}\n",
	      "00");
	/* One server in two pools. */
	check("  v: {addresses: [192.0.2.1], ports: [80], pool: p}\n"
	      "  w: {addresses: [192.0.2.2], ports: [80], pool: q}\n"
	      "  x: {addresses: [192.0.2.2], ports: [81], pool: q}\n",
	      "110");
	check("  v: {addresses: [192.0.2.1], ports: ['80:99', '81:99'], pool: p}\n", "1");
	check("  v: {addresses: [192.0.2.1], ports: [1-100], pool: p}\n"
	      "  w: {addresses: [192.0.2.2], ports: [100-200], pool: p}\n",
	      "11");
	/* A short range within a long one does not hide what the long one meets later. */
	check("  v: {addresses: [192.0.2.1], ports: [1-300], pool: p}\n"
	      "  w: {addresses: [192.0.2.2], ports: [50-60], pool: p}\n"
	      "  x: {addresses: [192.0.2.3], ports: [299-310], pool: p}\n"
	      "  y: {addresses: [192.0.2.4], ports: [311], pool: p}\n",
	      "1110");
	/* Tunnels have no replies here, and snat has entries anyway. */
	check("  v: {addresses: [192.0.2.1], ports: [80], pool: p}\n"
	      "  w: {addresses: [192.0.2.2], ports: [80], pool: p, forward: ipip}\n"
	      "  x: {addresses: [192.0.2.3], ports: [80], pool: p, forward: snat}\n",
	      "000");
}

static void test_ambiguous_any(void **state)
{
	(void)state;
	check("  v: {addresses: [192.0.2.1], ports: [any, 443, 5000-6000], pool: p}\n", "0");
	check("  v: {addresses: [192.0.2.1], ports: [any], pool: p}\n"
	      "  w: {addresses: [192.0.2.1], ports: [443], pool: q}\n",
	      "00");
	check("  v: {addresses: [192.0.2.1], ports: [any, '443:4443'], pool: p}\n", "1");
	check("  v: {addresses: [192.0.2.1], ports: [any], pool: p}\n"
	      "  w: {addresses: [192.0.2.2], ports: [443], pool: p}\n",
	      "11");
	check("  v: {addresses: [192.0.2.1, 192.0.2.2], ports: [any], pool: p}\n", "1");
	check("  v: {addresses: [192.0.2.1], ports: [any], pool: p}\n"
	      "  w: {addresses: [192.0.2.2], ports: [any], pool: p}\n"
	      "  x: {addresses: [192.0.2.2], ports: [80], pool: q}\n",
	      "111");
}

/* --- both tables in one: there and back ------------------------------------------------ */

struct world {
	struct config *config;
	struct runtime runtime;
	struct dp *dp;
	struct lp_hash_key key;
	struct desired *desired;
};

static void world_open(struct world *world, const char *vips)
{
	struct dp_size size;
	struct lp_err err;

	memset(world, 0, sizeof(*world));
	world->config = parse_good(vips);
	assert_int_equal(desired_size(world->config, &size, &err), 0);
	desired_roomy(&size);
	assert_int_equal(dp_fake_open(&size, &world->dp), 0);
	lp_hash_key_make(&world->key, "s", 1);
	assert_int_equal(runtime_adopt(&world->runtime, world->dp), 0);
	assert_int_equal(runtime_assign(&world->runtime, world->config, &size, 1), 0);
	if (desired_make(world->config, &world->runtime, &size, &world->key, NULL, true,
			 &world->desired, &err))
		fail_msg("%s", err.text);
}

static void world_close(struct world *world)
{
	desired_free(&world->desired);
	runtime_fini(&world->runtime);
	dp_close(&world->dp);
	config_free(&world->config);
}

static const struct lp_vip *find(const struct world *world, const char *addr, uint8_t proto,
				 uint16_t port)
{
	struct lp_addr where;

	assert_int_equal(lp_addr_parse(addr, &where), 0);
	return vip_table_find(world->desired->vips, &world->key, &where, proto, port);
}

/* The port on the other side, as bpf/forward_nat.h has it. */
static uint16_t other_port(const struct lp_vip *vip, uint16_t port)
{
	return vip->kind == LP_VIP_EXACT && vip->target ? ntohs(vip->target) : port;
}

/* From a client's port through a backend and back. */
static void check_ports(const struct world *world, const char *vip, const char *backend)
{
	struct lp_addr address;
	unsigned int served = 0;

	assert_int_equal(lp_addr_parse(vip, &address), 0);
	for (uint32_t port = 1; port <= 65535; port++) {
		const struct lp_vip *there = find(world, vip, IPPROTO_TCP, (uint16_t)port), *back;
		uint16_t target;

		if (!there)
			continue;
		served++;
		assert_false(there->flags & LP_VIP_REPLY);
		target = other_port(there, (uint16_t)port);
		back = find(world, backend, IPPROTO_TCP, target);
		assert_non_null(back);
		assert_true(back->flags & LP_VIP_REPLY);
		assert_true(lp_addr_equal(&back->rewrite, &address));
		assert_int_equal(other_port(back, target), port);
		assert_null(find(world, backend, IPPROTO_UDP, target));
	}
	assert_true(served > 0);
}

static void test_there_and_back(void **state)
{
	struct world world;

	(void)state;
	world_open(&world,
		   "  v: {addresses: [192.0.2.1], pool: p,\n"
		   "      ports: [80, '443:4443', 5088-5089, 7000-7999, '9:1']}\n"
		   "  w: {addresses: [192.0.2.2], pool: q, ports: ['443:4444', '80:8080']}\n"
		   "  s: {addresses: ['2001:db8::9'], pool: six, ports: [any, 1-100, 443]}\n");
	check_ports(&world, "192.0.2.1", "10.0.0.1");
	check_ports(&world, "192.0.2.1", "10.0.0.2");
	check_ports(&world, "192.0.2.2", "10.0.0.1");
	check_ports(&world, "192.0.2.2", "10.0.0.3");
	check_ports(&world, "2001:db8::9", "2001:db8::1");
	assert_null(find(&world, "10.0.0.2", IPPROTO_TCP, 4444));
	assert_null(find(&world, "10.0.0.1", IPPROTO_TCP, 443));
	world_close(&world);
}

/* Where several VIPs meet at a port, whatever comes from it is asked of the entries. */
static void check_entries(const struct world *world, const char *vip, const char *backend)
{
	unsigned int served = 0;

	for (uint32_t port = 1; port <= 65535; port++) {
		const struct lp_vip *there = find(world, vip, IPPROTO_TCP, (uint16_t)port), *back;

		if (!there)
			continue;
		served++;
		assert_true(there->flags & LP_VIP_ENTRIES);
		back = find(world, backend, IPPROTO_TCP, other_port(there, (uint16_t)port));
		assert_non_null(back);
		assert_true(back->flags & LP_VIP_REPLY);
		assert_true(back->flags & LP_VIP_ENTRIES);
	}
	assert_true(served > 0);
}

static void test_ambiguous_keys(void **state)
{
	struct world world;

	(void)state;
	world_open(&world,
		   "  v: {addresses: [192.0.2.1, 192.0.2.2], ports: [80, 5000-6000], pool: p}\n"
		   "  w: {addresses: [192.0.2.3], ports: ['443:80', 5500-7000, 9], pool: p}\n"
		   "  x: {addresses: [192.0.2.4], ports: [81], pool: p}\n");
	for (int i = 0; i < 2; i++) {
		const char *backend = i ? "10.0.0.2" : "10.0.0.1";

		check_entries(&world, "192.0.2.1", backend);
		check_entries(&world, "192.0.2.2", backend);
		check_entries(&world, "192.0.2.3", backend);
		check_ports(&world, "192.0.2.4", backend);
	}
	world_close(&world);
}

static size_t count_of(const struct vip_rule *rules, size_t n, const char *backend)
{
	struct lp_addr addr;
	size_t found = 0;

	assert_int_equal(lp_addr_parse(backend, &addr), 0);
	for (size_t i = 0; i < n; i++)
		found += lp_addr_equal(&rules[i].addr, &addr);
	return found;
}

/* A backend that was taken out of the file goes on with the connections that it has (P1). */
static void test_leaving(void **state)
{
	static const char vips[] = "  v: {addresses: [192.0.2.1], ports: [80, 81], pool: p}\n";
	struct config *fewer = NULL;
	struct vip_rule *rules;
	struct world world;
	struct lp_err err;
	size_t n;
	char text[1024];

	(void)state;
	world_open(&world, vips);
	snprintf(text, sizeof(text),
		 "seed: s\ninterfaces: [{name: eth0}]\n"
		 "pools: {p: {backends: [{name: b, address: 10.0.0.2}]}}\nvips:\n%s",
		 vips);
	assert_int_equal(config_parse("t", text, strlen(text), &fewer, &err), 0);
	assert_int_equal(runtime_assign(&world.runtime, fewer, dp_size(world.dp), 2), 0);
	for (int settled = 0; settled < 2; settled++) {
		assert_int_equal(nat_rules(fewer, &world.runtime, &rules, &n), 0);
		assert_int_equal(count_of(rules, n, "10.0.0.1"), 2);
		assert_int_equal(count_of(rules, n, "10.0.0.2"), 2);
		assert_int_equal(count_of(rules, n, "10.0.0.3"), 0);
		free(rules);
		runtime_settle(&world.runtime, 2);
	}
	runtime_forget(&world.runtime, 1);
	runtime_forget(&world.runtime, 2);
	assert_int_equal(nat_rules(fewer, &world.runtime, &rules, &n), 0);
	assert_int_equal(n, 2);
	free(rules);
	config_free(&fewer);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ambiguous),      cmocka_unit_test(test_ambiguous_any),
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_ambiguous_keys),
		cmocka_unit_test(test_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
