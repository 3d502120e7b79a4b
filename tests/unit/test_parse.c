// SPDX-License-Identifier: GPL-2.0
/* The strict parsers: what they take, what they refuse, and what they leave alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/addr.h"
#include "lib/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		int ret;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 9, 0, 0 },
		{ "7", 7, 7, 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", 0, UINT64_MAX, -ERANGE, 0 },
		{ "18446744073709551620", 0, UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999", 0, UINT64_MAX, -ERANGE, 0 },
		{ "6", 7, 9, -ERANGE, 0 },
		{ "10", 7, 9, -ERANGE, 0 },
		{ "", 0, 9, -EINVAL, 0 },
		{ "abc", 0, 9, -EINVAL, 0 },
		{ "1a", 0, 99, -EINVAL, 0 },
		{ " 1", 0, 9, -EINVAL, 0 },
		{ "1 ", 0, 9, -EINVAL, 0 },
		{ "1\n", 0, 9, -EINVAL, 0 },
		{ "+1", 0, 9, -EINVAL, 0 },
		{ "-1", 0, 9, -EINVAL, 0 },
		{ "01", 0, 9, -EINVAL, 0 },
		{ "00", 0, 9, -EINVAL, 0 },
		{ "0x10", 0, 99, -EINVAL, 0 },
		{ "1.0", 0, 9, -EINVAL, 0 },
		{ "1e3", 0, 9999, -EINVAL, 0 },
		{ "99999999999999999999x", 0, 9, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t value = 4711;

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(lp_parse_u64(cases[i].text, cases[i].min, cases[i].max, &value),
				 cases[i].ret);
		assert_int_equal(value, cases[i].ret ? 4711 : cases[i].value);
	}
}

static void test_u32(void **state)
{
	uint32_t value = 4711;

	(void)state;
	assert_int_equal(lp_parse_u32("4294967296", 0, UINT32_MAX, &value), -ERANGE);
	assert_int_equal(lp_parse_u32("x", 0, UINT32_MAX, &value), -EINVAL);
	assert_int_equal(value, 4711);
	assert_int_equal(lp_parse_u32("4294967295", 0, UINT32_MAX, &value), 0);
	assert_int_equal(value, UINT32_MAX);
}

static void test_port(void **state)
{
	uint16_t port = 4711;

	(void)state;
	assert_int_equal(lp_parse_port("0", &port), -ERANGE);
	assert_int_equal(lp_parse_port("65536", &port), -ERANGE);
	assert_int_equal(lp_parse_port("http", &port), -EINVAL);
	assert_int_equal(port, 4711);
	assert_int_equal(lp_parse_port("1", &port), 0);
	assert_int_equal(port, 1);
	assert_int_equal(lp_parse_port("65535", &port), 0);
	assert_int_equal(port, 65535);
}

static void test_port_range(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint16_t first, last;
	} cases[] = {
		{ "443", 0, 443, 443 },       { "5088-5089", 0, 5088, 5089 },
		{ "1-65535", 0, 1, 65535 },   { "7-7", 0, 7, 7 },
		{ "8-7", -ERANGE, 0, 0 },     { "0-7", -ERANGE, 0, 0 },
		{ "1-65536", -ERANGE, 0, 0 }, { "0", -ERANGE, 0, 0 },
		{ "", -EINVAL, 0, 0 },        { "-", -EINVAL, 0, 0 },
		{ "1-", -EINVAL, 0, 0 },      { "-1", -EINVAL, 0, 0 },
		{ "1-2-3", -EINVAL, 0, 0 },   { "1 - 2", -EINVAL, 0, 0 },
		{ "70000-x", -EINVAL, 0, 0 }, { "1--2", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint16_t first = 4711, last = 4712;
		int ret = lp_parse_port_range(cases[i].text, &first, &last);

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(ret, cases[i].ret);
		assert_int_equal(first, ret ? 4711 : cases[i].first);
		assert_int_equal(last, ret ? 4712 : cases[i].last);
	}
}

static void test_range(void **state)
{
	uint32_t first = 1, last = 2;

	(void)state;
	assert_int_equal(lp_parse_range("99-200", 100, 599, &first, &last), -ERANGE);
	assert_int_equal(lp_parse_range("200-600", 100, 599, &first, &last), -ERANGE);
	assert_int_equal(first, 1);
	assert_int_equal(last, 2);
	assert_int_equal(lp_parse_range("200-399", 100, 599, &first, &last), 0);
	assert_int_equal(first, 200);
	assert_int_equal(last, 399);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int ret;
		double seconds;
	} cases[] = {
		{ "0s", 0, 0 },
		{ "250ms", 0, 0.25 },
		{ "1500ms", 0, 1.5 },
		{ "1ms", 0, 0.001 },
		{ "2s", 0, 2 },
		{ "30m", 0, 1800 },
		{ "24h", 0, 86400 },
		{ "365d", 0, 31536000 },
		{ "9007199254740993s", -ERANGE, 0 },
		{ "99999999999999999999s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "30", -EINVAL, 0 },
		{ "30 s", -EINVAL, 0 },
		{ " 30s", -EINVAL, 0 },
		{ "30s ", -EINVAL, 0 },
		{ "30S", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "010s", -EINVAL, 0 },
		{ "1h30m", -EINVAL, 0 },
		{ "5us", -EINVAL, 0 },
		{ "1w", -EINVAL, 0 },
		{ "1min", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		double seconds = 4711;
		int ret = lp_parse_duration(cases[i].text, &seconds);

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(ret, cases[i].ret);
		assert_true(seconds == (ret ? 4711 : cases[i].seconds));
	}
}

static void test_percent(void **state)
{
	static const struct {
		const char *text;
		int ret;
		double share;
	} cases[] = {
		{ "0%", 0, 0 },
		{ "5%", 0, 0.05 },
		{ "100%", 0, 1 },
		{ "0.5%", 0, 0.005 },
		{ "0.25%", 0, 0.0025 },
		{ "12.0625%", 0, 0.120625 },
		{ "99.9999%", 0, 0.999999 },
		{ "100.0%", 0, 1 },
		{ "100.0001%", -ERANGE, 0 },
		{ "101%", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "%", -EINVAL, 0 },
		{ "5", -EINVAL, 0 },
		{ "0.05", -EINVAL, 0 },
		{ ".5%", -EINVAL, 0 },
		{ "5.%", -EINVAL, 0 },
		{ "5.12345%", -EINVAL, 0 },
		{ "05%", -EINVAL, 0 },
		{ "-5%", -EINVAL, 0 },
		{ " 5%", -EINVAL, 0 },
		{ "5 %", -EINVAL, 0 },
		{ "5%%", -EINVAL, 0 },
		{ "5,5%", -EINVAL, 0 },
		{ "5.-1%", -EINVAL, 0 },
		{ "1e1%", -EINVAL, 0 },
		{ "99999999999999999999%", -ERANGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double share = 4711;
		int ret = lp_parse_percent(cases[i].text, &share);

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(ret, cases[i].ret);
		assert_true(share == (ret ? 4711 : cases[i].share));
	}
}

static void test_prefix(void **state)
{
	static const struct {
		const char *text;
		int ret;
		const char *address;
		unsigned int bits;
	} cases[] = {
		{ "10.0.0.0/8", 0, "10.0.0.0", 8 },
		{ "0.0.0.0/0", 0, "0.0.0.0", 0 },
		{ "192.0.2.1", 0, "192.0.2.1", 32 },
		{ "192.0.2.1/32", 0, "192.0.2.1", 32 },
		{ "192.0.2.128/25", 0, "192.0.2.128", 25 },
		{ "2001:db8::/32", 0, "2001:db8::", 32 },
		{ "::/0", 0, "::", 0 },
		{ "2001:db8::1", 0, "2001:db8::1", 128 },
		{ "10.0.0.1/8", -ERANGE, NULL, 0 },
		{ "192.0.2.128/24", -ERANGE, NULL, 0 },
		{ "2001:db8::1/64", -ERANGE, NULL, 0 },
		{ "10.0.0.0/33", -ERANGE, NULL, 0 },
		{ "2001:db8::/129", -ERANGE, NULL, 0 },
		{ "", -EINVAL, NULL, 0 },
		{ "/8", -EINVAL, NULL, 0 },
		{ "10.0.0.0/", -EINVAL, NULL, 0 },
		{ "10.0.0.0/x", -EINVAL, NULL, 0 },
		{ "10.0.0.0/08", -EINVAL, NULL, 0 },
		{ "10.0.0.0/8/8", -EINVAL, NULL, 0 },
		{ "10.0.0/8", -EINVAL, NULL, 0 },
		{ "10.0.0.0/255.0.0.0", -EINVAL, NULL, 0 },
		{ "::ffff:10.0.0.0/104", -EINVAL, NULL, 0 },
		{ "1111111111111111111111111111111111111111111111111111/8", -EINVAL, NULL, 0 },
	};
	char text[LP_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct lp_addr addr, untouched;
		unsigned int bits = 4711;
		int ret;

		memset(&addr, 0xa5, sizeof(addr));
		untouched = addr;
		print_message("\"%s\"\n", cases[i].text);
		ret = lp_parse_prefix(cases[i].text, &addr, &bits);
		assert_int_equal(ret, cases[i].ret);
		assert_int_equal(bits, ret ? 4711 : cases[i].bits);
		if (ret)
			assert_memory_equal(&addr, &untouched, sizeof(addr));
		else
			assert_string_equal(lp_addr_format(&addr, text), cases[i].address);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),     cmocka_unit_test(test_u32),
		cmocka_unit_test(test_port),    cmocka_unit_test(test_port_range),
		cmocka_unit_test(test_range),   cmocka_unit_test(test_duration),
		cmocka_unit_test(test_percent), cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
