/* SPDX-License-Identifier: GPL-2.0 */
/* Results in TAP, the Test Anything Protocol, as scripts/check counts them. */
#ifndef LIMPET_STRESS_TAP_H
#define LIMPET_STRESS_TAP_H

#include <stdbool.h>

struct tap {
	unsigned int tests, failed;
};

/* One result; what follows `name` is printed if it is not ok. */
void tap_check(struct tap *tap, bool ok, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The plan, at the end; the exit code. */
int tap_end(const struct tap *tap);

#endif
