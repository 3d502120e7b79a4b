/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The headers that `ipip` and `gue` put in front of a packet, for traffic
 * (forward_tunnel.h) and for checks that go the same way (probe.bpf.c).
 */
#ifndef LIMPET_BPF_TUNNEL_HEADER_H
#define LIMPET_BPF_TUNNEL_HEADER_H

#include <limpet/csum.h>
#include <limpet/hash.h>
#include "parse.h"

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
	ip->tot_len = bpf_htons((__u16)len);
	*(__be32 *)(at + 4) = bpf_htonl(0x4000);
	*(__be16 *)(at + 8) = bpf_htons(LP_OUTER_TTL << 8 | proto);
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

#endif
