/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path: the whole walk again, for packets with nothing odd about them.
 * Untagged, IPv4 without options and fragments or IPv6 without extension
 * headers, an exact port of a VIP, a backend of the packet's own family behind
 * an untagged interface: that is nearly all traffic of nearly all deployments.
 * For anything else it returns LP_PARSED and has changed nothing, and the walk
 * in walk.h starts from the beginning. It never decides by itself that a
 * packet is passed or dropped.
 *
 * Why twice: in the complete walk every odd case meets the common one again at
 * the next step, so all fields of struct packet are spilled to the stack and
 * most of them set to zero several times on the way. Here an odd case ends at
 * once, and with family and header lengths constant everything stays in
 * registers. Half the cost of a packet was that (docs/benchmarks.md).
 */
#ifndef LIMPET_BPF_FAST_H
#define LIMPET_BPF_FAST_H

#include "account.h"
#include "affinity.h"
#include "audit.h"
#include "forward_tunnel.h"
#include "parse.h"
#include "vip.h"

/*
 * Is what the IP header says plausible, with a whole TCP header in it? (A UDP
 * datagram shorter than one is odd.)
 */
#define FAST_AUDITED 0x100 /* beside the reason: there is work for audit_after() */

static __always_inline bool fast_lengths(const struct packet *pkt, const __u32 header)
{
	return pkt->l3_len >= header + sizeof(struct tcphdr) &&
	       pkt->l3_len + sizeof(struct ethhdr) <= pkt->frame_len;
}

/*
 * Ports. Openings and endings of TCP connections are odd ones: there is something
 * to remember, or for the audit to note.
 */
static __always_inline bool fast_parse_transport(struct packet *pkt, const void *l4)
{
	const __be16 *ports = l4;

	if (pkt->proto == IPPROTO_TCP) {
		if (((const __u8 *)l4)[LP_TCP_FLAGS] & (LP_TCP_SYN | LP_TCP_FIN | LP_TCP_RST))
			return false;
	} else if (pkt->proto != IPPROTO_UDP) {
		return false;
	}
	pkt->sport = ports[0];
	pkt->dport = ports[1];
	return true;
}

static __always_inline bool fast_parse_ipv4(struct packet *pkt, const void *data, const void *end)
{
	const struct iphdr *ip = data + sizeof(struct ethhdr);

	if ((const void *)(ip + 1) + sizeof(struct tcphdr) > end)
		return false;
	pkt->l3_len = bpf_ntohs(ip->tot_len);
	/* 0x45: version 4, five words. */
	if (*(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(0x3fff) ||
	    !fast_lengths(pkt, sizeof(*ip)))
		return false;
	pkt->proto = ip->protocol;
	pkt->tos = ip->tos;
	pkt->src.w[3] = ip->saddr;
	pkt->dst.w[3] = ip->daddr;
	return fast_parse_transport(pkt, ip + 1);
}

static __always_inline bool fast_parse_ipv6(struct packet *pkt, const void *data, const void *end)
{
	const struct ipv6hdr *ip = data + sizeof(struct ethhdr);

	if ((const void *)(ip + 1) + sizeof(struct tcphdr) > end)
		return false;
	pkt->l3_len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if ((*(const __u8 *)ip & 0xf0) != 0x60 || !fast_lengths(pkt, sizeof(*ip)))
		return false;
	pkt->proto = ip->nexthdr;
	pkt->tos = (__u8)(bpf_ntohl(*(const __be32 *)ip) >> 20);
	__builtin_memcpy(&pkt->src, &ip->saddr, sizeof(pkt->src));
	__builtin_memcpy(&pkt->dst, &ip->daddr, sizeof(pkt->dst));
	return fast_parse_transport(pkt, ip + 1);
}

/* The way to the backend; NULL if it is an odd one. `len`: what is to go there. */
static __always_inline const struct lp_hop *fast_hop(char *base, __u32 number, __u32 len,
						     const bool v6)
{
	const struct lp_backend *backend = backend_at(base, number);
	const struct lp_hop *hop;

	if (!backend)
		return NULL;
	hop = &backend->hop[0];
	/* A branch, which is predicted, where an index would have to be waited for. */
	if (((const volatile struct lp_backend *)backend)->active)
		hop = &backend->hop[1];
	if (!hop->ifindex || hop->tags || len > hop->mtu || !!(hop->flags & LP_HOP_V6) != v6)
		return NULL;
	return hop;
}

/* IP in IP of the same family; LP_PARSED: no room, and nothing has changed. */
static __always_inline enum lp_reason fast_ipip(struct xdp_md *ctx, const struct packet *pkt,
						const struct lp_hop *hop, __u64 hash, const bool v6)
{
	const __u32 outer = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	static const struct egress untagged = { .l2_len = sizeof(struct ethhdr) };
	__u32 len = pkt->l3_len + outer;
	void *data;

	if (bpf_xdp_adjust_head(ctx, -(int)outer))
		return LP_PARSED;
	data = (void *)(long)ctx->data;
	if (data + sizeof(struct ethhdr) + outer > (void *)(long)ctx->data_end)
		return LP_PARSED; /* never: it has grown */
	if (v6) {
		egress_write(data, &untagged, hop, bpf_htons(ETH_P_IPV6));
		tunnel_write_ipv6(data + sizeof(struct ethhdr), hop, IPPROTO_IPV6, pkt->tos, len,
				  tunnel_entropy(pkt, hash));
	} else {
		egress_write(data, &untagged, hop, bpf_htons(ETH_P_IP));
		tunnel_write_ipv4(data + sizeof(struct ethhdr), hop, IPPROTO_IPIP, pkt->tos, len);
	}
	return LP_FORWARD_TX;
}

static __always_inline enum lp_reason fast_walk_ip(struct xdp_md *ctx, __u32 *ifindex,
						   const bool v6)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	const __u32 outer = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct packet pkt = { .v6 = v6, .frame_len = end - data };
	const struct lp_vip *vip;
	const struct lp_hop *hop;
	enum lp_reason reason;
	struct view view;
	struct affinity affinity = {};
	struct lp_slot slot;
	__u32 number, cpu;

	if (!(v6 ? fast_parse_ipv6(&pkt, data, end) : fast_parse_ipv4(&pkt, data, end)))
		return LP_PARSED;
	if (!pkt.dport || !view_open(&view))
		return LP_PARSED;
	vip = vip_key(&view, &pkt, pkt.dport);
	if (!vip || vip->forward != LP_FORWARD_IPIP)
		return LP_PARSED;
	affinity_find(&affinity, &view, vip, &pkt);
	slot = affinity_slot(&view, affinity_line(&view, vip, affinity.slot), affinity.slot);
	if (!slot.cur || !affinity_is_settled(&affinity, vip, &pkt, slot))
		return LP_PARSED;
	number = slot.cur;
	hop = fast_hop(view.base, number, pkt.l3_len + outer, v6);
	if (!hop)
		return LP_PARSED;
	*ifindex = hop->ifindex;
	reason = fast_ipip(ctx, &pkt, hop, affinity.hash, v6);
	if (reason != LP_FORWARD_TX)
		return LP_PARSED;
	cpu = bpf_get_smp_processor_id();
	account_forwarded(view.base, cpu, vip->vip, number, pkt.frame_len);
	reason = *ifindex == ctx->ingress_ifindex ? LP_FORWARD_TX : LP_FORWARD_REDIRECT;
	account_reason(view.base, cpu, reason);
	if (audit_samples_flow(&affinity, &pkt)) {
		audit_witness(&affinity, &view, vip, &pkt, cpu, number);
		reason |= FAST_AUDITED;
	}
	return reason;
}

/*
 * One function for each family, not inlined: the stack of the complete walk and
 * of what it calls has to fit beside that of the entry. The interface is in the
 * upper half of what they return, the reason in the lower.
 */
static __noinline __u64 fast_walk_ipv4(struct xdp_md *ctx)
{
	__u32 ifindex = 0;
	enum lp_reason reason = fast_walk_ip(ctx, &ifindex, false);

	return (__u64)ifindex << 32 | reason;
}

static __noinline __u64 fast_walk_ipv6(struct xdp_md *ctx)
{
	__u32 ifindex = 0;
	enum lp_reason reason = fast_walk_ip(ctx, &ifindex, true);

	return (__u64)ifindex << 32 | reason;
}

/* The verdict, or LP_PARSED if the packet has to take the complete walk. */
static __always_inline enum lp_reason fast_walk(struct xdp_md *ctx, __u32 *ifindex)
{
	const void *data = (const void *)(long)ctx->data;
	__u64 done = LP_PARSED;
	__be16 type;

	if (data + sizeof(struct ethhdr) > (const void *)(long)ctx->data_end)
		return LP_PARSED;
	/* Not by struct ethhdr: it is packed, which makes two loads of this one. */
	type = *(const __be16 *)(data + 2 * ETH_ALEN);
	if (type == bpf_htons(ETH_P_IP))
		done = fast_walk_ipv4(ctx);
	else if (type == bpf_htons(ETH_P_IPV6))
		done = fast_walk_ipv6(ctx);
	*ifindex = (__u32)(done >> 32);
	return (enum lp_reason)(__u32)done;
}

#endif
