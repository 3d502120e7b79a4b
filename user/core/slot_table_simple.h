/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `ring` and `modulo`: what others use, to compare with. No quotas: shares are
 * what hashing gives (ring: within some 10%), and modulo moves nearly everybody
 * when the pool changes. Only usable members with a weight have slots.
 */
#ifndef LIMPET_CORE_SLOT_TABLE_SIMPLE_H
#define LIMPET_CORE_SLOT_TABLE_SIMPLE_H

#include "core/slot_table.h"

/*
 * Consistent hashing (Karger et al., STOC 1997): SLOT_RING_POINTS points for a
 * member of average weight, a slot belongs to the next point clockwise. -ENOMEM.
 */
#define SLOT_RING_POINTS 160
int slot_table_ring(const struct slot_member *members, size_t n, uint16_t *table);

/* The slot's number modulo the sum of the weights, members in the order of their
 * ids. -ENOMEM. */
int slot_table_modulo(const struct slot_member *members, size_t n, uint16_t *table);

#endif
