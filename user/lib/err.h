/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Errors with words: functions return -errno and, where a person will read it,
 * fill a struct lp_err. A NULL err is allowed everywhere.
 */
#ifndef LIMPET_LIB_ERR_H
#define LIMPET_LIB_ERR_H

struct lp_err {
	char text[2048]; /* no newline at the end; several lines are allowed */
};

/* Formats into err and returns `code` (a negative errno), for `return lp_err(...)`. */
int lp_err(struct lp_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* The analyzer does not look into other files: what comes back is `code`. */
static inline int lp_err_code(int returned, int code)
{
	(void)returned;
	return code;
}
#define lp_err(err, code, ...) lp_err_code(lp_err(err, code, __VA_ARGS__), code)
#endif

#endif
