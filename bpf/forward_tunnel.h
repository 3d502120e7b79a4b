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

#include <limpet/csum.h>
#include <limpet/hash.h>
#include "forward.h"

/* The five words of an IPv4 header without options. */
static __always_inline void tunnel_write_ipv4(void *at, const struct lp_hop *hop, __u8 proto,
					      __u8 tos, __u32 len)
{
	struct iphdr *ip = at;
	/* The constant words are in outer_sum; TOS and protocol are the low
	 * bytes of theirs, so adding them is adding to the sum. */
	__u32 sum = hop->outer_sum + bpf_htons((__u16)len) + bpf_htons(tos) + bpf_htons(proto);

	/* Version, IHL, TOS; no identification: atomic (RFC 6864 section 4.1). */
	*(__be16 *)ip = bpf_htons(0x4500) | bpf_htons(tos);
	*(__be32 *)(at + 2) = bpf_htonl(len << 16);
	*(__be32 *)(at + 6) = bpf_htonl(0x40000000 | LP_OUTER_TTL << 8 | proto);
	ip->check = lp_csum_finish(sum);
	ip->saddr = hop->saddr.w[3];
	ip->daddr = hop->daddr.w[3];
}

/* As two words: the compiler takes the header for less aligned and makes four. */
static __always_inline void tunnel_write_address(void *at, const struct lp_addr *addr)
{
	((__u64 *)at)[0] = addr->d[0];
	((__u64 *)at)[1] = addr->d[1];
}

static __always_inline void tunnel_write_ipv6(void *at, const struct lp_hop *hop, __u8 proto,
					      __u8 tos, __u32 len, __u32 entropy)
{
	struct ipv6hdr *ip = at;

	/* Version, traffic class, flow label (RFC 6438: entropy for ECMP). */
	*(__be32 *)ip = bpf_htonl(6u << 28 | (__u32)tos << 20 | (entropy & 0xfffff));
	ip->payload_len = bpf_htons((__u16)(len - sizeof(*ip)));
	ip->nexthdr = proto;
	ip->hop_limit = LP_OUTER_TTL;
	tunnel_write_address(&ip->saddr, &hop->saddr);
	tunnel_write_address(&ip->daddr, &hop->daddr);
}

static __always_inline void tunnel_write_udp(void *at, __u32 len, __u32 entropy)
{
	struct udphdr *udp = at;

	udp->source = bpf_htons(lp_hash_port(entropy));
	udp->dest = bpf_htons(LP_GUE_PORT);
	udp->len = bpf_htons((__u16)len);
	udp->check = 0;
}

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
