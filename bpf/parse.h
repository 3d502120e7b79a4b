/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 1 of a packet's walk: from the frame to a struct packet, with no opinion
 * on what becomes of it.
 *
 * Ethernet with up to two VLAN tags (IEEE 802.1Q, 802.1ad), IPv4 with options,
 * IPv6 with up to LP_EXTENSIONS extension headers, TCP and UDP. Parsing stops
 * where the bytes stop: packet.cut says what is missing, so that a packet that
 * is not for a VIP can go to the stack however odd it is.
 */
#ifndef LIMPET_BPF_PARSE_H
#define LIMPET_BPF_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <limpet/abi.h>
#include <limpet/reasons.h>

#define LP_EXTENSIONS 6 /* RFC 8200 section 4.1 names seven; nobody sends that many */

/* RFC 9293 section 3.1: the flags are the 14th byte. */
#define LP_TCP_FLAGS 13
#define LP_TCP_FIN   0x01
#define LP_TCP_SYN   0x02
#define LP_TCP_RST   0x04
#define LP_TCP_ACK   0x10

/* Why the transport header is not there (or is not to be trusted). */
enum packet_cut {
	CUT_NOT = 0,
	CUT_TRUNCATED,  /* the frame ends before it */
	CUT_BAD_LENGTH, /* the IP header's lengths contradict the frame or themselves */
	CUT_FRAGMENT,   /* a fragment, first or later */
	CUT_EXTENSION,  /* more extension headers than are followed */
};

struct packet {
	struct lp_addr src, dst; /* of an IPv4 packet only w[3] is set */
	__be16 sport, dport;
	struct lp_tag tag[2]; /* VLAN tags as they came, outermost first */
	__u8 tags;
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 cut;   /* enum packet_cut */
	__u8 tos;   /* DSCP and ECN */
	bool v6;
	__u8 flags;      /* of TCP, the 14th byte of its header; 0 for UDP */
	__u16 l4;        /* offset of the transport header in the frame, unless cut */
	__u32 l2_len;    /* of the Ethernet header with its tags: 14, 18 or 22 */
	__u32 l3_len;    /* of the IP packet, header included, by its own word */
	__u32 frame_len; /* of the frame, link layer included */
};

/* Of a packet with a fragment offset, an M flag, or a fragment header. */
struct packet_part {
	__be32 id;
	__u16 offset; /* bytes */
	bool is;      /* it has them */
	bool more;    /* not the last one */
	bool unsure;  /* IPv6: later fragments do not tell the protocol, headers are before it */
};

#define LP_PARSED LP_REASON_COUNT /* "no verdict yet": not a reason */

static __always_inline bool packet_is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Ethernet and tags. Leaves the type of what follows in *type. */
static __always_inline enum lp_reason packet_parse_l2(struct packet *pkt, const void *data,
						      const void *end, __be16 *type)
{
	const struct ethhdr *eth = data;

	if ((const void *)(eth + 1) > end)
		return LP_PASS_TRUNCATED;
	*type = eth->h_proto;
	pkt->l2_len = sizeof(*eth);
	pkt->tags = 0;
	for (int i = 0; i < 2 && packet_is_tag(*type); i++) {
		/* A tag is the type that announced it, then its TCI. */
		const __be16 *tci = data + sizeof(*eth) + i * sizeof(struct lp_tag);

		if ((const void *)(tci + 2) > end)
			return LP_PASS_TRUNCATED;
		pkt->tag[i].tpid = *type;
		pkt->tag[i].tci = tci[0];
		*type = tci[1];
		pkt->l2_len += sizeof(struct lp_tag);
		pkt->tags++;
	}
	return LP_PARSED;
}

/* An opening packet: a TCP SYN without ACK. */
static __always_inline bool packet_is_opening(const struct packet *pkt)
{
	return (pkt->flags & (LP_TCP_SYN | LP_TCP_ACK)) == LP_TCP_SYN;
}

/*
 * TCP and UDP begin with their ports (RFC 9293 section 3.1, RFC 768). `at` is
 * the offset of the transport header in the frame. It has to end before the IP
 * packet does: what follows that is padding, and anybody's.
 */
static __always_inline void packet_parse_ports(struct packet *pkt, const void *data,
					       const void *end, __u32 at)
{
	const __be16 *ports = data + at;
	__u32 room = pkt->l2_len + pkt->l3_len;

	if (pkt->proto == IPPROTO_TCP) {
		const __u8 *tcp = data + at;

		if (tcp + sizeof(struct tcphdr) > (const __u8 *)end ||
		    at + sizeof(struct tcphdr) > room) {
			pkt->cut = CUT_TRUNCATED;
			return;
		}
		pkt->flags = tcp[LP_TCP_FLAGS];
	} else if ((const void *)ports + sizeof(struct udphdr) > end ||
		   at + sizeof(struct udphdr) > room) {
		pkt->cut = CUT_TRUNCATED;
		return;
	}
	pkt->l4 = (__u16)at;
	pkt->sport = ports[0];
	pkt->dport = ports[1];
}

static __always_inline bool packet_is_tcp_udp(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/*
 * Where `part` is NULL, a fragment of any kind is CUT_FRAGMENT. Otherwise *part is what
 * there is to say of it, a first one has its ports, and CUT_FRAGMENT is a later one.
 */
static __always_inline void packet_parse_part(struct packet *pkt, const struct iphdr *ip,
					      const void *end, const void *data,
					      struct packet_part *part)
{
	__u16 offset = (bpf_ntohs(ip->frag_off) & 0x1fff) * 8;

	if (part) {
		part->is = true;
		part->id = bpf_htonl(bpf_ntohs(ip->id));
		part->offset = offset;
		part->more = ip->frag_off & bpf_htons(0x2000);
	}
	if (!part || offset)
		pkt->cut = CUT_FRAGMENT;
	else
		packet_parse_ports(pkt, data, end, pkt->l2_len + ip->ihl * 4);
}

/*
 * Is all of the IP packet in the frame? What does not fit into the first buffer may be in
 * the next ones (xdp.frags); headers are in the first.
 */
static __always_inline bool packet_fits(struct packet *pkt, struct xdp_md *ctx)
{
	if (pkt->l3_len <= pkt->frame_len - pkt->l2_len)
		return true;
	pkt->frame_len = (__u32)bpf_xdp_get_buff_len(ctx);
	return pkt->l3_len <= pkt->frame_len - pkt->l2_len;
}

static __always_inline enum lp_reason packet_parse_ipv4(struct packet *pkt, struct xdp_md *ctx,
							const void *data, const void *end,
							struct packet_part *part)
{
	const struct iphdr *ip = data + pkt->l2_len;
	__u32 header;

	if ((const void *)(ip + 1) > end)
		return LP_PASS_TRUNCATED;
	if (!packet_is_tcp_udp(ip->protocol))
		return LP_PASS_NOT_TCP_UDP;
	header = ip->ihl * 4;
	pkt->v6 = false;
	pkt->proto = ip->protocol;
	pkt->tos = ip->tos;
	pkt->src.w[3] = ip->saddr;
	pkt->dst.w[3] = ip->daddr;
	pkt->l3_len = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || pkt->l3_len < header ||
	    !packet_fits(pkt, ctx))
		pkt->cut = CUT_BAD_LENGTH;
	else if (ip->frag_off & bpf_htons(0x3fff)) /* MF or an offset: RFC 791 section 3.1 */
		packet_parse_part(pkt, ip, end, data, part);
	else
		packet_parse_ports(pkt, data, end, pkt->l2_len + header);
	return LP_PARSED;
}

/* Extension headers that may stand between the IPv6 header and the transport's. */
static __always_inline bool packet_is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_AH || next == IPPROTO_FRAGMENT;
}

/*
 * A fragment header (RFC 8200 section 4.5). True: what follows it is the beginning, as
 * behind any other header; so it is in an atomic fragment, which is all of its packet
 * (RFC 6946). As in packet_parse_part(); there is none inside another.
 */
static __always_inline bool packet_enter_part(struct packet *pkt, const __be16 *header,
					      struct packet_part *part)
{
	__u16 offset = bpf_ntohs(header[1]);

	pkt->cut = part && part->is ? CUT_EXTENSION : CUT_FRAGMENT;
	if (!part || part->is)
		return false;
	part->is = true;
	part->id = *(const __be32 *)(header + 2);
	part->offset = offset & 0xfff8;
	part->more = offset & 1;
	part->unsure = packet_is_extension(*(const __u8 *)header);
	if (part->offset)
		return false;
	pkt->cut = CUT_NOT;
	return true;
}

/*
 * Follows the chain from `next` at offset `at`; returns the first header that
 * is no extension and leaves its offset in *at. Stops where pkt->cut says.
 */
static __always_inline __u8 packet_skip_extensions(struct packet *pkt, const void *data,
						   const void *end, __u8 next, __u32 *at,
						   struct packet_part *part)
{
	for (int i = 0; i < LP_EXTENSIONS; i++) {
		const struct ipv6_opt_hdr *ext;

		if (!packet_is_extension(next))
			return next;
		ext = data + *at;
		/* A fragment header is 8 bytes, and so is the shortest of the others. */
		if ((const void *)ext + 8 > end) {
			pkt->cut = CUT_TRUNCATED;
			return next;
		}
		if (next == IPPROTO_FRAGMENT && !packet_enter_part(pkt, (const __be16 *)ext, part))
			return ext->nexthdr;
		/* AH counts in words of 4 less 2 (RFC 4302 section 2.2), others in 8. */
		if (next == IPPROTO_FRAGMENT)
			*at += 8;
		else
			*at += next == IPPROTO_AH ? (ext->hdrlen + 2) * 4 : (ext->hdrlen + 1) * 8;
		next = ext->nexthdr;
	}
	if (packet_is_extension(next))
		pkt->cut = CUT_EXTENSION;
	return next;
}

static __always_inline enum lp_reason packet_parse_ipv6(struct packet *pkt, struct xdp_md *ctx,
							const void *data, const void *end,
							struct packet_part *part)
{
	const struct ipv6hdr *ip = data + pkt->l2_len;
	__u32 at = pkt->l2_len + sizeof(*ip);
	__u8 next;

	if ((const void *)(ip + 1) > end)
		return LP_PASS_TRUNCATED;
	next = ip->nexthdr;
	pkt->v6 = true;
	pkt->tos = (__u8)(bpf_ntohl(*(const __be32 *)ip) >> 20);
	__builtin_memcpy(&pkt->src, &ip->saddr, sizeof(pkt->src));
	__builtin_memcpy(&pkt->dst, &ip->daddr, sizeof(pkt->dst));
	pkt->l3_len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if (!packet_is_tcp_udp(next)) {
		next = packet_skip_extensions(pkt, data, end, next, &at, part);
		/* A chain whose end is not seen may end in anything; count it as TCP,
		 * which matters only if the address is a VIP's. */
		if (pkt->cut && (pkt->cut != CUT_FRAGMENT || packet_is_extension(next)))
			next = IPPROTO_TCP;
		if (!packet_is_tcp_udp(next))
			return LP_PASS_NOT_TCP_UDP;
	}
	pkt->proto = next;
	if (pkt->cut)
		return LP_PARSED;
	if (ip->version != 6 || at - pkt->l2_len > pkt->l3_len || !packet_fits(pkt, ctx))
		pkt->cut = CUT_BAD_LENGTH;
	else
		packet_parse_ports(pkt, data, end, at);
	return LP_PARSED;
}

/* packet_parse(), with `part` as in packet_parse_part(). */
static __always_inline enum lp_reason packet_parse_with(struct packet *pkt, struct xdp_md *ctx,
							struct packet_part *part)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	enum lp_reason reason;
	__be16 type;

	pkt->frame_len = end - data;
	pkt->cut = CUT_NOT;
	reason = packet_parse_l2(pkt, data, end, &type);
	if (reason != LP_PARSED)
		return reason;
	if (type == bpf_htons(ETH_P_IP))
		return packet_parse_ipv4(pkt, ctx, data, end, part);
	if (type == bpf_htons(ETH_P_IPV6))
		return packet_parse_ipv6(pkt, ctx, data, end, part);
	return LP_PASS_NOT_IP;
}

/* Fills *pkt; LP_PARSED, or the reason for which the stack gets the packet. */
static __always_inline enum lp_reason packet_parse(struct packet *pkt, struct xdp_md *ctx)
{
	return packet_parse_with(pkt, ctx, NULL);
}

/* The same into a map, by way of the stack: of what is in a map the verifier knows no bounds. */
static __always_inline enum lp_reason packet_parse_into(struct packet *pkt, struct xdp_md *ctx)
{
	struct packet parsed = {};
	enum lp_reason reason = packet_parse(&parsed, ctx);

	*pkt = parsed;
	return reason;
}

#endif
