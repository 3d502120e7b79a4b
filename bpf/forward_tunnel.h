/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 6, `ipip` and `gue`: an outer IP header (RFC 2003, RFC 2473, RFC 4213
 * section 3), for GUE with a UDP header in between (draft-ietf-intarea-gue-09,
 * version 1: the inner IP packet follows UDP directly; Linux and `limpet decap`
 * take it off). Either family inside either.
 *
 * DSCP and ECN are copied to the outer header (RFC 6040 section 4.1, normal
 * mode); the outer header may not be fragmented on the way. The UDP checksum is
 * 0, over IPv6 by RFC 6935 and RFC 6936: what is inside has its own.
 */
#ifndef LIMPET_BPF_FORWARD_TUNNEL_H
#define LIMPET_BPF_FORWARD_TUNNEL_H

#include "forward.h"
#include "tunnel_header.h"

/*
 * `udp` is sizeof(struct udphdr) for GUE and 0 for IPIP; it and `ip` (the size
 * of the outer IP header) are constants where this is inlined.
 */
static __always_inline enum lp_reason tunnel_encapsulate(struct xdp_md *ctx,
							 const struct packet *pkt,
							 const struct lp_hop *hop, __u32 entropy,
							 const __u32 ip, const __u32 udp)
{
	__u8 inner = pkt->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP, proto = udp ? IPPROTO_UDP : inner;
	__u32 len = ip + udp + pkt->l3_len;
	struct egress out;
	void *data, *l3;

	if (len > hop->mtu)
		return LP_DROP_TOO_BIG;
	egress_choose(&out, hop, pkt, ctx->ingress_ifindex);
	if (!forward_resize(ctx, pkt, out.l2_len + ip + udp))
		return LP_DROP_NO_ROOM;
	data = (void *)(long)ctx->data;
	l3 = data + out.l2_len;
	/* To the compiler one of these checks follows from the other; the
	 * verifier wants to see both. */
	barrier_var(l3);
	if (l3 + ip + udp > (void *)(long)ctx->data_end ||
	    data + sizeof(struct ethhdr) + 2 * sizeof(struct lp_tag) > (void *)(long)ctx->data_end)
		return LP_DROP_NO_ROOM;
	if (ip == sizeof(struct ipv6hdr)) {
		egress_write(data, &out, hop, bpf_htons(ETH_P_IPV6));
		tunnel_write_ipv6(l3, hop, proto, pkt->tos, len, entropy);
	} else {
		egress_write(data, &out, hop, bpf_htons(ETH_P_IP));
		tunnel_write_ipv4(l3, hop, proto, pkt->tos, len);
	}
	if (udp)
		tunnel_write_udp(l3 + ip, len - ip, entropy);
	return LP_FORWARD_TX;
}

/* Entropy of the flow inside, for ECMP and RSS on the way, from the flow's hash. */
static __always_inline __u32 tunnel_entropy(__u64 flow)
{
	return (__u32)(flow >> 33);
}

static __always_inline enum lp_reason forward_tunnel(struct xdp_md *ctx, const struct packet *pkt,
						     const struct lp_hop *hop, __u64 flow,
						     const __u32 udp)
{
	__u32 entropy = tunnel_entropy(flow);

	if (hop->flags & LP_HOP_V6)
		return tunnel_encapsulate(ctx, pkt, hop, entropy, sizeof(struct ipv6hdr), udp);
	return tunnel_encapsulate(ctx, pkt, hop, entropy, sizeof(struct iphdr), udp);
}

#endif
