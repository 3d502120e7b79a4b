/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock of people (CLOCK_REALTIME) jumps: a machine boots with a wrong one, and NTP
 * or somebody sets it. Dates that were made of durations ("drain for 10 minutes") jump
 * with it (runtime_shift()), so that the duration stays what it was. Pure.
 */
#ifndef LIMPET_CORE_CLOCK_H
#define LIMPET_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Less than this is no jump: seconds are whole, and a busy machine looks late. */
#define CLOCK_JUMP_MIN_S 2

/* All zero: nothing is known yet. */
struct clock_watch {
	bool known;
	int64_t offset; /* between the two when they were looked at last, seconds */
};

/*
 * By how many seconds `wall` (since the epoch) has jumped since the last call, as
 * `running` (CLOCK_BOOTTIME: it never jumps, and a sleeping machine's nights are in
 * both) says; 0: it has not. What the two drift apart slowly is no jump.
 */
int64_t clock_jump(struct clock_watch *watch, uint64_t wall, uint64_t running);

#endif
