// SPDX-License-Identifier: GPL-2.0
/* Health checks (view.h). */
#include <time.h>

#include "agent/view.h"
#include "health/notes.h"

/* What a server says in an error of its own may be no UTF-8, which JSON has to be. */
static json_t *text_of(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : json_string("(words that are not UTF-8)");
}

static json_t *view_flaps(const struct agent *agent, uint32_t number)
{
	struct flap flaps[FLAPS_KEPT];
	size_t n = health_flaps(agent->health, number, flaps, FLAPS_KEPT);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:I, s:s, s:o}", "at", (json_int_t)flaps[i].at_s, "state",
					flaps[i].up ? "up" : "down", "why", text_of(flaps[i].why)));
	return list;
}

static const char *result_name(enum health_result result)
{
	static const char *const names[] = {
		[HEALTH_NO_RESULT] = NULL,
		[HEALTH_GOOD] = "good",
		[HEALTH_BAD] = "bad",
		[HEALTH_NOT_CHECKED] = "not checked",
	};

	return names[result];
}

static void add_certificate(json_t *object, uint64_t end_s)
{
	int64_t days = notes_days_left(end_s, (uint64_t)time(NULL));

	json_object_set_new(object, "certificate_ends_at",
			    end_s ? json_integer((json_int_t)end_s) : json_null());
	json_object_set_new(object, "certificate_days",
			    end_s ? json_integer((json_int_t)days) : json_null());
}

json_t *view_check(const struct agent *agent, uint32_t number)
{
	struct health_status status;
	json_t *object;

	if (health_status(agent->health, number, &status))
		return json_null();
	object = json_pack(
		"{s:s?, s:o, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:i, s:f, s:f, s:f, s:o}", "result",
		result_name(status.result), "last", text_of(status.last), "last_at",
		(json_int_t)status.last_at_s, "since_at", (json_int_t)status.since_s, "streak",
		(int)status.streak, "checks", (json_int_t)status.checks, "failures",
		(json_int_t)status.failures, "not_made", (json_int_t)status.not_made, "flaps",
		(json_int_t)status.flaps, "flaps_1h", (int)status.flaps_recent, "latency_s",
		status.latency_s, "late_s", status.late_s, "late_max_s", status.late_max_s,
		"transitions", view_flaps(agent, number));
	if (object)
		add_certificate(object, status.certificate_end_s);
	return object;
}

json_t *view_health(const struct agent *agent)
{
	const struct checks *checks = &agent->checks;
	struct health_lateness late = { 0 };

	if (health_lateness(agent->health, &late))
		return json_null();
	return json_pack("{s:I, s:f, s:f, s:f, s:I, s:f, s:f}", "targets", (json_int_t)late.targets,
			 "late_median_s", late.median, "late_p99_s", late.p99, "late_max_s",
			 late.max, "verdicts", (json_int_t)checks->verdicts, "verdict_last_s",
			 checks->last_s, "verdict_max_s", checks->max_s);
}
