/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Building of the fast VIP table (abi.h: struct lp_fast_key) from a VIP table: those of
 * its keys that the fast path of the datapath (bpf/fast.h) can serve, in a perfect
 * hash of their own for each family. Pure.
 */
#ifndef LIMPET_CORE_FAST_TABLE_H
#define LIMPET_CORE_FAST_TABLE_H

#include <limpet/abi.h>
#include <stddef.h>
#include <stdint.h>

#include "dp/dp.h"

/* Keys of one family at most; the complete walk serves the others, by their order. */
#define FAST_TABLE_KEYS 250000u

/*
 * From `n` places of a VIP table, of which no more than `n` keys come. `key` seeds the
 * hash. The result depends on the set of keys alone (P6); dp_fast_table.profiles[].pool is
 * the number of a pool. On success *out is the caller's. -ENOMEM.
 */
int fast_table_build(const struct lp_hash_key *key, const struct lp_vip *places, uint32_t n,
		     struct dp_fast_table **out);

void fast_table_free(struct dp_fast_table **table);

#endif
