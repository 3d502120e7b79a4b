// SPDX-License-Identifier: GPL-2.0
/* Differences of configurations in words: what is said, and what is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/config_diff.h"

/* All changes, a line each: "changed vip www: idle_timeout: 30m -> 10m". */
static char *words(const char *old, const char *new)
{
	struct config_diff *diff = NULL;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(config_diff_make(old, strlen(old), new, strlen(new), &diff), 0);
	for (size_t i = 0; i < diff->n; i++)
		fprintf(out, "%s %s %s: %s\n", config_change_name(diff->changes[i].kind),
			diff->changes[i].thing, diff->changes[i].name, diff->changes[i].text);
	assert_int_equal(fclose(out), 0);
	config_diff_free(&diff);
	config_diff_free(&diff);
	return text;
}

static void says(const char *old, const char *new, const char *expected)
{
	char *text = words(old, new);

	assert_string_equal(text, expected);
	free(text);
}

#define HEAD "seed: secret\ninterfaces: [{name: eth0}, {name: eth1, mode: generic}]\n"

static const char base[] = HEAD
	"checks: {web: {type: exec, command: [/bin/check, -a, -b]}}\n"
	"pools:\n"
	"  a: {backends: [{name: a1, address: 10.0.0.1}, {name: a2, address: 10.0.0.2}]}\n"
	"vips:\n"
	"  v: {addresses: [192.0.2.1, '2001:db8::1'], ports: [80, 443], pool: a,\n"
	"      idle_timeout: 30m, affinity: {mode: source, timeout: 10m}}\n";

static void test_the_same(void **state)
{
	(void)state;
	says(base, base, "");
}

/* Order of lines, of things and of lists; other words for the same. */
static void test_means_the_same(void **state)
{
	(void)state;
	says(base,
	     "interfaces:\n"
	     "- {mode: generic, name: eth1}\n"
	     "- {name: eth0}\n"
	     "vips:\n"
	     "  v: {addresses: ['2001:0db8:0::1', 192.0.2.1], ports: ['443', 80], pool: a,\n"
	     "      affinity: {timeout: 600s, mode: source}, idle_timeout: 1800s}\n"
	     "pools:\n"
	     "  a: {backends: [{address: 10.0.0.2, name: a2}, {name: a1, address: 10.0.0.1}]}\n"
	     "checks: {web: {command: [/bin/check, -a, -b], type: exec}}\n"
	     "seed: 'secret'\n",
	     "");
}

/* In the order: seed, interfaces, checks, pools, backends, VIPs; the seed stays secret. */
static void test_everything(void **state)
{
	static const char after[] =
		"seed: other\ninterfaces: [{name: eth0, mode: native}, {name: eth2}]\n"
		"checks: {web: {type: exec, command: [/bin/check, -b, -a]}}\n"
		"pools:\n"
		"  a: {drain_timeout: 5m, backends: [{name: a1, address: 10.0.0.9},\n"
		"      {name: a3, address: 10.0.0.3, weight: 7}]}\n"
		"  b: {hash: ring, backends: [{name: b1, address: 10.0.1.1}]}\n"
		"vips:\n"
		"  v: {addresses: [192.0.2.1, 192.0.2.2], ports: [80, 443], pool: b,\n"
		"      affinity: {mode: source, timeout: 20m, mask: 24}}\n"
		"  w: {addresses: [192.0.2.3], ports: [any], pool: b}\n";

	(void)state;
	says(base, after,
	     "changed seed : \n"
	     "changed interface eth0: mode: (default) -> native\n"
	     "removed interface eth1: \n"
	     "added interface eth2: \n"
	     "changed check web: command: [/bin/check, -a, -b] -> [/bin/check, -b, -a]\n"
	     "changed pool a: drain_timeout: (default) -> 5m\n"
	     "added pool b: hash: ring\n"
	     "changed backend a/a1: address: 10.0.0.1 -> 10.0.0.9\n"
	     "removed backend a/a2: \n"
	     "added backend a/a3: address: 10.0.0.3, weight: 7\n"
	     "added backend b/b1: address: 10.0.1.1\n"
	     "changed vip v: addresses: -2001:db8::1 +192.0.2.2\n"
	     "changed vip v: affinity.mask: (default) -> 24\n"
	     "changed vip v: affinity.timeout: 10m -> 20m\n"
	     "changed vip v: idle_timeout: 30m -> (default)\n"
	     "changed vip v: pool: a -> b\n"
	     "added vip w: addresses: [192.0.2.3], ports: [any], pool: b\n");
}

/* The other way round everything that came goes. */
static void test_a_section_that_goes(void **state)
{
	(void)state;
	says(base, HEAD,
	     "removed check web: \n"
	     "removed pool a: \n"
	     "removed backend a/a1: \n"
	     "removed backend a/a2: \n"
	     "removed vip v: \n");
}

/* A map that is written on one side only: its keys, one by one. */
static void test_a_map_that_comes(void **state)
{
	(void)state;
	says(HEAD "vips: {v: {pool: a}}\n", HEAD "vips: {v: {pool: a, affinity: {mode: tcp}}}\n",
	     "changed vip v: affinity.mode: (default) -> tcp\n");
}

static void test_a_null_is_not_a_word(void **state)
{
	(void)state;
	says(HEAD "vips: {v: {pool: ~}}\n", HEAD "vips: {v: {pool: '~'}}\n",
	     "changed vip v: pool: ~ -> ~\n");
	says(HEAD "vips:\n", HEAD "vips: {}\n", "");
}

static char *with_proxies(unsigned int first, unsigned int n)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, HEAD "vips: {v: {affinity: {proxies: [");
	for (unsigned int i = 0; i < n; i++)
		fprintf(out, "%s10.%u.%u.0/24", i ? ", " : "", (first + i) / 256,
			(first + i) % 256);
	fprintf(out, "]}}}\n");
	assert_int_equal(fclose(out), 0);
	return text;
}

/* What would not fit on a line is counted, and long lists do not take long: a
 * comparison of each with each would be sixteen million. */
static void test_long_lists(void **state)
{
	char *old = with_proxies(0, 4096), *new = with_proxies(20, 4096);
	char *text = words(old, new);

	(void)state;
	assert_non_null(strstr(text, " -10.0.0.0/24 "));
	assert_non_null(strstr(text, " -12 more "));
	assert_non_null(strstr(text, " +10.16.0.0/24 "));
	assert_non_null(strstr(text, " +12 more\n"));
	free(text);
	free(old);
	free(new);
}

static void test_what_is_no_yaml(void **state)
{
	struct config_diff *diff = NULL;

	(void)state;
	assert_int_equal(config_diff_make(base, strlen(base), "a: [", 4, &diff), -EINVAL);
	assert_null(diff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same),
		cmocka_unit_test(test_means_the_same),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_a_section_that_goes),
		cmocka_unit_test(test_a_map_that_comes),
		cmocka_unit_test(test_a_null_is_not_a_word),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_what_is_no_yaml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
