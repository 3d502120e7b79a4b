/* SPDX-License-Identifier: GPL-2.0 */
/* What the model's files share. */
#ifndef LIMPET_TESTS_MODEL_ORACLE_INTERNAL_H
#define LIMPET_TESTS_MODEL_ORACLE_INTERNAL_H

#include "oracle.h"

/* The slot of a flow, by its VIP's affinity. */
uint32_t oracle_slot(const struct oracle *oracle, const struct flow *flow);

/* Builds the table of a pool as it is now, if it is another than the one in force. -ENOMEM. */
int oracle_build(struct oracle *oracle, unsigned int pool, bool cut);

/* oracle_reset.c: who resets from now on; `cut`: the agent died over it. */
void oracle_take_resets(struct oracle *oracle, bool cut);
/* Its backend is, or is not, dead, and the agent has told the datapath. */
void oracle_note_life(struct oracle_backend *backend, bool alive, uint32_t now);
/* O5: of a packet in the middle of the flow of a VIP. */
bool oracle_must_reset(const struct oracle *oracle, const struct oracle_flow *flow,
		       unsigned int vip, uint64_t ms);
bool oracle_may_reset(const struct oracle *oracle, unsigned int vip);

/* A member's weight: the operator's, or the configuration's. */
uint32_t oracle_weight(const struct oracle *oracle, unsigned int pool, unsigned int name);

/* oracle_choice.c: who of a pool is used, with and without those in a slow start. */
void oracle_choose(struct oracle *oracle, unsigned int pool);
/* Who begins to serve and how far slow starts are; `cut`: the agent died over it. */
void oracle_follow_slow(struct oracle *oracle, unsigned int pool, bool cut);
/* Would an agent that looks now take another step of one? */
bool oracle_slow_is_due(const struct oracle *oracle);

/*
 * How likely it is that a slot that had `backend` in table `from` has another in
 * table `to`: the share of such slots.
 */
double oracle_odds(struct oracle *oracle, uint16_t from, uint16_t to, uint32_t backend);

/* P4: where the slots of clients went whose backend went away between two tables. */
void oracle_spread(struct oracle *oracle, unsigned int pool, uint16_t from, uint16_t to);

#endif
