/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Log lines on stderr: "level: event key=value ...", one line an event. With
 * the systemd prefix (<3> ... <7>) when stderr is the journal.
 */
#ifndef LIMPET_LIB_LOG_H
#define LIMPET_LIB_LOG_H

enum lp_log_level { LP_LOG_ERROR, LP_LOG_WARNING, LP_LOG_INFO, LP_LOG_DEBUG };

/* Parses "error", "warning", "info", "debug"; -EINVAL for anything else. */
int lp_log_level_parse(const char *text, enum lp_log_level *level);

/* Lines less important than `level` are not written. Initially LP_LOG_INFO. */
void lp_log_level_set(enum lp_log_level level);

void lp_log(enum lp_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define lp_error(...)   lp_log(LP_LOG_ERROR, __VA_ARGS__)
#define lp_warning(...) lp_log(LP_LOG_WARNING, __VA_ARGS__)
#define lp_info(...)    lp_log(LP_LOG_INFO, __VA_ARGS__)
#define lp_debug(...)   lp_log(LP_LOG_DEBUG, __VA_ARGS__)

#endif
