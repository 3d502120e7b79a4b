/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A router between limpet and a backend found a tunnel packet too large for its next link,
 * and says so to limpet, which is the tunnel's source (RFC 2003 section 5.1, RFC 2473 section
 * 7.1). It is the client who can send less: it is told the MTU less the tunnel's headers, in
 * the VIP's name, as if the tunnel were one link (icmp_tell.h).
 *
 * There is no memory: the quote has to reach into the inner packet as far as its ports. (RFC
 * 1812 and RFC 4443 want it to, and Linux complies; of a router that quotes 8 bytes of IPIP
 * nobody learns anything.) To be believed, the quoted packet has to be what limpet
 * would send now: from this address to the backend of the flow inside, with the VIP's headers.
 *
 * The way to the client is the kernel's, as that of replies (nat_route()).
 */
#ifndef LIMPET_BPF_ICMP_TUNNEL_H
#define LIMPET_BPF_ICMP_TUNNEL_H

#include "forward_nat.h"
#include "icmp_answer.h"
#include "icmp_ping.h"
#include "way.h"

/* The tunnel that is quoted. */
struct tunnel {
	struct lp_addr daddr;
	bool v6; /* its outer header */
	bool inner_v6;
	__u32 inner;    /* offset of the inner packet */
	__u32 overhead; /* bytes of header */
	__u32 mtu;      /* as the router says */
};

static __always_inline bool tunnel_is_told(const struct icmp *icmp, struct tunnel *tunnel)
{
	__u32 rest = bpf_ntohl(icmp->head.rest);

	if (icmp->pkt.v6) {
		tunnel->mtu = rest;
		return icmp->head.type == ICMPV6_PKT_TOOBIG;
	}
	tunnel->mtu = rest & 0xffff; /* 0: a router that does not know RFC 1191 */
	return icmp->head.type == ICMP_DEST_UNREACH && icmp->head.code == ICMP_FRAG_NEEDED;
}

/* Past UDP, to what says by its first half byte which family it is (tunnel_header.h). */
static __always_inline bool tunnel_skip_gue(struct xdp_md *ctx, struct icmp *icmp,
					    struct tunnel *tunnel)
{
	const struct udphdr *udp = (const struct udphdr *)icmp->bytes.bytes;
	__u8 first;

	if (bpf_xdp_load_bytes(ctx, tunnel->inner, icmp->bytes.bytes, sizeof(*udp)) ||
	    udp->dest != bpf_htons(LP_GUE_PORT))
		return false;
	tunnel->inner += sizeof(*udp);
	if (bpf_xdp_load_bytes(ctx, tunnel->inner, &first, sizeof(first)))
		return false;
	tunnel->inner_v6 = first >> 4 == 6;
	return true;
}

/* The outer headers of the quoted packet, which has to be the addressee's own. */
static __always_inline bool tunnel_parse(struct xdp_md *ctx, struct icmp *icmp,
					 struct tunnel *tunnel)
{
	const struct packet *quoted = &icmp->quoted;
	__u32 at = icmp->pkt.l4 + ICMP_HEADER;

	if (!quote_parse_ip(ctx, icmp, at, icmp->pkt.v6) ||
	    !icmp_same(&quoted->src, &icmp->pkt.dst, quoted->v6))
		return false;
	tunnel->daddr = quoted->dst;
	tunnel->v6 = quoted->v6;
	tunnel->inner = quoted->l4;
	if (quoted->proto == IPPROTO_UDP) {
		if (!tunnel_skip_gue(ctx, icmp, tunnel))
			return false;
	} else if (quoted->proto == IPPROTO_IPIP || quoted->proto == IPPROTO_IPV6) {
		tunnel->inner_v6 = quoted->proto == IPPROTO_IPV6;
	} else {
		return false;
	}
	tunnel->overhead = tunnel->inner - at;
	return true;
}

/* Would limpet send such a packet? */
static __always_inline bool tunnel_is_ours(const struct icmp *icmp, const struct tunnel *tunnel,
					   const struct way *way)
{
	const struct lp_hop *hop = way->hop;

	return (way->vip->forward == LP_FORWARD_IPIP || way->vip->forward == LP_FORWARD_GUE) &&
	       !(hop->flags & LP_HOP_V6) == !tunnel->v6 &&
	       forward_overhead(way->vip, hop) == tunnel->overhead &&
	       icmp_same(&hop->saddr, &icmp->pkt.dst, tunnel->v6) &&
	       icmp_same(&hop->daddr, &tunnel->daddr, tunnel->v6);
}

/* XDP's way to the client, if there is one: fills the link layer header and *ifindex. */
static __always_inline bool tunnel_route(struct xdp_md *ctx, const struct icmp *icmp,
					 struct answer *answer, const struct view *view,
					 __u32 *ifindex)
{
	struct nat *nat = nat_work();
	bool local;

	if (!nat)
		return false;
	nat->pkt = icmp->pkt; /* with the tags that it came with */
	nat->pkt.v6 = answer->v6;
	nat->pkt.proto = answer->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	nat->pkt.tos = ANSWER_TOS;
	nat->pkt.dst = nat->to_addr[NAT_DESTINATION] = answer->hop.daddr;
	nat->to_addr[NAT_SOURCE] = answer->hop.saddr;
	nat->to_port[NAT_SOURCE] = nat->to_port[NAT_DESTINATION] = 0;
	if (!nat_route(ctx, nat, view, &local))
		return false;
	__builtin_memcpy(answer->hop.dst, nat->hop.dst, ETH_ALEN);
	__builtin_memcpy(answer->hop.src, nat->hop.src, ETH_ALEN);
	*ifindex = nat->hop.ifindex;
	return true;
}

/* Fills *answer with what its client is to be told; false: it is not for limpet to tell. */
static __always_inline bool tunnel_tell(struct xdp_md *ctx, struct icmp *icmp,
					const struct view *view, struct answer *answer)
{
	const struct packet *flow = &icmp->flow;
	struct tunnel tunnel = {};
	struct way way = {};

	if (!tunnel_is_told(icmp, &tunnel) || !tunnel_parse(ctx, icmp, &tunnel) ||
	    !quote_parse_ip(ctx, icmp, tunnel.inner, tunnel.inner_v6) ||
	    !quote_parse_ports(ctx, icmp))
		return false;
	quote_flow(icmp, false);
	if (way_find(&way, view, &icmp->flow, ctx->ingress_ifindex, bpf_get_smp_processor_id()) !=
		    LP_PARSED ||
	    !tunnel_is_ours(icmp, &tunnel, &way) || tunnel.mtu <= tunnel.overhead)
		return false;
	answer->at = tunnel.inner;
	answer->len = icmp->pkt.l2_len + icmp->pkt.l3_len - tunnel.inner;
	if (icmp->quoted.l3_len < answer->len)
		answer->len = icmp->quoted.l3_len;
	answer_address(answer, &flow->dst, &flow->src, flow->v6);
	return answer_too_big(answer, icmp->quoted.l3_len, tunnel.mtu - tunnel.overhead);
}

/* LP_ANSWER_TUNNEL, LP_PASS_TUNNEL, LP_DROP_ICMP_RATE; or LP_PASS_NOT_TCP_UDP, as it came. */
static __always_inline enum lp_reason icmp_from_tunnel(struct xdp_md *ctx, struct icmp *icmp,
						       const struct view *view, __u32 *ifindex)
{
	struct answer *answer = answer_work();
	bool routed;

	if (!answer || !tunnel_tell(ctx, icmp, view, answer) ||
	    !answer_link(ctx, answer, &icmp->pkt, false))
		return LP_PASS_NOT_TCP_UDP;
	if (!answer_take(icmp))
		return LP_DROP_ICMP_RATE;
	routed = tunnel_route(ctx, icmp, answer, view, ifindex);
	if (!answer_make(ctx, answer))
		return LP_DROP_ICMP;
	return routed ? LP_ANSWER_TUNNEL : LP_PASS_TUNNEL;
}

#endif
