// SPDX-License-Identifier: GPL-2.0
#include "agent/watch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

/* How often drains are looked at: a pass over the record table, which counts their
 * connections, takes as long (core/engine.h). */
#define DRAINS_EVERY_S 8

static void tick_ledger(struct watch *watch, const struct engine *engine, struct engine_time now)
{
	if (audit_tick(&watch->ledger, engine->dp, now.wall))
		lp_warning("out of memory for the ledger of broken connections");
}

void watch_because(struct watch *watch, const struct engine *engine, struct engine_time now,
		   const char *fmt, va_list ap)
{
	tick_ledger(watch, engine, now);
	history_because(&watch->history, engine->dp, fmt, ap);
}

const char *watch_why(const struct watch *watch)
{
	return watch->history.text;
}

void watch_applied(struct watch *watch, const struct engine *engine, struct engine_time now)
{
	history_applied(&watch->history, engine->dp, now.mono, now.wall);
}

/* --- drains --------------------------------------------------------------------------- */

static bool is_draining(const struct runtime_backend *backend)
{
	return backend->leaving || backend->admin != LP_ADMIN_ENABLED;
}

static bool has_drains(const struct runtime *runtime)
{
	for (size_t i = 0; i < runtime->n_backends; i++)
		if (is_draining(&runtime->backends[i]))
			return true;
	return false;
}

uint32_t watch_held(const struct engine *engine, uint32_t backend)
{
	return backend < engine->sweep.n_backends ? engine->sweep.last_held[backend] : 0;
}

/* Records count those that have had a packet since the change, samples estimate all. */
static void note_drain(struct watch *watch, const struct engine *engine,
		       const struct audit_scan *scan, const struct runtime_backend *backend,
		       uint32_t now)
{
	uint64_t held = watch_held(engine, backend->number);
	uint64_t estimate = audit_estimate(audit_scan_backend(scan, backend->number));

	if (backend->number < watch->n_drains)
		drain_note(&watch->drains[backend->number], backend->since,
			   held > estimate ? held : estimate, now);
}

static void make_room(struct watch *watch, uint32_t n)
{
	if (watch->n_drains == n)
		return;
	free(watch->drains);
	watch->drains = calloc(n, sizeof(*watch->drains));
	watch->n_drains = watch->drains ? n : 0;
}

static void look_at_drains(struct watch *watch, const struct engine *engine, uint32_t now)
{
	const struct runtime *runtime = &engine->runtime;
	struct audit_scan scan;

	make_room(watch, dp_size(engine->dp)->backends);
	if (audit_scan(engine->dp, now, &scan))
		return;
	for (size_t i = 0; i < runtime->n_backends; i++)
		if (is_draining(&runtime->backends[i]))
			note_drain(watch, engine, &scan, &runtime->backends[i], now);
	audit_scan_free(&scan);
}

double watch_left(const struct watch *watch, const struct runtime_backend *backend,
		  struct engine_time now)
{
	if (!is_draining(backend) || backend->number >= watch->n_drains)
		return -1;
	return drain_left(&watch->drains[backend->number], backend->since, now.mono);
}

bool watch_drain(const struct watch *watch, const struct runtime_backend *backend,
		 struct drain *out)
{
	const struct drain *drain;

	if (!is_draining(backend) || backend->number >= watch->n_drains)
		return false;
	drain = &watch->drains[backend->number];
	if (!drain->first_at || drain->since != backend->since)
		return false;
	*out = *drain;
	return true;
}

/* --- all ------------------------------------------------------------------------------- */

void watch_tick(struct watch *watch, const struct engine *engine, struct engine_time now)
{
	tick_ledger(watch, engine, now);
	if (now.mono - watch->drains_at < DRAINS_EVERY_S || !has_drains(&engine->runtime))
		return;
	watch->drains_at = now.mono;
	look_at_drains(watch, engine, now.mono);
}

void watch_fini(struct watch *watch)
{
	audit_ledger_free(&watch->ledger);
	history_fini(&watch->history);
	free(watch->drains);
	*watch = (struct watch) { 0 };
}
