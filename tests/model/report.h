/* SPDX-License-Identifier: GPL-2.0 */
/* What is printed of a history that shows a difference. */
#ifndef LIMPET_TESTS_MODEL_REPORT_H
#define LIMPET_TESTS_MODEL_REPORT_H

#include <stdio.h>

#include "replay.h"

/* The steps that are not off, then what was expected at the last one and what came. Lines
 * begin with "# ", as diagnostics of TAP do. */
void report_difference(const struct history *history, const bool *off,
		       const struct replay_result *result, FILE *out);

#endif
