/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When a target is checked. Pure: time and randomness come as arguments. The
 * first check is uniform over one interval; each next one is planned one
 * interval after the *planned* start of the one before, or up to 5% earlier, so
 * that lateness does not add up, targets that happen to coincide drift apart, and a
 * backend that dies is known within `interval` times `fall`, and the timeout, always.
 */
#ifndef LIMPET_HEALTH_SCHEDULE_H
#define LIMPET_HEALTH_SCHEDULE_H

#include <stdint.h>

#define SCHEDULE_JITTER 0.05 /* of the interval, earlier */

struct schedule {
	uint64_t interval_ns;
	uint64_t planned_ns; /* next start, on the clock of now_ns */
	uint64_t random;     /* generator's state */
};

/* Plans the first start. `seed` should differ between targets. */
void schedule_begin(struct schedule *schedule, double interval_s, uint64_t now_ns, uint64_t seed);

/*
 * Takes note of a start at now_ns, plans the next one and returns by how many
 * seconds this one was late. Starts that should have been by now are left out:
 * the next one always lies after now_ns.
 */
double schedule_started(struct schedule *schedule, uint64_t now_ns);

#endif
