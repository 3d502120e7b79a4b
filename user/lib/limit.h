/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often one kind of line may be logged: at most so many in a window of
 * LP_LIMIT_WINDOW_S seconds that begins with the first of them; those beyond are
 * counted. Pure: time is an argument.
 */
#ifndef LIMPET_LIB_LIMIT_H
#define LIMPET_LIB_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LP_LIMIT_WINDOW_S 60u

/* All zeros: nothing was said yet. */
struct lp_limit {
	uint64_t since; /* seconds of a clock that does not jump: beginning of the window */
	unsigned int said, left_out;
};

/* Is there room for one more line at `now`? It is counted either way. A window that is
 * over, and whose left_out was not taken, is still there: lp_limit_end() first. */
bool lp_limit_take(struct lp_limit *limit, uint64_t now, unsigned int max);

/* Ends the window if it is over at `now`; how many lines were left out in it. */
unsigned int lp_limit_end(struct lp_limit *limit, uint64_t now);

#endif
