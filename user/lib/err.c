// SPDX-License-Identifier: GPL-2.0
#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>

int(lp_err)(struct lp_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int lp_err_prefix(struct lp_err *err, int code, const char *fmt, ...)
{
	char prefix[512];
	struct lp_err old;
	va_list ap;

	if (!err)
		return code;
	old = *err;
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	snprintf(err->text, sizeof(err->text), "%s: %.*s", prefix,
		 (int)(sizeof(err->text) - sizeof(prefix) - 3), old.text);
	return code;
}
