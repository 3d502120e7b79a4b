/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slow start: a backend that begins to serve takes over its slots bit by bit. Pure.
 *
 * Which slots it has in the end is known from the first moment: those that the pool's
 * table with it gives it. Until its pool's `slow_start` has passed, a growing part of
 * them is taken from that table, and the rest from the table without it. A slot that it
 * has once is its own, and no slot moves that would not have moved without a slow start:
 * each moves once, only not all at the same time (P4).
 *
 * `slow_start` may change on the way. A backend goes by the new time from the moment on at
 * which it came up, and keeps what it has: made longer, it waits until the new time has
 * come as far (30 s into one of 60 s it has 11 of 21 parts; with 600 s it gets the 12th
 * after 330 s); made shorter, or 0, it gets at once what it would have by now. Those that
 * have all of their slots are done, whatever the time becomes.
 *
 * A pool that has just begun is not slowed down: without anybody who has served for
 * `slow_start` already there is nobody who could carry the load meanwhile, and weights
 * that rise together are no different from equal ones.
 *
 * Times are seconds of CLOCK_MONOTONIC, which no clock that is set can hurry; they are
 * in the datapath's names (lp_backend_meta), so that the next agent goes on (P8).
 */
#ifndef LIMPET_CORE_SLOW_START_H
#define LIMPET_CORE_SLOW_START_H

#include <stdbool.h>
#include <stdint.h>

#include "core/runtime.h"

#define SLOW_START_STEPS 20u
#define SLOW_START_WHOLE (SLOW_START_STEPS + 1) /* parts of a backend's slots */

/*
 * How many of SLOW_START_WHOLE parts a backend has that began to serve at `came_up`: one
 * at once, all after `seconds`.
 */
uint8_t slow_start_part(uint32_t came_up, double seconds, uint32_t now);

/* Is the slot among the first `part` parts? The slots of n parts are among those of n + 1. */
bool slow_start_takes(uint8_t part, uint32_t slot);

/*
 * Notes who has begun or ceased to serve (runtime_serves()), and how far each is. Call it
 * before desired_make(), whenever something may have changed.
 */
void slow_start_follow(struct runtime *runtime, uint32_t now);

/* Would slow_start_follow() give somebody more than he has? */
bool slow_start_due(const struct runtime *runtime, uint32_t now);

/* Seconds until it has all of its slots; 0: it has. */
uint32_t slow_start_left(const struct runtime_backend *backend, uint32_t now);

#endif
