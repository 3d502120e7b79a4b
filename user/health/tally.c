// SPDX-License-Identifier: GPL-2.0
#include "health/tally.h"

#include <stdio.h>

static const enum health_result results[] = {
	[PROBE_GOOD] = HEALTH_GOOD,
	[PROBE_BAD] = HEALTH_BAD,
	[PROBE_NOT_MADE] = HEALTH_NOT_CHECKED,
};

static void count(struct health_status *status, const struct probe_result *result)
{
	status->checks++;
	if (result->verdict == PROBE_GOOD)
		status->latency_s = result->latency_s;
	else
		status->failures++;
}

bool health_tally(struct health_status *status, const struct config_check *check,
		  const struct probe_result *result, uint64_t now_s)
{
	unsigned int needed = status->up ? check->fall : check->rise;

	snprintf(status->last, sizeof(status->last), "%s", result->words);
	status->last_at_s = now_s;
	status->result = results[result->verdict];
	if (result->certificate_end_s)
		status->certificate_end_s = result->certificate_end_s;
	if (result->verdict == PROBE_NOT_MADE) {
		status->not_made++;
		return false;
	}
	count(status, result);
	if ((result->verdict == PROBE_GOOD) == status->up) {
		status->streak = 0;
		return false;
	}
	if (++status->streak < needed)
		return false;
	status->up = !status->up;
	status->since_s = now_s;
	status->streak = 0;
	status->flaps++;
	return true;
}
