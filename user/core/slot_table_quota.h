/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many slots each racer may hold. Private to slot_table*.c.
 */
#ifndef LIMPET_CORE_SLOT_TABLE_QUOTA_H
#define LIMPET_CORE_SLOT_TABLE_QUOTA_H

#include <stddef.h>
#include <stdint.h>

#include "core/slot_table_race.h"

/*
 * Sets what the racers that run may hold: their weight's share of LP_SLOTS (less
 * what racers hold that do not run), rounded by the method of the largest
 * remainder, but never below what they hold. Where remainders tie (equal weights, mostly) for the
 * last slots to give away, the race decides and not, say, the ids: floor and ceil of those racers
 * differ, and the number of such slots is returned as spares. So a slot can
 * stay with who visits it first, which saves churn where shares are few slots
 * (docs/tables.md). At least one racer runs.
 *
 * In one corner there is no such solution: racers of less than a few slots,
 * rounded up while others were there, may now hold more in sum than their
 * shares, and keep it (P4). Then the floors of all others are lowered by the
 * same number of slots, the smallest that makes ends meet.
 */
uint32_t slot_quota_set(struct slot_racer *racers, size_t n);

/*
 * Before a race; does something only if backups run in it: racers that hold more than their share
 * of all, backups included, keep it (P4) and do not run, so that the others divide what is left by
 * weight. Who runs after it holds no more than its share.
 */
void slot_quota_rest(struct slot_racer *racers, size_t n);

#endif
