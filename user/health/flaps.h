/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often a backend went up or down in the last hour, and when and why it did so
 * the last times. Pure: time comes as an argument.
 */
#ifndef LIMPET_HEALTH_FLAPS_H
#define LIMPET_HEALTH_FLAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLAPS_WINDOW_MINUTES 60
#define FLAPS_KEPT           8  /* transitions */
#define FLAPS_WHY            96 /* bytes of the words of one, terminating zero included */

struct flap {
	uint64_t at_s; /* seconds since the epoch */
	bool up;       /* what it became */
	char why[FLAPS_WHY];
};

/* All zero: none yet. */
struct flaps {
	uint64_t minute;                      /* of the newest count, minutes since the epoch */
	uint8_t counts[FLAPS_WINDOW_MINUTES]; /* by minute, modulo the window; 255: and more */
	unsigned int n;    /* all that were entered, of which the last are kept */
	struct flap *kept; /* FLAPS_KEPT; made with the first: most backends need none */
};

/* Enters a transition. Without memory it is counted and not kept. */
void flaps_add(struct flaps *flaps, uint64_t now_s, bool up, const char *why);

/* Transitions in the FLAPS_WINDOW_MINUTES that end with the minute of now_s. A clock
 * that was set back counts what it finds, at most all. */
unsigned int flaps_recent(const struct flaps *flaps, uint64_t now_s);

/* Copies the last transitions, newest first, at most `max`; how many. */
size_t flaps_list(const struct flaps *flaps, struct flap *out, size_t max);

/* Frees what was kept and zeroes; can be called twice. */
void flaps_fini(struct flaps *flaps);

#endif
