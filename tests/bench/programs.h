/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs that are compared at a point: the empty one, the floor, and what its kind
 * asks for (enum bench_kind).
 */
#ifndef LIMPET_BENCH_PROGRAMS_H
#define LIMPET_BENCH_PROGRAMS_H

#include "harness.h"
#include "options.h"

/* Numbers within the harness; of the first two and of the pairs that have a budget. */
enum {
	PROGRAM_EMPTY = HARNESS_EMPTY,
	PROGRAM_FLOOR,
	PROGRAM_LIMPET,                          /* BENCH_TRACKED, BENCH_ALLOCATION: always */
	PROGRAM_UNAUDITED = PROGRAM_LIMPET + 1,  /* BENCH_AUDIT */
	PROGRAM_MOVING = PROGRAM_LIMPET + 1,     /* BENCH_TRACKED */
	PROGRAM_SNAT = PROGRAM_LIMPET + 2,       /* the same */
	PROGRAM_ALLOCATION = PROGRAM_LIMPET + 1, /* BENCH_ALLOCATION: snat */
	PROGRAM_FIRST_OTHER = PROGRAM_LIMPET + 1,
};

struct programs;

/* Loads the floor and opens the other programs. -errno with words in err. */
int programs_open(const struct options *options, struct programs **out, struct lp_err *err);

/* NULL and a second call are fine. */
void programs_close(struct programs **programs);

/* Of the point that was last prepared; the empty one included. */
size_t programs_count(const struct programs *programs);
const char *programs_name(const struct programs *programs, size_t number);
enum bench_state programs_state(const struct programs *programs, size_t number);

/*
 * Sets all of them up for a point, lets those that remember see each flow, checks each of
 * our own by a packet, and puts them into a harness that was just opened. -errno with
 * words in err.
 */
int programs_prepare(struct programs *programs, const struct bench_point *point,
		     struct harness *harness, struct lp_err *err);

/*
 * After measuring: has limpet forwarded each of the packets of this harness, and was each
 * flow remembered that had to be? -EPROTO with words in err if not.
 */
int programs_verify(struct programs *programs, const struct bench_point *point,
		    const struct harness *harness, struct lp_err *err);

#endif
