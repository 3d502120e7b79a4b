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
 * Sets floor and ceil of the racers that run to the whole numbers around their
 * weight's share of LP_SLOTS, but never below what they hold. Returns the
 * number of spares: how many racers can have ceil. At least one racer runs.
 *
 * In one corner there is no such solution: racers of less than a few slots,
 * rounded up while others were there, may now hold more in sum than their
 * shares, and keep it (P4). Then the floors of all others are lowered by the
 * same number of slots, the smallest that makes ends meet.
 */
uint32_t slot_quota_set(struct slot_racer *racers, size_t n);

#endif
