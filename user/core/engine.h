/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control side of the affinity engine as one thing: what is known at run
 * time, the datapath, and the sweep, and the order in which they change. Over
 * dp.h, with time as an argument and no other I/O, so that the agent and the
 * model tests drive the same code.
 *
 * A change of configuration is: engine_assign(), next hops filled in by the
 * caller, engine_converge() with VIPs, engine_settle(). A change of health, of
 * next hops or of an operator's mind is engine_converge() without VIPs. Once a
 * second, engine_tick().
 */
#ifndef LIMPET_CORE_ENGINE_H
#define LIMPET_CORE_ENGINE_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/entries.h"
#include "core/plan.h"
#include "core/runtime.h"
#include "core/sweep.h"
#include "dp/dp.h"
#include "lib/err.h"

/* Both clocks: of records (CLOCK_MONOTONIC) and of people (seconds since the epoch). */
struct engine_time {
	uint32_t mono;
	uint64_t wall;
};

struct engine {
	struct dp *dp; /* borrowed */
	struct lp_hash_key key;
	struct runtime runtime;
	struct sweep sweep;
	struct entries entries;
	struct sweep_pool *pools; /* by pool number */
	uint64_t *digests;        /* of the slot tables in the datapath, by pool number */
};

/* Learns what is in `dp`. -ENOMEM. */
int engine_open(struct engine *engine, struct dp *dp, const struct lp_hash_key *key,
		struct engine_time now);
void engine_close(struct engine *engine);

/* runtime_assign(), with words. */
int engine_assign(struct engine *engine, const struct config *config, struct engine_time now,
		  struct lp_err *err);

/*
 * Makes the datapath hold what configuration and runtime say. `applied` (may be
 * NULL) is called with the plan after it has been carried out.
 */
int engine_converge(struct engine *engine, const struct config *config, bool with_vips,
		    struct engine_time now, void (*applied)(void *arg, const struct plan *plan),
		    void *arg, struct lp_err *err);

/* After a configuration has been applied: what it does not name leaves. */
void engine_settle(struct engine *engine, struct engine_time now);

/*
 * Lets a second pass: deadlines, a step of the sweep over an eighth of the record
 * table, forgetting of what has left. Returns true when engine_converge() is
 * needed, because a deadline or the time of a weight has passed, or a slow start goes on.
 */
bool engine_tick(struct engine *engine, struct engine_time now);

#endif
