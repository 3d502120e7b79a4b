// SPDX-License-Identifier: GPL-2.0
/* Large configurations: how long they take, and where they end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/config.h"

/* Seconds of this process alone, whatever else the machine does. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A text in the making. */
struct draft {
	FILE *f;
	char *text;
	size_t len;
};

static void begin(struct draft *draft)
{
	*draft = (struct draft) { 0 };
	draft->f = open_memstream(&draft->text, &draft->len);
	assert_non_null(draft->f);
	fputs("seed: s\ninterfaces: [{ name: eth0 }]\n", draft->f);
}

static void end(struct draft *draft)
{
	assert_int_equal(fclose(draft->f), 0);
}

static void write_pool(FILE *f, unsigned int pool, unsigned int backends)
{
	fprintf(f, "  p%u:\n    backends:\n", pool);
	for (unsigned int i = 0; i < backends; i++)
		fprintf(f, "      - { name: b%u, address: 10.%u.%u.%u, weight: %u }\n", i,
			pool % 256, i / 256, i % 256, i % 100 + 1);
}

static void write_vip(FILE *f, unsigned int vip, unsigned int pool)
{
	fprintf(f,
		"  v%u:\n"
		"    addresses: [198.18.%u.%u, \"2001:db8::%x\"]\n"
		"    ports: [80, 443, 5000-5100]\n"
		"    pool: p%u\n"
		"    forward: ipip\n",
		vip, vip / 256, vip % 256, vip, pool);
}

/* Seconds that a configuration of that many objects takes. */
static double time_parse(unsigned int vips, unsigned int pools, unsigned int backends)
{
	struct config *config = NULL;
	struct lp_err err = { "" };
	struct draft draft;
	double start;

	begin(&draft);
	fputs("pools:\n", draft.f);
	for (unsigned int i = 0; i < pools; i++)
		write_pool(draft.f, i, backends / pools);
	fputs("vips:\n", draft.f);
	for (unsigned int i = 0; i < vips; i++)
		write_vip(draft.f, i, i % pools);
	end(&draft);
	start = now();
	if (config_parse("t", draft.text, draft.len, &config, &err))
		fail_msg("%s", err.text);
	start = now() - start;
	assert_int_equal(config->n_vips, vips);
	assert_int_equal(config->n_pools, pools);
	assert_int_equal(config->pools[0].n_backends, backends / pools);
	print_message("%u VIPs, %u pools, %u backends, %zu bytes: %.3f s\n", vips, pools, backends,
		      draft.len, start);
	config_free(&config);
	free(draft.text);
	return start;
}

/*
 * 0.05 s and 0.3 s on a slow core, 5 times that under ASan. What is quadratic in
 * VIPs, in pools or in one pool's backends takes minutes for the larger ones.
 */
static void test_time(void **state)
{
	(void)state;
	assert_true(time_parse(1000, 100, 10000) < 5);
	assert_true(time_parse(10000, 200, 60000) < 20);
	assert_true(time_parse(10000, 1, 60000) < 20);
}

/* Seconds for 10,000 pairs of VIPs that use two pools with the same 30,000 backends. */
static double time_pairs(const char *affinity, const char *second_table)
{
	struct config *config = NULL;
	struct lp_err err = { "" };
	struct draft draft;
	double start;

	begin(&draft);
	fputs("pools:\n", draft.f);
	for (unsigned int pool = 0; pool < 2; pool++) {
		fprintf(draft.f, "  p%u:\n    backends:\n", pool);
		for (unsigned int i = 0; i < 30000; i++)
			fprintf(draft.f, "      - { name: backend-%u, address: 10.0.%u.%u }\n", i,
				i / 256, i % 256);
	}
	fputs("vips:\n", draft.f);
	for (unsigned int i = 0; i < 20000; i++) {
		write_vip(draft.f, i, i % 2);
		fprintf(draft.f, "    affinity: { %s%us }\n", affinity, i / 2 + 1);
	}
	end(&draft);
	start = now();
	if (config_parse("t", draft.text, draft.len, &config, &err))
		fail_msg("%s", err.text);
	start = now() - start;
	assert_string_equal(config_vip_find(config, "v0")->table_pool, "p0");
	assert_string_equal(config_vip_find(config, "v19999")->table_pool, second_table);
	print_message("20000 VIPs, \"%s\": %.3f s\n", affinity, start);
	config_free(&config);
	free(draft.text);
	return start;
}

/* 1.1 times; to compare the members anew for each group takes 4 times and more. */
static void test_group_time(void **state)
{
	double alone, grouped;

	(void)state;
	alone = time_pairs("timeout: ", "p1");
	grouped = time_pairs("group: g", "p0");
	assert_true(grouped < 2.5 * alone);
}

static void assert_error(struct draft *draft, const char *expected)
{
	struct config *config = NULL;
	struct lp_err err = { "" };

	end(draft);
	assert_int_equal(config_parse("t", draft->text, draft->len, &config, &err), -EINVAL);
	assert_null(config);
	assert_string_equal(err.text, expected);
	free(draft->text);
}

static void assert_good(struct draft *draft)
{
	struct config *config = NULL;
	struct lp_err err = { "" };

	end(draft);
	if (config_parse("t", draft->text, draft->len, &config, &err))
		fail_msg("%s", err.text);
	config_free(&config);
	free(draft->text);
}

/* Pools of at most 60,000 backends, `n` in all. */
static void write_backends(FILE *f, unsigned int n)
{
	fputs("pools:\n", f);
	for (unsigned int pool = 0; n; pool++) {
		unsigned int part = n < 60000 ? n : 60000;

		write_pool(f, pool, part);
		n -= part;
	}
}

static void test_backends(void **state)
{
	struct draft draft;

	(void)state;
	begin(&draft);
	write_backends(draft.f, CONFIG_BACKENDS_MAX);
	assert_good(&draft);
	begin(&draft);
	write_backends(draft.f, CONFIG_BACKENDS_MAX + 1);
	/* Two lines of the head, one of pools, 60,002 of the first pool, the second one's name. */
	assert_error(&draft, "t:60007:5: pools.p1.backends: 65535 backends with those before; "
			     "allowed: 65534 in all pools\n"
			     "  60007 |     backends:\n"
			     "        |     ^~~~~~~~");
}

/* VIPs of at most CONFIG_PROXIES_MAX proxies, `n` in all. */
static void write_all_proxies(FILE *f, unsigned int n)
{
	fputs("pools: { p: { backends: [{ name: a, address: 10.0.0.1 }] } }\nvips:\n", f);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int vip = i / CONFIG_PROXIES_MAX;

		if (i % CONFIG_PROXIES_MAX == 0)
			fprintf(f,
				"  v%u:\n    addresses: [192.0.2.%u]\n    pool: p\n"
				"    forward: ipip\n    ports: [80]\n    affinity:\n"
				"      mode: source\n      proxies:\n",
				vip, vip + 1);
		fprintf(f, "      - 10.%u.%u.%u\n", 1 + vip, i >> 8 & 15, i & 255);
	}
}

static void test_all_proxies(void **state)
{
	struct draft draft;

	(void)state;
	begin(&draft);
	write_all_proxies(draft.f, CONFIG_PROXIES_ALL_MAX);
	assert_good(&draft);
	begin(&draft);
	write_all_proxies(draft.f, CONFIG_PROXIES_ALL_MAX + 1);
	/* Two lines of the head, pools, vips, eight VIPs of 4,104 lines, seven of the ninth. */
	assert_error(&draft,
		     "t:32844:7: vips.v8.affinity.proxies: 32769 proxies with those before; "
		     "allowed: 32768 in all VIPs\n"
		     "  32844 |       proxies:\n"
		     "        |       ^~~~~~~");
}

/* Two VIPs, because the limit is one of the address. */
static void write_ranges(FILE *f, unsigned int n, unsigned int length, const char *protocol)
{
	fputs("pools: { p: { backends: [{ name: a, address: 10.0.0.1 }] } }\nvips:\n", f);
	for (unsigned int vip = 0; vip < 2; vip++) {
		fprintf(f,
			"  v%u:\n    protocol: %s\n    addresses: [192.0.2.1]\n    pool: p\n"
			"    forward: ipip\n    ports:\n",
			vip, vip ? protocol : "tcp");
		for (unsigned int i = vip * n / 2; i < (vip + 1) * n / 2; i++)
			fprintf(f, "    - %u-%u\n", 1 + i * 20, i * 20 + length);
	}
}

static void test_ranges(void **state)
{
	struct draft draft;

	(void)state;
	begin(&draft);
	write_ranges(draft.f, LP_RANGES_PER_ADDR, 17, "tcp");
	assert_good(&draft);
	/* Short ranges do not count, and each protocol counts by itself. */
	begin(&draft);
	write_ranges(draft.f, 1000, 16, "tcp");
	assert_good(&draft);
	begin(&draft);
	write_ranges(draft.f, 400, 20, "udp");
	assert_good(&draft);
	begin(&draft);
	write_ranges(draft.f, LP_RANGES_PER_ADDR + 1, 17, "tcp");
	assert_error(&draft, "t:273:7: vips.v1.ports[128]: \"5121-5137\": too many ranges of more "
			     "than 16 ports on 192.0.2.1; allowed: 256 for each address and "
			     "protocol\n"
			     "  273 |     - 5121-5137\n"
			     "      |       ^~~~~~~~~");
}

/* Addresses times ports. */
static void write_rules(FILE *f, unsigned int addresses, unsigned int ports)
{
	fputs("pools: { p: { backends: [{ name: a, address: 10.0.0.1 }] } }\n"
	      "vips:\n"
	      "  v:\n"
	      "    pool: p\n"
	      "    forward: ipip\n"
	      "    addresses:\n",
	      f);
	for (unsigned int i = 0; i < addresses; i++)
		fprintf(f, "    - 198.18.%u.%u\n", i / 256, i % 256);
	fputs("    ports: [1", f);
	for (unsigned int i = 1; i < ports; i++)
		fprintf(f, ",%u", i + 1);
	fputs("]\n", f);
}

static void test_rules(void **state)
{
	struct draft draft;

	(void)state;
	begin(&draft);
	write_rules(draft.f, 1000, 1000);
	assert_good(&draft);
	begin(&draft);
	write_rules(draft.f, 1001, 1000);
	assert_error(&draft,
		     "t:1010:12: vips.v.ports: 1001000 addresses times ports with the VIPs before; "
		     "allowed: 1000000\n"
		     "  1010 |     ports: "
		     "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,"
		     "29,30,31,32,3...\n"
		     "       |            ^");
}

static void write_proxies(FILE *f, unsigned int n)
{
	fputs("pools: { p: { backends: [{ name: a, address: 10.0.0.1 }] } }\n"
	      "vips:\n"
	      "  v:\n"
	      "    pool: p\n"
	      "    forward: ipip\n"
	      "    addresses: [192.0.2.1]\n"
	      "    ports: [80]\n"
	      "    affinity:\n"
	      "      proxies:\n",
	      f);
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "        - 10.%u.%u.0/24\n", i / 256, i % 256);
}

static void test_proxies(void **state)
{
	struct draft draft;

	(void)state;
	begin(&draft);
	write_proxies(draft.f, CONFIG_PROXIES_MAX);
	assert_good(&draft);
	begin(&draft);
	write_proxies(draft.f, CONFIG_PROXIES_MAX + 1);
	assert_error(&draft,
		     "t:11:7: vips.v.affinity.proxies: 4097 prefixes; allowed: at most 4096\n"
		     "  11 |       proxies:\n"
		     "     |       ^~~~~~~");
}

/* Words in an error are few, however many there are. */
static void test_many_pools(void **state)
{
	struct draft draft;

	(void)state;
	begin(&draft);
	fputs("pools:\n", draft.f);
	for (unsigned int i = 100; i < 200; i++)
		fprintf(draft.f, "  p%u: { backends: [{ name: a, address: 10.0.0.1 }] }\n", i);
	fputs("vips:\n  v: { addresses: [192.0.2.1], ports: [80], pool: q, forward: dsr }\n",
	      draft.f);
	assert_error(&draft,
		     "t:105:51: vips.v.pool: \"q\": no such pool; defined: p100, p101, p102, p103, "
		     "p104, p105, p106, p107, p108, p109, p110, p111, p112, p113, p114, p115, ...\n"
		     "  105 |   v: { addresses: [192.0.2.1], ports: [80], pool: q, forward: dsr }\n"
		     "      |                                                   ^");
}

static void test_bytes(void **state)
{
	static const char too_large[] =
		"t:1:1: the file is too large; allowed: at most 67108864 bytes\n";
	struct config *config = NULL;
	struct lp_err err = { "" };
	char *text = malloc(CONFIG_TEXT_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '#', CONFIG_TEXT_MAX + 1);
	assert_int_equal(config_parse("t", text, CONFIG_TEXT_MAX + 1, &config, &err), -EINVAL);
	assert_memory_equal(err.text, too_large, sizeof(too_large) - 1);
	free(text);
}

/* 8 million values: refused when the memory for half of them is gone. */
static void test_values(void **state)
{
	struct config *config = NULL;
	struct lp_err err = { "" };
	struct draft draft;

	(void)state;
	begin(&draft);
	fputs("x: [", draft.f);
	for (unsigned int i = 0; i < 1u << 23; i++)
		fputs("1,", draft.f);
	fputs("]\n", draft.f);
	end(&draft);
	assert_int_equal(config_parse("t", draft.text, draft.len, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, ": too many values in one file\n"));
	free(draft.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),       cmocka_unit_test(test_backends),
		cmocka_unit_test(test_ranges),     cmocka_unit_test(test_rules),
		cmocka_unit_test(test_many_pools), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_values),     cmocka_unit_test(test_group_time),
		cmocka_unit_test(test_proxies),    cmocka_unit_test(test_all_proxies),
	};

	return cmocka_run_group_tests_name("config: size", tests, NULL, NULL);
}
