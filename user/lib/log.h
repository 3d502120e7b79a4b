/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Log lines on stderr: "level: event key=value ...", one line an event, with date
 * and time; or, if stderr is the journal (systemd.exec(5): JOURNAL_STREAM), with the
 * prefix of sd-daemon(3), <3> to <7>, from which the journal takes the priority. Its
 * native protocol would say no more: whatever it adds (process, unit, time) it knows
 * of a stream as well.
 *
 * Each place in the program that logs has a limit of its own, LP_LOG_MAX lines in a
 * minute; a line says afterwards how many were left out and what the last of them
 * was. With level debug there are no limits.
 *
 * Whatever comes from outside cannot make lines of its own, nor paint on terminals:
 * control characters become question marks. Words of errors may have several lines.
 */
#ifndef LIMPET_LIB_LOG_H
#define LIMPET_LIB_LOG_H

#include "lib/limit.h"

#define LP_LOG_MAX 100u

enum lp_log_level { LP_LOG_ERROR, LP_LOG_WARNING, LP_LOG_INFO, LP_LOG_DEBUG };

/* Lines of one place: private to log.c but for their memory. */
struct lp_log_place {
	struct lp_limit limit;
	enum lp_log_level level;
	struct lp_log_place *next; /* of those with lines left out */
	char like[120];            /* the last line that was left out, or its beginning */
};

/* Parses "error", "warning", "info", "debug"; -EINVAL for anything else. */
int lp_log_level_parse(const char *text, enum lp_log_level *level);

/* Lines less important than `level` are not written. Initially LP_LOG_INFO. */
void lp_log_level_set(enum lp_log_level level);

/* `place`: static and zero at first; NULL: without a limit. */
void lp_log(struct lp_log_place *place, enum lp_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* `text` as it can stand between double quotes: with single ones for those that it has,
 * and cut if it is longer than the buffer. Returns the buffer. */
#define LP_QUOTED 512
const char *lp_log_quoted(char buffer[LP_QUOTED], const char *text);

/* Now and then: says what was left out in windows that are over. */
void lp_log_tick(void);

#define LP_LOG_LIMITED(level, ...)                                                                 \
	do {                                                                                       \
		static struct lp_log_place lp_log_place_;                                          \
		lp_log(&lp_log_place_, level, __VA_ARGS__);                                        \
	} while (0)

#define lp_error(...)   LP_LOG_LIMITED(LP_LOG_ERROR, __VA_ARGS__)
#define lp_warning(...) LP_LOG_LIMITED(LP_LOG_WARNING, __VA_ARGS__)
#define lp_info(...)    LP_LOG_LIMITED(LP_LOG_INFO, __VA_ARGS__)
#define lp_debug(...)   lp_log(NULL, LP_LOG_DEBUG, __VA_ARGS__)

#endif
