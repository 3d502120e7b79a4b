// SPDX-License-Identifier: GPL-2.0
#include "core/drain.h"

#include <math.h>

void drain_note(struct drain *drain, uint64_t since, uint64_t n, uint64_t now)
{
	if (!drain->first_at || drain->since != since || n > drain->first)
		*drain = (struct drain) { .since = since, .first_at = now, .first = n };
	drain->last_at = now;
	drain->last = n;
}

double drain_left(const struct drain *drain, uint64_t since, uint64_t now)
{
	double elapsed = (double)(drain->last_at - drain->first_at), rate, left;

	if (!drain->first_at || drain->since != since)
		return -1;
	if (!drain->last)
		return 0;
	if (drain->last >= drain->first || elapsed <= 0)
		return -1;
	rate = log((double)drain->first / (double)drain->last) / elapsed;
	/* Half a connection is none. */
	left = log(2 * (double)drain->last) / rate - (double)(now - drain->last_at);
	return left > 0 ? left : 0;
}
