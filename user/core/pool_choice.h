/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who of a pool is used now, and the slot table that follows. Pure, and without history
 * (P6) but for slow starts:
 *
 *  - whoever serves (runtime_serves()) and is no backup;
 *  - backups that serve, while fewer than `min_up` others do;
 *  - if that is nobody, and `on_all_down` is all: whoever has a weight and was not taken
 *    out by an operator, for the checks may be what is wrong. Backups only where there
 *    are no others.
 *
 * While somebody is in a slow start, the same is asked as if he did not serve, and each
 * slot has one of the two answers (core/slow_start.h).
 */
#ifndef LIMPET_CORE_POOL_CHOICE_H
#define LIMPET_CORE_POOL_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/runtime.h"
#include "core/slot_table.h"

struct pool_choice {
	enum config_hash hash;
	size_t n;
	struct slot_member *members; /* with everybody who serves */
	bool *without;               /* usable in the table without those in a slow start */
	uint8_t *part;               /* SLOW_START_WHOLE, or less in a slow start */
	uint8_t least;               /* of the parts */
};

/*
 * Chooses, and notes in `runtime` who is in use and who is tried for want of others
 * (runtime_backend.in_use, fail_open). Numbers must have been assigned. On success *out
 * is the caller's, to be freed with pool_choice_free(). -ENOMEM.
 */
int pool_choice_make(const struct config_pool *pool, struct runtime *runtime,
		     struct pool_choice *out);

/* Equal digests, equal tables; never 0. */
uint64_t pool_choice_digest(const struct pool_choice *choice);

/* Fills table[LP_SLOTS] with backend numbers. Errors are slot_table_build()'s. */
int pool_choice_build(const struct pool_choice *choice, uint16_t *table);

void pool_choice_free(struct pool_choice *choice);

#endif
