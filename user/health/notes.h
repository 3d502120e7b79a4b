/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of a target's results deserves a line in the log although it changes no
 * state: a certificate that ends soon, once a day; checks that begin not to be
 * made. Pure.
 */
#ifndef LIMPET_HEALTH_NOTES_H
#define LIMPET_HEALTH_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "health/probe.h"

/* All zero is a target that has had no result. */
struct notes {
	uint64_t warned_end_s; /* of the certificate that was last warned of */
	int64_t warned_day;    /* whole days left then */
	bool not_made;         /* the last check was not */
};

/* Enters a result of now_s; true if `text` says something that is to be logged. */
bool notes_result(struct notes *notes, const struct config_check *check,
		  const struct probe_result *result, uint64_t now_s, char *text, size_t size);

/* Whole days from now_s to `end_s`, rounded down: below 0 once it has passed. */
int64_t notes_days_left(uint64_t end_s, uint64_t now_s);

#endif
