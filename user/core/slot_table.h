/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Building of slot tables: which member of a pool answers each of LP_SLOTS
 * slots. Pure integer arithmetic, so that any node gets the same bytes (P6).
 */
#ifndef LIMPET_CORE_SLOT_TABLE_H
#define LIMPET_CORE_SLOT_TABLE_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

struct slot_member {
	uint64_t id;     /* hash of the member's identity, not of its number; distinct */
	uint32_t weight; /* 0 to CONFIG_WEIGHT_MAX */
	bool usable;     /* takes new clients: healthy, and neither draining nor offline */
	bool backup;     /* has slots only of those who are not usable */
	uint16_t value;  /* what is written into the slots: the backend's number */
};

/*
 * Identity of a backend for the tables: a hash of its name keyed by `seed`.
 * Not of its address: a server that gets another address keeps its slots.
 */
uint64_t slot_member_id(const char *seed, const char *pool, const char *backend);

/*
 * Fills table[LP_SLOTS] with the members' values. The result depends on hash
 * and on the set of (id, weight, usable, backup), not on the order of the members.
 * docs/tables.md has the definition, which is short, and figures.
 *
 *  - Each usable member has its weight's share of LP_SLOTS among the usable
 *    ones, rounded down or up (P5), if no backup is usable. The one exception, where many members
 * are worth less than a few slots each, is in core/slot_table_quota.h.
 *  - Members that are not usable have their slots spread over the others by
 *    weight; no slot of a usable member moves for that (P4).
 *  - Backups get slots of members that are not usable only: where they are usable,
 *    up to their weight's share among all usable ones.
 *  - No usable member with a weight above 0: all slots hold 0.
 *
 * `ring` and `modulo` promise none of this but the first sentence: see
 * slot_table_simple.h.
 *
 * Returns 0 or -ENOMEM, or -EINVAL for more than LP_SLOTS members, equal ids or
 * a weight above CONFIG_WEIGHT_MAX (table untouched). Takes 2 to 5 ms for up
 * to 1,000 members.
 */
int slot_table_build(enum config_hash hash, const struct slot_member *members, size_t n,
		     uint16_t *table);

#endif
