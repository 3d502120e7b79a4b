/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An ICMP packet and the packet that it quotes, if it is an error (RFC 792, RFC 4443).
 *
 * A quote is an IP packet from its header on, cut off somewhere; its transport header is
 * there for 8 bytes at least, which is as far as its ports. Bytes come from the packet by
 * bpf_xdp_load_bytes(): these packets are few, and the quote may begin anywhere.
 */
#ifndef LIMPET_BPF_ICMP_PARSE_H
#define LIMPET_BPF_ICMP_PARSE_H

#include <linux/icmpv6.h>
#include <limpet/limit.h>
#include "maps.h"
#include "parse.h"

/* RFC 792; linux/icmp.h is not for BPF. */
enum {
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
	ICMP_FRAG_NEEDED = 4, /* a code of ICMP_DEST_UNREACH */
};

#define ICMP_HEADER     8 /* of both families */
#define ICMP_QUOTED_MIN 8 /* bytes of the quoted transport header: RFC 792 */

/* Of a transport header, TCP's checksum is at 16, UDP's at 6. */
#define ICMP_TCP_CHECK 16
#define ICMP_UDP_CHECK 6

struct icmp_head {
	__u8 type, code;
	__u16 check;
	__be32 rest;
};

/* Work space of one packet. */
struct icmp {
	struct packet pkt; /* l4: of the ICMP header */
	struct icmp_head head;
	struct packet quoted; /* what is quoted, as it was sent; l4: in this frame */
	__u32 quote;          /* offset of the quoted packet in the frame */
	struct packet flow;   /* the connection, as its client sends */
	union {
		struct iphdr ip4;
		struct ipv6hdr ip6;
		__u8 bytes[8];
	} bytes; /* read from the frame */
	struct lp_limit errors, pings;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct icmp);
} icmp_scratch SEC(".maps");

static __always_inline struct icmp *icmp_work(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&icmp_scratch, &zero);
}

/* Of IPv4 addresses in a struct packet only w[3] is set. */
static __always_inline bool icmp_same(const struct lp_addr *a, const struct lp_addr *b, bool v6)
{
	if (v6 && (a->w[0] != b->w[0] || a->w[1] != b->w[1] || a->w[2] != b->w[2]))
		return false;
	return a->w[3] == b->w[3];
}

/* --- the packet --------------------------------------------------------------------- */

static __always_inline bool icmp_parse_ipv4(struct packet *pkt, const void *data, const void *end)
{
	const struct iphdr *ip = data + pkt->l2_len;
	__u32 header;

	if ((const void *)(ip + 1) > end || ip->protocol != IPPROTO_ICMP)
		return false;
	header = ip->ihl * 4;
	pkt->v6 = false;
	pkt->proto = IPPROTO_ICMP;
	pkt->tos = ip->tos;
	pkt->src.w[3] = ip->saddr;
	pkt->dst.w[3] = ip->daddr;
	pkt->l3_len = bpf_ntohs(ip->tot_len);
	pkt->l4 = (__u16)(pkt->l2_len + header);
	if (ip->version != 4 || header < sizeof(*ip))
		pkt->cut = CUT_BAD_LENGTH;
	else if (ip->frag_off & bpf_htons(0x3fff))
		pkt->cut = CUT_FRAGMENT;
	return true;
}

static __always_inline bool icmp_parse_ipv6(struct packet *pkt, const void *data, const void *end)
{
	const struct ipv6hdr *ip = data + pkt->l2_len;
	__u32 at = pkt->l2_len + sizeof(*ip);
	__u8 next;

	if ((const void *)(ip + 1) > end)
		return false;
	next = ip->nexthdr;
	pkt->v6 = true;
	pkt->proto = IPPROTO_ICMPV6;
	pkt->tos = (__u8)(bpf_ntohl(*(const __be32 *)ip) >> 20);
	__builtin_memcpy(&pkt->src, &ip->saddr, sizeof(pkt->src));
	__builtin_memcpy(&pkt->dst, &ip->daddr, sizeof(pkt->dst));
	pkt->l3_len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if (ip->version != 6)
		pkt->cut = CUT_BAD_LENGTH;
	if (next != IPPROTO_ICMPV6)
		next = packet_skip_extensions(pkt, data, end, next, &at, NULL);
	pkt->l4 = (__u16)at;
	return next == IPPROTO_ICMPV6;
}

/* Has the IP packet all that it says, and an ICMP header in it? */
static __always_inline void icmp_check_length(struct packet *pkt)
{
	if (!pkt->cut && (pkt->l2_len + pkt->l3_len > pkt->frame_len ||
			  pkt->l4 + ICMP_HEADER > pkt->l2_len + pkt->l3_len))
		pkt->cut = CUT_BAD_LENGTH;
}

/* Fills icmp->pkt and, unless that is cut, icmp->head. False: it is no ICMP packet. */
static __always_inline bool icmp_parse(struct xdp_md *ctx, struct icmp *icmp)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	struct packet *pkt = &icmp->pkt;
	bool is = false;
	__be16 type;

	pkt->frame_len = (__u32)bpf_xdp_get_buff_len(ctx);
	pkt->cut = CUT_NOT;
	if (packet_parse_l2(pkt, data, end, &type) != LP_PARSED)
		return false;
	if (type == bpf_htons(ETH_P_IP))
		is = icmp_parse_ipv4(pkt, data, end);
	else if (type == bpf_htons(ETH_P_IPV6))
		is = icmp_parse_ipv6(pkt, data, end);
	if (!is)
		return false;
	icmp_check_length(pkt);
	if (!pkt->cut && bpf_xdp_load_bytes(ctx, pkt->l4, &icmp->head, sizeof(icmp->head)))
		pkt->cut = CUT_TRUNCATED;
	return true;
}

static __always_inline bool icmp_is_ping(const struct icmp *icmp)
{
	return icmp->head.type == (icmp->pkt.v6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO);
}

/* The errors that quote a packet: RFC 792; RFC 4443 section 2.1 has them below 128. */
static __always_inline bool icmp_is_error(const struct icmp *icmp)
{
	__u8 type = icmp->head.type;

	if (icmp->pkt.v6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/* --- the quote ---------------------------------------------------------------------- */

/* Past the quoted extension headers, from *at on; 0: there is no transport header. */
static __always_inline __u8 quote_skip_extensions(struct xdp_md *ctx, struct icmp *icmp, __u8 next,
						  __u32 *at)
{
	const __u8 *ext = icmp->bytes.bytes;

	for (int i = 0; i < LP_EXTENSIONS && packet_is_extension(next); i++) {
		if (bpf_xdp_load_bytes(ctx, *at, icmp->bytes.bytes, sizeof(icmp->bytes.bytes)))
			return 0;
		/* RFC 8200 section 4.5: offset and M flag are the second word. */
		if (next == IPPROTO_FRAGMENT && (ext[2] || ext[3] & 0xf8))
			return 0;
		if (next == IPPROTO_FRAGMENT)
			*at += 8;
		else
			*at += next == IPPROTO_AH ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
		next = ext[0];
	}
	return next;
}

static __always_inline bool quote_parse_ipv4(struct xdp_md *ctx, struct icmp *icmp, __u32 at)
{
	struct packet *quoted = &icmp->quoted;
	const struct iphdr *ip = &icmp->bytes.ip4;

	if (bpf_xdp_load_bytes(ctx, at, &icmp->bytes.ip4, sizeof(*ip)))
		return false;
	/* A later fragment has no ports; a first one has. */
	if (ip->version != 4 || ip->ihl < 5 || (ip->frag_off & bpf_htons(0x1fff)))
		return false;
	quoted->v6 = false;
	quoted->proto = ip->protocol;
	quoted->tos = ip->tos;
	quoted->src.w[3] = ip->saddr;
	quoted->dst.w[3] = ip->daddr;
	quoted->l3_len = bpf_ntohs(ip->tot_len);
	quoted->l4 = (__u16)(at + ip->ihl * 4);
	return true;
}

static __always_inline bool quote_parse_ipv6(struct xdp_md *ctx, struct icmp *icmp, __u32 at)
{
	struct packet *quoted = &icmp->quoted;
	const struct ipv6hdr *ip = &icmp->bytes.ip6;
	__u32 l4 = at + sizeof(*ip);

	if (bpf_xdp_load_bytes(ctx, at, &icmp->bytes.ip6, sizeof(*ip)) || ip->version != 6)
		return false;
	quoted->v6 = true;
	quoted->tos = (__u8)(ip->priority << 4 | ip->flow_lbl[0] >> 4);
	__builtin_memcpy(&quoted->src, &ip->saddr, sizeof(quoted->src));
	__builtin_memcpy(&quoted->dst, &ip->daddr, sizeof(quoted->dst));
	quoted->l3_len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	quoted->proto = quote_skip_extensions(ctx, icmp, ip->nexthdr, &l4);
	quoted->l4 = (__u16)l4;
	return true;
}

/* The first IP header of a quote at `at`: fills icmp->quoted but for the ports. */
static __always_inline bool quote_parse_ip(struct xdp_md *ctx, struct icmp *icmp, __u32 at, bool v6)
{
	icmp->quote = at;
	icmp->quoted.cut = CUT_NOT;
	return v6 ? quote_parse_ipv6(ctx, icmp, at) : quote_parse_ipv4(ctx, icmp, at);
}

/* And the ports; false: it is neither TCP nor UDP, or cut before the 8 bytes. */
static __always_inline bool quote_parse_ports(struct xdp_md *ctx, struct icmp *icmp)
{
	__be16 *ports = (__be16 *)icmp->bytes.bytes;
	struct packet *quoted = &icmp->quoted;

	if (!packet_is_tcp_udp(quoted->proto) ||
	    quoted->l4 + ICMP_QUOTED_MIN > icmp->pkt.l2_len + icmp->pkt.l3_len ||
	    bpf_xdp_load_bytes(ctx, quoted->l4, ports, ICMP_QUOTED_MIN))
		return false;
	quoted->sport = ports[0];
	quoted->dport = ports[1];
	return true;
}

/* The packet that the error is about, which has to be of a TCP connection or a UDP flow. */
static __always_inline bool quote_parse(struct xdp_md *ctx, struct icmp *icmp)
{
	return quote_parse_ip(ctx, icmp, icmp->pkt.l4 + ICMP_HEADER, icmp->pkt.v6) &&
	       quote_parse_ports(ctx, icmp);
}

/* The flow of what is quoted, as its client sends; `reply`: a server's packet is quoted. */
static __always_inline void quote_flow(struct icmp *icmp, bool reply)
{
	const struct packet *quoted = &icmp->quoted;
	struct packet *flow = &icmp->flow;

	flow->v6 = quoted->v6;
	flow->proto = quoted->proto;
	flow->src = reply ? quoted->dst : quoted->src;
	flow->dst = reply ? quoted->src : quoted->dst;
	flow->sport = reply ? quoted->dport : quoted->sport;
	flow->dport = reply ? quoted->sport : quoted->dport;
}

#endif
