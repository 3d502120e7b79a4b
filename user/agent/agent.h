/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The agent: holds the configuration, what is known at run time, and the
 * datapath, and makes the third follow the first two. One thread, one libuv
 * loop.
 */
#ifndef LIMPET_AGENT_AGENT_H
#define LIMPET_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "agent/checks.h"
#include "agent/fragments.h"
#include "agent/interfaces.h"
#include "agent/options.h"
#include "agent/watch.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/engine.h"
#include "dp/dp.h"
#include "health/health.h"
#include "lib/err.h"
#include "net/net.h"

struct agent {
	uv_loop_t *loop;
	const struct options *options;
	struct config *config;
	char *config_text;  /* what `config` was parsed from, for `config show` */
	char *config_file;  /* and the name of that file */
	uint64_t loaded_at; /* seconds since the epoch */
	uint64_t started_at;
	struct engine engine;
	struct watch watch;
	struct interfaces interfaces;
	uv_timer_t tick;
	struct clock_watch clock;
	struct dp *dp;
	struct fragments *fragments; /* of dp */
	struct net *net;
	struct health *health;
	struct exec_spawner *spawner; /* not owned; NULL: programs of checks are our own children */
	struct checks checks;
	struct via *via; /* NULL: no check goes via vip */
	char *changes;   /* what the last configuration changed, a line each; may be NULL */
	bool adopted;    /* took over a running datapath */
};

/*
 * Takes everything from configuration file to forwarding: reads the file, opens
 * the datapath, adopts what runs, applies, attaches. On failure nothing that
 * ran before is disturbed, and words say what to do.
 */
int agent_start(struct agent *agent, uv_loop_t *loop, const struct options *options,
		struct exec_spawner *spawner, struct lp_err *err);

/*
 * Reads the configuration file again and makes the datapath follow. A file that
 * is wrong anywhere changes nothing (P10).
 */
int agent_reload(struct agent *agent, struct lp_err *err);

/*
 * Puts a configuration in force that was read from elsewhere: `text`, of the file called
 * `file`. The agent's own file stays as it is, so a reload or a restart goes back to it.
 */
int agent_apply(struct agent *agent, const char *file, const char *text, struct lp_err *err);

/* An operator's decision about a backend; deadline in seconds since the epoch, 0: none. */
int agent_set_admin(struct agent *agent, struct runtime_backend *backend, enum lp_admin admin,
		    uint64_t deadline, struct lp_err *err);

/* The same of its weight; `until` in seconds since the epoch, 0: no end. */
int agent_set_weight(struct agent *agent, struct runtime_backend *backend, uint32_t weight,
		     uint64_t until, struct lp_err *err);

/* The configuration's weight again. */
int agent_clear_weight(struct agent *agent, struct runtime_backend *backend, struct lp_err *err);

/* Before engine_converge(): why the datapath is about to change, for explanations. */
void agent_because(struct agent *agent, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Makes the datapath follow what is known at run time. A failure is logged, and
 * tried again with the next change.
 */
int agent_converge(struct agent *agent);

/* Now, on both clocks. */
struct engine_time agent_now(void);

/* Lets go; the datapath goes on, unless options->detach_on_exit. */
void agent_stop(struct agent *agent);

#endif
