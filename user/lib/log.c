// SPDX-License-Identifier: GPL-2.0
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The longest words of an error (lib/err.h) and something around them. */
#define LINE_MAX_BYTES 4096

static enum lp_log_level log_level = LP_LOG_INFO;
static struct lp_log_place *places; /* with lines left out */

static const struct {
	const char *name;
	int syslog; /* priority of syslog(3), as systemd reads it from stderr */
} levels[] = {
	[LP_LOG_ERROR] = { "error", 3 },
	[LP_LOG_WARNING] = { "warning", 4 },
	[LP_LOG_INFO] = { "info", 6 },
	[LP_LOG_DEBUG] = { "debug", 7 },
};

int lp_log_level_parse(const char *text, enum lp_log_level *level)
{
	for (unsigned int i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (!strcmp(text, levels[i].name)) {
			*level = (enum lp_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void lp_log_level_set(enum lp_log_level level)
{
	log_level = level;
}

/* --- writing --------------------------------------------------------------------------- */

/* systemd.exec(5): the variable is inherited; whether stderr still is that stream is
 * told by its device and inode. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return !strcmp(stream, own);
}

static void print_stamp(void)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "%s.%03ldZ ", stamp, now.tv_nsec / 1000000);
}

/* Bytes of UTF-8 are left as they are. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((*text >= 0 && *text < ' ' && *text != '\n' && *text != '\t') || *text == 127)
			*text = '?';
}

/* To the journal each line of several is an entry, and has the priority. */
static void print_text(enum lp_log_level level, char *text, bool journal)
{
	char *rest, *line = strtok_r(text, "\n", &rest);

	fprintf(stderr, "%s: %s\n", levels[level].name, line ? line : "");
	while (line && (line = strtok_r(NULL, "\n", &rest))) {
		if (journal)
			fprintf(stderr, "<%d>", levels[level].syslog);
		fprintf(stderr, "%s\n", line);
	}
}

/* `text` is taken apart. */
static void print(enum lp_log_level level, char *text)
{
	bool journal = is_journal();

	clean(text);
	flockfile(stderr);
	if (journal)
		fprintf(stderr, "<%d>", levels[level].syslog);
	else
		print_stamp();
	print_text(level, text, journal);
	funlockfile(stderr);
}

const char *lp_log_quoted(char buffer[LP_QUOTED], const char *text)
{
	snprintf(buffer, LP_QUOTED, "%s", text);
	for (char *c = buffer; *c; c++)
		if (*c == '"' || *c == '\n')
			*c = '\'';
	return buffer;
}

/* --- limits ---------------------------------------------------------------------------- */

static uint64_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static void unlist(const struct lp_log_place *place)
{
	struct lp_log_place **at = &places;

	while (*at && *at != place)
		at = &(*at)->next;
	if (*at)
		*at = place->next;
}

/* Says what a place has left out, if its window is over. */
static void end_window(struct lp_log_place *place, uint64_t now)
{
	unsigned int left_out = lp_limit_end(&place->limit, now);
	char text[LINE_MAX_BYTES], like[LP_QUOTED];

	if (!left_out)
		return;
	unlist(place);
	snprintf(text, sizeof(text), "left_out=%u in_s=%u like=\"%s\"", left_out, LP_LIMIT_WINDOW_S,
		 lp_log_quoted(like, place->like));
	print(place->level, text);
}

static void leave_out(struct lp_log_place *place, enum lp_log_level level, const char *text)
{
	place->level = level;
	snprintf(place->like, sizeof(place->like), "%.*s", (int)sizeof(place->like) - 1, text);
	if (place->limit.left_out > 1)
		return; /* is listed */
	place->next = places;
	places = place;
}

static bool may_log(struct lp_log_place *place, enum lp_log_level level, const char *text)
{
	uint64_t now = now_s();

	end_window(place, now);
	if (lp_limit_take(&place->limit, now, LP_LOG_MAX))
		return true;
	leave_out(place, level, text);
	return false;
}

void lp_log(struct lp_log_place *place, enum lp_log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	flockfile(stderr);
	if (!place || log_level == LP_LOG_DEBUG || may_log(place, level, text))
		print(level, text);
	funlockfile(stderr);
}

void lp_log_tick(void)
{
	struct lp_log_place *next;
	uint64_t now = now_s();

	flockfile(stderr);
	for (struct lp_log_place *place = places; place; place = next) {
		next = place->next;
		end_window(place, now);
	}
	funlockfile(stderr);
}
