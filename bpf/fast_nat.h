/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path's second half for what is translated: a packet to a backend of a VIP with
 * forward `nat` or `snat`, for which fast.h has found the key. As there, everything that is
 * odd is FAST_ODD, with nothing changed: a slot that is not settled, a hairpin (forward_nat.h),
 * a connection without an entry, or with one that wants a write or a second look (snat.h).
 *
 * An entry is looked for in the first of its two buckets alone, and believed if it names the
 * slot's backend: what the complete walk would do then is what is done here.
 *
 * Functions of their own, so that registers and stack of the settled path are not theirs.
 */
#ifndef LIMPET_BPF_FAST_NAT_H
#define LIMPET_BPF_FAST_NAT_H

#include "fast.h"
#include "forward_nat.h"

/* What source and ports become. */
struct fast_to {
	struct lp_addr addr; /* the source; IPv4: w[3] */
	struct lp_entry_port ports;
	bool source; /* it changes */
};

/* The bucket that the connection's entry is in, if it is not in its other one. */
static __always_inline const struct lp_entries *fast_entries(__u64 fingerprint)
{
	__u32 at = snat_bucket(fingerprint, false);
	const struct lp_entries *table;

	table = bpf_map_lookup_elem(&entries, &at);
	/* Its lines come while the slot is looked into. */
	if (table) {
		(void)LP_LOAD64(&table->index.way[0].fingerprint);
		(void)LP_LOAD64(&table->index.way[LP_WAYS / 2].fingerprint);
		(void)LP_LOAD64(&table->to[0].word);
	}
	return table;
}

/* Does the entry say where the packet goes, and is nothing to be noted about it? (N1, snat.h) */
static __always_inline bool fast_follows(struct fast_to *to, const struct lp_entries *table,
					 __u64 fingerprint, __u32 backend, __u32 life,
					 const bool v6)
{
	struct lp_backend_state state = backend_state(backend);
	struct lp_record_word word = { .word = 0 };
	__u32 now = lp_now();

	if (!table ||
	    entry_find(table, fingerprint, now, v6, &word, &to->ports, &to->addr) >= LP_WAYS)
		return false;
	to->source = true;
	return word.backend == backend && (state.flags & LP_BACKEND_ALIVE) &&
	       (__u8)state.incarnation == word.incarnation &&
	       (word.flags & (LP_RECORD_CONFIRMED | LP_ENTRY_CLOSING)) == LP_RECORD_CONFIRMED &&
	       !snat_is_stale(word, now, life);
}

/* nat_is_near() of the packet's source. */
static __always_inline bool fast_is_hairpin(const struct fast *fast, const struct lp_hop *hop,
					    __u32 number, const bool v6)
{
	struct lp_addr src = {}, dst = {};

	fast_addresses(fast->l3, &src, &dst, v6);
	return nat_is_near(&src, &hop->daddr, number, v6);
}

/* `change`: of what is taken out; returns that of the pseudo header. */
static __always_inline __u32 fast_write_ipv4(struct iphdr *ip, const struct lp_hop *hop,
					     const struct fast_to *to, __u32 change)
{
	change = lp_csum_add32(change, hop->daddr.w[3]);
	ip->daddr = hop->daddr.w[3];
	if (to->source) {
		change = lp_csum_change32(change, ip->saddr, to->addr.w[3]);
		ip->saddr = to->addr.w[3];
	}
	ip->check = lp_csum_apply(ip->check, nat_write_ttl(ip, change));
	return change;
}

static __always_inline __u32 fast_write_ipv6(struct ipv6hdr *ip, const struct lp_hop *hop,
					     const struct fast_to *to, __u32 change)
{
	change += lp_csum_fold(hop->outer_sum);
	tunnel_write_address(&ip->daddr, &hop->daddr);
	if (to->source)
		change = nat_write_address6(ip->saddr.in6_u.u6_addr32, &to->addr, change);
	ip->hop_limit--;
	return change;
}

static __always_inline void fast_write_l4(void *l4, const struct fast_to *to, bool udp,
					  __u32 change)
{
	__be16 *ports = l4;

	change = nat_write_port(&ports[1], to->ports.target, change);
	if (to->source)
		change = nat_write_port(&ports[0], to->ports.port, change);
	if (udp)
		nat_write_udp(&((struct udphdr *)l4)->check, change);
	else
		((struct tcphdr *)l4)->check = lp_csum_apply(((struct tcphdr *)l4)->check, change);
}

/* Translates the packet; what fast_parse() has found of it is there. */
static __always_inline void fast_translate(void *data, const struct lp_hop *hop,
					   const struct fast_to *to, __u32 change, const bool v6)
{
	void *l3 = data + sizeof(struct ethhdr);
	bool udp = fast_proto(l3, v6) == IPPROTO_UDP;

	change = v6 ? fast_write_ipv6(l3, hop, to, change) : fast_write_ipv4(l3, hop, to, change);
	fast_write_l4(l3 + fast_header(v6), to, udp, change);
	egress_write(data, &fast_untagged, hop, v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP));
}

static __always_inline __u8 fast_ttl(const void *l3, const bool v6)
{
	return v6 ? ((const struct ipv6hdr *)l3)->hop_limit : ((const struct iphdr *)l3)->ttl;
}

/* What fast_parse() has looked at once more, of which the verifier has forgotten all. */
static __always_inline bool fast_parsed(struct fast *fast, const void *data, const void *end,
					const bool v6)
{
	fast->l3 = data + sizeof(struct ethhdr);
	fast->l4 = fast->l3 + fast_header(v6);
	if (fast->l4 + sizeof(struct tcphdr) > end)
		return false;
	fast->ports = LP_LITTLE32(*(const __u32 *)fast->l4);
	return true;
}

/* `place`: of the key; `at`: of its profile. */
static __always_inline int fast_nat_walk(struct xdp_md *ctx, __u64 place, __u64 at, __u16 vip,
					 const bool v6)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct lp_entries *table = NULL;
	struct fast_to to = { .source = false };
	struct fast fast = { .vip = vip };
	__u64 fingerprint = 0;
	const struct lp_fast_nat *key;
	const struct lp_hop *hop;
	__u32 number;
	bool entry;

	if (!TABLES_HAS(at, all_fast) || !TABLES_HAS(place, all_fast))
		return FAST_ODD;
	if (!fast_parsed(&fast, data, end, v6) || fast_ttl(fast.l3, v6) <= 1)
		return FAST_ODD;
	fast.profile = &TABLE(fast_profiles)[at];
	key = &TABLE(fast_nats)[place + (v6 ? LP_SIZE(all_fast) : 0)];
	entry = fast.profile->service.class >= LP_FAST_TCP_ENTRY;
	if (entry) {
		fingerprint = fast_print(ctx, v6);
		table = fast_entries(fingerprint);
	}
	fast_hash(&fast, !(fast.profile->service.class & 1), v6);
	number = fast_backend(&fast);
	if (audit_samples(fast.flow) && !audit_has_seen(fast.flow, number))
		return FAST_ODD;
	hop = fast_hop(number, fast_l3_len(fast.l3, v6), v6);
	if (!hop)
		return FAST_ODD;
	to.ports.target = key->target;
	if (entry ? !fast_follows(&to, table, fingerprint, number, fast.profile->life, v6)
		  : fast_is_hairpin(&fast, hop, number, v6))
		return FAST_ODD;
	fast_translate(data, hop, &to, key->sum, v6);
	return fast_send(ctx, hop, vip, number, end - data);
}

static __noinline int fast_nat4(struct xdp_md *ctx, __u32 place, __u32 at, __u32 vip)
{
	return fast_nat_walk(ctx, place, at, (__u16)vip, false);
}

static __noinline int fast_nat6(struct xdp_md *ctx, __u32 place, __u32 at, __u32 vip)
{
	return fast_nat_walk(ctx, place, at, (__u16)vip, true);
}

#endif
