/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path: the whole walk again, for packets with nothing odd about them.
 * Untagged, IPv4 without options and fragments or IPv6 without extension
 * headers, in the middle of a flow, to an exact port of a VIP that the fast VIP
 * table holds, a settled slot (or, with `tcp` affinity, a record of the connection),
 * a backend of the packet's own family behind an untagged interface: that is nearly
 * all traffic of nearly all deployments. For
 * anything else it returns FAST_ODD and has changed nothing, and the walk in
 * walk.h starts from the beginning; so it does for the flows that the audit
 * follows. It never decides by itself that a packet is passed or dropped.
 *
 * Why twice: in the complete walk every odd case meets the common one again at
 * the next step, so all fields of struct packet are spilled to the stack and
 * most of them set to zero several times on the way. Here an odd case ends at
 * once, and with family and header lengths constant everything stays in
 * registers. What a packet needs is read from it again rather than kept over a
 * call (docs/benchmarks.md has the figures).
 */
#ifndef LIMPET_BPF_FAST_H
#define LIMPET_BPF_FAST_H

#include "account.h"
#include "affinity.h"
#include "audit.h"
#include "forward_tunnel.h"
#include "parse.h"
#include "vip.h"

#define FAST_SHORTEST (sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct tcphdr))

/* A packet that may go the fast path, and what was found for it. */
struct fast {
	const void *l3; /* its IP header, with a whole TCP header's length behind it */
	const void *l4; /* its transport header */
	__u32 ports;    /* lp_ports() */
	__u32 service;  /* lp_fast_service.word of class 0 */
	__u16 vip;      /* number */
	__u32 place;    /* fast4[place], fast6[place] */
	__u32 at;       /* fast_profiles[at] */
	const struct lp_fast_profile *profile;
	__u64 hash; /* of what decides the backend */
	__u64 flow; /* of the flow, for samples and entropy */
};

static __always_inline __u32 fast_header(const bool v6)
{
	return v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

/* Length of the IP packet, header included. */
static __always_inline __u32 fast_l3_len(const void *l3, const bool v6)
{
	if (v6)
		return bpf_ntohs(((const struct ipv6hdr *)l3)->payload_len) + fast_header(true);
	return bpf_ntohs(((const struct iphdr *)l3)->tot_len);
}

static __always_inline __u8 fast_proto(const void *l3, const bool v6)
{
	return v6 ? ((const struct ipv6hdr *)l3)->nexthdr : ((const struct iphdr *)l3)->protocol;
}

/*
 * Nothing unusual in the IP header, and lengths that are plausible, with a whole
 * TCP header in them? (A UDP datagram shorter than one is odd.)
 */
static __always_inline bool fast_check_l3(const void *l3, const void *end, const bool v6)
{
	__u32 len = fast_l3_len(l3, v6);

	if (v6 ? (*(const __u8 *)l3 & 0xf0) != 0x60 : *(const __u8 *)l3 != 0x45)
		return false;
	if (!v6 && ((const struct iphdr *)l3)->frag_off & bpf_htons(0x3fff))
		return false;
	/* Not l3 + len <= end: to Linux 6.1 a swapped number has no bounds. */
	return len >= fast_header(v6) + sizeof(struct tcphdr) && len <= (__u64)(end - l3);
}

/*
 * Openings and endings of TCP connections are odd: there is something to remember,
 * or for the audit to note.
 */
static __always_inline bool fast_check_l4(const struct fast *fast, __u8 proto)
{
	if (proto == IPPROTO_TCP)
		return !(((const __u8 *)fast->l4)[LP_TCP_FLAGS] &
			 (LP_TCP_SYN | LP_TCP_FIN | LP_TCP_RST));
	return proto == IPPROTO_UDP;
}

static __always_inline bool fast_parse(struct fast *fast, const void *data, const void *end,
				       const bool v6)
{
	__u8 proto;

	fast->l3 = data + sizeof(struct ethhdr);
	fast->l4 = fast->l3 + fast_header(v6);
	if (v6 && fast->l4 + sizeof(struct tcphdr) > end)
		return false;
	if (!fast_check_l3(fast->l3, end, v6))
		return false;
	proto = fast_proto(fast->l3, v6);
	if (!fast_check_l4(fast, proto))
		return false;
	fast->ports = LP_LITTLE32(*(const __u32 *)fast->l4);
	fast->service = LP_FAST_SERVICE(((const __be16 *)fast->l4)[1], proto, 0);
	return true;
}

/*
 * Can the source be a VIP's address (policy.h)? `top`: its leading bits. Most are outside of
 * the VIPs' range, for which there is no memory to be read but what is needed anyway.
 */
static __always_inline bool fast_guards(const struct lp_fast_hash *of, __u32 half, __u64 top,
					__u32 fold)
{
	__u64 bit = LP_GUARD_BIT(fold);

	if (top - of->guard_first > of->guard_span)
		return false;
	return TABLE(guard)[half].bits[bit / 32] >> bit % 32 & 1;
}

/*
 * By a branch, which is foreseen: nothing that is read from there waits for `half` to have been
 * read. A compiler that were told less would compute the address.
 */
static __always_inline const struct lp_fast_hash *fast_half(__u32 half, const bool v6)
{
	const struct lp_fast_hash *of = &TABLE(control)->fast[0][v6];

	if (half)
		of = &TABLE(control)->fast[1][v6];
	return of;
}

/* Where in the fast VIP table the packet's key would be; false: the table is broken. */
static __always_inline bool fast_place(__u64 *at, __u64 hash, const struct lp_fast_hash *of)
{
	__u64 bucket = (__u64)lp_fast_bucket(hash, of->buckets) + of->index;

	barrier_var(bucket); /* as in TABLES_HAS() */
	if (bucket >= 4 * LP_FAST_BUCKETS)
		return false;
	*at = (__u64)of->first +
	      lp_fast_place(hash, TABLE(fast_index)[bucket].displacement, of->range);
	return TABLES_HAS(*at, all_fast);
}

/* What the key shares with others; false: no such profile. */
static __always_inline bool fast_profile(struct fast *fast, const struct lp_fast_hash *of,
					 __u16 number)
{
	__u64 at = (__u64)of->first + number;

	if (!TABLES_HAS(at, all_fast))
		return false;
	fast->at = (__u32)at;
	fast->profile = &TABLE(fast_profiles)[at];
	return true;
}

/* The hash that gives the slot, and that of the flow. */
static __always_inline void fast_hash4(struct fast *fast, bool source)
{
	const struct iphdr *ip = fast->l3;
	struct lp_addr src, dst;

	if (source) {
		src.w[3] = ip->saddr & fast->profile->mask4;
		fast->hash = lp_hash_client(&lp_key, &src, false);
		fast->flow = lp_mix_ports(fast->hash, fast->ports);
	} else {
		src.w[3] = ip->saddr;
		dst.w[3] = ip->daddr;
		fast->hash = lp_hash_flow_ports(&lp_key, &src, &dst, fast->ports, false);
		fast->flow = fast->hash;
	}
}

static __always_inline bool fast_find4(struct fast *fast, const struct lp_fast_hash *of, __u32 half)
{
	const struct iphdr *ip = fast->l3;
	const struct lp_fast_key *key;
	__u64 at;

	if (fast_guards(of, half, bpf_ntohl(ip->saddr), ip->saddr))
		return false;
	if (!fast_place(&at, lp_fast_hash4(of, ip->daddr, fast->service), of))
		return false;
	fast->place = (__u32)at;
	key = &TABLE(fast4)[at];
	if (key->addr != ip->daddr)
		return false;
	fast->vip = key->vip;
	return fast_profile(fast, of, key->profile);
}

static __always_inline void fast_hash6(struct fast *fast, bool source)
{
	const struct lp_addr *src = fast->l3 + offsetof(struct ipv6hdr, saddr);
	const struct lp_addr *dst = fast->l3 + offsetof(struct ipv6hdr, daddr);

	if (source) {
		fast->hash = lp_hash_prefix6(&lp_key, src->d[0] & fast->profile->mask6);
		fast->flow = lp_mix_ports(fast->hash, fast->ports);
	} else {
		fast->hash = lp_hash_flow_ports(&lp_key, src, dst, fast->ports, true);
		fast->flow = fast->hash;
	}
}

static __always_inline bool fast_find6(struct fast *fast, const struct lp_fast_hash *of, __u32 half)
{
	const struct lp_addr *src = fast->l3 + offsetof(struct ipv6hdr, saddr);
	const struct lp_addr *dst = fast->l3 + offsetof(struct ipv6hdr, daddr);
	const struct lp_fast_key *key;
	__u64 at;

	if (fast_guards(of, half, bpf_be64_to_cpu(src->d[0]),
			src->w[0] ^ src->w[1] ^ src->w[2] ^ src->w[3]))
		return false;
	if (!fast_place(&at, lp_fast_hash6(of, dst, fast->service), of))
		return false;
	fast->place = (__u32)at;
	key = &TABLE(fast6)[at];
	if (key->addr != dst->w[3])
		return false;
	fast->vip = key->vip;
	return fast_profile(fast, of, key->profile) && fast->profile->high == dst->d[0] &&
	       fast->profile->third == dst->w[2];
}

/*
 * In what the key's service differs from the packet's: lp_fast_class alone, or it is
 * another service, or an empty place.
 */
static __always_inline __u32 fast_differs(const struct fast *fast)
{
	return fast->profile->service.word ^ fast->service;
}

static __always_inline void fast_hash(struct fast *fast, bool source, const bool v6)
{
	if (v6)
		fast_hash6(fast, source);
	else
		fast_hash4(fast, source);
}

/*
 * Where the slot of the packet's pool is, as affinity_at(). If the profile's guess is right, and
 * it is but for a moment, the slot is read before the pool has been: the branch is foreseen.
 */
static __always_inline __u64 fast_slot(const struct fast *fast)
{
	__u64 pool = fast->profile->pool, table, guess = fast->profile->table;

	if (!TABLES_HAS(pool, all_pools))
		return 0;
	table = ((const volatile struct lp_pool *)TABLE(pools))[pool].table;
	if (table != guess) {
		guess = table;
		barrier_var(guess); /* else it would be the pool's in any case */
	}
	return guess << LP_SLOTS_BITS | lp_hash_slot(fast->hash);
}

/* The settled slot's backend; 0, which nothing can be sent to, for another one. */
static __always_inline __u64 fast_backend(const struct fast *fast)
{
	__u64 at = fast_slot(fast);

	return TABLES_HAS(at, all_slots) ? ((const volatile __u16 *)TABLE(settled))[at] : 0;
}

/* The packet's addresses; of IPv4 w[3] alone is set. */
static __always_inline void fast_addresses(const void *l3, struct lp_addr *src, struct lp_addr *dst,
					   const bool v6)
{
	if (v6) {
		*src = *(const struct lp_addr *)(l3 + offsetof(struct ipv6hdr, saddr));
		*dst = *(const struct lp_addr *)(l3 + offsetof(struct ipv6hdr, daddr));
	} else {
		src->w[3] = ((const struct iphdr *)l3)->saddr;
		dst->w[3] = ((const struct iphdr *)l3)->daddr;
	}
}

/*
 * The fingerprint of the connection, of a packet that fast_parse() has looked at. Not inlined:
 * the registers are the settled path's, and what of the stack it needs others need too.
 */
static __noinline __u64 fast_print(struct xdp_md *ctx, __u32 v6)
{
	const void *l3 = (const void *)(long)ctx->data + sizeof(struct ethhdr);
	const void *l4 = l3 + fast_header(v6);
	struct lp_addr src = {}, dst = {};
	const __be16 *ports = l4;

	if (l4 + sizeof(*ports) * 2 > (const void *)(long)ctx->data_end)
		return 0;
	fast_addresses(l3, &src, &dst, v6);
	return lp_fingerprint_flow(&lp_key, &src, &dst, ports[0], ports[1], fast_proto(l3, v6), v6);
}

/*
 * The backend of a connection in a slot that is not settled, by its record (track.h,
 * record_hit()); 0 if that is not for here to say.
 */
static __noinline int fast_hit(struct xdp_md *ctx, __u32 pool, __u32 life, __u32 v6)
{
	return record_hit(fast_print(ctx, v6), pool, life);
}

/* The way to the backend; NULL if it is an odd one. `len`: what is to go there. */
static __always_inline const struct lp_hop *fast_hop(__u64 backend, __u32 len, const bool v6)
{
	const struct lp_backend *at;
	const struct lp_hop *hop;

	if (!TABLES_HAS(backend, backends))
		return NULL;
	at = &TABLE(backends)[backend];
	hop = LP_HOP(at);
	if ((hop->flags & (LP_HOP_PLAIN | LP_HOP_V6)) != (LP_HOP_PLAIN | (v6 ? LP_HOP_V6 : 0)) ||
	    len > hop->mtu)
		return NULL;
	return hop;
}

static const struct egress fast_untagged = { .l2_len = sizeof(struct ethhdr) };

/* Counts a packet that is ready to leave, and sends it; `bytes`: of the frame that came in. */
static __always_inline int fast_send(const struct xdp_md *ctx, const struct lp_hop *hop, __u32 vip,
				     __u32 backend, __u32 bytes)
{
	__u32 cpu = bpf_get_smp_processor_id();

	if (hop->ifindex == ctx->ingress_ifindex) {
		account_forwarded(cpu, vip, backend, bytes, true);
		return XDP_TX;
	}
	account_forwarded(cpu, vip, backend, bytes, false);
	account_reason(cpu, LP_FORWARD_REDIRECT);
	return bpf_redirect(hop->ifindex, 0);
}

static __always_inline __u32 fast_frame_len(const struct xdp_md *ctx)
{
	__u64 len = (long)ctx->data_end - (long)ctx->data;

	barrier_var(len); /* or it becomes 32-bit arithmetic on pointers */
	return (__u32)len;
}

/* IP in IP of the same family; false: no room, and nothing has changed. */
static __always_inline bool fast_ipip(struct xdp_md *ctx, const struct lp_hop *hop, __u32 entropy,
				      const bool v6)
{
	const __u32 outer = fast_header(v6);
	void *data, *l3;
	__u32 len;

	if (bpf_xdp_adjust_head(ctx, -(int)outer))
		return false;
	data = (void *)(long)ctx->data;
	l3 = data + sizeof(struct ethhdr);
	if (l3 + 2 * outer > (void *)(long)ctx->data_end)
		return false; /* never: that much was there */
	len = outer + fast_l3_len(l3 + outer, v6);
	if (v6) {
		__u8 tos = (__u8)(bpf_ntohl(*(const __be32 *)(l3 + outer)) >> 20);

		egress_write(data, &fast_untagged, hop, bpf_htons(ETH_P_IPV6));
		tunnel_write_ipv6(l3, hop, IPPROTO_IPV6, tos, len, entropy);
	} else {
		__u8 tos = ((const struct iphdr *)(l3 + outer))->tos;

		egress_write(data, &fast_untagged, hop, bpf_htons(ETH_P_IP));
		tunnel_write_ipv4(l3, hop, IPPROTO_IPIP, tos, len);
	}
	return true;
}

static int fast_nat4(struct xdp_md *ctx, __u32 place, __u32 at, __u32 vip); /* fast_nat.h */
static int fast_nat6(struct xdp_md *ctx, __u32 place, __u32 at, __u32 vip);

/* The key is an empty place's or another service's, or its VIP is not one of the nearest. */
static __always_inline int fast_other(struct xdp_md *ctx, const struct fast *fast, __u32 differs,
				      const bool v6)
{
	if (differs != LP_FAST_SERVICE(0, 0, fast->profile->service.class))
		return FAST_ODD;
	return v6 ? fast_nat6(ctx, fast->place, fast->at, fast->vip)
		  : fast_nat4(ctx, fast->place, fast->at, fast->vip);
}

static __always_inline int fast_walk_ip(struct xdp_md *ctx, const void *data, const void *end,
					const bool v6)
{
	__u32 half = tables_control()->active & 1, differs, number, entropy;
	const struct lp_fast_hash *of;
	const struct lp_hop *hop;
	struct fast fast;

	if (!fast_parse(&fast, data, end, v6))
		return FAST_ODD;
	of = fast_half(half, v6);
	if (!(v6 ? fast_find6(&fast, of, half) : fast_find4(&fast, of, half)))
		return FAST_ODD;
	differs = fast_differs(&fast);
	if (differs == LP_FAST_SERVICE(0, 0, LP_FAST_TCP_IPIP))
		fast_hash(&fast, false, v6);
	else if (differs == LP_FAST_SERVICE(0, 0, LP_FAST_SOURCE_IPIP))
		fast_hash(&fast, true, v6);
	else
		return fast_other(ctx, &fast, differs, v6);
	number = fast_backend(&fast);
	if (!number && fast.profile->life)
		number = fast_hit(ctx, fast.profile->pool - half * LP_SIZE(pools),
				  fast.profile->life, v6);
	if (audit_samples(fast.flow) && !audit_has_seen(fast.flow, number))
		return FAST_ODD;
	hop = fast_hop(number, fast_l3_len(fast.l3, v6) + fast_header(v6), v6);
	if (!hop)
		return FAST_ODD;
	entropy = v6 ? tunnel_entropy(fast.flow) : 0;
	number |= (__u32)fast.vip << 16; /* one register for both over the call */
	if (!fast_ipip(ctx, hop, entropy, v6))
		return FAST_ODD;
	return fast_send(ctx, hop, number >> 16, (__u16)number,
			 fast_frame_len(ctx) - fast_header(v6));
}

/* The verdict, or FAST_ODD if the packet has to take the complete walk. */
static __always_inline int fast_walk(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	__be16 type;

	/* As much as the shortest packet that is none too odd: one check for both. */
	if (data + FAST_SHORTEST > end)
		return FAST_ODD;
	/* Not by struct ethhdr: it is packed, which makes two loads of this one. */
	type = *(const __be16 *)(data + 2 * ETH_ALEN);
	if (type == bpf_htons(ETH_P_IP))
		return fast_walk_ip(ctx, data, end, false);
	if (type == bpf_htons(ETH_P_IPV6))
		return fast_walk_ip(ctx, data, end, true);
	return FAST_ODD;
}

#endif
