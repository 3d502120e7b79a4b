/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of wrong configurations and the whole text of the error that each gets.
 * One case is one test.
 */
#ifndef LIMPET_TESTS_UNIT_TEST_CONFIG_CASES_H
#define LIMPET_TESTS_UNIT_TEST_CONFIG_CASES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/config.h"

/* What libfyaml says of broken YAML is its own: an `error` that ends in ": " is a beginning. */
struct config_case {
	const char *name, *text, *error;
};

/* Parts that most cases share. Lines 1 to 3: */
#define HEAD                                                                                       \
	"seed: s\n"                                                                                \
	"interfaces:\n"                                                                            \
	"  - name: eth0\n"
/* After HEAD, lines 4 to 7: */
#define POOL                                                                                       \
	"pools:\n"                                                                                 \
	"  p:\n"                                                                                   \
	"    backends:\n"                                                                          \
	"      - { name: a, address: 10.0.0.1 }\n"
/* After HEAD and POOL, lines 8 to 13: */
#define VIP                                                                                        \
	"vips:\n"                                                                                  \
	"  v:\n"                                                                                   \
	"    addresses: [192.0.2.1]\n"                                                             \
	"    ports: [80]\n"                                                                        \
	"    pool: p\n"                                                                            \
	"    forward: ipip\n"

static inline void check_error_text(const char *text, const char *expected)
{
	size_t len = strlen(expected);

	if (len > 2 && !strcmp(expected + len - 2, ": "))
		assert_memory_equal(text, expected, len);
	else
		assert_string_equal(text, expected);
}

static inline void check_config_case(void **state)
{
	const struct config_case *c = *state;
	struct config *config = NULL;
	struct lp_err err = { "" };

	assert_int_equal(config_parse("t", c->text, strlen(c->text), &config, &err), -EINVAL);
	assert_null(config);
	check_error_text(err.text, c->error);
	/* An err is optional. */
	assert_int_equal(config_parse("t", c->text, strlen(c->text), &config, NULL), -EINVAL);
	assert_null(config);
}

static inline int run_config_cases(const char *group, const struct config_case *cases, size_t n)
{
	struct CMUnitTest *tests = calloc(n, sizeof(*tests));
	int failed;

	if (!tests)
		return 1;
	for (size_t i = 0; i < n; i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = check_config_case;
		tests[i].initial_state = (void *)(uintptr_t)&cases[i];
	}
	failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	free(tests);
	return failed;
}

#endif
