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

	ip->version = 4;
	ip->ihl = 5;
	ip->tos = tos;
	ip->tot_len = bpf_htons((__u16)len);
	ip->id = 0; /* atomic: RFC 6864 section 4.1 */
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = LP_OUTER_TTL;
	ip->protocol = proto;
	ip->check = lp_csum_finish(sum);
	ip->saddr = hop->saddr.w[3];
	ip->daddr = hop->daddr.w[3];
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
	__builtin_memcpy(&ip->saddr, &hop->saddr, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, &hop->daddr, sizeof(ip->daddr));
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
