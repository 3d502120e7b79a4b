// SPDX-License-Identifier: GPL-2.0
/*
 * Checks with `via: vip`: a check of one backend goes the way that its traffic
 * goes, so that a good result means that traffic works: that the backend has the
 * VIP's address, takes the outer header off, and answers from the VIP.
 *
 * The socket of a check connects to the *backend's* address, and is marked. So
 * the kernel chooses route, source address and neighbour as for anything else
 * that goes there, and nothing has to be routed to the VIP, whose packets a
 * balancer never sends. Two programs at the edge of the host change what the
 * wire sees:
 *
 *   - probe_egress (clsact, marked packets): the destination becomes the VIP,
 *     and then the packet is forwarded as bpf/forward_*.h would have: the next
 *     hop's MAC and, for tunnels, an outer header. A SYN notes its connection.
 *   - probe_ingress: the source of an answer to such a connection becomes the
 *     backend again. Reverse path filters see nothing unusual.
 *
 * Who an answer is from is told by the connection's four numbers alone, with the
 * VIP in place of the backend; so two checks at a time must not have the same
 * local port, for which their sockets are bound (health/tcp.h).
 *
 * What a check's packet would not survive is dropped, not sent some other way: a
 * check that times out says more than one that lies.
 */
#include <limpet/probe.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include "tunnel_header.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LP_BACKENDS_MAX);
	__type(key, __u32);
	__type(value, struct lp_probe_way);
} probe_ways SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LP_PROBE_FLOWS);
	__type(key, struct lp_probe_flow);
	__type(value, struct lp_addr);
} probe_flows SEC(".maps");

/* Where things are in the frame, and what they say. */
struct segment {
	struct lp_addr src, dst;
	__u32 tcp;     /* offset of the TCP header */
	__u32 address; /* offset of the source address; the destination's follows it */
	__u32 l3_len;
	__be16 sport, dport;
	__u8 flags, tos;
	bool v6;
};

static __always_inline void from_ipv4(struct lp_addr *addr, __be32 v4)
{
	addr->d[0] = 0;
	addr->w[2] = bpf_htonl(0xffff);
	addr->w[3] = v4;
}

static __always_inline bool parse_ipv4(struct __sk_buff *skb, struct segment *seg)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    ip.protocol != IPPROTO_TCP || (ip.frag_off & bpf_htons(0x3fff)))
		return false;
	from_ipv4(&seg->src, ip.saddr);
	from_ipv4(&seg->dst, ip.daddr);
	seg->address = ETH_HLEN + offsetof(struct iphdr, saddr);
	seg->tcp = ETH_HLEN + ip.ihl * 4;
	seg->l3_len = bpf_ntohs(ip.tot_len);
	seg->tos = ip.tos;
	seg->v6 = false;
	return true;
}

/* No extension headers: neither end of a check has a reason for them. */
static __always_inline bool parse_ipv6(struct __sk_buff *skb, struct segment *seg)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.version != 6 ||
	    ip.nexthdr != IPPROTO_TCP)
		return false;
	__builtin_memcpy(&seg->src, &ip.saddr, sizeof(seg->src));
	__builtin_memcpy(&seg->dst, &ip.daddr, sizeof(seg->dst));
	seg->address = ETH_HLEN + offsetof(struct ipv6hdr, saddr);
	seg->tcp = ETH_HLEN + sizeof(ip);
	seg->l3_len = sizeof(ip) + bpf_ntohs(ip.payload_len);
	seg->tos = (__u8)(bpf_ntohl(*(__be32 *)&ip) >> 20);
	seg->v6 = true;
	return true;
}

/* A whole TCP segment behind an Ethernet header; the kernel keeps VLAN tags apart. */
static __always_inline bool parse(struct __sk_buff *skb, struct segment *seg)
{
	struct tcphdr tcp;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (!parse_ipv4(skb, seg))
			return false;
	} else if (skb->protocol != bpf_htons(ETH_P_IPV6) || !parse_ipv6(skb, seg)) {
		return false;
	}
	if (bpf_skb_load_bytes(skb, seg->tcp, &tcp, sizeof(tcp)))
		return false;
	seg->sport = tcp.source;
	seg->dport = tcp.dest;
	seg->flags = ((__u8 *)&tcp)[LP_TCP_FLAGS];
	return true;
}

static __always_inline bool same(const struct lp_addr *a, const struct lp_addr *b)
{
	return a->d[0] == b->d[0] && a->d[1] == b->d[1];
}

/*
 * Writes another address at offset `at`, and puts the checksums right. `from` and
 * `to` are of the family of the segment.
 */
static __always_inline bool readdress(struct __sk_buff *skb, const struct segment *seg, __u32 at,
				      struct lp_addr *from, struct lp_addr *to)
{
	__u32 check = seg->tcp + offsetof(struct tcphdr, check);
	__s64 diff;

	if (!seg->v6) {
		if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), from->w[3],
					to->w[3], sizeof(__be32)) ||
		    bpf_l4_csum_replace(skb, check, from->w[3], to->w[3],
					BPF_F_PSEUDO_HDR | sizeof(__be32)))
			return false;
		return !bpf_skb_store_bytes(skb, at, &to->w[3], sizeof(__be32), 0);
	}
	diff = bpf_csum_diff(from->w, sizeof(*from), to->w, sizeof(*to), 0);
	if (diff < 0 || bpf_l4_csum_replace(skb, check, 0, (__u64)diff, BPF_F_PSEUDO_HDR))
		return false;
	return !bpf_skb_store_bytes(skb, at, to, sizeof(*to), 0);
}

/* --- out ---------------------------------------------------------------------------------- */

static __always_inline bool note_flow(const struct segment *seg, const struct lp_probe_way *way)
{
	struct lp_probe_flow flow = {
		.local = seg->src,
		.vip = way->vip,
		.local_port = seg->sport,
		.vip_port = seg->dport,
	};

	if ((seg->flags & (LP_TCP_SYN | LP_TCP_ACK)) != LP_TCP_SYN)
		return true;
	return !bpf_map_update_elem(&probe_flows, &flow, &way->backend, BPF_ANY);
}

/* The outer headers, of the family of the backend, which is that of the segment. */
struct outer_ipv4 {
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

struct outer_ipv6 {
	struct ipv6hdr ip;
	struct udphdr udp;
} __attribute__((packed));

static __always_inline bool encapsulate_ipv4(struct __sk_buff *skb, const struct segment *seg,
					     const struct lp_hop *hop, __u32 udp)
{
	__u32 size = sizeof(struct iphdr) + udp, len = size + seg->l3_len;
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
		      (udp ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : 0);
	struct outer_ipv4 outer __attribute__((aligned(8))) = { 0 }; /* written in words */

	if (bpf_skb_adjust_room(skb, (__s32)size, BPF_ADJ_ROOM_MAC, flags))
		return false;
	tunnel_write_ipv4(&outer.ip, hop, udp ? IPPROTO_UDP : IPPROTO_IPIP, seg->tos, len);
	tunnel_write_udp(&outer.udp, len - sizeof(struct iphdr), bpf_ntohs(seg->sport));
	if (udp)
		return !bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer), 0);
	return !bpf_skb_store_bytes(skb, ETH_HLEN, &outer.ip, sizeof(outer.ip), 0);
}

static __always_inline bool encapsulate_ipv6(struct __sk_buff *skb, const struct segment *seg,
					     const struct lp_hop *hop, __u32 udp)
{
	__u32 size = sizeof(struct ipv6hdr) + udp, len = size + seg->l3_len;
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 |
		      (udp ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : 0);
	struct outer_ipv6 outer __attribute__((aligned(8))) = { 0 };
	__u32 entropy = bpf_ntohs(seg->sport);

	if (bpf_skb_adjust_room(skb, (__s32)size, BPF_ADJ_ROOM_MAC, flags))
		return false;
	tunnel_write_ipv6(&outer.ip, hop, udp ? IPPROTO_UDP : IPPROTO_IPV6, seg->tos, len, entropy);
	tunnel_write_udp(&outer.udp, len - sizeof(struct ipv6hdr), entropy);
	if (udp)
		return !bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer), 0);
	return !bpf_skb_store_bytes(skb, ETH_HLEN, &outer.ip, sizeof(outer.ip), 0);
}

static __always_inline bool encapsulate(struct __sk_buff *skb, const struct segment *seg,
					const struct lp_probe_way *way)
{
	switch (way->forward) {
	case LP_FORWARD_DSR:
		return true;
	case LP_FORWARD_IPIP:
		return seg->v6 ? encapsulate_ipv6(skb, seg, &way->hop, 0)
			       : encapsulate_ipv4(skb, seg, &way->hop, 0);
	case LP_FORWARD_GUE:
		return seg->v6 ? encapsulate_ipv6(skb, seg, &way->hop, sizeof(struct udphdr))
			       : encapsulate_ipv4(skb, seg, &way->hop, sizeof(struct udphdr));
	default:
		return false;
	}
}

/* What a tunnel adds must fit: traffic of that size is dropped as well. A segment
 * that is cut to size later (GSO) is left to that. */
static __always_inline bool fits(const struct __sk_buff *skb, const struct segment *seg,
				 const struct lp_probe_way *way)
{
	__u32 header = seg->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);

	if (way->forward == LP_FORWARD_DSR || skb->gso_segs > 1)
		return true;
	if (way->forward == LP_FORWARD_GUE)
		header += sizeof(struct udphdr);
	return seg->l3_len + header <= way->hop.mtu;
}

/* 0 for a packet that is to go out by this interface, else the verdict. */
static __always_inline int carry(struct __sk_buff *skb, const struct segment *seg,
				 struct lp_probe_way *way)
{
	__u32 at = seg->address + (seg->v6 ? sizeof(struct in6_addr) : sizeof(__be32));

	if (!same(&seg->dst, &way->backend) || !way->hop.ifindex || !fits(skb, seg, way) ||
	    !note_flow(seg, way))
		return TC_ACT_SHOT;
	if (!readdress(skb, seg, at, &way->backend, &way->vip) || !encapsulate(skb, seg, way))
		return TC_ACT_SHOT;
	/* Both MACs, which are side by side. */
	if (bpf_skb_store_bytes(skb, 0, way->hop.dst, 2 * ETH_ALEN, 0))
		return TC_ACT_SHOT;
	skb->mark = 0; /* done: this program may be on the other interface too */
	return way->hop.ifindex == skb->ifindex ? 0 : bpf_redirect(way->hop.ifindex, 0);
}

SEC("tc")
int probe_egress(struct __sk_buff *skb)
{
	__u32 number = skb->mark & ((1u << LP_PROBE_MARK_SHIFT) - 1);
	struct lp_probe_way *found, way;
	struct segment seg;
	int verdict;

	if (skb->mark >> LP_PROBE_MARK_SHIFT != LP_PROBE_MARK)
		return TC_ACT_UNSPEC;
	found = bpf_map_lookup_elem(&probe_ways, &number);
	if (!found || !parse(skb, &seg))
		return TC_ACT_SHOT;
	way = *found; /* the agent may be writing another; helpers want a stack */
	verdict = carry(skb, &seg, &way);
	return verdict ? verdict : TC_ACT_UNSPEC;
}

/* --- in ----------------------------------------------------------------------------------- */

SEC("tc")
int probe_ingress(struct __sk_buff *skb)
{
	struct lp_probe_flow flow = { 0 };
	struct lp_addr *found, backend;
	struct segment seg;

	if (!parse(skb, &seg))
		return TC_ACT_UNSPEC;
	flow.local = seg.dst;
	flow.vip = seg.src;
	flow.local_port = seg.dport;
	flow.vip_port = seg.sport;
	found = bpf_map_lookup_elem(&probe_flows, &flow);
	if (!found)
		return TC_ACT_UNSPEC;
	backend = *found;
	if (!readdress(skb, &seg, seg.address, &seg.src, &backend))
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}
