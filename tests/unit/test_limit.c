// SPDX-License-Identifier: GPL-2.0
/* Limits of log lines, and the log itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/limit.h"
#include "lib/log.h"

static void test_as_many_as_allowed(void **state)
{
	struct lp_limit limit = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(lp_limit_take(&limit, 1000 + (uint64_t)i, 5));
	for (int i = 0; i < 7; i++)
		assert_false(lp_limit_take(&limit, 1010, 5));
	assert_int_equal(limit.left_out, 7);
}

static void test_a_window_begins_with_its_first_line(void **state)
{
	struct lp_limit limit = { 0 };

	(void)state;
	assert_true(lp_limit_take(&limit, 1000, 1));
	assert_false(lp_limit_take(&limit, 1059, 1));
	assert_int_equal(lp_limit_end(&limit, 1059), 0);
	assert_false(lp_limit_take(&limit, 1059, 1));
	assert_int_equal(lp_limit_end(&limit, 1060), 2);
	assert_true(lp_limit_take(&limit, 1060, 1));
	assert_int_equal(lp_limit_end(&limit, 1119), 0);
	assert_false(lp_limit_take(&limit, 1119, 1));
	assert_int_equal(lp_limit_end(&limit, 1120), 1);
	assert_int_equal(lp_limit_end(&limit, 1121), 0);
}

static void test_none_at_all(void **state)
{
	struct lp_limit limit = { 0 };

	(void)state;
	assert_false(lp_limit_take(&limit, 50, 0));
	assert_false(lp_limit_take(&limit, 70, 0));
	assert_int_equal(lp_limit_end(&limit, 110), 2);
}

/* --- what is written ---------------------------------------------------------------- */

struct capture {
	FILE *file;
	int stderr_fd;
};

static struct capture capture_begin(void)
{
	struct capture capture = { tmpfile(), dup(STDERR_FILENO) };

	assert_non_null(capture.file);
	fflush(stderr);
	dup2(fileno(capture.file), STDERR_FILENO);
	return capture;
}

static void capture_end(struct capture *capture, char *text, size_t size)
{
	size_t n;

	fflush(stderr);
	dup2(capture->stderr_fd, STDERR_FILENO);
	close(capture->stderr_fd);
	rewind(capture->file);
	n = fread(text, 1, size - 1, capture->file);
	text[n] = '\0';
	fclose(capture->file);
}

/* The log's clock can be put forward: this takes the place of the C library's. */
static time_t later;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int ret = (int)syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_MONOTONIC)
		now->tv_sec += later;
	return ret;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)))
		text++, n++;
	return n;
}

static void test_a_place_is_limited_and_others_are_not(void **state)
{
	static char text[1 << 16];
	struct capture capture = capture_begin();

	(void)state;
	for (int i = 0; i < 250; i++)
		lp_info("here i=%d", i);
	lp_info("there");
	capture_end(&capture, text, sizeof(text));
	assert_int_equal(count(text, "info: here"), LP_LOG_MAX);
	assert_int_equal(count(text, "info: there"), 1);
	assert_non_null(strstr(text, "i=99\n"));
	assert_null(strstr(text, "i=100\n"));
}

static void say_here(int times)
{
	for (int i = 0; i < times; i++)
		lp_warning("here why=\"%s\" i=%d", "because", i);
}

/* Once, when the minute is over: by a tick, or by the next line of its kind. */
static void test_what_was_left_out_is_said(void **state)
{
	static char text[1 << 16];
	struct capture capture = capture_begin();

	(void)state;
	say_here(103);
	lp_log_tick();
	later += LP_LIMIT_WINDOW_S;
	lp_log_tick();
	lp_log_tick();
	say_here(102);
	later += LP_LIMIT_WINDOW_S;
	say_here(1);
	lp_log_tick();
	capture_end(&capture, text, sizeof(text));
	assert_int_equal(count(text, "warning: here"), 2 * LP_LOG_MAX + 1);
	assert_int_equal(count(text, "left_out="), 2);
	assert_non_null(strstr(text, "warning: left_out=3 in_s=60 "
				     "like=\"here why='because' i=102\"\n"));
	assert_non_null(strstr(text, "warning: left_out=2 in_s=60 "
				     "like=\"here why='because' i=101\"\n"));
}

static void test_no_limits_at_level_debug(void **state)
{
	static char text[1 << 16];
	struct capture capture = capture_begin();

	(void)state;
	lp_log_level_set(LP_LOG_DEBUG);
	for (int i = 0; i < 250; i++)
		lp_info("here");
	lp_log_level_set(LP_LOG_INFO);
	capture_end(&capture, text, sizeof(text));
	assert_int_equal(count(text, "info: here"), 250);
}

static void test_words_from_outside_make_no_lines(void **state)
{
	char text[1024];
	struct capture capture = capture_begin();

	(void)state;
	lp_error("why=\"%s\"", "a\r\033[2Jb\x7f");
	capture_end(&capture, text, sizeof(text));
	assert_non_null(strstr(text, "error: why=\"a??[2Jb?\"\n"));
}

static void say_to_the_journal(const char *stream, char *text, size_t size)
{
	struct capture capture = capture_begin();
	struct stat st;
	char own[64];

	fstat(STDERR_FILENO, &st);
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream ? stream : own, 1);
	lp_warning("first\nsecond");
	unsetenv("JOURNAL_STREAM");
	capture_end(&capture, text, size);
}

static void test_priorities_for_the_journal(void **state)
{
	char text[1024];

	(void)state;
	say_to_the_journal(NULL, text, sizeof(text));
	assert_string_equal(text, "<4>warning: first\n<4>second\n");
}

/* The variable is inherited from whoever has its stderr in the journal. */
static void test_somebody_elses_journal(void **state)
{
	char text[1024];

	(void)state;
	say_to_the_journal("1:2", text, sizeof(text));
	assert_null(strchr(text, '<'));
	assert_non_null(strstr(text, "Z warning: first\nsecond\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_many_as_allowed),
		cmocka_unit_test(test_a_window_begins_with_its_first_line),
		cmocka_unit_test(test_none_at_all),
		/* First of those that leave lines out. */
		cmocka_unit_test(test_what_was_left_out_is_said),
		cmocka_unit_test(test_a_place_is_limited_and_others_are_not),
		cmocka_unit_test(test_no_limits_at_level_debug),
		cmocka_unit_test(test_words_from_outside_make_no_lines),
		cmocka_unit_test(test_priorities_for_the_journal),
		cmocka_unit_test(test_somebody_elses_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
