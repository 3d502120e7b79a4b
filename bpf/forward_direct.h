/* SPDX-License-Identifier: GPL-2.0 */
/* The modes that leave a packet as it is: dsr, ipip and gue. */
#ifndef LIMPET_BPF_FORWARD_DIRECT_H
#define LIMPET_BPF_FORWARD_DIRECT_H

#include "forward_dsr.h"
#include "forward_tunnel.h"

/* LP_FORWARD_TX, or why not; then the packet is as it came. `flow`: affinity_flow(). */
static __always_inline enum lp_reason forward(struct xdp_md *ctx, const struct packet *pkt,
					      const struct lp_vip *vip, const struct lp_hop *hop,
					      __u64 flow)
{
	switch (vip->forward) {
	case LP_FORWARD_IPIP:
		return forward_tunnel(ctx, pkt, hop, flow, 0);
	case LP_FORWARD_GUE:
		return forward_tunnel(ctx, pkt, hop, flow, sizeof(struct udphdr));
	case LP_FORWARD_DSR:
		return forward_dsr(ctx, pkt, hop);
	default:
		return LP_DROP_NO_BACKEND;
	}
}

/* Bytes that the mode puts in front of a packet on this way. */
static __always_inline __u32 forward_overhead(const struct lp_vip *vip, const struct lp_hop *hop)
{
	__u32 ip = hop->flags & LP_HOP_V6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);

	switch (vip->forward) {
	case LP_FORWARD_IPIP:
		return ip;
	case LP_FORWARD_GUE:
		return ip + sizeof(struct udphdr);
	default:
		return 0;
	}
}

#endif
