// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: the least work that forwards a packet at all. It parses and
 * encapsulates with limpet's own headers, so what limpet costs above it is what
 * finding the backend costs: VIP, affinity, slot, backend, counters. It gets
 * nothing that a real program could not have, and does nothing that it could
 * leave out: the one backend is a global, no map is looked up, nothing counted.
 */
#include "parse.h"
#include "forward_dsr.h"
#include "forward_tunnel.h"

struct lp_hop floor_hop;

static __always_inline int floor_verdict(enum lp_reason reason)
{
	return reason == LP_FORWARD_TX ? XDP_TX : XDP_DROP;
}

static __always_inline bool floor_parse(struct packet *pkt, struct xdp_md *ctx)
{
	return packet_parse(pkt, ctx) == LP_PARSED && !pkt->cut;
}

SEC("xdp.frags")
int floor_ipip(struct xdp_md *ctx)
{
	struct packet pkt = {}; /* see limpet.bpf.c */

	if (!floor_parse(&pkt, ctx))
		return XDP_PASS;
	return floor_verdict(forward_tunnel(ctx, &pkt, &floor_hop, 0, 0));
}

SEC("xdp.frags")
int floor_gue(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (!floor_parse(&pkt, ctx))
		return XDP_PASS;
	return floor_verdict(forward_tunnel(ctx, &pkt, &floor_hop, 0, sizeof(struct udphdr)));
}

SEC("xdp.frags")
int floor_dsr(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (!floor_parse(&pkt, ctx))
		return XDP_PASS;
	return floor_verdict(forward_dsr(ctx, &pkt, &floor_hop));
}

char LICENSE[] SEC("license") = "GPL";
