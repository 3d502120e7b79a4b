/* SPDX-License-Identifier: GPL-2.0 */
/* From results to a state: `rise`, `fall` and the counters of health_status. Pure. */
#ifndef LIMPET_HEALTH_TALLY_H
#define LIMPET_HEALTH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "health/health.h"
#include "health/probe.h"

/*
 * Enters a result that came at now_s (seconds since the epoch) into *status.
 * Returns whether status->up changed: `fall` bad results in a row take it down,
 * `rise` good ones take it up again, one of the other kind starts the row anew.
 * PROBE_NOT_MADE leaves its words, is counted as such, and that is all.
 */
bool health_tally(struct health_status *status, const struct config_check *check,
		  const struct probe_result *result, uint64_t now_s);

#endif
