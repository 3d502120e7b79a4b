/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Perfect hashing of 64-bit hashes by hash and displace (Belazzougui, Botelho
 * and Dietzfelbinger, ESA 2009): each bucket, the largest first, gets the
 * smallest displacement that sends all its hashes to free places. Private to vip_table*.c
 * and fast_table.c; lp_vip_bucket() and lp_place() in hash.h are the lookup, or lp_fast_bucket()
 * and lp_fast_place().
 */
#ifndef LIMPET_CORE_VIP_TABLE_PERFECT_H
#define LIMPET_CORE_VIP_TABLE_PERFECT_H

#include <limpet/abi.h>
#include <stddef.h>
#include <stdint.h>

struct vip_perfect;

/* What differs between the tables that are built with it. */
struct vip_perfect_kind {
	uint32_t (*bucket)(uint64_t hash, uint32_t buckets);
	uint32_t (*place)(uint64_t hash, uint32_t displacement, uint32_t places);
	uint32_t displacements; /* how many can be tried for a bucket; 0: one for each place */
};
extern const struct vip_perfect_kind vip_perfect_full; /* `vips` */
extern const struct vip_perfect_kind vip_perfect_fast; /* `fast4` and `fast6` */

/* For `n` hashes, `buckets` (a power of two) and `places`. 0 or -ENOMEM. */
int vip_perfect_new(size_t n, uint32_t buckets, uint32_t places,
		    const struct vip_perfect_kind *kind, struct vip_perfect **out);

/*
 * Fills displacements[buckets]. -EAGAIN: these hashes have no solution here, others may
 * (displacements are then undefined); after too much work in sum, every further attempt
 * ends so at once. The result does not depend on the hashes' order.
 */
int vip_perfect_solve(struct vip_perfect *perfect, const uint64_t *hashes, uint32_t *displacements);

void vip_perfect_free(struct vip_perfect **perfect);

#endif
