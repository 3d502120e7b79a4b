// SPDX-License-Identifier: GPL-2.0
/* How limpet takes the arguments of its commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char ran[64];

static int run_none(struct cli *cli, char **args)
{
	(void)cli;
	(void)args;
	strcpy(ran, "none");
	return CLI_DONE;
}

static int run_two(struct cli *cli, char **args)
{
	(void)cli;
	snprintf(ran, sizeof(ran), "%s|%s", args[0], args[1]);
	return CLI_FAILED;
}

static int run_options(struct cli *cli, char **args)
{
	(void)cli;
	snprintf(ran, sizeof(ran), "%s|%s|%s", args[0], args[1] ? args[1] : "none",
		 args[2] ? "flag" : "none");
	return CLI_DONE;
}

static const struct cli_command commands[] = {
	{ .name = "none", .run = run_none },
	{ .name = "two", .args = { "A", "B" }, .run = run_two },
	{ .name = "later", .args = { "A" } },
	{ .name = "opt",
	  .args = { "A" },
	  .options = { { "--value", false }, { "--flag", true } },
	  .run = run_options },
};

static char *words[] = { (char *)(uintptr_t) "verb", NULL, NULL, NULL, NULL, NULL, NULL };

/* Runs "verb ARG..." (separated by single spaces, "" for an empty one). */
static int find(const char *line, char *error, size_t size)
{
	char *copy = strdup(line), *save = NULL;
	struct cli cli = { .err = fmemopen(error, size, "w") };
	int argc = 1, rc;

	assert_non_null(copy);
	assert_non_null(cli.err);
	ran[0] = error[0] = '\0';
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(argc < (int)COUNT(words) - 1);
		words[argc++] = strcmp(w, "\"\"") ? w : w + 2;
	}
	words[argc] = NULL;
	rc = cli_command_find(&cli, commands, COUNT(commands), argc, words);
	fclose(cli.err);
	free(copy);
	return rc;
}

static void taken(void **state)
{
	static const struct {
		const char *line;
		int rc;
		const char *ran;
	} cases[] = {
		{ "none", CLI_DONE, "none" },
		{ "two x y", CLI_FAILED, "x|y" },
		{ "two - y", CLI_FAILED, "-|y" },
		{ "two -- -x --json", CLI_FAILED, "-x|--json" },
		{ "none --", CLI_DONE, "none" },
		{ "two x -- y", CLI_FAILED, "x|y" },
		{ "two -- -- y", CLI_FAILED, "--|y" },
		{ "opt x", CLI_DONE, "x|none|none" },
		{ "opt x --value 5", CLI_DONE, "x|5|none" },
		{ "opt --value 5 x", CLI_DONE, "x|5|none" },
		{ "opt --value=5 x --flag", CLI_DONE, "x|5|flag" },
		{ "opt --flag --value --flag x", CLI_DONE, "x|--flag|flag" },
		{ "opt --value=a=b x", CLI_DONE, "x|a=b|none" },
		{ "opt --value=5 -- --flag", CLI_DONE, "--flag|5|none" },
	};
	char error[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(find(cases[i].line, error, sizeof(error)), cases[i].rc);
		assert_string_equal(ran, cases[i].ran);
		assert_string_equal(error, "");
	}
}

static void refused(void **state)
{
	static const struct {
		const char *line;
		int rc;
		const char *error;
	} cases[] = {
		{ "", CLI_WRONG_USAGE, "limpet verb: what to do is missing: none, two, opt" },
		{ "x", CLI_WRONG_USAGE,
		  "limpet verb: \"x\": no such command; there are none, two, opt" },
		{ "none x", CLI_WRONG_USAGE, "limpet verb none: \"x\": one argument too many" },
		{ "two", CLI_WRONG_USAGE, "limpet verb two: A is missing" },
		{ "two x", CLI_WRONG_USAGE, "limpet verb two: B is missing" },
		{ "two x y z", CLI_WRONG_USAGE, "limpet verb two: \"z\": one argument too many" },
		{ "two x \"\"", CLI_WRONG_USAGE, "limpet verb two: \"\": B is empty" },
		{ "two x -y", CLI_WRONG_USAGE, "limpet verb two: \"-y\": no such option" },
		{ "two x --", CLI_WRONG_USAGE, "limpet verb two: B is missing" },
		{ "opt --flag", CLI_WRONG_USAGE, "limpet verb opt: A is missing" },
		{ "opt x --value", CLI_WRONG_USAGE,
		  "limpet verb opt: \"--value\": its value is missing" },
		{ "opt x --value=", CLI_WRONG_USAGE,
		  "limpet verb opt: \"--value\": its value is missing" },
		{ "opt x --value \"\"", CLI_WRONG_USAGE,
		  "limpet verb opt: \"--value\": its value is missing" },
		{ "opt x --value 1 --value=2", CLI_WRONG_USAGE,
		  "limpet verb opt: \"--value\" is given twice" },
		{ "opt --flag --flag x", CLI_WRONG_USAGE,
		  "limpet verb opt: \"--flag\" is given twice" },
		{ "opt x --flag=yes", CLI_WRONG_USAGE,
		  "limpet verb opt: \"--flag=yes\": it has no value" },
		{ "opt x --flags", CLI_WRONG_USAGE,
		  "limpet verb opt: \"--flags\": no such option" },
		{ "opt x --val 1", CLI_WRONG_USAGE, "limpet verb opt: \"--val\": no such option" },
		{ "none --socket", CLI_WRONG_USAGE,
		  "limpet verb none: \"--socket\" goes before the command" },
		{ "later", CLI_FAILED, "limpet verb later: not supported yet\n" },
		{ "later x y", CLI_FAILED, "limpet verb later: not supported yet\n" },
	};
	char error[256], expected[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool usage = cases[i].rc == CLI_WRONG_USAGE;

		snprintf(expected, sizeof(expected), "%s%s", cases[i].error,
			 usage ? "; see limpet verb --help\n" : "");
		assert_int_equal(find(cases[i].line, error, sizeof(error)), cases[i].rc);
		assert_string_equal(error, expected);
		assert_string_equal(ran, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
