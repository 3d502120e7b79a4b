// SPDX-License-Identifier: GPL-2.0
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>

void tap_check(struct tap *tap, bool ok, const char *name, const char *fmt, ...)
{
	va_list ap;

	tap->tests++;
	tap->failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tap->tests, name);
	if (!ok) {
		printf("# %s: ", name);
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		putchar('\n');
	}
	fflush(stdout);
}

int tap_end(const struct tap *tap)
{
	printf("1..%u\n", tap->tests);
	return tap->failed || !tap->tests;
}
