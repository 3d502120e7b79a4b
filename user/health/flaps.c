// SPDX-License-Identifier: GPL-2.0
#include "health/flaps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Minutes that have passed without a transition count 0. */
static void advance(struct flaps *flaps, uint64_t minute)
{
	if (minute <= flaps->minute)
		return;
	if (minute - flaps->minute >= FLAPS_WINDOW_MINUTES)
		memset(flaps->counts, 0, sizeof(flaps->counts));
	else
		for (uint64_t m = flaps->minute + 1; m <= minute; m++)
			flaps->counts[m % FLAPS_WINDOW_MINUTES] = 0;
	flaps->minute = minute;
}

static void keep(struct flaps *flaps, uint64_t now_s, bool up, const char *why)
{
	struct flap *flap;

	if (!flaps->kept)
		flaps->kept = calloc(FLAPS_KEPT, sizeof(*flaps->kept));
	if (!flaps->kept)
		return;
	flap = &flaps->kept[flaps->n++ % FLAPS_KEPT];
	flap->at_s = now_s;
	flap->up = up;
	snprintf(flap->why, sizeof(flap->why), "%s", why);
}

void flaps_add(struct flaps *flaps, uint64_t now_s, bool up, const char *why)
{
	uint8_t *count;

	advance(flaps, now_s / 60);
	count = &flaps->counts[flaps->minute % FLAPS_WINDOW_MINUTES];
	*count = *count < UINT8_MAX ? *count + 1 : UINT8_MAX;
	keep(flaps, now_s, up, why);
}

unsigned int flaps_recent(const struct flaps *flaps, uint64_t now_s)
{
	uint64_t minute = now_s / 60;
	unsigned int sum = 0;

	for (uint64_t i = 0; i < FLAPS_WINDOW_MINUTES && i <= flaps->minute; i++) {
		uint64_t m = flaps->minute - i;

		if (minute < m || minute - m < FLAPS_WINDOW_MINUTES)
			sum += flaps->counts[m % FLAPS_WINDOW_MINUTES];
	}
	return sum;
}

size_t flaps_list(const struct flaps *flaps, struct flap *out, size_t max)
{
	size_t n = flaps->n < FLAPS_KEPT ? flaps->n : FLAPS_KEPT;

	if (n > max)
		n = max;
	for (size_t i = 0; i < n; i++)
		out[i] = flaps->kept[(flaps->n - 1 - i) % FLAPS_KEPT];
	return n;
}

void flaps_fini(struct flaps *flaps)
{
	free(flaps->kept);
	*flaps = (struct flaps) { 0 };
}
