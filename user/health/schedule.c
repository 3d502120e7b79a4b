// SPDX-License-Identifier: GPL-2.0
#include "health/schedule.h"

#include <limpet/hash.h>

/* Uniform in [0, 1): SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static double next_random(struct schedule *schedule)
{
	schedule->random += 0x9e3779b97f4a7c15ull;
	return (double)(lp_mix64(schedule->random) >> 11) * 0x1p-53;
}

void schedule_begin(struct schedule *schedule, double interval_s, uint64_t now_ns, uint64_t seed)
{
	schedule->interval_ns = (uint64_t)(interval_s * 1e9);
	if (!schedule->interval_ns)
		schedule->interval_ns = 1;
	schedule->random = seed;
	schedule->planned_ns = now_ns +
			       (uint64_t)((double)schedule->interval_ns * next_random(schedule));
}

double schedule_started(struct schedule *schedule, uint64_t now_ns)
{
	double factor = 1 - SCHEDULE_JITTER * next_random(schedule);
	uint64_t planned = schedule->planned_ns;
	uint64_t next = planned + (uint64_t)((double)schedule->interval_ns * factor);

	if (next <= now_ns)
		next += ((now_ns - next) / schedule->interval_ns + 1) * schedule->interval_ns;
	schedule->planned_ns = next;
	return now_ns > planned ? (double)(now_ns - planned) / 1e9 : 0;
}
