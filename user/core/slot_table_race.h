/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The race for slots: members visit slots along their paths
 * (slot_table_path.h), all in one order of time, equal times in the order of
 * ids. Who visits a free slot takes it, if its quota (slot_table_quota.h)
 * leaves room; a visit to a taken slot is lost. Private to slot_table*.c.
 *
 * R1  Every slot that is free at the start has an owner at the end: each path
 *     visits each slot, so a slot nobody took was visited by racers without
 *     room only, and quotas add up to the number of slots.
 */
#ifndef LIMPET_CORE_SLOT_TABLE_RACE_H
#define LIMPET_CORE_SLOT_TABLE_RACE_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/slot_table_path.h"

struct slot_racer {
	uint64_t id;
	uint32_t weight; /* above 0 */
	uint16_t value;
	bool usable;
	bool backup;
	bool runs;      /* takes part in the race at hand */
	uint32_t held;  /* slots it owns */
	uint32_t floor; /* it may have so many in any case, */
	uint32_t ceil;  /* and up to so many as long as there are spares */
	uint32_t rest;  /* remainder of its share: slot_table_quota.c */
	uint32_t next;  /* visit along its path */
	struct slot_path path;
};

struct slot_race;

/*
 * A race of `n` racers, sorted by id, for all slots. The racers stay the
 * caller's; what is above `rest` is to be filled in. Returns 0 or -ENOMEM.
 */
int slot_race_new(enum config_hash hash, struct slot_racer *racers, size_t n,
		  struct slot_race **out);

/*
 * Hands the free slots to the racers that run, from the start of their paths;
 * `spare` of them may be taken beyond floors. Floors of those that run, what
 * the others hold, and spares add up to LP_SLOTS.
 */
void slot_race_run(struct slot_race *race, uint32_t spare);

/* Frees the slots of all racers that do not run. Returns how many there were. */
uint32_t slot_race_release(struct slot_race *race);

/* Number of the racer that owns a slot. */
size_t slot_race_owner(const struct slot_race *race, uint32_t slot);

void slot_race_free(struct slot_race **race);

#endif
