/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An ICMP error of limpet's own, made of the packet that it is about: what is in front of
 * that packet gives way to a link layer, IP and ICMP header, and its end is cut off where
 * RFC 1812 section 4.3.2.3 (576 bytes in all) and RFC 4443 section 2.4 (1,280) say.
 *
 * As RFC 1812 section 4.3.2.7 and RFC 4443 section 2.4 have it, nothing is said about
 * fragments but the first, to more or less than one host, or about ICMP errors; and not more
 * often than LP_ICMP_ERRORS_PER_S.
 */
#ifndef LIMPET_BPF_ICMP_ANSWER_H
#define LIMPET_BPF_ICMP_ANSWER_H

#include <limpet/csum.h>
#include "forward.h"
#include "icmp_parse.h"
#include "tunnel_header.h"

#define ANSWER_MAX4 576
#define ANSWER_MAX6 1280
#define ANSWER_TOS  0xc0 /* RFC 1812 section 4.3.2.5: internetwork control */

#define ANSWER_MTU_MIN4 68 /* RFC 791 section 3.2 */
#define ANSWER_MTU_MIN6                                                                            \
	1280 /* RFC 8200 section 5; a smaller one would not be believed (RFC 8201) */

/* Not more than this is in a frame before an ICMP header, and behind it in an answer. */
#define ANSWER_AT_MAX  127
#define ANSWER_SUM_MAX ANSWER_MAX6

struct answer {
	struct lp_hop hop; /* MACs; and saddr, daddr: from whom and to whom */
	struct egress out;
	bool v6;
	__u8 type, code;
	__be32 rest; /* the second half of the ICMP header */
	__u32 at;    /* offset of what is quoted in the frame */
	__u32 len;   /* and how much of it there is */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer);
} answer_scratch SEC(".maps");

static __always_inline struct answer *answer_work(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&answer_scratch, &zero);
}

/* From whom to whom. Of IPv4 addresses only w[3] counts. */
static __always_inline void answer_address(struct answer *answer, const struct lp_addr *src,
					   const struct lp_addr *dst, bool v6)
{
	struct lp_hop *hop = &answer->hop;
	__u32 sum = bpf_htons(0x4500) + bpf_htons(0x4000) + bpf_htons(LP_OUTER_TTL << 8);

	answer->v6 = v6;
	hop->saddr = *src;
	hop->daddr = *dst;
	sum = lp_csum_add32(sum, src->w[3]);
	hop->outer_sum = lp_csum_add32(sum, dst->w[3]);
}

static __always_inline void answer_time_exceeded(struct answer *answer)
{
	answer->type = answer->v6 ? ICMPV6_TIME_EXCEED : ICMP_TIME_EXCEEDED;
	answer->code = 0; /* in transit */
	answer->rest = 0;
}

/*
 * Of a packet of `len` bytes; RFC 1191 section 4, RFC 4443 section 3.2. False: there is no
 * MTU with which its sender could make it pass. An IPv4 packet without DF gets the same
 * answer: limpet cannot fragment it, and its sender can.
 */
static __always_inline bool answer_too_big(struct answer *answer, __u32 len, __u32 mtu)
{
	if (answer->v6 && mtu < ANSWER_MTU_MIN6)
		mtu = ANSWER_MTU_MIN6;
	if (mtu < ANSWER_MTU_MIN4 || mtu >= len)
		return false;
	answer->type = answer->v6 ? ICMPV6_PKT_TOOBIG : ICMP_DEST_UNREACH;
	answer->code = answer->v6 ? 0 : ICMP_FRAG_NEEDED;
	answer->rest = bpf_htonl(mtu);
	return true;
}

/* The link layer header as it came in, or `back` to where it came from. */
static __always_inline bool answer_link(struct xdp_md *ctx, struct answer *answer,
					const struct packet *pkt, bool back)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;

	if (data + ETH_HLEN > (const __u8 *)(long)ctx->data_end)
		return false;
	__builtin_memcpy(answer->hop.dst, back ? data + ETH_ALEN : data, ETH_ALEN);
	__builtin_memcpy(answer->hop.src, back ? data : data + ETH_ALEN, ETH_ALEN);
	answer->out.tags = pkt->tags;
	answer->out.tag[0] = pkt->tag[0];
	answer->out.tag[1] = pkt->tag[1];
	answer->out.l2_len = pkt->l2_len;
	return true;
}

/*
 * Ones' complement sum, folded, of `len` bytes from `at` on. A global function: the verifier
 * walks its loop once.
 */
__noinline int answer_sum(struct xdp_md *ctx, __u32 at, __u32 len)
{
	const void *end = (const void *)(long)ctx->data_end;
	const void *word = (const void *)(long)ctx->data + (at & ANSWER_AT_MAX);
	__u32 sum = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i + 1 < ANSWER_SUM_MAX; i += 2) {
		if (i + 1 >= len || word + sizeof(__u16) > end)
			break;
		sum += *(const __u16 *)word;
		word += sizeof(__u16);
	}
	if ((len & 1) && word + 1 <= end) /* as if a zero followed: RFC 1071 section 1 */
		sum += bpf_htons((__u16)(*(const __u8 *)word << 8));
	return lp_csum_fold(sum);
}

/* RFC 4443 section 2.3: the pseudo header of RFC 8200 section 8.1. */
static __always_inline __u32 answer_pseudo_sum(const struct answer *answer, __u32 len)
{
	__u32 sum = bpf_htonl(len) >> 16;

	sum += bpf_htonl(len) & 0xffff;
	sum += bpf_htons(IPPROTO_ICMPV6);
	for (int i = 0; i < 4; i++) {
		sum = lp_csum_add32(sum, answer->hop.saddr.w[i]);
		sum = lp_csum_add32(sum, answer->hop.daddr.w[i]);
	}
	return sum;
}

/* The three headers in front of `len` bytes of a quote, but for the ICMP checksum. */
static __always_inline bool answer_write_headers(struct xdp_md *ctx, const struct answer *answer,
						 const __u32 ip, __u32 len)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l3;
	struct icmp_head *head;

	l3 = data + (answer->out.l2_len & 31);
	barrier_var(l3); /* the verifier wants to see both checks */
	head = l3 + ip;
	if ((void *)(head + 1) > end ||
	    data + sizeof(struct ethhdr) + 2 * sizeof(struct lp_tag) > end)
		return false;
	if (ip == sizeof(struct ipv6hdr)) {
		egress_write(data, &answer->out, &answer->hop, bpf_htons(ETH_P_IPV6));
		tunnel_write_ipv6(l3, &answer->hop, IPPROTO_ICMPV6, ANSWER_TOS,
				  ip + ICMP_HEADER + len, 0);
	} else {
		egress_write(data, &answer->out, &answer->hop, bpf_htons(ETH_P_IP));
		tunnel_write_ipv4(l3, &answer->hop, IPPROTO_ICMP, ANSWER_TOS,
				  ip + ICMP_HEADER + len);
	}
	head->type = answer->type;
	head->code = answer->code;
	head->check = 0;
	head->rest = answer->rest;
	return true;
}

static __always_inline bool answer_write(struct xdp_md *ctx, const struct answer *answer,
					 const __u32 ip, __u32 len)
{
	__u32 at = answer->out.l2_len + ip, sum;
	__u16 check;

	if (!answer_write_headers(ctx, answer, ip, len))
		return false;
	sum = (__u32)answer_sum(ctx, at, ICMP_HEADER + len) & 0xffff;
	if (answer->v6)
		sum += answer_pseudo_sum(answer, ICMP_HEADER + len);
	check = lp_csum_finish(sum);
	return !bpf_xdp_store_bytes(ctx, at + offsetof(struct icmp_head, check), &check,
				    sizeof(check));
}

/* How much is quoted: what is there, in the frame's first buffer, and fits into the answer. */
static __always_inline __u32 answer_quote_len(const struct xdp_md *ctx, const struct answer *answer,
					      __u32 header)
{
	__u32 most = (answer->v6 ? ANSWER_MAX6 : ANSWER_MAX4) - header;
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	__u32 len = answer->len < most ? answer->len : most;
	__u64 there = end - data;

	barrier_var(there); /* pointers are not subtracted in 32 bits */
	there -= answer->at;
	return len < there ? len : (__u32)there;
}

/*
 * Turns the frame into the answer. False: there is no room for it, and nothing has changed
 * (or the frame is not what it was said to be).
 */
static __always_inline bool answer_make(struct xdp_md *ctx, const struct answer *answer)
{
	__u32 ip = answer->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	__u32 header = ip + ICMP_HEADER, len = answer_quote_len(ctx, answer, header);
	__u32 front = answer->out.l2_len + header, total;

	if (bpf_xdp_adjust_head(ctx, (int)answer->at - (int)front))
		return false;
	total = (__u32)bpf_xdp_get_buff_len(ctx);
	if (total > front + len && bpf_xdp_adjust_tail(ctx, (int)(front + len) - (int)total))
		return false;
	if (answer->v6)
		return answer_write(ctx, answer, sizeof(struct ipv6hdr), len);
	return answer_write(ctx, answer, sizeof(struct iphdr), len);
}

/* May one more be sent? */
static __always_inline bool answer_take(struct icmp *icmp)
{
	return lp_limit_take(&icmp->errors, bpf_ktime_get_coarse_ns(), LP_ICMP_ERRORS_PER_S,
			     LP_ICMP_ERRORS_BURST);
}

#endif
