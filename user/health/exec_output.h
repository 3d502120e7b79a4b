/* SPDX-License-Identifier: GPL-2.0 */
/* The first line of what a program writes, and how much there is of it. Pure. */
#ifndef LIMPET_HEALTH_EXEC_OUTPUT_H
#define LIMPET_HEALTH_EXEC_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "health/probe.h"

/* All zero is the beginning. */
struct exec_output {
	size_t bytes; /* all of them */
	size_t len;
	bool whole;             /* the line has ended */
	char line[PROBE_WORDS]; /* printable, terminated by 0; cut if it is longer */
};

void exec_output_add(struct exec_output *output, const char *data, size_t n);

#endif
