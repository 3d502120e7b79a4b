/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steps 3 to 5: affinity key, slot, backend. What is settled is answered here
 * without looking at anything but the slot; the rest goes to track.h.
 */
#ifndef LIMPET_BPF_AFFINITY_H
#define LIMPET_BPF_AFFINITY_H

#include <limpet/hash.h>
#include "maps.h"
#include "parse.h"
#include "track.h"
#include "vip.h"

/* What affinity found out about a packet. */
struct affinity {
	struct lp_addr client; /* the masked source */
	bool source;           /* the client decides; otherwise the flow */
	__u64 hash;            /* of what decides */
	__u32 slot;
};

/* Does the source hide a crowd, so that each of its connections goes its own way? */
static __always_inline bool affinity_is_proxy(const struct view *view, const struct lp_vip *vip,
					      const struct packet *pkt)
{
	struct lp_proxy_key key = {
		.prefixlen = 32 + 128,
		.vip = vip->vip * 2 + view->half,
		.addr = pkt->src,
	};

	if (!pkt->v6) {
		key.addr.d[0] = 0;
		key.addr.w[2] = bpf_htonl(0xffff);
	}
	return bpf_map_lookup_elem(&proxies, &key) != NULL;
}

static __always_inline void affinity_find(struct affinity *out, const struct view *view,
					  const struct lp_vip *vip, const struct packet *pkt)
{
	out->source = vip->affinity == LP_AFFINITY_SOURCE;
	if (out->source && (vip->flags & LP_VIP_PROXIES) && affinity_is_proxy(view, vip, pkt))
		out->source = false;
	if (!out->source) {
		out->hash = lp_hash_flow(&lp_key, &pkt->src, &pkt->dst, pkt->sport, pkt->dport,
					 pkt->v6);
	} else {
		if (pkt->v6) {
			out->client.w[0] = pkt->src.w[0] & vip->source_mask.w[0];
			out->client.w[1] = pkt->src.w[1] & vip->source_mask.w[1];
			out->client.w[2] = pkt->src.w[2] & vip->source_mask.w[2];
		}
		out->client.w[3] = pkt->src.w[3] & vip->source_mask.w[3];
		out->hash = lp_hash_client(&lp_key, &out->client, pkt->v6);
	}
	out->slot = lp_hash_slot(out->hash);
}

/* A hash of the flow, which the affinity hash may be too: it may be the client's alone. */
static __always_inline __u64 affinity_flow(const struct affinity *affinity,
					   const struct packet *pkt)
{
	if (!affinity->source)
		return affinity->hash;
	return lp_mix_ports(affinity->hash, lp_ports(pkt->sport, pkt->dport));
}

/*
 * Where among `slots` the pool's slot is. `pool` counts both halves. Pool 0 is never
 * given out, table 0 never filled (A4).
 */
static __always_inline __u32 affinity_at(__u64 pool, __u32 slot)
{
	const volatile struct lp_pool *at;

	if (!TABLES_HAS(pool, all_pools))
		return 0;
	at = &TABLE(pools)[pool];
	return at->table << LP_SLOTS_BITS | slot;
}

static __always_inline struct lp_slot affinity_slot(__u64 at)
{
	struct lp_slot value = { .word = 0 };

	if (TABLES_HAS(at, all_slots))
		value.word = ((const volatile struct lp_slot *)&TABLE(slots)[at])->word;
	return value;
}

static __always_inline void affinity_fill(struct track *t, const struct affinity *affinity,
					  const struct view *view, const struct lp_vip *vip,
					  const struct packet *pkt)
{
	t->src = pkt->src;
	t->dst = pkt->dst;
	t->client = affinity->client;
	if (!pkt->v6) { /* whole addresses: they are shown to people */
		t->src.d[0] = t->dst.d[0] = t->client.d[0] = 0;
		t->src.w[2] = t->dst.w[2] = t->client.w[2] = bpf_htonl(0xffff);
	}
	t->sport = pkt->sport;
	t->dport = pkt->dport;
	t->proto = pkt->proto;
	t->v6 = pkt->v6;
	t->opening = packet_is_opening(pkt);
	t->reset = pkt->flags & LP_TCP_RST;
	t->ending = pkt->flags & (LP_TCP_RST | LP_TCP_FIN);
	t->source = affinity->source;
	t->resets = pkt->proto == IPPROTO_TCP && (vip->flags & LP_VIP_RESET);
	t->mode = vip->track;
	t->phase = view->phase;
	t->vip = vip->vip;
	t->where = (__u32)vip->pool << LP_SLOTS_BITS | affinity->slot;
	t->scope = vip->scope;
	t->idle_timeout = vip->idle_timeout;
	t->client_timeout = vip->client_timeout;
	t->now = lp_now();
}

/* Is `cur` the answer, without a look at what is remembered? */
static __always_inline bool affinity_is_settled(const struct affinity *affinity,
						const struct lp_vip *vip, const struct packet *pkt,
						struct lp_slot slot)
{
	return vip->track == LP_TRACK_NEVER ||
	       (slot.prev == LP_SLOT_SETTLED && vip->track == LP_TRACK_NEEDED &&
		!(packet_is_opening(pkt) && affinity->source) &&
		!track_shows_client(affinity->source, pkt->proto, vip->scope));
}

/* The slow paths' view of the packet. */
static __always_inline struct track *affinity_scratch(const struct affinity *affinity,
						      const struct view *view,
						      const struct lp_vip *vip,
						      const struct packet *pkt, __u32 cpu)
{
	const __u32 zero = 0;
	struct track *t = bpf_map_lookup_elem(&track_scratch, &zero);

	if (!t)
		return NULL;
	affinity_fill(t, affinity, view, vip, pkt);
	t->cpu = cpu;
	return t;
}

/* The backend that answers the packet; 0 for nobody (A4); TRACK_ORPHAN. */
static __always_inline __u32 affinity_backend(struct affinity *affinity, const struct view *view,
					      const struct lp_vip *vip, const struct packet *pkt,
					      __u32 cpu)
{
	struct lp_slot slot;
	struct track *t;
	__u32 at, hit;

	affinity_find(affinity, view, vip, pkt);
	at = affinity_at(view->half * LP_SIZE(pools) + vip->pool, affinity->slot);
	slot = affinity_slot(at);
	if (affinity_is_settled(affinity, vip, pkt, slot))
		return slot.cur;
	hit = affinity->source ? 0 : track_hit(pkt, vip->pool, vip->idle_timeout);
	if (hit)
		return hit;
	t = affinity_scratch(affinity, view, vip, pkt, cpu);
	if (!t)
		return slot.cur;
	t->slot = slot;
	t->at = at;
	return track_packet(t);
}

#endif
