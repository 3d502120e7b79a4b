// SPDX-License-Identifier: GPL-2.0
/* What a configuration would change, and where what runs is not what the file says (view.h). */
#include <stdio.h>
#include <string.h>

#include "agent/view.h"
#include "core/audit.h"

json_t *view_changes(const struct config_diff *diff)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diff->n; i++) {
		const struct config_change *change = &diff->changes[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "kind",
						      config_change_name(change->kind), "thing",
						      change->thing, "name", change->name, "text",
						      change->text));
	}
	return list;
}

/* --- the forecast ------------------------------------------------------------------- */

static void add_estimate(json_t *object, const char *key, uint64_t sampled)
{
	char error[64];

	snprintf(error, sizeof(error), "%s_error", key);
	json_object_set_new(object, key, json_integer((json_int_t)audit_estimate(sampled)));
	json_object_set_new(object, error, json_real(audit_error(sampled)));
}

static json_t *make_connections(const struct forecast_count *count)
{
	json_t *object = json_object();

	add_estimate(object, "live", count->all);
	add_estimate(object, "touched", count->moved);
	add_estimate(object, "leaving", count->leaving);
	add_estimate(object, "broken", count->lost);
	return object;
}

static json_t *make_clients(const struct forecast_count *count)
{
	json_t *object = json_object();

	add_estimate(object, "live", count->all);
	add_estimate(object, "touched", count->moved);
	add_estimate(object, "moved", count->lost);
	return object;
}

static void add_counts(json_t *object, const struct forecast_counts *counts)
{
	json_object_set_new(object, "connections", make_connections(&counts->connections));
	json_object_set_new(object, "clients", make_clients(&counts->clients));
}

static const char *change_name(enum forecast_change change)
{
	static const char *const names[] = {
		[FORECAST_STAYS] = "stays",
		[FORECAST_COMES] = "added",
		[FORECAST_GOES] = "removed",
	};

	return names[change];
}

static json_t *make_pools(const struct forecast *forecast)
{
	json_t *list = json_array();

	for (size_t i = 0; i < forecast->n_pools; i++) {
		const struct forecast_pool *pool = &forecast->pools[i];
		json_t *object = json_pack("{s:s, s:s, s:i, s:I, s:f}", "pool", pool->name,
					   "change", change_name(pool->change), "slots",
					   (int)LP_SLOTS, "slots_moved",
					   (json_int_t)pool->slots_moved, "moved_share",
					   (double)pool->slots_moved / LP_SLOTS);

		add_counts(object, &pool->counts);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *make_vips(const struct forecast *forecast)
{
	json_t *list = json_array();

	for (size_t i = 0; i < forecast->n_vips; i++) {
		const struct forecast_vip *vip = &forecast->vips[i];
		json_t *object = json_pack("{s:s, s:s, s:f}", "vip", vip->name, "change",
					   change_name(vip->change), "moved_share",
					   vip->moved_share);

		add_counts(object, &vip->counts);
		json_array_append_new(list, object);
	}
	return list;
}

json_t *view_preview(const struct preview *preview, uint64_t generation)
{
	const struct forecast *forecast = preview->forecast;
	json_t *total = json_object();

	add_counts(total, &forecast->total);
	return json_pack(
		"{s:s, s:s, s:I, s:b, s:b, s:o, s:o, s:o, s:o, s:f, s:s?, s:i}", "plan",
		preview->id, "file", preview->file, "generation", (json_int_t)generation, "rekeyed",
		preview->rekeyed, "grows", preview->grows, "changes", view_changes(preview->diff),
		"pools", make_pools(forecast), "vips", make_vips(forecast), "total", total,
		"moved_share", forecast->worst ? forecast->worst->moved_share : 0.0, "worst_vip",
		forecast->worst ? forecast->worst->name : NULL, "sample", (int)LP_AUDIT_SAMPLE);
}

/* --- drift: what the file does not say ---------------------------------------------- */

/* Why the backend is not simply up, with its weight; NULL if it is. */
static const char *why_not_up(const struct runtime_backend *backend)
{
	if (backend->leaving)
		return "no longer in the configuration, kept for its connections";
	if (backend->admin != LP_ADMIN_ENABLED)
		return "an operator's decision";
	if (!backend->hop.ifindex)
		return "there is no way to it";
	if (!backend->healthy)
		return "its check fails";
	return backend->weighted ? "an operator's weight" : NULL;
}

static json_t *make_departures(const struct runtime *runtime)
{
	json_t *list = json_array();

	for (size_t i = 0; i < runtime->n_backends; i++) {
		const struct runtime_backend *backend = &runtime->backends[i];
		const char *why = why_not_up(backend);

		if (!why || !(backend->wanted || backend->leaving))
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:s, s:o}", "pool", backend->pool, "backend",
				  backend->name, "state", runtime_state(backend), "why", why,
				  "deadline_at",
				  backend->deadline ? json_integer((json_int_t)backend->deadline)
						    : json_null()));
	}
	return list;
}

json_t *view_drift(const struct agent *agent, const struct config_diff *diff)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "running", agent->config_file, "desired",
			 agent->options->config, "changes", view_changes(diff), "departures",
			 make_departures(&agent->engine.runtime));
}
