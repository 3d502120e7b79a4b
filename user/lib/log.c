// SPDX-License-Identifier: GPL-2.0
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum lp_log_level log_level = LP_LOG_INFO;

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

/* sd-daemon(3): a service whose stderr is the journal has JOURNAL_STREAM set. */
static void print_prefix(enum lp_log_level level)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	if (getenv("JOURNAL_STREAM")) {
		fprintf(stderr, "<%d>", levels[level].syslog);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "%s.%03ldZ ", stamp, now.tv_nsec / 1000000);
}

void lp_log(enum lp_log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_level)
		return;
	flockfile(stderr);
	print_prefix(level);
	fprintf(stderr, "%s: ", levels[level].name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	funlockfile(stderr);
}
