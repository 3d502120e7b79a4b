/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steps 3 to 5: affinity key, slot, backend.
 */
#ifndef LIMPET_BPF_AFFINITY_H
#define LIMPET_BPF_AFFINITY_H

#include <limpet/hash.h>
#include "maps.h"
#include "parse.h"
#include "vip.h"

/* Hash of the fields that decide the backend. */
static __always_inline __u64 affinity_hash(const struct lp_vip *vip, const struct packet *pkt)
{
	struct lp_addr client;

	if (vip->affinity != LP_AFFINITY_SOURCE)
		return lp_hash_flow(&lp_key, &pkt->src, &pkt->dst, pkt->sport, pkt->dport, pkt->v6);
	if (pkt->v6) {
		client.w[0] = pkt->src.w[0] & vip->source_mask.w[0];
		client.w[1] = pkt->src.w[1] & vip->source_mask.w[1];
		client.w[2] = pkt->src.w[2] & vip->source_mask.w[2];
	}
	client.w[3] = pkt->src.w[3] & vip->source_mask.w[3];
	return lp_hash_client(&lp_key, &client, pkt->v6);
}

/* The backend number that the pool's slot table answers; 0 for nobody (A4). */
static __always_inline __u32 affinity_slot(const struct view *view, const struct lp_vip *vip,
					   __u64 hash)
{
	__u32 at = view->half * lp_pools_max + vip->pool, slot = lp_hash_slot(hash);
	const struct lp_pool *pool = bpf_map_lookup_elem(&pools, &at);
	const struct lp_slot_line *line;
	struct lp_slot value;

	if (!pool)
		return 0;
	/* One load of the word: table and generation belong together (A3). */
	at = (__u32)((const volatile struct lp_pool *)pool)->table * LP_TABLE_LINES +
	     slot / LP_LINE_SLOTS;
	line = bpf_map_lookup_elem(&slots, &at);
	if (!line)
		return 0;
	value.word = ((const volatile struct lp_slot_line *)line)->slot[slot % LP_LINE_SLOTS].word;
	return value.cur;
}

#endif
