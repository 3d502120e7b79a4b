/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of a slot (DESIGN section 6, docs/affinity.md): what becomes of a
 * slot when its pool changes, and when time passes. Pure.
 */
#ifndef LIMPET_CORE_SLOT_STATE_H
#define LIMPET_CORE_SLOT_STATE_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stdint.h>

/* Is the backend of that number alive to records? (lp_backend_state.flags) */
struct slot_alive {
	const bool *alive;
	uint32_t n;
	bool resets; /* of the pool: some VIP tells clients of dead backends (LP_VIP_RESET) */
};

bool slot_is_alive(const struct slot_alive *alive, uint16_t number);

bool slot_is_settled(struct lp_slot slot); /* SETTLED and OPENING */
bool slot_is_moving(struct lp_slot slot);  /* ORPHANED too */
bool slot_is_orphaned(struct lp_slot slot);

/* "settled", "moving", "residual", "orphaned". */
const char *slot_state_name(struct lp_slot slot);

/*
 * The slot after a pool change that makes `cur` its answer.
 *
 * The past is who answers a packet that no record knows: `prev` of a moving slot
 * while it lives, `cur` otherwise. If the past lives and is not the new answer,
 * the slot is moving away from it; several changes in a row keep the oldest
 * living past. If the past is the new answer, or dead, there is nobody to move
 * away from: records alone may differ (residual), and where there were none
 * because the slot was settled, it still is.
 *
 * Where the pool resets, a past that has died is not forgotten at once: the slot is
 * orphaned, whatever becomes its answer, until its hold time is over. All connections
 * that were opened since have records then, as in a moving slot.
 */
struct lp_slot slot_next(struct lp_slot old, uint16_t cur, const struct slot_alive *alive);

/*
 * The slot after time has passed: `held` says that its hold time is over,
 * `differs` that a living record of it names another backend than `cur` (known
 * only after a whole pass over the records, `passed`).
 */
struct lp_slot slot_later(struct lp_slot slot, const struct slot_alive *alive, bool held,
			  bool passed, bool differs);

#endif
