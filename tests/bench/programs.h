/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs that are compared at a point: the floor, limpet, and whatever
 * the command line adds.
 */
#ifndef LIMPET_BENCH_PROGRAMS_H
#define LIMPET_BENCH_PROGRAMS_H

#include "harness.h"
#include "options.h"

/* Numbers within the harness. */
enum {
	PROGRAM_EMPTY = HARNESS_EMPTY,
	PROGRAM_FLOOR,
	PROGRAM_LIMPET,
	PROGRAM_FIRST_OTHER,
};

struct programs;

/* Loads the floor and opens the other programs. -errno with words in err. */
int programs_open(const struct options *options, struct programs **out, struct lp_err *err);

/* NULL and a second call are fine. */
void programs_close(struct programs **programs);

size_t programs_count(const struct programs *programs); /* the empty one included */
const char *programs_name(const struct programs *programs, size_t number);

/*
 * Sets all of them up for a point, checks floor and limpet by a packet, and
 * puts them into a harness that was just opened. -errno with words in err.
 */
int programs_prepare(struct programs *programs, const struct bench_point *point,
		     struct harness *harness, struct lp_err *err);

/*
 * After measuring: has limpet forwarded each of the packets of this harness?
 * -EPROTO with words in err if not.
 */
int programs_verify(struct programs *programs, const struct harness *harness, struct lp_err *err);

#endif
