/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A token bucket, for the BPF programs and for tests alike: at most `burst` at once and
 * `per_s` a second for ever.
 *
 * Kept as the one moment at which the next token is due (the generic cell rate algorithm,
 * ITU-T I.371 annex A): nothing has to be filled while nobody asks. Of one CPU, so there is
 * no atomic in it. Time is an argument.
 */
#ifndef LIMPET_LIMIT_H
#define LIMPET_LIMIT_H

#include <linux/types.h>
#include <stdbool.h>

/* All zeroes: full. */
struct lp_limit {
	__u64 due_ns; /* when the next token is there; in the past: there are more than one */
};

/*
 * Takes a token, if there is one. `now_ns` of any clock; if that goes back, the bucket is full
 * again, as no token is ever due later than a token's time from now. `per_s` and `burst` at
 * least 1, constants where this is inlined.
 */
static inline __attribute__((always_inline)) bool
lp_limit_take(struct lp_limit *limit, __u64 now_ns, __u32 per_s, __u32 burst)
{
	__u64 gap = 1000000000ull / per_s, full = (burst - 1) * gap;
	__u64 earliest = now_ns > full ? now_ns - full : 0;
	__u64 due = limit->due_ns > earliest ? limit->due_ns : earliest;

	if (due > now_ns + gap)
		due = earliest;
	if (due > now_ns)
		return false;
	limit->due_ns = due + gap;
	return true;
}

#endif
