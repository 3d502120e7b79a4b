/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Echo requests to a VIP's address (RFC 792, RFC 4443 section 4.1), as its `ping` says.
 * VIPs may share an address; then all of them have the same `ping`, and the one with the
 * lowest port (TCP before UDP) says whom it admits.
 *
 * limpet answers what is plain: unfragmented, without IPv4 options (a source route would
 * have to be turned around) and IPv6 extension headers, from one host to one host. The
 * answer is the request with addresses changed over: as long, and with a checksum that is
 * as right as the request's was.
 */
#ifndef LIMPET_BPF_ICMP_PING_H
#define LIMPET_BPF_ICMP_PING_H

#include <limpet/csum.h>
#include "forward.h"
#include "icmp_parse.h"
#include "policy.h"
#include "vip.h"

/* The VIP whose address it is, or NULL: every one has a key with port 0. */
static __always_inline const struct lp_vip *icmp_vip(const struct view *view,
						     const struct lp_addr *addr, bool v6)
{
	const struct lp_vip *vip = vip_key_of(view, addr, IPPROTO_TCP, 0, v6);

	if (!vip || (vip->flags & LP_VIP_REPLY))
		vip = vip_key_of(view, addr, IPPROTO_UDP, 0, v6);
	return vip && !(vip->flags & LP_VIP_REPLY) ? vip : NULL;
}

/*
 * Is it the address of one host, to which an answer can go? (RFC 1122 section 3.2.1.3,
 * RFC 4291 section 2.5: not "this network", loopback, multicast, reserved.)
 */
static __always_inline bool icmp_is_host(const struct lp_addr *addr, bool v6)
{
	__u8 first = v6 ? addr->b[0] : addr->b[12];

	if (v6)
		return first != 0xff && (addr->d[0] || addr->w[2] || (addr->w[3] & bpf_htonl(~1u)));
	return first != 0 && first != 127 && first < 224;
}

/* Was the frame for this machine alone? */
static __always_inline bool icmp_is_unicast(const struct xdp_md *ctx)
{
	const __u8 *mac = (const __u8 *)(long)ctx->data;

	return mac + ETH_HLEN <= (const __u8 *)(long)ctx->data_end && !(*mac & 1);
}

/* The type goes, the sum follows: both types are the high byte of a word. */
static __always_inline void icmp_turn_type(struct icmp_head *icmp, __u8 type)
{
	__u16 *first = (__u16 *)icmp, old = *first;

	icmp->type = type;
	icmp->check = lp_csum_replace16(icmp->check, old, *first);
}

static __always_inline bool icmp_turn_ipv4(void *l3, const void *end)
{
	struct iphdr *ip = l3;
	struct icmp_head *icmp = (struct icmp_head *)(ip + 1);
	__u16 *ttl = (__u16 *)&ip->ttl, old;
	__be32 addr;

	if ((const void *)(icmp + 1) > end)
		return false;
	addr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	old = *ttl;
	ip->ttl = LP_OUTER_TTL;
	ip->check = lp_csum_replace16(ip->check, old, *ttl);
	icmp_turn_type(icmp, ICMP_ECHOREPLY);
	return true;
}

static __always_inline bool icmp_turn_ipv6(void *l3, const void *end)
{
	struct ipv6hdr *ip = l3;
	struct icmp_head *icmp = (struct icmp_head *)(ip + 1);
	__be32 *src = ip->saddr.in6_u.u6_addr32, *dst = ip->daddr.in6_u.u6_addr32;

	if ((const void *)(icmp + 1) > end)
		return false;
	for (int i = 0; i < 4; i++) {
		__be32 word = src[i];

		src[i] = dst[i];
		dst[i] = word;
	}
	ip->hop_limit = LP_OUTER_TTL;
	icmp_turn_type(icmp, ICMPV6_ECHO_REPLY);
	return true;
}

static __always_inline bool icmp_turn(struct xdp_md *ctx, const struct packet *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	void *l3 = data + (pkt->l2_len & 31);

	if (data + ETH_HLEN > end)
		return false;
	if (!(pkt->v6 ? icmp_turn_ipv6(l3, end) : icmp_turn_ipv4(l3, end)))
		return false;
	forward_turn_macs(data);
	return true;
}

/* Can it be answered as it stands? */
static __always_inline bool icmp_is_plain(const struct xdp_md *ctx, const struct packet *pkt)
{
	__u32 header = pkt->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);

	return pkt->l4 == pkt->l2_len + header && icmp_is_host(&pkt->src, pkt->v6) &&
	       icmp_is_unicast(ctx);
}

/* The verdict on a ping of `vip`'s address. */
static __always_inline enum lp_reason icmp_ping(struct xdp_md *ctx, struct icmp *icmp,
						const struct view *view, const struct lp_vip *vip)
{
	enum lp_reason reason;

	if (vip->ping == LP_PING_PASS)
		return LP_PASS_PING;
	reason = policy_check(view, vip, &icmp->pkt, ctx->ingress_ifindex);
	if (reason != LP_PARSED)
		return reason;
	if (vip->ping == LP_PING_DROP)
		return LP_DROP_PING;
	if (icmp->head.code || !icmp_is_plain(ctx, &icmp->pkt))
		return LP_DROP_ICMP;
	if (!lp_limit_take(&icmp->pings, bpf_ktime_get_coarse_ns(), LP_ICMP_PINGS_PER_S,
			   LP_ICMP_PINGS_BURST))
		return LP_DROP_ICMP_RATE;
	return icmp_turn(ctx, &icmp->pkt) ? LP_ANSWER_PING : LP_DROP_ICMP;
}

#endif
