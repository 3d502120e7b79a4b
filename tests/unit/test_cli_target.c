// SPDX-License-Identifier: GPL-2.0
/* What `limpet explain` takes for a VIP and for a source. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/target.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define NAME63 "n23456789012345678901234567890123456789012345678901234567890123"

static void good(void **state)
{
	static const struct {
		const char *text;
		bool names;
		const char *host;
		uint16_t port;
	} cases[] = {
		{ "192.0.2.1", false, "192.0.2.1", 0 },
		{ "192.0.2.1:443", false, "192.0.2.1", 443 },
		{ "192.0.2.1:65535", true, "192.0.2.1", 65535 },
		{ "2001:db8::1", false, "2001:db8::1", 0 },
		{ "2001:DB8:0:0::1", false, "2001:db8::1", 0 },
		{ "2001:db8::1:443", true, "2001:db8::1:443", 0 },
		{ "[2001:db8::1]", false, "2001:db8::1", 0 },
		{ "[2001:db8::1]:1", true, "2001:db8::1", 1 },
		{ "::", false, "::", 0 },
		{ "web-external", true, "web-external", 0 },
		{ "web_1.x:80", true, "web_1.x", 80 },
		{ "10.0.0", true, "10.0.0", 0 }, /* a name may look like that */
		{ NAME63 ":80", true, NAME63, 80 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cli_target target = { .port = 7 };
		struct lp_err err;

		assert_int_equal(cli_target_parse(cases[i].text, cases[i].names, &target, &err), 0);
		assert_string_equal(target.host, cases[i].host);
		assert_int_equal(target.port, cases[i].port);
	}
}

static void bad(void **state)
{
	static const struct {
		const char *text;
		bool names;
		const char *error;
	} cases[] = {
		{ "web", false, "\"web\" is not an IP address" },
		{ "", true, "\"\" is not an IP address or a name" },
		{ ":80", true, "\":80\" is not an IP address or a name" },
		{ "we b", true, "\"we b\" is not an IP address or a name" },
		{ "10.0.0.0/8", true, "\"10.0.0.0/8\" is not an IP address or a name" },
		{ "192.0.2.256", false, "\"192.0.2.256\" is not an IP address" },
		{ "192.0.2.1:", false, "\"192.0.2.1:\": \"\" is not a port (1 to 65535)" },
		{ "192.0.2.1:0", false, "\"192.0.2.1:0\": \"0\" is not a port (1 to 65535)" },
		{ "web:65536", true, "\"web:65536\": \"65536\" is not a port (1 to 65535)" },
		{ "web:+80", true, "\"web:+80\": \"+80\" is not a port (1 to 65535)" },
		{ "web:80 ", true, "\"web:80 \": \"80 \" is not a port (1 to 65535)" },
		{ "web:0x50", true, "\"web:0x50\": \"0x50\" is not a port (1 to 65535)" },
		{ "web:80:81", true,
		  "\"web:80:81\" is not an IP address (an IPv6 address with a port is written "
		  "[ADDRESS]:PORT)" },
		{ "2001:db8::g", true,
		  "\"2001:db8::g\" is not an IP address (an IPv6 address with a port is written "
		  "[ADDRESS]:PORT)" },
		{ "::ffff:192.0.2.1", true,
		  "\"::ffff:192.0.2.1\" is not an IP address (an IPv6 address with a port is "
		  "written [ADDRESS]:PORT)" },
		{ "[2001:db8::1", true,
		  "\"[2001:db8::1\" is not of the form [ADDRESS] or [ADDRESS]:PORT" },
		{ "[2001:db8::1]80", true,
		  "\"[2001:db8::1]80\" is not of the form [ADDRESS] or [ADDRESS]:PORT" },
		{ "[2001:db8::1]:", true, "\"[2001:db8::1]:\": \"\" is not a port (1 to 65535)" },
		{ "[web]:80", true, "\"[web]:80\" is not an IP address" },
		{ "[]", true, "\"[]\" is not an IP address" },
		{ "[192.0.2.1]:80", true, "\"[192.0.2.1]:80\": brackets are for IPv6 addresses" },
		{ NAME63 "4", true, "\"" NAME63 "4\": longer than a name or an address can be" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cli_target target = { .host = "kept", .port = 7 };
		struct lp_err err = { "" };

		assert_int_equal(cli_target_parse(cases[i].text, cases[i].names, &target, &err),
				 -EINVAL);
		assert_string_equal(err.text, cases[i].error);
		assert_string_equal(target.host, "kept");
		assert_int_equal(target.port, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
