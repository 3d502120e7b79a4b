/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 7b, where the backend of a connection is dead (track.h T8): the client is told by
 * a TCP RST from the VIP, which leaves by the interface that its packet came in by, as an
 * answer of the host itself would, whatever the VIP's forwarding mode is.
 *
 *   Numbers  RFC 9293 section 3.10.7.1, what a host without the connection answers: to a
 *            segment with ACK <SEQ=SEG.ACK><CTL=RST>, which is the one number that the
 *            client's stack is sure to accept (RFC 5961 section 3.2: exactly RCV.NXT); to one
 *            without <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. Never to a RST: track.h
 *            lets none come here.
 *   Frame    MAC addresses change places, VLAN tags stay. No IP options, no extension
 *            headers, no data; TCP without options (RFC 7323 section 5.2 lets a RST do
 *            without timestamps). DSCP is the packet's, ECN is Not-ECT (RFC 3168 section
 *            6.1.5 sends none on packets without data). Padded to 60 bytes with zeros, as far
 *            as the packet was that long.
 *   Flood    P7: a RST is never longer than what it answers, and there are no more than
 *            LP_RESET_RATE in a second for each CPU, LP_RESET_BURST after a quiet time.
 *            What is beyond is dropped without an answer; clients send again.
 *
 * Nobody is told who is no single host: RFC 1122 sections 3.2.1.3 and 4.2.3.10.
 *
 * It runs when the walk has returned, on a stack of its own, and parses again.
 */
#ifndef LIMPET_BPF_RESET_H
#define LIMPET_BPF_RESET_H

#include <limpet/csum.h>
#include <limpet/limit.h>
#include "account.h"
#include "forward.h"
#include "parse.h"

#define LP_RESET_RATE  10000u
#define LP_RESET_BURST (2 * LP_RESET_RATE)

#define RESET_TTL                 64 /* of what a host sends itself: RFC 1700 */
#define RESET_FRAME               60 /* IEEE 802.3 clause 3.2.8, less the FCS */
#define RESET_L4_MASK             0x3fff
#define LP_TCP_SYN_FIN_LEN(flags) (!!((flags)&LP_TCP_SYN) + !!((flags)&LP_TCP_FIN))

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lp_limit);
} reset_limits SEC(".maps");

/* What is to be said, network byte order. */
struct reset_words {
	__be32 seq, ack;
	__u8 flags;
};

static __always_inline bool reset_admits(__u32 now)
{
	const __u32 zero = 0;
	struct lp_limit *limit = bpf_map_lookup_elem(&reset_limits, &zero);

	return limit && lp_limit_take(limit, now * 1000000000ull, LP_RESET_RATE, LP_RESET_BURST);
}

/* Is the source one host's? */
static __always_inline bool reset_is_unicast(const struct packet *pkt)
{
	__u32 first;

	if (pkt->v6)
		return pkt->src.b[0] != 0xff && (pkt->src.d[0] || pkt->src.d[1]);
	first = bpf_ntohl(pkt->src.w[3]) >> 24;
	return first && first != 127 && first < 224;
}

/* Is the frame from one station to one? */
static __always_inline bool reset_is_direct(struct xdp_md *ctx)
{
	const struct ethhdr *eth = (const void *)(long)ctx->data;

	if ((const void *)(eth + 1) > (const void *)(long)ctx->data_end)
		return false;
	return !((eth->h_dest[0] | eth->h_source[0]) & 1);
}

/* The numbers; false if the segment's own lengths contradict each other. */
static __always_inline bool reset_say(struct xdp_md *ctx, const struct packet *pkt,
				      struct reset_words *out)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	__u64 l4 = pkt->l4 & RESET_L4_MASK;
	__u32 before = pkt->l4 - pkt->l2_len, header;
	const struct tcphdr *tcp;

	barrier_var(l4);
	tcp = data + l4;
	if ((const void *)(tcp + 1) > end)
		return false;
	header = tcp->doff * 4;
	if (header < sizeof(*tcp) || before + header > pkt->l3_len)
		return false;
	if (pkt->flags & LP_TCP_ACK) {
		out->seq = tcp->ack_seq;
		out->ack = 0;
		out->flags = LP_TCP_RST;
		return true;
	}
	out->seq = 0;
	out->ack = bpf_htonl(bpf_ntohl(tcp->seq) + pkt->l3_len - before - header +
			     LP_TCP_SYN_FIN_LEN(pkt->flags));
	out->flags = LP_TCP_RST | LP_TCP_ACK;
	return true;
}

/* Cuts the frame to the answer's length. Packet pointers are invalid afterwards. */
static __always_inline bool reset_cut(struct xdp_md *ctx, const struct packet *pkt)
{
	__u32 have = bpf_xdp_get_buff_len(ctx);
	__u32 want = pkt->l2_len + sizeof(struct tcphdr) +
		     (pkt->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));

	if (want < RESET_FRAME)
		want = have < RESET_FRAME ? have : RESET_FRAME;
	return have == want || bpf_xdp_adjust_tail(ctx, (int)want - (int)have) == 0;
}

/* Returns the sum of the pseudo header's addresses. */
static __always_inline __u32 reset_write_ipv4(struct iphdr *ip, const struct packet *pkt)
{
	const __be32 *words = (const __be32 *)ip;
	__u32 sum = 0;

	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = pkt->tos & 0xfc;
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(struct tcphdr));
	ip->frag_off = bpf_htons(0x4000); /* DF, with identification 0: RFC 6864 */
	ip->ttl = RESET_TTL;
	ip->protocol = IPPROTO_TCP;
	ip->saddr = pkt->dst.w[3];
	ip->daddr = pkt->src.w[3];
	for (__u32 i = 0; i < sizeof(*ip) / 4; i++)
		sum = lp_csum_add32(sum, words[i]);
	ip->check = lp_csum_finish(sum);
	return lp_csum_add32(lp_csum_add32(0, ip->saddr), ip->daddr);
}

static __always_inline __u32 reset_write_ipv6(struct ipv6hdr *ip, const struct packet *pkt)
{
	__u32 sum = 0;

	__builtin_memset(ip, 0, sizeof(*ip));
	*(__be32 *)ip = bpf_htonl(6u << 28 | (__u32)(pkt->tos & 0xfc) << 20);
	ip->payload_len = bpf_htons(sizeof(struct tcphdr));
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = RESET_TTL;
	__builtin_memcpy(&ip->saddr, &pkt->dst, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, &pkt->src, sizeof(ip->daddr));
	for (int i = 0; i < 4; i++)
		sum = lp_csum_add32(lp_csum_add32(sum, pkt->dst.w[i]), pkt->src.w[i]);
	return sum;
}

/* `sum`: of the addresses. Behind the header, the frame's padding becomes zeros. */
static __always_inline bool reset_write_tcp(struct tcphdr *tcp, const void *end,
					    const struct packet *pkt, const struct reset_words *say,
					    __u32 sum)
{
	const __be32 *words = (const __be32 *)tcp;
	__u8 *padding = (__u8 *)(tcp + 1);

	if ((const void *)padding > end)
		return false;
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = pkt->dport;
	tcp->dest = pkt->sport;
	tcp->seq = say->seq;
	tcp->ack_seq = say->ack;
	tcp->doff = sizeof(*tcp) / 4;
	((__u8 *)tcp)[LP_TCP_FLAGS] = say->flags;
	sum += bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof(*tcp));
	for (__u32 i = 0; i < sizeof(*tcp) / 4; i++)
		sum = lp_csum_add32(sum, words[i]);
	tcp->check = lp_csum_finish(sum);
	for (int i = 0; i < RESET_FRAME - ETH_HLEN - 40; i++, padding++) {
		if ((const void *)(padding + 1) > end)
			break;
		*(volatile __u8 *)padding = 0; /* clang 14 would call memset() */
	}
	return true;
}

static __always_inline bool reset_write(struct xdp_md *ctx, const struct packet *pkt,
					const struct reset_words *say)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 l2_len = pkt->l2_len & 31;
	void *l3 = data + l2_len;

	if (data + sizeof(struct ethhdr) > end)
		return false;
	if (pkt->v6) {
		struct ipv6hdr *ip = l3;

		if ((void *)(ip + 1) + sizeof(struct tcphdr) > end)
			return false;
		forward_turn_macs(data);
		return reset_write_tcp((void *)(ip + 1), end, pkt, say, reset_write_ipv6(ip, pkt));
	}
	if (l3 + sizeof(struct iphdr) + sizeof(struct tcphdr) > end)
		return false;
	forward_turn_macs(data);
	return reset_write_tcp(l3 + sizeof(struct iphdr), end, pkt, say, reset_write_ipv4(l3, pkt));
}

static __always_inline enum lp_reason reset_answer(struct xdp_md *ctx, __u32 now)
{
	struct reset_words say = {};
	struct packet pkt = {}; /* see walk.h */

	if (packet_parse(&pkt, ctx) != LP_PARSED || pkt.cut)
		return LP_DROP_TRUNCATED; /* never: the walk has read it */
	if (!reset_say(ctx, &pkt, &say))
		return LP_DROP_BAD_HEADER;
	if (!reset_is_unicast(&pkt) || !reset_is_direct(ctx) || !reset_admits(now))
		return LP_RESET_WITHHELD;
	if (!reset_cut(ctx, &pkt))
		return LP_DROP_NO_ROOM;
	return reset_write(ctx, &pkt, &say) ? LP_RESET_SENT : LP_DROP_TRUNCATED;
}

/* XDP's verdict for a packet that the walk has found nobody alive for; `now` in seconds. */
static __noinline int reset_send(struct xdp_md *ctx, __u32 now)
{
	enum lp_reason reason = reset_answer(ctx, now);

	account_reason(bpf_get_smp_processor_id(), reason);
	return reason == LP_RESET_SENT ? XDP_TX : XDP_DROP;
}

#endif
