/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Perfect hashing of 64-bit hashes by hash and displace (Belazzougui, Botelho
 * and Dietzfelbinger, ESA 2009): each bucket, the largest first, gets the
 * smallest displacement that sends all its hashes to free places. Private to
 * vip_table*.c; lp_vip_bucket() and lp_vip_place() in hash.h are the lookup.
 */
#ifndef LIMPET_CORE_VIP_TABLE_PERFECT_H
#define LIMPET_CORE_VIP_TABLE_PERFECT_H

#include <limpet/abi.h>
#include <stddef.h>
#include <stdint.h>

struct vip_perfect;

/* For `n` hashes, `buckets` and `places` (powers of two). 0 or -ENOMEM. */
int vip_perfect_new(size_t n, uint32_t buckets, uint32_t places, struct vip_perfect **out);

/*
 * Fills index[buckets]. -EAGAIN: these hashes have no solution here, others may
 * (index is then undefined); after too much work in sum, every further attempt
 * ends so at once. The result does not depend on the hashes' order.
 */
int vip_perfect_solve(struct vip_perfect *perfect, const uint64_t *hashes,
		      struct lp_vip_index *index);

void vip_perfect_free(struct vip_perfect **perfect);

#endif
