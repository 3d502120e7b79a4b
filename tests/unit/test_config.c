// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations that are right: defaults, every key, any order of lines (P6),
 * the examples.
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/config.h"
#include "lib/addr.h"

static struct config *parse(const char *text)
{
	struct config *config = NULL;
	struct lp_err err = { "" };
	int ret = config_parse("t", text, strlen(text), &config, &err);

	if (ret)
		print_error("%s\n", err.text);
	assert_int_equal(ret, 0);
	return config;
}

/* --- a model as text, to compare two --- */

static void dump_check(FILE *f, const struct config_check *check)
{
	fprintf(f,
		"check %s type %d port %u path %s host %s interval %.17g timeout %.17g rise %u "
		"fall %u expect",
		check->name, (int)check->type, check->port, check->path,
		check->host ? check->host : "-", check->interval, check->timeout, check->rise,
		check->fall);
	for (size_t i = 0; i < check->n_expect; i++)
		fprintf(f, " %u-%u", check->expect[i].first, check->expect[i].last);
	fputs("\n", f);
}

static void dump_pool(FILE *f, const struct config_pool *pool)
{
	char text[LP_ADDR_TEXT];

	fprintf(f, "pool %s hash %d check %s port %u drain %.17g min_up %u down %d slow %.17g\n",
		pool->name, (int)pool->hash, pool->check ? pool->check : "-", pool->check_port,
		pool->drain_timeout, pool->min_up, (int)pool->on_all_down, pool->slow_start);
	for (size_t i = 0; i < pool->n_backends; i++)
		fprintf(f, "  %s %s %u%s\n", pool->backends[i].name,
			lp_addr_format(&pool->backends[i].address, text), pool->backends[i].weight,
			pool->backends[i].backup ? " backup" : "");
}

static void dump_prefixes(FILE *f, const char *what, const struct config_prefixes *prefixes)
{
	char text[LP_ADDR_TEXT];

	if (prefixes->n)
		fprintf(f, " %s", what);
	for (size_t i = 0; i < prefixes->n; i++)
		fprintf(f, " %s/%u", lp_addr_format(&prefixes->items[i].addr, text),
			prefixes->items[i].bits);
}

static void dump_interface(FILE *f, const struct config_interface *interface)
{
	fprintf(f, "interface %s %d", interface->name, (int)interface->mode);
	dump_prefixes(f, "reject", &interface->reject_sources);
	dump_prefixes(f, "hairpin", &interface->allow_hairpin);
	fputs("\n", f);
}

static void dump_vip(FILE *f, const struct config_vip *vip)
{
	char text[LP_ADDR_TEXT];

	fprintf(f, "vip %s proto %u pool %s forward %d affinity %d /%u /%u %.17g idle %.17g %s:",
		vip->name, vip->protocol, vip->pool, (int)vip->forward, (int)vip->affinity,
		vip->mask, vip->mask6, vip->affinity_timeout, vip->idle_timeout,
		vip->reset ? "reset" : "reroute");
	for (size_t i = 0; i < vip->n_addresses; i++)
		fprintf(f, " %s", lp_addr_format(&vip->addresses[i], text));
	for (size_t i = 0; i < vip->n_ports; i++)
		fprintf(f, " %u-%u", vip->ports[i].first, vip->ports[i].last);
	fprintf(f, "\n  table %s group %s track %d proxies", vip->table_pool,
		vip->group ? vip->group : "-", (int)vip->track);
	for (size_t i = 0; i < vip->n_proxies; i++)
		fprintf(f, " %s/%u", lp_addr_format(&vip->proxies[i].addr, text),
			vip->proxies[i].bits);
	for (size_t i = 0; i < vip->n_interfaces; i++)
		fprintf(f, " on %s", vip->interfaces[i]);
	dump_prefixes(f, "allow", &vip->allow);
	dump_prefixes(f, "deny", &vip->deny);
	if (vip->ping)
		fprintf(f, " ping %s", config_ping_name(vip->ping));
	fputs("\n", f);
}

/* The caller frees. */
static char *dump(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fprintf(f, "seed %s\n", config->seed);
	for (size_t i = 0; i < config->n_interfaces; i++)
		dump_interface(f, &config->interfaces[i]);
	for (size_t i = 0; i < config->n_checks; i++)
		dump_check(f, &config->checks[i]);
	for (size_t i = 0; i < config->n_pools; i++)
		dump_pool(f, &config->pools[i]);
	for (size_t i = 0; i < config->n_vips; i++)
		dump_vip(f, &config->vips[i]);
	fclose(f);
	return text;
}

static void assert_dump(const char *yaml, const char *expected)
{
	struct config *config = parse(yaml);
	char *text = dump(config);

	assert_string_equal(text, expected);
	free(text);
	config_free(&config);
}

/* --- what is there without being said --- */

static void test_defaults(void **state)
{
	(void)state;
	assert_dump(
		"seed: s\n"
		"interfaces: [{ name: eth0 }]\n"
		"checks: { c: , d: { type: http } }\n"
		"pools:\n"
		"  p: { backends: [{ name: a, address: 10.0.0.1 }] }\n"
		"  q: { check: c, backends: [{ name: a, address: 10.0.0.1 }] }\n"
		"vips:\n"
		"  v: { addresses: [192.0.2.1], ports: [80], pool: q, forward: ipip }\n",
		"seed s\n"
		"interface eth0 0\n"
		"check c type 0 port 0 path / host - interval 2 timeout 1 rise 2 fall 3 expect "
		"200-399\n"
		"check d type 1 port 0 path / host - interval 2 timeout 1 rise 2 fall 3 expect "
		"200-399\n"
		"pool p hash 0 check - port 0 drain 600 min_up 1 down 0 slow 0\n"
		"  a 10.0.0.1 100\n"
		"pool q hash 0 check c port 80 drain 600 min_up 1 down 0 slow 0\n"
		"  a 10.0.0.1 100\n"
		"vip v proto 6 pool q forward 2 affinity 1 /32 /64 1800 idle 1800 reset: 192.0.2.1 "
		"80-80\n"
		"  table q group - track 0 proxies\n");
}

/* limpetd then runs idle. */
static void test_no_vips(void **state)
{
	static const char expected[] = "seed s\ninterface eth0 0\n";

	(void)state;
	assert_dump("seed: s\ninterfaces: [{ name: eth0 }]\n", expected);
	assert_dump("seed: s\ninterfaces: [{ name: eth0 }]\npools:\nvips:\nchecks:\n", expected);
	assert_dump("seed: s\ninterfaces: [{ name: eth0 }]\npools: {}\nvips: {}\n", expected);
}

/* Every key there is, with values that are not the default where others work. */
static void test_every_key(void **state)
{
	(void)state;
	assert_dump(
		"seed: \"\\u00e9 #:\"\n"
		"interfaces:\n"
		"  - { name: eth1.5, mode: generic, reject_sources: [10.0.0.0/8, '::/0'],\n"
		"      allow_hairpin: [10.2.0.0/16, 10.1.0.0/16] }\n"
		"  - { name: eth0, mode: native }\n"
		"checks:\n"
		"  web: { type: http, port: 4443, path: /health?x=1, host: \"pool.example.net:80\",\n"
		"         expect: \"404,200-299\", via: direct, interval: 1500ms, timeout: 1500ms,\n"
		"         rise: 1, fall: 1000 }\n"
		"  tcp: { type: tcp }\n"
		"pools:\n"
		"  A.b_c-9:\n"
		"    hash: rendezvous\n"
		"    check: web\n"
		"    min_up: 65534\n"
		"    on_all_down: drop\n"
		"    drain_timeout: 365d\n"
		"    slow_start: 1500ms\n"
		"    backends:\n"
		"      - { name: two, address: 10.1.0.12, weight: 0, backup: true }\n"
		"      - { name: one, address: \"2001:DB8::11\", weight: 65535 }\n"
		"  second:\n"
		"    check: tcp\n"
		"    backends: [{ name: only, address: 10.1.0.12, weight: \"7\" }]\n"
		"vips:\n"
		"  web:\n"
		"    addresses: [\"2001:db8::10\", 203.0.113.10]\n"
		"    protocol: udp\n"
		"    ports: [any, \"5088-5089\", 443, \"80\"]\n"
		"    pool: A.b_c-9\n"
		"    forward: gue\n"
		"    interfaces: [eth1.5, eth0]\n"
		"    allow: [10.0.0.0/8, '2001:db8::/32', 0.0.0.0/0]\n"
		"    deny: [10.1.0.0/16]\n"
		"    ping: drop\n"
		"    idle_timeout: 1ms\n"
		"    on_backend_down: reroute\n"
		"    affinity: { mode: tcp, timeout: 1h, mask: 0, mask6: 128, proxies: [],\n"
		"                track: needed }\n"
		"  dsr: { addresses: [203.0.113.10], ports: [7], pool: second, forward: dsr, ping: drop,\n"
		"         affinity: { group: g, track: always } }\n"
		"  same-port: { addresses: [203.0.113.11], ports: [7-7], pool: second,\n"
		"               forward: ipip, protocol: tcp, ping: pass,\n"
		"               affinity: { mode: source, group: g, track: never,\n"
		"                           proxies: [\"2001:DB8::/32\", 10.9.0.0/24, 10.9.0.0/16,\n"
		"                                     0.0.0.0/0, 10.9.0.1, \"2000::/3\", \"::1\"] } }\n",
		"seed \xc3\xa9 #:\n"
		"interface eth0 1\n"
		"interface eth1.5 2 reject ::/0 10.0.0.0/8 hairpin 10.1.0.0/16 10.2.0.0/16\n"
		"check tcp type 0 port 0 path / host - interval 2 timeout 1 rise 2 fall 3 expect "
		"200-399\n"
		"check web type 1 port 4443 path /health?x=1 host pool.example.net:80 interval 1.5 "
		"timeout 1.5 rise 1 fall 1000 expect 200-299 404-404\n"
		"pool A.b_c-9 hash 1 check web port 4443 drain 31536000 min_up 65534 "
		"down 1 slow 1.5\n"
		"  one 2001:db8::11 65535\n"
		"  two 10.1.0.12 0 backup\n"
		"pool second hash 0 check tcp port 7 drain 600 min_up 1 down 0 slow 0\n"
		"  only 10.1.0.12 7\n"
		"vip dsr proto 6 pool second forward 1 affinity 1 /32 /64 1800 idle 1800 reset: "
		"203.0.113.10 7-7\n"
		"  table second group g track 1 proxies ping drop\n"
		"vip same-port proto 6 pool second forward 2 affinity 1 /32 /64 1800 idle 1800 reset: "
		"203.0.113.11 7-7\n"
		"  table second group g track 2 proxies ::1/128 0.0.0.0/0 10.9.0.0/16 10.9.0.0/24 "
		"10.9.0.1/32 2000::/3 2001:db8::/32 ping pass\n"
		"vip web proto 17 pool A.b_c-9 forward 3 affinity 2 /0 /128 3600 idle "
		"0.001 reroute: 203.0.113.10 2001:db8::10 0-0 80-80 443-443 5088-5089\n"
		"  table A.b_c-9 group - track 0 proxies on eth0 on eth1.5 allow 0.0.0.0/0 "
		"10.0.0.0/8 2001:db8::/32 deny 10.1.0.0/16 ping drop\n");
}

static const char kinds_of_checks[] =
	"seed: s\n"
	"interfaces: [{ name: eth0 }]\n"
	"checks:\n"
	"  a: { type: https, verify: true, ca: /etc/ca.pem, expiry_warning: 0s, via: vip }\n"
	"  b: { type: https }\n"
	"  c: { type: exec, command: [/bin/c, \"\", \"x y\"], user: daemon }\n"
	"  d: { type: exec, command: [/bin/d] }\n"
	"pools:\n"
	"  p: { check: a, backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: \"2001:db8::1\" }] }\n"
	"  q: { check: c, backends: [{ name: a, address: 10.0.0.1 }] }\n"
	"vips:\n"
	"  z: { addresses: [192.0.2.9, \"2001:db8::9\"], ports: [443], pool: p, forward: gue }\n"
	"  y: { addresses: [192.0.2.3, 192.0.2.2, \"2001:db8::2\"], ports: [443], pool: p, forward: ipip }\n"
	"  x: { addresses: [192.0.2.4], ports: [443], pool: p, forward: gue }\n"
	"  w: { addresses: [192.0.2.5, \"2001:db8::5\"], protocol: udp, ports: [443], pool: p, forward: gue }\n";

/* What each kind of check has of its own; of VIPs the first that can carry checks. */
static void test_kinds_of_checks(void **state)
{
	struct config *config = NULL;
	const struct config_check *check;
	const struct config_pool *pool;
	char text[LP_ADDR_TEXT];
	struct lp_err err;

	(void)state;
	assert_int_equal(config_parse("t", kinds_of_checks, strlen(kinds_of_checks), &config, &err),
			 0);
	check = config_check_find(config, "a");
	assert_true(check->type == CONFIG_CHECK_HTTPS && check->verify);
	assert_string_equal(check->ca, "/etc/ca.pem");
	assert_true(check->expiry_warning == 0 && check->via == CONFIG_VIA_VIP);
	check = config_check_find(config, "b");
	assert_true(!check->verify && !check->ca && check->via == CONFIG_VIA_DIRECT);
	assert_true(check->expiry_warning == 14 * 86400.0);
	check = config_check_find(config, "c");
	assert_int_equal(check->type, CONFIG_CHECK_EXEC);
	assert_int_equal(check->n_command, 3);
	assert_string_equal(check->command[0], "/bin/c");
	assert_string_equal(check->command[1], "");
	assert_string_equal(check->command[2], "x y");
	assert_null(check->command[3]);
	assert_string_equal(check->user, "daemon");
	assert_null(config_check_find(config, "d")->user);

	pool = config_pool_find(config, "p");
	assert_int_equal(pool->check_port, 443);
	assert_int_equal(pool->via_forward, LP_FORWARD_IPIP);
	assert_string_equal(lp_addr_format(&pool->via[0], text), "192.0.2.2");
	assert_string_equal(lp_addr_format(&pool->via[1], text), "2001:db8::2");
	assert_int_equal(config_pool_find(config, "q")->check_port, 0);
	config_free(&config);
}

static void test_hashes(void **state)
{
	static const struct {
		const char *text;
		enum config_hash hash;
	} hashes[] = {
		{ "maglev", CONFIG_HASH_MAGLEV },
		{ "rendezvous", CONFIG_HASH_RENDEZVOUS },
		{ "ring", CONFIG_HASH_RING },
		{ "modulo", CONFIG_HASH_MODULO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		struct config *config;
		char text[256];

		snprintf(text, sizeof(text),
			 "seed: s\ninterfaces: [{ name: eth0 }]\n"
			 "pools: { p: { hash: %s, backends: [{ name: a, address: 10.0.0.1 }] } }\n",
			 hashes[i].text);
		config = parse(text);
		assert_int_equal(config->pools[0].hash, hashes[i].hash);
		config_free(&config);
	}
}

/* Not in each other's way: other ports, other protocols, `any` beside exact ports. */
static void test_neighbours(void **state)
{
	struct config *config;

	(void)state;
	config = parse(
		"seed: s\ninterfaces: [{ name: eth0 }]\n"
		"pools: { p: { backends: [{ name: a, address: 10.0.0.1 }] } }\n"
		"vips:\n"
		"  a: { addresses: [192.0.2.1], ports: [80-89], pool: p, forward: ipip }\n"
		"  b: { addresses: [192.0.2.1], ports: [90, 79], pool: p, forward: ipip }\n"
		"  c: { addresses: [192.0.2.1], ports: [any], pool: p, forward: ipip }\n"
		"  d: { addresses: [192.0.2.1], ports: [80, any], pool: p, forward: ipip,\n"
		"       protocol: udp }\n"
		"  e: { addresses: [192.0.2.2], ports: [80, any], pool: p, forward: ipip }\n");
	assert_int_equal(config->n_vips, 5);
	config_free(&config);
}

static void test_find(void **state)
{
	struct config *config;

	(void)state;
	config = parse("seed: s\ninterfaces: [{ name: eth0 }]\n"
		       "checks: { b: , a: , c: }\n"
		       "pools:\n"
		       "  z: { backends: [{ name: a, address: 10.0.0.1 }] }\n"
		       "  y: { backends: [{ name: a, address: 10.0.0.1 }] }\n"
		       "vips:\n"
		       "  v: { addresses: [192.0.2.1], ports: [80], pool: y, forward: ipip }\n");
	assert_ptr_equal(config_check_find(config, "a"), &config->checks[0]);
	assert_ptr_equal(config_check_find(config, "c"), &config->checks[2]);
	assert_ptr_equal(config_pool_find(config, "z"), &config->pools[1]);
	assert_ptr_equal(config_vip_find(config, "v"), &config->vips[0]);
	assert_null(config_check_find(config, "d"));
	assert_null(config_pool_find(config, ""));
	assert_null(config_vip_find(config, "V"));
	config_free(&config);
	assert_null(config);
	config_free(&config);

	config = parse("seed: s\ninterfaces: [{ name: eth0 }]\n");
	assert_null(config_vip_find(config, "v"));
	config_free(&config);
}

/* --- P6: order --- */

/* A line of YAML and those below it, which may stand in any order. */
struct part {
	const char *line;
	const struct part *parts;
	size_t n;
};

#define PARTS(...)                                                                                 \
	(const struct part[]) { __VA_ARGS__ },                                                     \
		sizeof((const struct part[]) { __VA_ARGS__ }) / sizeof(struct part)
#define LINE(text)                                                                                 \
	{                                                                                          \
		text, NULL, 0                                                                      \
	}

static const struct part pool_a[] = {
	LINE("hash: rendezvous"),
	LINE("check: web"),
	{ "backends:", PARTS(LINE("- { name: a, address: 10.0.0.3 }"),
			     LINE("- { address: 10.0.0.2, name: b, weight: 3 }"),
			     LINE("- { name: c, address: \"2001:db8::1\" }"),
			     LINE("- { name: d, address: 10.0.0.1 }")) },
};
static const struct part pool_b[] = {
	{ "backends:", PARTS(LINE("- { name: x, address: 10.0.0.1 }"),
			     LINE("- { name: X, address: 10.0.0.2 }")) },
};
static const struct part vip_a[] = {
	{ "addresses:", PARTS(LINE("- 192.0.2.2"), LINE("- \"2001:db8::2\""), LINE("- 10.9.9.9")) },
	{ "ports:", PARTS(LINE("- 80"), LINE("- 443"), LINE("- 5000-6000"), LINE("- any")) },
	LINE("pool: a"),
	LINE("forward: gue"),
	{ "affinity:",
	  PARTS(LINE("mask: 24"), LINE("mode: source"), LINE("timeout: 5m"), LINE("group: g")) },
};
static const struct part pool_c[] = {
	LINE("hash: rendezvous"),
	{ "backends:",
	  PARTS(LINE("- { name: d, address: 10.0.0.1 }"), LINE("- { name: a, address: 10.0.0.3 }"),
		LINE("- { name: c, address: \"2001:db8::1\" }"),
		LINE("- { address: 10.0.0.2, name: b, weight: 3 }")) },
};
static const struct part vip_c[] = {
	{ "addresses:", PARTS(LINE("- 192.0.2.4")) },
	{ "ports:", PARTS(LINE("- 443"), LINE("- any")) },
	LINE("pool: c"),
	LINE("forward: ipip"),
	{ "affinity:",
	  PARTS(LINE("mask: 24"), LINE("group: g"), LINE("timeout: 5m"),
		{ "proxies:", PARTS(LINE("- 10.9.0.0/24"), LINE("- 10.9.0.0/16"),
				    LINE("- \"2001:db8::/32\""), LINE("- 10.8.0.1")) }) },
};
static const struct part vip_b[] = {
	{ "addresses:", PARTS(LINE("- 192.0.2.3")) },
	{ "ports:", PARTS(LINE("- 443"), LINE("- 90")) },
	LINE("pool: b"),
	LINE("forward: dsr"),
};
static const struct part root[] = {
	LINE("seed: s"),
	{ "interfaces:", PARTS(LINE("- name: eth1"), LINE("- { mode: native, name: eth0 }")) },
	{ "checks:", PARTS({ "web:", PARTS(LINE("port: 80"), LINE("type: http"),
					   LINE("expect: \"301,200-204\"")) },
			   LINE("other: { port: 7 }")) },
	{ "pools:", PARTS({ "a:", pool_a, sizeof(pool_a) / sizeof(pool_a[0]) },
			  { "b:", pool_b, sizeof(pool_b) / sizeof(pool_b[0]) },
			  { "c:", pool_c, sizeof(pool_c) / sizeof(pool_c[0]) }) },
	{ "vips:", PARTS({ "vb:", vip_b, sizeof(vip_b) / sizeof(vip_b[0]) },
			 { "va:", vip_a, sizeof(vip_a) / sizeof(vip_a[0]) },
			 { "vc:", vip_c, sizeof(vip_c) / sizeof(vip_c[0]) }) },
};

/* A repeatable sequence (Numerical Recipes' constants), upper bits only. */
static unsigned int next_random(uint32_t *random)
{
	*random = *random * 1664525u + 1013904223u;
	return *random >> 16;
}

static void write_shuffled(FILE *f, const struct part *parts, size_t n, int indent,
			   uint32_t *random)
{
	size_t order[8];

	assert_true(n <= sizeof(order) / sizeof(order[0]));
	for (size_t i = 0; i < n; i++) {
		size_t j = next_random(random) % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < n; i++) {
		const struct part *part = &parts[order[i]];

		fprintf(f, "%*s%s\n", indent, "", part->line);
		write_shuffled(f, part->parts, part->n, indent + 2, random);
	}
}

static char *dump_shuffled(uint32_t *random, char **yaml)
{
	struct config *config;
	size_t size;
	char *text;
	FILE *f = open_memstream(yaml, &size);

	assert_non_null(f);
	write_shuffled(f, root, sizeof(root) / sizeof(root[0]), 0, random);
	fclose(f);
	config = parse(*yaml);
	text = dump(config);
	config_free(&config);
	return text;
}

static void test_order(void **state)
{
	uint32_t random = 1;
	char *first, *first_yaml;
	unsigned int different = 0;

	(void)state;
	first = dump_shuffled(&random, &first_yaml);
	for (int i = 0; i < 200; i++) {
		char *yaml, *text = dump_shuffled(&random, &yaml);

		assert_string_equal(text, first);
		different += !!strcmp(yaml, first_yaml);
		free(text);
		free(yaml);
	}
	/* Or nothing was shuffled. */
	assert_true(different > 190);
	free(first);
	free(first_yaml);
}

/* --- files --- */

/* Tests run in the project's directory. */
#define EXAMPLES "docs/examples"

static void test_examples(void **state)
{
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir = opendir(EXAMPLES);

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct config *config = NULL;
		struct lp_err err = { "" };
		char path[512];

		if (!strstr(entry->d_name, ".yaml"))
			continue;
		snprintf(path, sizeof(path), EXAMPLES "/%s", entry->d_name);
		if (config_load(path, &config, &err))
			fail_msg("%s", err.text);
		assert_true(config->n_vips > 0);
		config_free(&config);
		n++;
	}
	closedir(dir);
	assert_true(n >= 3);
}

static void test_load_errors(void **state)
{
	char path[] = "/tmp/limpet-test-config-XXXXXX", expected[256];
	struct config *config = NULL;
	struct lp_err err = { "" };
	int fd;

	(void)state;
	assert_int_equal(config_load("/nonexistent/limpet.yaml", &config, &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/limpet.yaml: No such file or directory");
	assert_int_equal(config_load("/", &config, &err), -EISDIR);
	assert_string_equal(err.text, "/: Is a directory");

	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "seed: s\nx: 1\n", 13), 13);
	close(fd);
	assert_int_equal(config_load(path, &config, &err), -EINVAL);
	unlink(path);
	snprintf(expected, sizeof(expected),
		 "%s:2:1: x: unknown key; allowed: seed, interfaces, checks, pools, vips\n"
		 "  2 | x: 1\n"
		 "    | ^",
		 path);
	assert_string_equal(err.text, expected);
	assert_null(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_no_vips),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_kinds_of_checks),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_load_errors),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
