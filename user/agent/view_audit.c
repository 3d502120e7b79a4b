// SPDX-License-Identifier: GPL-2.0
/* The sampled audit (view.h): estimates with their error, never counts. */
#include "agent/view.h"

#include <stdlib.h>
#include <string.h>

#include "agent/names.h"
#include "core/audit.h"

/* KEY: the estimate, KEY_error: half of its 95% interval. */
static void add_estimate(json_t *object, const char *key, uint64_t sampled)
{
	char error[64];

	snprintf(error, sizeof(error), "%s_error", key);
	json_object_set_new(object, key, json_integer((json_int_t)audit_estimate(sampled)));
	json_object_set_new(object, error, json_real(audit_error(sampled)));
}

static void add_counter(json_t *object, const struct lp_audit_counter *counter)
{
	add_estimate(object, "opened", counter->opened);
	add_estimate(object, "broken", counter->broken);
	add_estimate(object, "lost", counter->lost);
	add_estimate(object, "moved", counter->moved);
}

/* Of all pool numbers, those of pools that are gone as well: broken is broken. */
json_t *view_audit_totals(struct agent *agent)
{
	json_t *object = json_pack("{s:i}", "sample", (int)LP_AUDIT_SAMPLE);
	struct lp_audit_counter sum = { 0 }, one;

	for (uint32_t i = 1; i < dp_size(agent->dp)->pools; i++) {
		dp_audit_counter(agent->dp, i, &one);
		sum.opened += one.opened;
		sum.broken += one.broken;
		sum.lost += one.lost;
		sum.moved += one.moved;
	}
	add_counter(object, &sum);
	return object;
}

/* --- pools ------------------------------------------------------------------------------ */

static void add_connections(json_t *pool, const struct agent *agent, const struct audit_scan *scan,
			    const char *name)
{
	const struct runtime *runtime = &agent->engine.runtime;
	json_t *backends = json_array();
	uint64_t sampled = 0;

	for (size_t i = 0; i < runtime->n_backends; i++) {
		const struct runtime_backend *backend = &runtime->backends[i];
		uint32_t n = audit_scan_backend(scan, backend->number);
		json_t *object;

		if (strcmp(backend->pool, name) != 0 || !(backend->wanted || backend->leaving))
			continue;
		object = json_pack("{s:s, s:s}", "name", backend->name, "state",
				   runtime_state(backend));
		add_estimate(object, "connections", n);
		json_array_append_new(backends, object);
		sampled += n;
	}
	add_estimate(pool, "connections", sampled);
	json_object_set_new(pool, "backends", backends);
}

static json_t *make_pool(const struct agent *agent, const struct audit_scan *scan, const char *name)
{
	uint32_t number = runtime_pool(&agent->engine.runtime, name);
	struct lp_pool now = dp_pool(agent->dp, dp_active_half(agent->dp), number);
	json_t *object = json_pack("{s:s, s:I}", "pool", name, "generation",
				   (json_int_t)now.generation);
	struct lp_audit_counter counter;

	dp_audit_counter(agent->dp, number, &counter);
	add_counter(object, &counter);
	add_connections(object, agent, scan, name);
	return object;
}

static json_t *make_pools(const struct agent *agent, const struct audit_scan *scan)
{
	json_t *list = json_array();

	for (size_t i = 0; i < agent->config->n_pools; i++)
		json_array_append_new(list, make_pool(agent, scan, agent->config->pools[i].name));
	return list;
}

/* --- ledger ------------------------------------------------------------------------------- */

static json_t *number_or_null(uint64_t number)
{
	return number ? json_integer((json_int_t)number) : json_null();
}

/* What made the generation, if it is still known. */
static json_t *make_change(const struct agent *agent, const struct audit_entry *entry)
{
	char why[HISTORY_TEXT];
	json_t *text;

	history_why(&agent->watch.history, entry->pool, entry->generation, why);
	text = *why ? json_string(why) : NULL;
	return text ? text : json_null();
}

static json_t *make_entry(const struct agent *agent, const struct audit_entry *entry)
{
	json_t *object = json_pack(
		"{s:s, s:o, s:o, s:o, s:o}", "pool", entry->pool, "generation",
		number_or_null(entry->generation), "change", make_change(agent, entry), "first_at",
		number_or_null(entry->first_at), "last_at", number_or_null(entry->last_at));

	add_estimate(object, "broken", entry->broken);
	add_estimate(object, "lost", entry->lost);
	add_estimate(object, "moved", entry->moved);
	return object;
}

static json_t *make_ledger(const struct agent *agent)
{
	const struct audit_entry *entry;
	json_t *list = json_array();

	for (size_t i = 0; (entry = audit_entry(&agent->watch.ledger, i)); i++)
		json_array_append_new(list, make_entry(agent, entry));
	return list;
}

/* --- heavy sources ---------------------------------------------------------------------------- */

static json_t *make_source(const struct names *names, const struct audit_source *source,
			   uint32_t total)
{
	const struct config_vip *vip = source->vip < names->n_vips ? names->vips[source->vip]
								   : NULL;
	char text[PREFIX_TEXT];
	json_t *object = json_pack(
		"{s:s, s:s?, s:b, s:f}", "source", prefix_format(&source->client, text), "vip",
		vip ? vip->name : NULL, "proxy", vip && prefix_is_proxy(vip, &source->client.addr),
		"share", (double)source->connections / (double)total);

	add_estimate(object, "connections", source->connections);
	return object;
}

static json_t *make_sources(const struct agent *agent, size_t n)
{
	struct audit_source *top = calloc(n, sizeof(*top));
	json_t *list = json_array();
	struct names names;
	uint32_t total;

	if (!top || names_open(&names, agent)) {
		free(top);
		return list;
	}
	if (!audit_heavy(agent->dp, agent_now().mono, names.clients, names.n_vips, top, &n, &total))
		for (size_t i = 0; i < n; i++)
			json_array_append_new(list, make_source(&names, &top[i], total));
	names_close(&names);
	free(top);
	return list;
}

json_t *view_audit(struct agent *agent, size_t heavy)
{
	struct audit_scan scan;
	json_t *object;

	if (audit_scan(agent->dp, agent_now().mono, &scan))
		return NULL;
	object = json_pack("{s:i, s:I, s:o, s:o, s:o}", "sample", (int)LP_AUDIT_SAMPLE, "since_at",
			   (json_int_t)agent->started_at, "pools", make_pools(agent, &scan),
			   "ledger", make_ledger(agent), "heavy_sources",
			   make_sources(agent, heavy));
	audit_scan_free(&scan);
	return object;
}
