// SPDX-License-Identifier: GPL-2.0
/* The pure parts of the health checks: schedule, rise and fall, words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "health/check.h"
#include "health/flaps.h"
#include "health/http_request.h"
#include "health/notes.h"
#include "health/schedule.h"
#include "health/tally.h"
#include "lib/addr.h"

#define SECOND 1000000000ull

static void first_starts_are_spread(void **state)
{
	enum { TARGETS = 10000, BINS = 10 };
	unsigned int bins[BINS] = { 0 };
	struct schedule schedule;

	(void)state;
	for (uint64_t seed = 0; seed < TARGETS; seed++) {
		schedule_begin(&schedule, 2, 5 * SECOND, seed);
		assert_in_range(schedule.planned_ns, 5 * SECOND, 7 * SECOND - 1);
		bins[(schedule.planned_ns - 5 * SECOND) * BINS / (2 * SECOND)]++;
	}
	/* each is binomial, mean 1,000, deviation 30: five of them */
	for (int i = 0; i < BINS; i++)
		assert_in_range(bins[i], 850, 1150);
}

/* Late by up to 100 ms each time: no start is lost and nothing adds up. */
static void starts_stay_on_time(void **state)
{
	enum { STARTS = 10000 };
	struct schedule schedule;
	uint64_t first, planned, least = UINT64_MAX, most = 0;

	(void)state;
	schedule_begin(&schedule, 1, 0, 42);
	first = schedule.planned_ns;
	for (uint64_t i = 0; i < STARTS; i++) {
		uint64_t late = i % 100 * 1000000;

		planned = schedule.planned_ns;
		assert_float_equal(schedule_started(&schedule, planned + late), (double)late / 1e9,
				   1e-9);
		if (schedule.planned_ns - planned < least)
			least = schedule.planned_ns - planned;
		if (schedule.planned_ns - planned > most)
			most = schedule.planned_ns - planned;
	}
	/* never later than the interval: so soon a dead backend is known */
	assert_in_range(least, SECOND * 95 / 100, SECOND * 951 / 1000);
	assert_in_range(most, SECOND * 999 / 1000, SECOND);
	/* the sum of the jitter: mean 2.5%, deviation 1.5% of a second by the root of STARTS */
	assert_in_range(schedule.planned_ns - first, STARTS * SECOND * 975 / 1000 - 8 * SECOND,
			STARTS * SECOND * 975 / 1000 + 8 * SECOND);
}

static void missed_starts_are_left_out(void **state)
{
	struct schedule schedule;
	uint64_t planned, now;

	(void)state;
	schedule_begin(&schedule, 1, 0, 42);
	planned = schedule.planned_ns;
	now = planned + 10 * SECOND + SECOND / 2;
	assert_float_equal(schedule_started(&schedule, now), 10.5, 1e-9);
	assert_in_range(schedule.planned_ns, now + 1, now + SECOND * 11 / 10);
	/* a start before its time (clocks differ by a millisecond) is not late */
	assert_true(schedule_started(&schedule, schedule.planned_ns - 1000) == 0);
}

static void shortest_interval(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_begin(&schedule, 0, 1000, 1);
	schedule_started(&schedule, 2000);
	assert_true(schedule.planned_ns > 2000);
}

/* Enters one result for each character, '+' or '-' or 'x' (not made), and writes
 * the state after each, 'U' or 'D', in capitals where it changed. */
static void run_tally(struct health_status *status, unsigned int rise, unsigned int fall,
		      const char *results, char *states)
{
	struct config_check check = { .rise = rise, .fall = fall };
	size_t i;

	for (i = 0; results[i]; i++) {
		struct probe_result result = { .latency_s = (double)i };
		bool changed;

		result.verdict = results[i] == '+'   ? PROBE_GOOD
				 : results[i] == '-' ? PROBE_BAD
						     : PROBE_NOT_MADE;
		result.words[0] = results[i];
		changed = health_tally(status, &check, &result, 100 + i);
		states[i] = status->up ? 'u' : 'd';
		if (changed)
			states[i] = status->up ? 'U' : 'D';
	}
	states[i] = '\0';
}

static void assert_states(bool up, unsigned int rise, unsigned int fall, const char *results,
			  const char *expected)
{
	struct health_status status = { .up = up };
	char states[64];

	run_tally(&status, rise, fall, results, states);
	assert_string_equal(states, expected);
}

static void rise_and_fall_exactly(void **state)
{
	(void)state;
	assert_states(true, 2, 3, "+--+---+-++-", "uuuuuuDdddUu");
	assert_states(false, 2, 3, "+-++", "dddU");
	assert_states(false, 1, 1, "-+-+", "dUDU");
	assert_states(true, 1, 1, "+-", "uD");
	assert_states(true, 2, 2, "-x-", "uuD");
	assert_states(false, 3, 1, "++x+-", "dddUD");
	assert_states(true, 1, 3, "-xxxxx-+--", "uuuuuuuuuu");
}

static void tally_counts(void **state)
{
	struct health_status status = { .up = true };
	char states[64];

	(void)state;
	run_tally(&status, 2, 2, "++-x--", states);
	assert_string_equal(states, "uuuuDd");
	assert_int_equal(status.checks, 5);
	assert_int_equal(status.failures, 3);
	assert_int_equal(status.flaps, 1);
	assert_int_equal(status.streak, 0); /* a bad one, while down */
	assert_int_equal(status.since_s, 104);
	assert_int_equal(status.last_at_s, 105);
	assert_string_equal(status.last, "-");
	assert_float_equal(status.latency_s, 1, 1e-9);
	run_tally(&status, 2, 2, "+x", states);
	assert_int_equal(status.streak, 1);
	assert_string_equal(status.last, "x");
}

static void latency_words(void **state)
{
	static const struct {
		double seconds;
		const char *words;
	} cases[] = {
		{ 0, "0 ms" },           { 0.0000004, "0 ms" },  { 0.0000431, "0.04 ms" },
		{ 0.000431, "0.43 ms" }, { 0.003, "3 ms" },      { 0.00324, "3.2 ms" },
		{ 0.00996, "10 ms" },    { 0.0123456, "12 ms" }, { 0.5, "500 ms" },
		{ 0.9994, "999 ms" },    { 1.25, "1.2 s" },      { 61, "61.0 s" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(probe_latency_format(cases[i].seconds, text, sizeof(text)),
				    cases[i].words);
}

static void timeout_words(void **state)
{
	struct probe_result result;

	(void)state;
	probe_result_timeout(&result, 1);
	assert_string_equal(result.words, "timed out after 1s");
	probe_result_timeout(&result, 2.5);
	assert_string_equal(result.words, "timed out after 2.5s");
	probe_result_timeout(&result, 0.25);
	assert_string_equal(result.words, "timed out after 250ms");
	assert_int_equal(result.verdict, PROBE_BAD);
}

static void errno_words(void **state)
{
	static const struct {
		int code;
		enum probe_verdict verdict;
		const char *words;
	} cases[] = {
		{ -ECONNREFUSED, PROBE_BAD, "connection refused" },
		{ -ECONNRESET, PROBE_BAD, "connection reset" },
		{ -EHOSTUNREACH, PROBE_BAD, "no route to host" },
		{ -ENETUNREACH, PROBE_BAD, "network unreachable" }, /* says a router */
		{ -ETIMEDOUT, PROBE_BAD, "timed out" },
		{ -ENETDOWN, PROBE_NOT_MADE, "not checked: interface down" },
		{ -ENODEV, PROBE_NOT_MADE, "not checked: interface gone" },
		{ -EMFILE, PROBE_NOT_MADE, "not checked: too many open files" },
		{ -ENFILE, PROBE_NOT_MADE, "not checked: too many open files in the system" },
		{ -EADDRNOTAVAIL, PROBE_NOT_MADE, "not checked: no free local port or address" },
		{ -EPROTO, PROBE_BAD, "Protocol error" },
	};
	struct probe_result result;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		probe_result_errno(&result, cases[i].code);
		assert_int_equal(result.verdict, cases[i].verdict);
		assert_string_equal(result.words, cases[i].words);
	}
}

/* Of a call that nobody but this machine has to do with. */
static void local_errno_words(void **state)
{
	static const struct {
		int code;
		enum probe_verdict verdict;
		const char *words;
	} cases[] = {
		{ -ENETUNREACH, PROBE_NOT_MADE, "not checked: no route" },
		{ -EHOSTUNREACH, PROBE_NOT_MADE, "not checked: no route" },
		{ -EADDRNOTAVAIL, PROBE_NOT_MADE, "not checked: no free local port or address" },
		{ -ECONNREFUSED, PROBE_BAD, "connection refused" },
	};
	struct probe_result result;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		probe_result_local(&result, cases[i].code);
		assert_int_equal(result.verdict, cases[i].verdict);
		assert_string_equal(result.words, cases[i].words);
	}
}

static void long_words_are_cut(void **state)
{
	struct probe_result result;
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	probe_result_set(&result, PROBE_BAD, "%s", text);
	assert_int_equal(strlen(result.words), PROBE_WORDS - 1);
}

static void assert_url(const char *address, uint16_t port, const char *url)
{
	struct config_check check = { 0 };
	struct http_request request;
	struct lp_addr addr;

	assert_int_equal(lp_addr_parse(address, &addr), 0);
	assert_int_equal(http_request_init(&request, &addr, port, &check, NULL), 0);
	assert_string_equal(request.url, url);
	http_request_fini(&request);
	http_request_fini(&request);
}

static void urls(void **state)
{
	(void)state;
	assert_url("192.0.2.7", 8080, "http://192.0.2.7:8080/");
	assert_url("2001:db8::7", 80, "http://[2001:db8::7]:80/");
}

static void expected_statuses(void **state)
{
	struct config_status_range ranges[40] = { { 200, 299 }, { 301, 301 }, { 401, 403 } };
	struct config_check check = { .expect = ranges, .n_expect = 3 };
	struct http_request request = { .check = &check };
	char text[64];

	(void)state;
	assert_string_equal(http_request_expect_format(&request, text, sizeof(text)),
			    "200-299, 301, 401-403");
	assert_true(http_request_expects(&request, 200) && http_request_expects(&request, 299));
	assert_true(http_request_expects(&request, 301) && http_request_expects(&request, 402));
	assert_false(http_request_expects(&request, 300) || http_request_expects(&request, 302));
	assert_false(http_request_expects(&request, 0) || http_request_expects(&request, 404));
	/* more than fits is cut, not overrun */
	check.n_expect = 40;
	http_request_expect_format(&request, text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	check.n_expect = 0;
	assert_string_equal(http_request_expect_format(&request, text, sizeof(text)), "");
	assert_false(http_request_expects(&request, 200));
}

/* A copy is equal, and shares nothing with what it was made from. */
static void copies_of_checks(void **state)
{
	char path[] = "/a", host[] = "h", other[] = "b";
	struct config_status_range ranges[] = { { 200, 299 } };
	struct config_check check = {
		.path = path,
		.host = host,
		.expect = ranges,
		.n_expect = 1,
		.rise = 2,
		.fall = 3,
	};
	struct config_check copy;

	(void)state;
	assert_int_equal(health_check_copy(&copy, &check), 0);
	check.name = other; /* makes no difference */
	check.port = 99;
	assert_true(health_check_equal(&copy, &check));
	path[1] = 'b';
	assert_false(health_check_equal(&copy, &check));
	path[1] = 'a';
	ranges[0].last = 298;
	assert_false(health_check_equal(&copy, &check));
	ranges[0].last = 299;
	check.host = NULL;
	assert_false(health_check_equal(&copy, &check));
	assert_false(health_check_equal(&check, &copy));
	check.host = host;
	assert_true(health_check_equal(&copy, &check));
	check.n_expect = 0;
	assert_false(health_check_equal(&copy, &check));
	health_check_fini(&copy);
	health_check_fini(&copy);
}

/* Counted by the minute; what is an hour old is forgotten, whatever lies between. */
static void flaps_of_an_hour(void **state)
{
	const uint64_t start = 1000000 * 60;
	struct flaps flaps = { 0 };

	(void)state;
	assert_int_equal(flaps_recent(&flaps, start), 0);
	for (unsigned int i = 0; i < 3; i++)
		flaps_add(&flaps, start + i, i % 2, "x");
	flaps_add(&flaps, start + 59 * 60, true, "x");
	assert_int_equal(flaps_recent(&flaps, start + 59 * 60 + 59), 4);
	assert_int_equal(flaps_recent(&flaps, start + 60 * 60), 1);
	assert_int_equal(flaps_recent(&flaps, start + 118 * 60 + 59), 1);
	assert_int_equal(flaps_recent(&flaps, start + 119 * 60), 0);
	flaps_add(&flaps, start + 1000 * 60, true, "x"); /* long after */
	assert_int_equal(flaps_recent(&flaps, start + 1000 * 60), 1);
	flaps_add(&flaps, start + 990 * 60, true, "x"); /* the clock was set back */
	assert_int_equal(flaps_recent(&flaps, start + 990 * 60), 2);
	for (unsigned int i = 0; i < 1000; i++)
		flaps_add(&flaps, start + 1000 * 60, true, "x");
	assert_int_equal(flaps_recent(&flaps, start + 1000 * 60), 255);
	flaps_fini(&flaps);
	flaps_fini(&flaps);
}

static void last_flaps_are_kept(void **state)
{
	struct flap list[FLAPS_KEPT + 1];
	struct flaps flaps = { 0 };
	char why[16];

	(void)state;
	assert_int_equal(flaps_list(&flaps, list, FLAPS_KEPT + 1), 0);
	for (unsigned int i = 0; i < 20; i++) {
		snprintf(why, sizeof(why), "why %u", i);
		flaps_add(&flaps, 100 + i, i % 2, why);
		assert_int_equal(flaps_list(&flaps, list, FLAPS_KEPT + 1),
				 i < FLAPS_KEPT ? i + 1 : FLAPS_KEPT);
		assert_string_equal(list[0].why, why);
	}
	assert_int_equal(list[0].at_s, 119);
	assert_int_equal(list[FLAPS_KEPT - 1].at_s, 120 - FLAPS_KEPT);
	assert_true(list[0].up && !list[1].up);
	assert_int_equal(flaps_list(&flaps, list, 2), 2);
	flaps_fini(&flaps);
}

/* Of results in a row: which deserve a line in the log? */
static void notes_are_rare(void **state)
{
	struct config_check check = { .expiry_warning = 10 * 86400.0 };
	struct probe_result good = { .verdict = PROBE_GOOD, .certificate_end_s = 100 * 86400 },
			    unmade = { .verdict = PROBE_NOT_MADE, .words = "not checked: x" };
	struct notes notes = { 0 };
	char text[64] = "";

	(void)state;
	assert_false(notes_result(&notes, &check, &good, 90 * 86400, text, sizeof(text)));
	assert_true(notes_result(&notes, &check, &good, 90 * 86400 + 1, text, sizeof(text)));
	assert_string_equal(text, "certificate expires in 9 days");
	assert_false(notes_result(&notes, &check, &good, 91 * 86400, text, sizeof(text)));
	assert_true(notes_result(&notes, &check, &good, 91 * 86400 + 1, text, sizeof(text)));
	assert_true(notes_result(&notes, &check, &unmade, 91 * 86400 + 2, text, sizeof(text)));
	assert_string_equal(text, "not checked: x");
	assert_false(notes_result(&notes, &check, &unmade, 91 * 86400 + 3, text, sizeof(text)));
	assert_false(notes_result(&notes, &check, &good, 91 * 86400 + 4, text, sizeof(text)));
	assert_true(notes_result(&notes, &check, &unmade, 91 * 86400 + 5, text, sizeof(text)));
	/* another certificate that ends as soon is another matter */
	good.certificate_end_s++;
	assert_true(notes_result(&notes, &check, &good, 91 * 86400 + 6, text, sizeof(text)));
	assert_true(notes_result(&notes, &check, &good, 101 * 86400, text, sizeof(text)));
	assert_string_equal(text, "certificate expired less than a day ago");
	check.expiry_warning = 0;
	assert_false(notes_result(&notes, &check, &good, 105 * 86400, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_starts_are_spread),
		cmocka_unit_test(starts_stay_on_time),
		cmocka_unit_test(missed_starts_are_left_out),
		cmocka_unit_test(shortest_interval),
		cmocka_unit_test(rise_and_fall_exactly),
		cmocka_unit_test(tally_counts),
		cmocka_unit_test(latency_words),
		cmocka_unit_test(timeout_words),
		cmocka_unit_test(errno_words),
		cmocka_unit_test(local_errno_words),
		cmocka_unit_test(long_words_are_cut),
		cmocka_unit_test(urls),
		cmocka_unit_test(expected_statuses),
		cmocka_unit_test(copies_of_checks),
		cmocka_unit_test(flaps_of_an_hour),
		cmocka_unit_test(last_flaps_are_kept),
		cmocka_unit_test(notes_are_rare),
	};

	return cmocka_run_group_tests_name("health_parts", tests, NULL, NULL);
}
