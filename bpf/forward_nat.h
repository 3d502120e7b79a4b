/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 8, `nat`: destination address and port become the backend's, and replies get
 * those of the VIP back on their way, because limpet is the backends' gateway.
 *
 *   to a backend   The walk has found backend and next hop; nat_forward() writes.
 *   a reply        What is for no VIP and comes from an address and port that the VIP
 *                  table has as LP_VIP_REPLY. There is no memory: a backend's port
 *                  serves one address and port of one VIP. The way to the client is the
 *                  kernel's (bpf_fib_lookup()): XDP sends the reply if the kernel has the
 *                  neighbour, and a VLAN or an interface that is none of limpet's is not
 *                  in between; otherwise the stack does, which then sees it translated.
 *
 * `snat` changes both sides on both ways, and remembers (snat.h); so does `nat` where it has to.
 *
 * A later fragment has no ports, and so no entry: what its first one became is in the table of
 * fragments, and comes here with it (walk_fragment.h).
 *
 * Checksums change by what the fields change (RFC 1624); an UDP checksum of 0 stays 0:
 * over IPv4 there is none then (RFC 768), over IPv6 that is for the receiver to judge
 * (RFC 8200 section 8.1, RFC 6935). limpet is a router on both ways: TTL and hop limit
 * are decremented (RFC 1812 section 5.3.1, RFC 8200 section 3). Where they end, or the MTU
 * is too small, a client hears of it (icmp_tell.h), and a backend by the stack, which gets
 * the reply as it came.
 *
 * Both ways run when the walk has returned: its stack is free then.
 */
#ifndef LIMPET_BPF_FORWARD_NAT_H
#define LIMPET_BPF_FORWARD_NAT_H

#include <limpet/csum.h>
#include "account.h"
#include "forward.h"
#include "policy.h"
#include "snat.h"
#include "vip.h"

#define NAT_AF_INET  2 /* sys/socket.h, which is not for BPF */
#define NAT_AF_INET6 10

/* The most that a transport header can be away from the IP header: LP_EXTENSIONS of the
 * longest, 2,048 bytes, rounded up to a mask. */
#define NAT_L4_MASK 0x3fff

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat);
} nat_scratch SEC(".maps");

/* The next identifications, each of some pairs of addresses (nat_number()). */
#define NAT_IDS 2048
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NAT_IDS);
	__type(key, __u32);
	__type(value, __u32);
} nat_ids SEC(".maps");

static __always_inline struct nat *nat_work(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&nat_scratch, &zero);
}

/* The end of the walk for a packet to a backend: LP_TRANSLATE, or why not. */
static __always_inline __u32 nat_leave(const struct packet *pkt, const struct view *view,
				       const struct lp_vip *vip, const struct lp_hop *hop,
				       __u32 backend)
{
	struct nat *nat = nat_work();

	/* Another family would need another header: the configuration does not let it. */
	if (!nat || !(hop->flags & LP_HOP_V6) != !pkt->v6)
		return LP_DROP_NO_BACKEND;
	nat->pkt = *pkt;
	nat->hop = *hop;
	nat->to_port[NAT_DESTINATION] = vip_target(vip, pkt->dport);
	nat->sides = 1 << NAT_DESTINATION;
	nat->routed = true;
	nat->parts = false;
	nat->entries = vip->flags & LP_VIP_ENTRIES;
	nat->forward = vip->forward;
	nat->vip = vip->vip;
	nat->backend = backend;
	nat->half = view->half;
	nat->life = vip->idle_timeout;
	return LP_TRANSLATE;
}

/* --- writing -------------------------------------------------------------------------- */

/* One hop less in an IPv4 header; returns `change` with that. */
static __always_inline __u32 nat_write_ttl(struct iphdr *ip, __u32 change)
{
	/* TTL and protocol are one word of the sum. */
	__u16 *ttl = (__u16 *)&ip->ttl, less = *ttl - bpf_htons(0x0100);

	change = lp_csum_change16(change, *ttl, less);
	*ttl = less;
	return change;
}

static __always_inline __u32 nat_write_id(struct iphdr *ip, const struct nat *nat, __u32 change)
{
	change = lp_csum_change16(change, ip->id, nat->to_id);
	ip->id = nat->to_id;
	return change;
}

/* New addresses in an IPv4 header, and one hop less; returns the change of the pseudo header. */
static __always_inline __u32 nat_write_ipv4(struct iphdr *ip, const struct nat *nat)
{
	__u32 change = 0, header;

	if (nat->sides & 1 << NAT_SOURCE) {
		change = lp_csum_change32(change, ip->saddr, nat->to_addr[NAT_SOURCE].w[3]);
		ip->saddr = nat->to_addr[NAT_SOURCE].w[3];
	}
	if (nat->sides & 1 << NAT_DESTINATION) {
		change = lp_csum_change32(change, ip->daddr, nat->to_addr[NAT_DESTINATION].w[3]);
		ip->daddr = nat->to_addr[NAT_DESTINATION].w[3];
	}
	header = change;
	if (nat->sides & 1 << NAT_ID)
		header = nat_write_id(ip, nat, header);
	if (nat->routed)
		header = nat_write_ttl(ip, header);
	ip->check = lp_csum_apply(ip->check, header);
	return change;
}

static __always_inline __u32 nat_write_address6(__be32 *at, const struct lp_addr *addr,
						__u32 change)
{
	for (int i = 0; i < 4; i++) {
		change = lp_csum_change32(change, at[i], addr->w[i]);
		at[i] = addr->w[i];
	}
	return change;
}

static __always_inline __u32 nat_write_ipv6(struct ipv6hdr *ip, const struct nat *nat)
{
	__u32 change = 0;

	if (nat->sides & 1 << NAT_SOURCE)
		change = nat_write_address6(ip->saddr.in6_u.u6_addr32, &nat->to_addr[NAT_SOURCE],
					    change);
	if (nat->sides & 1 << NAT_DESTINATION)
		change = nat_write_address6(ip->daddr.in6_u.u6_addr32,
					    &nat->to_addr[NAT_DESTINATION], change);
	if (nat->routed)
		ip->hop_limit--;
	return change;
}

static __always_inline void nat_write_udp(__u16 *check, __u32 change)
{
	__u16 now;

	if (!*check)
		return;
	now = lp_csum_apply(*check, change);
	*check = now ? now : 0xffff; /* RFC 768: 0 would mean that there is none */
}

static __always_inline __u32 nat_write_port(__be16 *port, __be16 to, __u32 change)
{
	change = lp_csum_change16(change, *port, to);
	*port = to;
	return change;
}

/* New ports, and the checksum for them and for the new addresses. */
static __always_inline bool nat_write_l4(void *l4, const void *end, const struct nat *nat,
					 __u32 change)
{
	__be16 *ports = l4;

	if (l4 + sizeof(struct udphdr) > end)
		return false;
	if (nat->sides & 1 << NAT_SOURCE)
		change = nat_write_port(&ports[0], nat->to_port[NAT_SOURCE], change);
	if (nat->sides & 1 << NAT_DESTINATION)
		change = nat_write_port(&ports[1], nat->to_port[NAT_DESTINATION], change);
	if (nat->pkt.proto == IPPROTO_UDP) {
		nat_write_udp(&((struct udphdr *)l4)->check, change);
		return true;
	}
	if (l4 + sizeof(struct tcphdr) > end)
		return false;
	((struct tcphdr *)l4)->check = lp_csum_apply(((struct tcphdr *)l4)->check, change);
	return true;
}

/* Translates the packet where it stands. False: its headers are not where they were. */
static __always_inline bool nat_write(struct xdp_md *ctx, const struct nat *nat)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 l2_len = nat->pkt.l2_len & 31, l4 = nat->pkt.l4 & NAT_L4_MASK;
	void *l3 = data + l2_len;
	__u32 change;

	if (nat->pkt.v6) {
		if (l3 + sizeof(struct ipv6hdr) > end)
			return false;
		change = nat_write_ipv6(l3, nat);
	} else {
		if (l3 + sizeof(struct iphdr) > end)
			return false;
		change = nat_write_ipv4(l3, nat);
	}
	if (nat->pkt.cut)
		return true; /* a later fragment: its packet's checksum is in the first */
	barrier_var(l4);
	return nat_write_l4(data + l4, end, nat, change);
}

/* Does the packet end here as far as routers are concerned? Only they tell (RFC 1812). */
static __always_inline bool nat_expires(struct xdp_md *ctx, const struct nat *nat)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 l2_len = nat->pkt.l2_len & 31;
	void *l3 = data + l2_len;

	if (l3 + sizeof(struct iphdr) > end)
		return true;
	return (nat->pkt.v6 ? ((struct ipv6hdr *)l3)->hop_limit : ((struct iphdr *)l3)->ttl) <= 1;
}

/* The link layer header for the next hop; LP_FORWARD_TX, or why not. */
static __always_inline enum lp_reason nat_send(struct xdp_md *ctx, const struct nat *nat)
{
	struct egress out;
	void *data;

	egress_choose(&out, &nat->hop, &nat->pkt, ctx->ingress_ifindex);
	if (!forward_resize(ctx, &nat->pkt, out.l2_len))
		return LP_DROP_NO_ROOM;
	data = (void *)(long)ctx->data;
	if (data + sizeof(struct ethhdr) + 2 * sizeof(struct lp_tag) > (void *)(long)ctx->data_end)
		return LP_DROP_NO_ROOM;
	egress_write(data, &out, &nat->hop,
		     nat->pkt.v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP));
	return LP_FORWARD_TX;
}

/* --- to a backend ----------------------------------------------------------------------- */

static __always_inline enum lp_reason nat_translate(struct xdp_md *ctx, const struct nat *nat)
{
	if (nat->pkt.l3_len > nat->hop.mtu)
		return LP_DROP_TOO_BIG;
	if (nat_expires(ctx, nat))
		return LP_DROP_TTL;
	if (!nat_write(ctx, nat))
		return LP_DROP_TRUNCATED;
	return nat_send(ctx, nat);
}

/* Sequence numbers of a TCP packet, for its entry. */
static __always_inline void nat_read_tcp(struct xdp_md *ctx, struct nat *nat)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 l4 = nat->pkt.l4 & NAT_L4_MASK;
	const struct tcphdr *tcp = data + l4;

	if (nat->pkt.proto != IPPROTO_TCP || (const void *)(tcp + 1) > end)
		return;
	nat->snat.seq = bpf_ntohl(tcp->seq);
	nat->snat.ack = bpf_ntohl(tcp->ack_seq);
}

/* Do the words of two addresses from number `i` on agree in the first `bits` bits? */
static __always_inline bool nat_shares(const struct lp_addr *a, const struct lp_addr *b, int i,
				       int bits)
{
	for (; i < 4 && bits > 32 * i; i++) {
		__u32 left = bits - 32 * i;
		__u32 differs = bpf_ntohl(a->w[i] ^ b->w[i]);

		if (left < 32 ? differs >> (32 - left) : differs)
			return false;
	}
	return true;
}

/* Would backend `number`, at `daddr`, answer `src` past limpet? That is in its network, or is it.
 */
static __always_inline bool nat_is_near(const struct lp_addr *src, const struct lp_addr *daddr,
					__u32 number, bool v6)
{
	const volatile struct lp_backend *backend = backend_at(number);
	__u32 bits = backend ? backend->link_bits : 0;

	if (bits - 1 > 127)
		bits = 128;
	if (v6 && bits >= 64 && src->d[0] != daddr->d[0])
		return false; /* as nearly all */
	return nat_shares(src, daddr, v6 ? 0 : 3, (int)bits);
}

static __always_inline bool nat_is_hairpin(const struct nat *nat)
{
	return nat_is_near(&nat->pkt.src, &nat->hop.daddr, nat->backend, nat->pkt.v6);
}

/* Which source the packet gets. */
static __always_inline enum snat_source nat_source(const struct nat *nat)
{
	if (nat->forward == LP_FORWARD_SNAT || nat_is_hairpin(nat))
		return SNAT_ADDRESS;
	return nat->entries ? SNAT_CLIENT : SNAT_NONE;
}

/*
 * Fragments of many clients leave from one address: each packet of theirs gets another
 * identification, in turn, as if it were this host's (RFC 6864 section 5.3.1). What the clients
 * chose would meet at the backend by chance, and by intent: who sees how another one counts could
 * put fragments of his own among the other's. The first number is secret. IPv6 has 32 bits, which
 * are random (RFC 7739): they stay.
 */
static __always_inline void nat_number(struct nat *nat)
{
	__u64 hash = lp_hash_flow_ports(&lp_key, &nat->snat.source, &nat->hop.daddr, nat->pkt.proto,
					false);
	__u32 at = (__u32)(hash >> 32) % NAT_IDS, *next = bpf_map_lookup_elem(&nat_ids, &at);

	if (!next)
		return;
	nat->to_id = bpf_htons((__u16)((__u32)hash + __sync_fetch_and_add(next, 1)));
	nat->sides |= 1 << NAT_ID;
}

/* The entry's part of a packet to a backend: LP_PARSED, or why it is dropped. */
static __always_inline __u32 nat_remember(struct xdp_md *ctx, struct nat *nat,
					  enum snat_source source)
{
	__u32 reason;

	nat_read_tcp(ctx, nat);
	reason = snat_forward(nat, source);
	/* To the verifier it may be anything, to the compiler only what it has names for. */
	barrier_var(reason);
	if (reason != LP_PARSED)
		return reason < LP_REASON_COUNT ? reason : LP_DROP_SNAT_ENTRIES;
	nat->sides |= 1 << NAT_SOURCE;
	nat->to_addr[NAT_SOURCE] = nat->snat.source;
	nat->to_port[NAT_SOURCE] = nat->snat.port;
	if (nat->parts && source == SNAT_ADDRESS && !nat->pkt.v6)
		nat_number(nat);
	return nat->hop.ifindex ? LP_PARSED : LP_DROP_NO_NEXT_HOP;
}

static __always_inline __u32 nat_to_backend(struct xdp_md *ctx, struct nat *nat)
{
	enum snat_source source = nat->pkt.cut ? SNAT_NONE : nat_source(nat);
	__u32 reason;

	if (source != SNAT_NONE) {
		reason = nat_remember(ctx, nat, source);
		if (reason != LP_PARSED)
			return reason;
	}
	nat->to_addr[NAT_DESTINATION] = nat->hop.daddr;
	return nat_translate(ctx, nat);
}

/* XDP's verdict for a packet that nat_leave() has left. */
static __noinline int nat_forward(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct nat *nat = nat_work();
	__u32 reason;
	bool back;

	if (!nat)
		return XDP_DROP; /* never: nat_leave() had it */
	reason = nat_to_backend(ctx, nat);
	if (reason == LP_DROP_TOO_BIG)
		return TELL_TOO_BIG;
	if (reason == LP_DROP_TTL)
		return TELL_TTL;
	if (reason != LP_FORWARD_TX) {
		account_reason(cpu, reason);
		return XDP_DROP;
	}
	back = nat->hop.ifindex == ctx->ingress_ifindex;
	account_forwarded(cpu, nat->vip, nat->backend, nat->pkt.frame_len, back);
	if (back)
		return XDP_TX;
	account_reason(cpu, LP_FORWARD_REDIRECT);
	return bpf_redirect(nat->hop.ifindex, 0);
}

/* --- replies ------------------------------------------------------------------------------ */

/* The key that the packet is a reply of, or NULL; fills *nat. */
static __always_inline const struct lp_vip *nat_find(struct nat *nat, const struct view *view)
{
	const struct packet *pkt = &nat->pkt;
	const struct lp_vip *key;

	key = vip_find_of(view, &pkt->src, pkt->proto, pkt->sport, pkt->v6);
	if (!key || !(key->flags & LP_VIP_REPLY))
		return NULL;
	if (key->flags & LP_VIP_ENTRIES)
		return snat_reply(nat) ? key : NULL;
	nat->to_addr[NAT_SOURCE] = key->rewrite;
	nat->to_port[NAT_SOURCE] = vip_target(key, pkt->sport);
	nat->sides = 1 << NAT_SOURCE;
	nat->to_addr[NAT_DESTINATION] = pkt->dst;
	nat->to_port[NAT_DESTINATION] = pkt->dport;
	return key;
}

static __always_inline void nat_ask(struct nat *nat, __u32 ifindex)
{
	struct bpf_fib_lookup *fib = &nat->fib;
	const struct packet *pkt = &nat->pkt;

	__builtin_memset(fib, 0, sizeof(*fib));
	fib->l4_protocol = pkt->proto;
	fib->sport = nat->to_port[NAT_SOURCE];
	fib->dport = nat->to_port[NAT_DESTINATION];
	fib->tot_len = (__u16)pkt->l3_len;
	fib->ifindex = ifindex;
	if (pkt->v6) {
		fib->family = NAT_AF_INET6;
		__builtin_memcpy(fib->ipv6_src, &nat->to_addr[NAT_SOURCE], sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, &nat->to_addr[NAT_DESTINATION],
				 sizeof(fib->ipv6_dst));
	} else {
		fib->family = NAT_AF_INET;
		fib->tos = pkt->tos;
		fib->ipv4_src = nat->to_addr[NAT_SOURCE].w[3];
		fib->ipv4_dst = nat->to_addr[NAT_DESTINATION].w[3];
	}
}

/* What an interface's key in the trie says of an address. */
static __always_inline __u32 nat_policy(const struct nat *nat, const struct view *view,
					const struct lp_addr *addr, __u32 ifindex)
{
	struct policy_query *query = policy_work();

	if (!query)
		return LP_POLICY_NONE;
	query->view = *view;
	query->v6 = nat->pkt.v6;
	query->key.prefixlen = LP_POLICY_BITS + 128;
	query->key.addr = *addr;
	if (!query->v6) {
		query->key.addr.d[0] = 0;
		query->key.addr.w[2] = bpf_htonl(0xffff);
	}
	return policy_answer(query, 0, ifindex);
}

/* Is it an interface of the configuration? The agent has a key for each (core/policy.c). */
static __always_inline bool nat_is_ours(const struct nat *nat, const struct view *view,
					__u32 ifindex)
{
	return nat_policy(nat, view, &nat->pkt.dst, ifindex) != LP_POLICY_NONE;
}

/*
 * Can XDP send it? Then nat->hop is the way. Tagged frames are the stack's. *local: it is for
 * this host itself (or for nobody: the kernel tells no difference).
 */
static __always_inline bool nat_route(struct xdp_md *ctx, struct nat *nat, const struct view *view,
				      bool *local)
{
	struct lp_hop *hop = &nat->hop;
	long answer;

	nat_ask(nat, ctx->ingress_ifindex);
	answer = bpf_fib_lookup(ctx, &nat->fib, sizeof(nat->fib), 0);
	*local = answer == BPF_FIB_LKUP_RET_NOT_FWDED;
	nat->too_big = answer == BPF_FIB_LKUP_RET_FRAG_NEEDED;
	if (answer != BPF_FIB_LKUP_RET_SUCCESS || nat->pkt.tags)
		return false;
	if (nat->fib.ifindex != ctx->ingress_ifindex && !nat_is_ours(nat, view, nat->fib.ifindex))
		return false;
	hop->ifindex = nat->fib.ifindex;
	hop->flags = 0;
	hop->tags = 0;
	__builtin_memcpy(hop->dst, nat->fib.dmac, sizeof(hop->dst));
	__builtin_memcpy(hop->src, nat->fib.smac, sizeof(hop->src));
	return true;
}

/* A reply of a connection with an entry, to an address that was a source? */
static __always_inline bool nat_known(struct nat *nat)
{
	return snat_guards(&nat->pkt) && snat_reply(nat);
}

/* reject_sources holds for replies of entries too, which have no key of the VIP table. */
static __always_inline bool nat_is_spoofed(const struct nat *nat, const struct view *view,
					   __u32 ifindex)
{
	const volatile struct lp_control *control = tables_control();

	return (control->replies[view->half & 1] & LP_REPLIES_GUARDED) &&
	       nat_policy(nat, view, &nat->pkt.src, ifindex) == LP_POLICY_DENY;
}

/* A reply by the address that it comes from: LP_PARSED, or the verdict. */
static __always_inline enum lp_reason nat_identify_key(struct xdp_md *ctx, struct nat *nat,
						       const struct view *view)
{
	const struct lp_vip *key = nat_find(nat, view);

	if (!key)
		return LP_PASS_NOT_VIP;
	return policy_check(view, key, &nat->pkt, ctx->ingress_ifindex);
}

/* Whose reply is it, and what becomes of it? LP_PARSED, or the verdict. */
static __always_inline enum lp_reason nat_identify(struct xdp_md *ctx, struct nat *nat,
						   const struct view *view)
{
	if (nat->start != NAT_FOUND) {
		nat->sides = 1 << NAT_SOURCE | 1 << NAT_DESTINATION;
		nat->routed = false;
		nat_read_tcp(ctx, nat);
		if (!nat_known(nat))
			return nat_identify_key(ctx, nat, view);
	}
	if (!(nat->sides & 1 << NAT_DESTINATION))
		return LP_PARSED; /* the policy of its VIP was asked before it came here */
	return nat_is_spoofed(nat, view, ctx->ingress_ifindex) ? LP_DROP_SPOOFED : LP_PARSED;
}

static __always_inline enum lp_reason nat_return(struct xdp_md *ctx, struct nat *nat)
{
	enum lp_reason reason;
	struct view view;
	bool local, entry, expires;

	if (nat->start == NAT_FRAME &&
	    (packet_parse_into(&nat->pkt, ctx) != LP_PARSED || nat->pkt.cut))
		return LP_PASS_NOT_VIP;
	view_open(&view);
	reason = nat_identify(ctx, nat, &view);
	if (reason != LP_PARSED)
		return reason;
	entry = nat->sides & 1 << NAT_DESTINATION;
	if (entry && nat->start != NAT_FOUND)
		snat_hear(nat);
	nat->routed = nat_route(ctx, nat, &view, &local);
	/* Health checks come back to this host by the same port as replies do. */
	if (local && !entry)
		return LP_PASS_NOT_VIP;
	/* What cannot go on is the stack's untranslated, so that it tells the backend; but not
	 * what is addressed to this host, which would be taken for its own. */
	expires = nat_expires(ctx, nat);
	if (!entry && (nat->too_big || expires))
		return LP_PASS_ROUTER;
	if (nat->routed && expires)
		return LP_DROP_TTL;
	if (!nat_write(ctx, nat))
		return LP_DROP_TRUNCATED;
	if (!nat->routed)
		return LP_PASS_REPLY;
	reason = nat_send(ctx, nat);
	return reason == LP_FORWARD_TX ? LP_FORWARD_REPLY : reason;
}

/* XDP's verdict for a packet that is for no VIP. */
static __noinline int nat_reply(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct nat *nat = nat_work();
	enum lp_reason reason;

	reason = nat ? nat_return(ctx, nat) : LP_PASS_NOT_VIP;
	if (nat) {
		nat->start = NAT_FRAME;
		nat->reason = (__u8)reason;
	}
	account_reason(cpu, reason);
	if (reason == LP_PASS_NOT_VIP || reason == LP_PASS_REPLY || reason == LP_PASS_ROUTER)
		return XDP_PASS;
	if (!nat || reason != LP_FORWARD_REPLY)
		return XDP_DROP;
	if (nat->hop.ifindex == ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect(nat->hop.ifindex, 0);
}

#endif
