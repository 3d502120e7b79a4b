// SPDX-License-Identifier: GPL-2.0
/*
 * The floor, and a connection table in the kernel's LRU hash map: a lookup for each
 * packet, an insertion for one that is not there. That is how balancers without a table
 * of their own remember connections. As the floor, it leaves out what it can: no VIP is
 * looked for, and nothing counted.
 *
 * The key is the whole flow, with room for IPv6, as where one table serves both
 * families; the value is what a record of limpet's holds.
 */
#include "parse.h"
#include "forward_dsr.h"
#include "forward_tunnel.h"
#include "lru.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LRU_FLOWS);
	__type(key, struct lru_key);
	__type(value, struct lru_value);
} lru_flows SEC(".maps");

struct lp_hop lru_hop;
__u64 lru_missed;

static __always_inline void lru_key_of(struct lru_key *key, const struct packet *pkt)
{
	if (pkt->v6) {
		key->src = pkt->src;
		key->dst = pkt->dst;
	} else {
		key->src.w[3] = pkt->src.w[3];
		key->dst.w[3] = pkt->dst.w[3];
	}
	key->sport = pkt->sport;
	key->dport = pkt->dport;
	key->proto = pkt->proto;
}

/* Which backend the flow is on: it is the same for all. 0: it cannot be remembered. */
static __always_inline __u32 lru_backend(const struct packet *pkt)
{
	const struct lru_value *found;
	struct lru_value value = { .backend = 1 };
	struct lru_key key = {};

	lru_key_of(&key, pkt);
	found = bpf_map_lookup_elem(&lru_flows, &key);
	if (found)
		return found->backend;
	lru_missed++;
	return bpf_map_update_elem(&lru_flows, &key, &value, BPF_ANY) ? 0 : value.backend;
}

static __always_inline bool lru_known(struct packet *pkt, struct xdp_md *ctx)
{
	return packet_parse(pkt, ctx) == LP_PARSED && !pkt->cut && lru_backend(pkt);
}

static __always_inline int lru_verdict(enum lp_reason reason)
{
	return reason == LP_FORWARD_TX ? XDP_TX : XDP_DROP;
}

SEC("xdp.frags")
int lru_ipip(struct xdp_md *ctx)
{
	struct packet pkt = {}; /* see limpet.bpf.c */

	if (!lru_known(&pkt, ctx))
		return XDP_PASS;
	return lru_verdict(forward_tunnel(ctx, &pkt, &lru_hop, 0, 0));
}

SEC("xdp.frags")
int lru_gue(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (!lru_known(&pkt, ctx))
		return XDP_PASS;
	return lru_verdict(forward_tunnel(ctx, &pkt, &lru_hop, 0, sizeof(struct udphdr)));
}

SEC("xdp.frags")
int lru_dsr(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (!lru_known(&pkt, ctx))
		return XDP_PASS;
	return lru_verdict(forward_dsr(ctx, &pkt, &lru_hop));
}

char LICENSE[] SEC("license") = "GPL";
