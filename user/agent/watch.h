/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the agent notes about its datapath as time passes, for people: the ledger of
 * broken connections, which change moved which slots and why, and how drains go on.
 */
#ifndef LIMPET_AGENT_WATCH_H
#define LIMPET_AGENT_WATCH_H

#include <stdarg.h>
#include <stdint.h>

#include "core/audit.h"
#include "core/drain.h"
#include "core/engine.h"
#include "core/history.h"

/* All zero is an empty one. */
struct watch {
	struct audit_ledger ledger;
	struct history history;
	struct drain *drains; /* by backend number */
	uint32_t n_drains;
	uint32_t drains_at; /* when they were last looked at, seconds of CLOCK_MONOTONIC */
};

/* Before a change of the datapath: why it is made. */
void watch_because(struct watch *watch, const struct engine *engine, struct engine_time now,
		   const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

/* Between the two: what was said last, "" if nothing. */
const char *watch_why(const struct watch *watch);

/* After it. */
void watch_applied(struct watch *watch, const struct engine *engine, struct engine_time now);

/* Once a second. */
void watch_tick(struct watch *watch, const struct engine *engine, struct engine_time now);

/* Living connections of a backend as far as they have records, and seconds until none
 * is expected to be left (below 0: not known). */
uint32_t watch_held(const struct engine *engine, uint32_t backend);
double watch_left(const struct watch *watch, const struct runtime_backend *backend,
		  struct engine_time now);

/* From what watch_left() is reckoned; false if it is not known. */
bool watch_drain(const struct watch *watch, const struct runtime_backend *backend,
		 struct drain *out);

void watch_fini(struct watch *watch);

#endif
