/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long it takes until a backend that gets no new connections has none left. Pure.
 *
 * Connections that end independently of each other at one rate leave an exponential
 * decay: from n0 at first to n after t seconds the rate is ln(n0 / n) / t, and a
 * fraction f is left after ln(1 / f) / rate more. A guess, to tell five minutes from
 * five hours; the deadline is what holds.
 */
#ifndef LIMPET_CORE_DRAIN_H
#define LIMPET_CORE_DRAIN_H

#include <stdint.h>

/* What was seen of one backend. All zero: nothing yet. */
struct drain {
	uint64_t since;    /* of which state this speaks (runtime_backend.since) */
	uint64_t first_at; /* seconds of a clock that only goes forward */
	uint64_t first;    /* connections at that time */
	uint64_t last_at, last;
};

/* `n` connections now; `since` says which drain this is: another one begins anew. */
void drain_note(struct drain *drain, uint64_t since, uint64_t n, uint64_t now);

/*
 * Seconds from `now` on until none is expected to be left: 0 if there are none.
 * Below 0: not known, because they have not become fewer yet.
 */
double drain_left(const struct drain *drain, uint64_t since, uint64_t now);

#endif
