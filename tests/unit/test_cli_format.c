// SPDX-License-Identifier: GPL-2.0
/* Numbers as limpet prints them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/format.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void durations(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 4e-7, "0s" },
		{ 6e-7, "1us" },
		{ 0.000412, "412us" },
		{ 0.000999, "999us" },
		{ 0.001, "1ms" },
		{ 0.0032, "3.2ms" },
		{ 0.00994, "9.9ms" },
		{ 0.00995, "10ms" },
		{ 0.350, "350ms" },
		{ 0.9994, "999ms" },
		{ 0.9995, "1s" },
		{ 1, "1s" },
		{ 1.59, "1.5s" },
		{ 9.99, "9.9s" },
		{ 9.9999999, "10s" },
		{ 10, "10s" },
		{ 59.9, "59s" },
		{ 60, "1m" },
		{ 133.7, "2m13s" },
		{ 1800, "30m" },
		{ 3599, "59m59s" },
		{ 3600, "1h" },
		{ 3659, "1h" },
		{ 3660, "1h1m" },
		{ 86399, "23h59m" },
		{ 86400, "1d" },
		{ 93784.2, "1d2h" },
		{ 86400 + 3599, "1d" },
		{ 1e12, "11574074d1h" },
		{ 1.1e12, "-" },
		{ -1, "-" },
		{ (double)NAN, "-" },
		{ (double)INFINITY, "-" },
	};
	char text[CLI_NUMBER_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(cli_format_duration(cases[i].seconds, text), cases[i].text);
}

/* The text is never longer than the table's cell expects, and never empty. */
static void durations_of_all_sizes(void **state)
{
	char text[CLI_NUMBER_TEXT];
	double last = -1;

	(void)state;
	for (double s = 1e-9; s < 1e13; s *= 1.01) {
		cli_format_duration(s, text);
		assert_true(strlen(text) >= 1 && strlen(text) <= 12);
		assert_true(s > last);
		last = s;
	}
}

static void bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ 102348, "99.9 KiB" },
		{ 102349, "100 KiB" },
		{ 1048063, "1023 KiB" },
		{ 1048064, "1.0 MiB" },
		{ 1288490189, "1.2 GiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char text[CLI_NUMBER_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(cli_format_bytes(cases[i].bytes, text), cases[i].text);
}

static void shares(void **state)
{
	static const struct {
		double fraction;
		const char *text;
	} cases[] = {
		{ 0, "0.0%" },      { 1.0 / 65536, "<0.1%" }, { 0.00049, "<0.1%" },
		{ 0.0005, "0.1%" }, { 1.0 / 3, "33.3%" },     { 1, "100.0%" },
		{ -0.1, "-" },      { (double)NAN, "-" },
	};
	char text[CLI_NUMBER_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(cli_format_share(cases[i].fraction, text), cases[i].text);
}

static void safe_text(void **state)
{
	char evil[] = "a\033[31m\n\t\r\x7f\x01z";
	char lines[] = "a\033[31m\n\tb";
	char c1[] = "x\xc2\x9b"
		    "31m\xc2\xa0\xc3\xa9";
	char cut[] = "end\xc2";

	(void)state;
	assert_string_equal(cli_format_safe(evil, ""), "a?[31m?????z");
	assert_string_equal(cli_format_safe(lines, "\n\t"), "a?[31m\n\tb");
	assert_string_equal(cli_format_safe(c1, ""), "x??31m\xc2\xa0\xc3\xa9");
	assert_string_equal(cli_format_safe(cut, ""), "end\xc2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations), cmocka_unit_test(durations_of_all_sizes),
		cmocka_unit_test(bytes),     cmocka_unit_test(shares),
		cmocka_unit_test(safe_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
