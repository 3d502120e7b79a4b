/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs that forward to a constant backend, one for each mode: what they have in
 * common, so that a difference between two of them is what they do before it.
 */
#ifndef LIMPET_BENCH_FORWARDERS_H
#define LIMPET_BENCH_FORWARDERS_H

#include "parse.h"
#include "forward_dsr.h"
#include "forward_tunnel.h"

static __always_inline bool forwarders_parse(struct packet *pkt, struct xdp_md *ctx)
{
	return packet_parse(pkt, ctx) == LP_PARSED && !pkt->cut;
}

static __always_inline int forwarders_verdict(enum lp_reason reason)
{
	return reason == LP_FORWARD_TX ? XDP_TX : XDP_DROP;
}

/* A program `name` that calls take(&pkt, ctx), which may say no, then forward(...). */
#define FORWARDER(name, take, forward, ...)                                                        \
	SEC("xdp.frags")                                                                           \
	int name(struct xdp_md *ctx)                                                               \
	{                                                                                          \
		struct packet pkt = {}; /* see walk.h */                                           \
                                                                                                   \
		if (!take(&pkt, ctx))                                                              \
			return XDP_PASS;                                                           \
		return forwarders_verdict(forward(ctx, &pkt, __VA_ARGS__));                        \
	}

/* PREFIX_ipip, PREFIX_gue and PREFIX_dsr, which send what take() takes to PREFIX_hop. */
#define FORWARDERS(prefix, take)                                                                   \
	struct lp_hop prefix##_hop;                                                                \
	FORWARDER(prefix##_ipip, take, forward_tunnel, &prefix##_hop, 0, 0)                        \
	FORWARDER(prefix##_gue, take, forward_tunnel, &prefix##_hop, 0, sizeof(struct udphdr))     \
	FORWARDER(prefix##_dsr, take, forward_dsr, &prefix##_hop)

#endif
