/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From what the datapath holds to what it should hold: an ordered list of
 * operations, and their application. Pure but for plan_apply(), which acts
 * through dp.h alone.
 *
 * The order keeps P10: what a flip will show is written before the flip, and
 * what it hides is reused after it. When the VIP table changes, all pools that
 * change with it change in the same flip; otherwise each pool flips by itself.
 * A crash between two operations leaves the old or the new configuration, and
 * the next agent's plan repairs the rest, because a plan starts from what the
 * datapath holds and not from what somebody remembers.
 */
#ifndef LIMPET_CORE_PLAN_H
#define LIMPET_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/desired.h"
#include "core/runtime.h"
#include "dp/dp.h"

enum plan_kind {
	PLAN_BACKEND_NEW,   /* name and entry of a number that was free */
	PLAN_BACKEND_HOP,   /* another next hop, or network: one flip */
	PLAN_BACKEND_STATE, /* alive, offline, incarnation: one store */
	PLAN_BACKEND_META,  /* health, administrative state, dates */
	PLAN_NAME,          /* of a pool or a VIP */
	PLAN_TABLE,         /* a slot table into a free place */
	PLAN_POOL_FLIP,
	PLAN_VIPS,   /* VIP table and pools of the inactive half */
	PLAN_FLIP,   /* of the whole configuration */
	PLAN_FORGET, /* names of numbers that are free from now on */
};

struct plan_op {
	enum plan_kind kind;
	uint32_t number;                 /* PLAN_TABLE, PLAN_POOL_FLIP: pool */
	struct runtime_backend *backend; /* PLAN_BACKEND_* */
	uint32_t table;                  /* PLAN_TABLE, PLAN_POOL_FLIP: slot table */
	uint32_t moved; /* PLAN_POOL_FLIP, PLAN_TABLE: slots whose answer changes */
};

struct plan {
	struct plan_op *ops;
	size_t n_ops, room;
	/* Borrowed until plan_free(): */
	const struct desired *desired;
	struct runtime *runtime; /* learns the states that are written */
	unsigned int half;       /* PLAN_VIPS, PLAN_FLIP: the new active half */
	uint32_t *tables;        /* PLAN_VIPS: table of each pool number in that half */
	bool *alive;             /* backends that will be alive to records, by number */
	uint32_t n_alive;
	uint32_t now; /* seconds of CLOCK_MONOTONIC */
};

/*
 * Compares. `now` is seconds of CLOCK_MONOTONIC, from which moving slots are held.
 * `desired` and `runtime` must outlive the plan. -ENOMEM, or -ENOSPC
 * if there are too few slot tables.
 */
int plan_make(const struct desired *desired, struct runtime *runtime, struct dp *dp, uint32_t now,
	      struct plan **out);

/*
 * Carries it out in order. `progress` (may be NULL) is called before each
 * operation; if it returns non-zero, the plan stops there with that value (for
 * fault injection in tests; production passes NULL).
 */
int plan_apply(const struct plan *plan, struct dp *dp,
	       int (*progress)(void *arg, const struct plan_op *op), void *arg);

/* How many slots of pool `number` get another backend by this plan. */
uint32_t plan_moved(const struct plan *plan, uint32_t number);

void plan_free(struct plan **plan);

#endif
