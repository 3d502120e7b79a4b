// SPDX-License-Identifier: GPL-2.0
#include "health/notes.h"

#include <stdio.h>

#include "health/tls.h"

#define DAY_S 86400

int64_t notes_days_left(uint64_t end_s, uint64_t now_s)
{
	int64_t left = (int64_t)end_s - (int64_t)now_s;

	return left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S);
}

/* Once for each day and certificate. */
static bool certificate(struct notes *notes, const struct config_check *check, uint64_t end_s,
			uint64_t now_s, char *text, size_t size)
{
	int64_t days = notes_days_left(end_s, now_s);
	char when[48];

	if (!end_s || !(check->expiry_warning > 0) ||
	    (double)end_s - (double)now_s >= check->expiry_warning)
		return false;
	if (notes->warned_end_s == end_s && notes->warned_day == days)
		return false;
	notes->warned_end_s = end_s;
	notes->warned_day = days;
	snprintf(text, size, "certificate %s %s", end_s > now_s ? "expires" : "expired",
		 tls_days(end_s, now_s, when, sizeof(when)));
	return true;
}

bool notes_result(struct notes *notes, const struct config_check *check,
		  const struct probe_result *result, uint64_t now_s, char *text, size_t size)
{
	bool before = notes->not_made;

	notes->not_made = result->verdict == PROBE_NOT_MADE;
	if (notes->not_made && !before) {
		snprintf(text, size, "%s", result->words);
		return true;
	}
	return certificate(notes, check, result->certificate_end_s, now_s, text, size);
}
