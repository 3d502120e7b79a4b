// SPDX-License-Identifier: GPL-2.0
/*
 * `limpet decap`: takes the outer headers of `ipip` and `gue` off, on backends
 * whose kernel has no device for that. An XDP program of its own, on the
 * backend; it shares nothing with the balancer's but parse.h.
 *
 * The walk: Ethernet with up to two tags, the outer IP header, is it a tunnel
 * packet to one of our addresses, does it come from a balancer that we were
 * told of, GUE header, inner header, ECN, off with the outer headers. What is
 * no tunnel packet to us goes to the stack as it came.
 *
 *   - IP in IP: protocol 4 (IPv4 inside) and 41 (IPv6 inside), over IPv4 and
 *     IPv6 (RFC 2003, RFC 4213, RFC 2473).
 *   - GUE (draft-ietf-intarea-gue-09): variant 1, the inner IP packet directly
 *     after UDP, which is what limpet sends; variant 0, data messages with IP
 *     inside and no flags. A flag may mean that the payload is not what it
 *     seems (remote checksum offload, encryption), and section 3.3 says to drop
 *     what is not understood.
 *   - Fragments of tunnel packets are malformed: limpet sends none. (A later
 *     fragment of a UDP packet has no port to know it by and goes to the stack,
 *     where its first fragment will be missed.)
 *   - The outer IPv4 checksum is verified, as the stack would have done. The
 *     UDP checksum, if there is one, is not: whatever it covers is covered by
 *     the inner packet's own checksums, which the stack verifies.
 */
#include <limpet/csum.h>
#include "parse.h"

/* Sources that are balancers; outer destinations that are ours. User space sets
 * max_entries. */
struct address_set {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct lp_addr);
	__type(value, __u8);
};

struct address_set balancers SEC(".maps");
struct address_set locals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LP_DECAP_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

const volatile __be16 decap_gue_port;

enum { ECN_NOT_ECT = 0, ECN_ECT1 = 1, ECN_ECT0 = 2, ECN_CE = 3, ECN_MASK = 3 };

enum { GUE_VARIANT_0 = 0, GUE_CONTROL = 1 << 5, GUE_HLEN = 0x1f };

/* draft-ietf-intarea-gue-09 section 3.1 */
struct gue_header {
	__u8 variant_control_hlen; /* 2, 1 and 5 bits; hlen: words of 4 bytes that follow */
	__u8 proto;
	__be16 flags;
};

/* The outer headers, as far as the walk has come. Offsets are from the frame's beginning. */
struct outer {
	struct lp_addr src, dst;
	__u32 at;        /* of the next header */
	__u32 limit;     /* where the bytes end that the headers so far account for */
	__u8 proto;      /* of the next header */
	__u8 ecn;        /* ECN field */
	bool no_port;    /* a later fragment, or no header where UDP's should be */
	bool suspicious; /* a fragment, or lengths or checksum are wrong */
};

/*
 * Where the next header is. The mask changes nothing, at is far below it (22 +
 * 40 + 6 * 2048 + 8 + 4 + 31 * 4 bytes); it tells so to the verifier, which
 * forgets the bound of what was spilled to the stack.
 */
static __always_inline void *outer_next(const struct outer *outer, const void *data)
{
	__u32 at = outer->at;

	barrier_var(at);
	return (void *)data + (at & 0x3fff);
}

static __always_inline void addr_from_ipv4(struct lp_addr *addr, __be32 ipv4)
{
	addr->w[0] = 0;
	addr->w[1] = 0;
	addr->w[2] = bpf_htonl(0xffff);
	addr->w[3] = ipv4;
}

/* RFC 791 section 3.1: the sum over the header, its checksum included, is all ones. */
static __always_inline bool ipv4_checksum_ok(const struct iphdr *ip, const void *end)
{
	const __u32 *word = (const __u32 *)ip;
	__u32 sum = 0;

	if ((const void *)(ip + 1) > end)
		return false;
	for (int i = 0; i < 15 && i < ip->ihl; i++) {
		if ((const void *)(word + i + 1) > end)
			return false;
		sum = lp_csum_add32(sum, word[i]);
	}
	return lp_csum_fold(sum) == 0xffff;
}

static __always_inline bool outer_parse_ipv4(struct outer *outer, const void *data, const void *end,
					     __u32 l2_len, __u32 frame_len)
{
	const struct iphdr *ip = data + l2_len;
	__u32 header;

	if ((const void *)(ip + 1) > end)
		return false;
	header = ip->ihl * 4;
	addr_from_ipv4(&outer->src, ip->saddr);
	addr_from_ipv4(&outer->dst, ip->daddr);
	outer->proto = ip->protocol;
	outer->ecn = ip->tos & ECN_MASK;
	outer->at = l2_len + header;
	outer->limit = l2_len + bpf_ntohs(ip->tot_len);
	outer->no_port = header < sizeof(*ip) || (ip->frag_off & bpf_htons(0x1fff));
	outer->suspicious = ip->version != 4 || header < sizeof(*ip) ||
			    (ip->frag_off & bpf_htons(0x3fff)) || outer->limit < outer->at ||
			    outer->limit > frame_len;
	return true;
}

/* A first fragment shows what it carries; outer->at is then moved there. */
static __always_inline void outer_look_into_fragment(struct outer *outer, const void *data,
						     const void *end)
{
	/* RFC 8200 section 4.5: offset, then the M flag in the lowest bit. */
	const __be16 *words = outer_next(outer, data);

	outer->suspicious = true;
	if ((const void *)(words + 4) > end || (words[1] & bpf_htons(0xfff8)))
		outer->no_port = true;
	else
		outer->at += 8;
}

static __always_inline bool outer_parse_ipv6(struct outer *outer, struct packet *pkt,
					     const void *data, const void *end, __u32 frame_len)
{
	const struct ipv6hdr *ip = data + pkt->l2_len;
	__u32 at = pkt->l2_len + sizeof(*ip);

	if ((const void *)(ip + 1) > end)
		return false;
	__builtin_memcpy(&outer->src, &ip->saddr, sizeof(outer->src));
	__builtin_memcpy(&outer->dst, &ip->daddr, sizeof(outer->dst));
	outer->ecn = ip->flow_lbl[0] >> 4 & ECN_MASK;
	outer->limit = at + bpf_ntohs(ip->payload_len);
	outer->no_port = false;
	/* Linux's ip6_tunnel puts an option into every packet (RFC 2473 section 5.1). */
	outer->proto = packet_skip_extensions(pkt, data, end, ip->nexthdr, &at, NULL);
	outer->at = at;
	outer->suspicious = ip->version != 6 || outer->limit < outer->at ||
			    outer->limit > frame_len;
	if (pkt->cut == CUT_FRAGMENT)
		outer_look_into_fragment(outer, data, end);
	return true;
}

static __always_inline bool outer_is_tunnel(const struct outer *outer, const void *data,
					    const void *end)
{
	const struct udphdr *udp = outer_next(outer, data);

	if (outer->proto == IPPROTO_IPIP || outer->proto == IPPROTO_IPV6)
		return true;
	if (outer->proto != IPPROTO_UDP || outer->no_port || (const void *)(udp + 1) > end)
		return false;
	return udp->dest == decap_gue_port;
}

/* Past the GUE header of variant 0: leaves the protocol inside in outer->proto. */
static __always_inline bool gue_skip_header(struct outer *outer, const void *data, const void *end)
{
	const struct gue_header *gue = outer_next(outer, data);

	if ((const void *)(gue + 1) > end)
		return false;
	if (gue->variant_control_hlen >> 6 != GUE_VARIANT_0 ||
	    (gue->variant_control_hlen & GUE_CONTROL) || gue->flags)
		return false;
	outer->proto = gue->proto;
	outer->at += sizeof(*gue) + (gue->variant_control_hlen & GUE_HLEN) * 4;
	return true;
}

/* Past UDP and GUE. */
static __always_inline bool gue_skip(struct outer *outer, const void *data, const void *end)
{
	const struct udphdr *udp = outer_next(outer, data);
	const __u8 *first = (const __u8 *)(udp + 1);
	__u32 limit;

	if ((const void *)(first + 1) > end)
		return false;
	limit = outer->at + bpf_ntohs(udp->len);
	outer->at += sizeof(*udp);
	if (limit < outer->at || limit > outer->limit)
		return false;
	outer->limit = limit;
	/* Variant 1 is told by its two bits, which are those of IP's version. */
	switch (*first >> 4) {
	case 4:
		outer->proto = IPPROTO_IPIP;
		return true;
	case 6:
		outer->proto = IPPROTO_IPV6;
		return true;
	default:
		return gue_skip_header(outer, data, end);
	}
}

/*
 * RFC 6040 section 4.2, figure 4: the ECN field that goes on, or -1 for the one
 * combination that has to be dropped. Those that the RFC calls unexpected go on
 * as it says.
 */
static __always_inline int ecn_decapsulate(__u8 inner, __u8 outer)
{
	if (outer == ECN_CE)
		return inner == ECN_NOT_ECT ? -1 : ECN_CE;
	if (outer == ECN_ECT1 && inner == ECN_ECT0)
		return ECN_ECT1;
	return inner;
}

static __always_inline enum lp_decap_reason inner_check_ipv4(const struct outer *outer, void *data,
							     const void *end)
{
	struct iphdr *ip = outer_next(outer, data);
	__u16 *first = (__u16 *)ip, old, len;
	int ecn;

	if ((void *)(ip + 1) > end)
		return LP_DECAP_DROP_MALFORMED;
	len = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl < 5 || len < ip->ihl * 4 || outer->at + len > outer->limit)
		return LP_DECAP_DROP_MALFORMED;
	ecn = ecn_decapsulate(ip->tos & ECN_MASK, outer->ecn);
	if (ecn < 0)
		return LP_DECAP_DROP_ECN;
	if (ecn == (ip->tos & ECN_MASK))
		return LP_DECAP_OK;
	old = *first;
	ip->tos = (ip->tos & ~ECN_MASK) | ecn;
	ip->check = lp_csum_replace16(ip->check, old, *first);
	return LP_DECAP_OK;
}

static __always_inline enum lp_decap_reason inner_check_ipv6(const struct outer *outer, void *data,
							     const void *end)
{
	struct ipv6hdr *ip = outer_next(outer, data);
	int ecn;

	if ((void *)(ip + 1) > end)
		return LP_DECAP_DROP_MALFORMED;
	if (ip->version != 6 || outer->at + sizeof(*ip) + bpf_ntohs(ip->payload_len) > outer->limit)
		return LP_DECAP_DROP_MALFORMED;
	ecn = ecn_decapsulate(ip->flow_lbl[0] >> 4 & ECN_MASK, outer->ecn);
	if (ecn < 0)
		return LP_DECAP_DROP_ECN;
	ip->flow_lbl[0] = (ip->flow_lbl[0] & ~(ECN_MASK << 4)) | ecn << 4;
	return LP_DECAP_OK;
}

/*
 * Takes off all between the link layer header and the inner packet: the header
 * moves up to it, with another type. The destination is read before it is
 * overwritten: the two may overlap.
 */
static __always_inline enum lp_decap_reason take_off(struct xdp_md *ctx, const struct packet *pkt,
						     const struct outer *outer, __be16 type)
{
	const __u32 *from = (const __u32 *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	__u32 delta = (outer->at - pkt->l2_len) & 0x3fff, macs[3];
	__u32 *to = (void *)from + delta;
	struct lp_tag *tag;

	if ((const void *)(from + 3) > end ||
	    (void *)to + sizeof(struct ethhdr) + 2 * sizeof(struct lp_tag) > end)
		return LP_DECAP_DROP_MALFORMED;
	macs[0] = from[0];
	macs[1] = from[1];
	macs[2] = from[2];
	to[0] = macs[0];
	to[1] = macs[1];
	to[2] = macs[2];
	tag = (struct lp_tag *)(to + 3);
	if (pkt->tags > 0)
		*tag++ = pkt->tag[0];
	if (pkt->tags > 1)
		*tag++ = pkt->tag[1];
	tag->tpid = type;
	return bpf_xdp_adjust_head(ctx, (int)delta) ? LP_DECAP_DROP_MALFORMED : LP_DECAP_OK;
}

static __always_inline bool is_in(void *set, const struct lp_addr *addr)
{
	return bpf_map_lookup_elem(set, addr) != NULL;
}

/* From here on it is a tunnel packet from a balancer. */
static __always_inline enum lp_decap_reason
decapsulate(struct xdp_md *ctx, const struct packet *pkt, struct outer *outer, __be16 type)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	enum lp_decap_reason reason;

	if (outer->suspicious)
		return LP_DECAP_DROP_MALFORMED;
	if (type == bpf_htons(ETH_P_IP) && !ipv4_checksum_ok(data + pkt->l2_len, end))
		return LP_DECAP_DROP_MALFORMED;
	if (outer->proto == IPPROTO_UDP && !gue_skip(outer, data, end))
		return LP_DECAP_DROP_MALFORMED;
	if (outer->proto == IPPROTO_IPIP) {
		reason = inner_check_ipv4(outer, data, end);
		type = bpf_htons(ETH_P_IP);
	} else if (outer->proto == IPPROTO_IPV6) {
		reason = inner_check_ipv6(outer, data, end);
		type = bpf_htons(ETH_P_IPV6);
	} else {
		reason = LP_DECAP_DROP_MALFORMED;
	}
	return reason == LP_DECAP_OK ? take_off(ctx, pkt, outer, type) : reason;
}

static __always_inline enum lp_decap_reason walk(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	struct packet pkt = {};
	struct outer outer = {};
	/* Of all buffers of the frame; `end` is that of the first. */
	__u32 frame_len = (__u32)bpf_xdp_get_buff_len(ctx);
	bool is_ip = false;
	__be16 type;

	if (packet_parse_l2(&pkt, data, end, &type) != LP_PARSED)
		return LP_DECAP_NOT_TUNNEL;
	if (type == bpf_htons(ETH_P_IP))
		is_ip = outer_parse_ipv4(&outer, data, end, pkt.l2_len, frame_len);
	else if (type == bpf_htons(ETH_P_IPV6))
		is_ip = outer_parse_ipv6(&outer, &pkt, data, end, frame_len);
	if (!is_ip || !outer_is_tunnel(&outer, data, end) || !is_in(&locals, &outer.dst))
		return LP_DECAP_NOT_TUNNEL;
	if (!is_in(&balancers, &outer.src))
		return LP_DECAP_DROP_SOURCE;
	return decapsulate(ctx, &pkt, &outer, type);
}

/* xdp.frags: a backend may well have a larger MTU than a page holds. */
SEC("xdp.frags")
int limpet_decap(struct xdp_md *ctx)
{
	enum lp_decap_reason reason = walk(ctx);
	__u32 at = reason;
	__u64 *counter = bpf_map_lookup_elem(&counters, &at);

	if (counter)
		(*counter)++;
	return reason == LP_DECAP_OK || reason == LP_DECAP_NOT_TUNNEL ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
