// SPDX-License-Identifier: GPL-2.0
/* Tables of limpet: exact output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/cell.h"
#include "cli/table.h"

static const struct cli_column three[] = { { "NAME", false }, { "N", true }, { "WHY", false } };

/* What the table prints, the caller's to free. */
static char *printed(const struct cli_table *table, bool colour)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(cli_table_print(table, out, colour), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void assert_prints(struct cli_table *table, bool colour, const char *expected)
{
	char *text = printed(table, colour);

	assert_string_equal(text, expected);
	free(text);
	cli_table_free(table);
}

static void add_row(struct cli_table *table, const char *name, int n, const char *why)
{
	cli_table_cell(table, CLI_PLAIN, "%s", name);
	cli_table_cell(table, CLI_PLAIN, "%d", n);
	cli_table_cell(table, CLI_PLAIN, "%s", why);
}

static void alignment(void **state)
{
	struct cli_table table;

	(void)state;
	cli_table_init(&table, three, 3);
	add_row(&table, "a", 1, "first");
	add_row(&table, "longer", 1000, "second");
	add_row(&table, "c", 22, "");
	assert_int_equal(cli_table_rows(&table), 3);
	assert_prints(&table, false,
		      "NAME       N  WHY\n"
		      "a          1  first\n"
		      "longer  1000  second\n"
		      "c         22\n");
}

static void names_alone(void **state)
{
	struct cli_table table;

	(void)state;
	cli_table_init(&table, three, 3);
	assert_int_equal(cli_table_rows(&table), 0);
	assert_prints(&table, false, "NAME  N  WHY\n");
}

static void indent_and_no_names(void **state)
{
	struct cli_table table;

	(void)state;
	cli_table_init(&table, three, 3);
	table.headless = true;
	table.indent = 3;
	add_row(&table, "a", 1, "x");
	add_row(&table, "", 10, "y");
	assert_prints(&table, false,
		      "   a   1  x\n"
		      "      10  y\n");
}

/* The escapes are outside of what is measured, and empty cells have none. */
static void colour(void **state)
{
	struct cli_table table;

	(void)state;
	cli_table_init(&table, three, 3);
	cli_table_cell(&table, CLI_GOOD, "up");
	cli_table_cell(&table, CLI_PLAIN, "1");
	cli_table_cell(&table, CLI_BAD, "x");
	cli_table_cell(&table, CLI_WARN, "drain");
	cli_table_cell(&table, CLI_STRONG, "20");
	cli_table_cell(&table, CLI_BAD, "%s", "");
	assert_prints(&table, true,
		      "\033[1mNAME\033[0m    \033[1mN\033[0m  \033[1mWHY\033[0m\n"
		      "\033[32mup\033[0m      1  \033[1;31mx\033[0m\n"
		      "\033[33mdrain\033[0m  \033[1m20\033[0m\n");
}

static void utf8_width_and_control_bytes(void **state)
{
	struct cli_table table;

	(void)state;
	cli_table_init(&table, three, 3);
	add_row(&table, "\xc3\xa9t\xc3\xa9", 1, "a\nb\033[0m");
	add_row(&table, "ete", 2, "c");
	assert_prints(&table, false,
		      "NAME  N  WHY\n"
		      "\xc3\xa9t\xc3\xa9   1  a?b?[0m\n"
		      "ete   2  c\n");
}

static void unfinished_row(void **state)
{
	struct cli_table table;

	(void)state;
	cli_table_init(&table, three, 3);
	cli_table_cell(&table, CLI_PLAIN, "a");
	assert_int_equal(cli_table_rows(&table), 1);
	assert_prints(&table, false, "NAME  N  WHY\na\n");
}

static void many_rows(void **state)
{
	struct cli_table table;
	size_t lines = 0;
	char *text;

	(void)state;
	cli_table_init(&table, three, 3);
	for (int i = 0; i < 10000; i++)
		add_row(&table, "name", i, "why");
	text = printed(&table, false);
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 10001);
	assert_non_null(strstr(text, "\nname  9999  why\n"));
	free(text);
	cli_table_free(&table);
	assert_int_equal(cli_table_rows(&table), 0);
	cli_table_free(&table);
}

/* Cells of documents: what is there, and "-" for what is not. */
static void cells(void **state)
{
	static const struct cli_column columns[] = { { "A", false }, { "B", false } };
	json_t *json = json_pack("{s:s, s:s, s:i, s:f, s:[s,s,s,s], s:[], s:n}", "text", "x",
				 "empty", "", "n", 2048, "share", 0.25, "list", "a", "b", "c", "d",
				 "none", "null");
	struct cli_table table;

	(void)state;
	assert_non_null(json);
	cli_table_init(&table, columns, 2);
	cli_cell_text(&table, json, "text");
	cli_cell_text(&table, json, "empty");
	cli_cell_int(&table, json, "n");
	cli_cell_int(&table, json, "share");
	cli_cell_bytes(&table, json, "n");
	cli_cell_bytes(&table, json, "null");
	cli_cell_share(&table, json, "share");
	cli_cell_share(&table, json, "text");
	cli_cell_duration(&table, json, "n");
	cli_cell_duration(&table, NULL, "n");
	cli_cell_list(&table, json, "list", ",", 2);
	cli_cell_list(&table, json, "list", ", ", 3);
	cli_cell_list(&table, json, "none", ",", 2);
	cli_cell_list(&table, json, "text", ",", 2);
	json_decref(json);
	assert_prints(&table, false,
		      "A            B\n"
		      "x            -\n"
		      "2048         -\n"
		      "2.0 KiB      -\n"
		      "25.0%        -\n"
		      "34m8s        -\n"
		      "a,b,+2 more  a, b, c, d\n"
		      "-            -\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alignment),
		cmocka_unit_test(names_alone),
		cmocka_unit_test(indent_and_no_names),
		cmocka_unit_test(colour),
		cmocka_unit_test(utf8_width_and_control_bytes),
		cmocka_unit_test(unfinished_row),
		cmocka_unit_test(many_rows),
		cmocka_unit_test(cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
