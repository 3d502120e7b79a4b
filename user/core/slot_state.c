// SPDX-License-Identifier: GPL-2.0
#include "core/slot_state.h"

bool slot_is_alive(const struct slot_alive *alive, uint16_t number)
{
	return number && number < alive->n && alive->alive[number];
}

bool slot_is_settled(struct lp_slot slot)
{
	return slot.prev == LP_SLOT_SETTLED || slot.prev == LP_SLOT_OPENING ||
	       slot.prev == LP_SLOT_OPENING + 1;
}

bool slot_is_moving(struct lp_slot slot)
{
	return !slot_is_settled(slot) && slot.prev != LP_SLOT_RESIDUAL;
}

bool slot_is_orphaned(struct lp_slot slot)
{
	return slot.prev == LP_SLOT_ORPHANED;
}

const char *slot_state_name(struct lp_slot slot)
{
	if (slot_is_settled(slot))
		return "settled";
	if (slot_is_orphaned(slot))
		return "orphaned";
	return slot_is_moving(slot) ? "moving" : "residual";
}

/* The same answer: only a past that has died is noticed. */
static struct lp_slot stay(struct lp_slot slot, const struct slot_alive *alive)
{
	if (slot_is_moving(slot) && !slot_is_alive(alive, slot.prev))
		slot.prev = alive->resets ? LP_SLOT_ORPHANED : LP_SLOT_RESIDUAL;
	return slot;
}

/* Who answers a packet that no record knows; LP_SLOT_ORPHANED: nobody, he is dead. */
static uint16_t past_of(struct lp_slot slot, const struct slot_alive *alive)
{
	uint16_t past = slot.cur;

	if (slot_is_moving(slot)) {
		if (slot_is_alive(alive, slot.prev))
			return slot.prev;
		if (alive->resets)
			return LP_SLOT_ORPHANED;
	}
	if (alive->resets && past && !slot_is_alive(alive, past))
		return LP_SLOT_ORPHANED;
	return past;
}

struct lp_slot slot_next(struct lp_slot old, uint16_t cur, const struct slot_alive *alive)
{
	uint16_t past = past_of(old, alive);
	struct lp_slot new = { .cur = cur };

	if (cur == old.cur)
		return stay(old, alive);
	if (past == LP_SLOT_ORPHANED || (past != cur && slot_is_alive(alive, past)))
		new.prev = past;
	else if (slot_is_settled(old))
		new.prev = LP_SLOT_SETTLED;
	else
		new.prev = LP_SLOT_RESIDUAL;
	return new;
}

struct lp_slot slot_later(struct lp_slot slot, const struct slot_alive *alive, bool held,
			  bool passed, bool differs)
{
	struct lp_slot now = stay(slot, alive);

	if (slot_is_moving(now) && held)
		now.prev = LP_SLOT_RESIDUAL;
	else if (slot.prev == LP_SLOT_RESIDUAL && passed && !differs)
		now.prev = LP_SLOT_SETTLED;
	return now;
}
