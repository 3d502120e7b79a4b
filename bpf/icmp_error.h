/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ICMP errors on their way to one end of a connection.
 *
 *   to a VIP       A packet from a VIP has met with it on its way to a client. It is for
 *                  the backend that sent it: the quoted packet, turned around, takes the
 *                  walk of its connection (way.h), and the error goes there as a packet
 *                  of the connection would, translated for `nat`.
 *   to a client    A packet to a backend of a nat VIP has met with it, at the backend or at
 *                  a router on the way there. The quoted destination is a backend's address
 *                  and port, which says whose replies come from there (LP_VIP_REPLY); the
 *                  client is to read of the VIP that it knows. What the backend says itself
 *                  comes from the VIP, a router remains itself.
 *
 * Where the source is translated (snat.h), both sides of the quote are, by the connection's
 * entry, and on both ways.
 *
 * An error has to be for whom it quotes as the sender. Whoever forges one has to know both
 * ports, and reaches nobody but the two ends of that connection, who believe it as much as
 * if there were no limpet. Nothing is remembered of it.
 *
 * Translated are the outer address and TTL, the quoted address, port and checksums, and
 * with each change the ICMP checksum by what has changed (RFC 1624; RFC 5508 section 4.2).
 */
#ifndef LIMPET_BPF_ICMP_ERROR_H
#define LIMPET_BPF_ICMP_ERROR_H

#include "forward_direct.h"
#include "forward_nat.h"
#include "icmp_parse.h"
#include "way.h"

/* --- translation -------------------------------------------------------------------- */

static __always_inline bool icmp_load16(struct xdp_md *ctx, __u32 at, __u16 *word)
{
	return !bpf_xdp_load_bytes(ctx, at, word, sizeof(*word));
}

static __always_inline bool icmp_store16(struct xdp_md *ctx, __u32 at, __u16 word)
{
	return !bpf_xdp_store_bytes(ctx, at, &word, sizeof(word));
}

/* What of a quote is changed, and what that changes in the ICMP checksum. */
struct quote_change {
	bool source;                /* the source's address and port; otherwise the destination's */
	const struct lp_addr *addr; /* what the address becomes */
	__be16 port;
	__u32 sum;
};

/* The address; returns its change, which to->sum has too. */
static __always_inline __u32 quote_write_ipv6(struct xdp_md *ctx, const struct icmp *icmp,
					      struct quote_change *to)
{
	const struct packet *quoted = &icmp->quoted;
	const struct lp_addr *old = to->source ? &quoted->src : &quoted->dst;
	__u32 at = icmp->quote, change = 0;

	at += to->source ? offsetof(struct ipv6hdr, saddr) : offsetof(struct ipv6hdr, daddr);
	bpf_xdp_store_bytes(ctx, at, (void *)to->addr, sizeof(*to->addr));
	for (int i = 0; i < 4; i++)
		change = lp_csum_change32(change, old->w[i], to->addr->w[i]);
	to->sum = lp_csum_fold(change);
	return to->sum;
}

/* The same, and the quoted header's checksum, whose change is in to->sum only. */
static __always_inline __u32 quote_write_ipv4(struct xdp_md *ctx, const struct icmp *icmp,
					      struct quote_change *to)
{
	const struct packet *quoted = &icmp->quoted;
	const struct lp_addr *old = to->source ? &quoted->src : &quoted->dst;
	__u32 at = icmp->quote, change = lp_csum_change32(0, old->w[3], to->addr->w[3]);
	__u16 check, now;

	at += to->source ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr);
	bpf_xdp_store_bytes(ctx, at, (void *)&to->addr->w[3], sizeof(to->addr->w[3]));
	to->sum = lp_csum_fold(change);
	at = icmp->quote + offsetof(struct iphdr, check);
	if (icmp_load16(ctx, at, &check)) {
		now = lp_csum_apply(check, change);
		icmp_store16(ctx, at, now);
		to->sum = lp_csum_change16(to->sum, check, now);
	}
	return lp_csum_fold(change);
}

/* The port, and the checksum if the quote reaches as far; `change`: of the address. */
static __always_inline void quote_write_l4(struct xdp_md *ctx, const struct icmp *icmp,
					   struct quote_change *to, __u32 change)
{
	const struct packet *quoted = &icmp->quoted;
	bool udp = quoted->proto == IPPROTO_UDP;
	__u32 at = quoted->l4 + (udp ? ICMP_UDP_CHECK : ICMP_TCP_CHECK);
	__u16 check, now;

	change = lp_csum_change16(change, to->source ? quoted->sport : quoted->dport, to->port);
	to->sum = lp_csum_change16(to->sum, to->source ? quoted->sport : quoted->dport, to->port);
	icmp_store16(ctx, quoted->l4 + (to->source ? 0 : sizeof(to->port)), to->port);
	if (at + sizeof(check) > icmp->pkt.l2_len + icmp->pkt.l3_len ||
	    !icmp_load16(ctx, at, &check) || (udp && !check))
		return;
	now = lp_csum_apply(check, change);
	if (udp && !now)
		now = 0xffff;
	icmp_store16(ctx, at, now);
	to->sum = lp_csum_change16(to->sum, check, now);
}

/* The outer header: its address, and a hop less. Returns the change of the pseudo header. */
static __always_inline bool icmp_write_outer(struct xdp_md *ctx, const struct nat *nat,
					     __u32 *change)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	void *l3 = data + (nat->pkt.l2_len & 31);

	if (l3 + sizeof(struct ipv6hdr) > end) /* an IPv4 header and 28 bytes more, at least */
		return false;
	*change = 0;
	if (nat->pkt.v6)
		*change = nat_write_ipv6(l3, nat); /* RFC 4443 section 2.3 has it in the sum */
	else
		nat_write_ipv4(l3, nat);
	return true;
}

/* One side of the quote; returns what that changes in the ICMP checksum. */
static __always_inline __u32 quote_write(struct xdp_md *ctx, const struct icmp *icmp,
					 struct quote_change *to)
{
	__u32 change = icmp->quoted.v6 ? quote_write_ipv6(ctx, icmp, to)
				       : quote_write_ipv4(ctx, icmp, to);

	quote_write_l4(ctx, icmp, to, change);
	return lp_csum_fold(to->sum);
}

/*
 * Translates the error where it stands: its outer header as *nat says, its quote's sides by
 * `to`, the second one if `both`.
 */
static __always_inline bool icmp_translate(struct xdp_md *ctx, const struct icmp *icmp,
					   const struct nat *nat, struct quote_change *to,
					   bool both)
{
	__u32 sum = 0, at = icmp->pkt.l4 + offsetof(struct icmp_head, check);

	if (!icmp_write_outer(ctx, nat, &sum))
		return false;
	sum += quote_write(ctx, icmp, &to[0]);
	if (both)
		sum += quote_write(ctx, icmp, &to[1]);
	return icmp_store16(ctx, at, lp_csum_apply(icmp->head.check, sum));
}

/* --- to a VIP ------------------------------------------------------------------------- */

/*
 * Does the connection that is quoted have an entry? Then *nat is what that says: the backend,
 * and whom it takes for the client.
 */
static __always_inline bool icmp_find_entry(const struct icmp *icmp, struct nat *nat)
{
	bool found;

	nat->pkt = icmp->flow;
	nat->snat.now = lp_now();
	nat->snat.forward = snat_print(&nat->pkt);
	found = snat_find(nat) && snat_lives(nat);
	if (found)
		snat_take(nat);
	nat->pkt = icmp->pkt;
	return found;
}

/* What becomes of outer header and quote; `entry`: the quoted destination changes too. */
static __always_inline void icmp_fill(const struct icmp *icmp, struct nat *nat, bool entry,
				      struct quote_change *to)
{
	nat->to_addr[NAT_DESTINATION] = nat->hop.daddr;
	to[0].source = true;
	to[0].addr = &nat->to_addr[NAT_DESTINATION];
	to[0].port = nat->to_port[NAT_DESTINATION];
	if (!entry)
		return;
	to[1].source = false;
	to[1].addr = &nat->snat.source;
	to[1].port = nat->snat.port;
	if (!icmp_same(&icmp->pkt.src, &icmp->quoted.dst, icmp->quoted.v6))
		return; /* a router keeps its address */
	nat->sides |= 1 << NAT_SOURCE;
	nat->to_addr[NAT_SOURCE] = nat->snat.source;
}

static __always_inline enum lp_reason icmp_to_nat(struct xdp_md *ctx, struct icmp *icmp,
						  const struct view *view, struct way *way,
						  __u32 *ifindex)
{
	struct quote_change to[2] = {};
	struct nat *nat = nat_work();
	__u32 reason;
	bool entry;

	icmp->pkt.dport = icmp->flow.dport; /* for the target's sake */
	reason = nat_leave(&icmp->pkt, view, way->vip, way->hop, way->backend);
	if (reason != LP_TRANSLATE || !nat)
		return LP_DROP_NO_BACKEND;
	entry = icmp_find_entry(icmp, nat);
	if (!entry && way->vip->forward == LP_FORWARD_SNAT)
		return LP_DROP_ICMP;
	way->backend = nat->backend;
	*ifindex = nat->hop.ifindex;
	if (!*ifindex)
		return LP_DROP_NO_NEXT_HOP;
	if (icmp->pkt.l3_len > nat->hop.mtu)
		return LP_DROP_TOO_BIG;
	if (nat_expires(ctx, nat))
		return LP_DROP_TTL;
	icmp_fill(icmp, nat, entry, to);
	if (!icmp_translate(ctx, icmp, nat, to, entry))
		return LP_DROP_ICMP;
	return nat_send(ctx, nat);
}

/* LP_FORWARD_ICMP with *ifindex, where it leaves; or why not. */
static __always_inline enum lp_reason icmp_to_vip(struct xdp_md *ctx, struct icmp *icmp,
						  const struct view *view, __u32 *ifindex)
{
	__u32 cpu = bpf_get_smp_processor_id();
	enum lp_reason reason;
	struct way way = {};

	if (!quote_parse(ctx, icmp) || !icmp_same(&icmp->quoted.src, &icmp->pkt.dst, icmp->pkt.v6))
		return LP_DROP_ICMP;
	quote_flow(icmp, true);
	reason = way_find(&way, view, &icmp->flow, ctx->ingress_ifindex, cpu);
	if (reason != LP_PARSED)
		return reason;
	*ifindex = way.hop->ifindex;
	if (way.vip->forward == LP_FORWARD_NAT || way.vip->forward == LP_FORWARD_SNAT)
		reason = icmp_to_nat(ctx, icmp, view, &way, ifindex);
	else
		reason = forward(ctx, &icmp->pkt, way.vip, way.hop, way.flow);
	if (reason != LP_FORWARD_TX)
		return reason;
	account_forwarded(cpu, way.vip->vip, way.backend, icmp->pkt.frame_len, false);
	return LP_FORWARD_ICMP;
}

/* --- to a client ---------------------------------------------------------------------- */

/* The key whose replies come from the quoted destination, or NULL; fills *nat. */
static __always_inline const struct lp_vip *icmp_find_reply(const struct icmp *icmp,
							    const struct view *view,
							    struct nat *nat,
							    struct quote_change *to)
{
	const struct packet *quoted = &icmp->quoted;
	const struct lp_vip *key;

	key = vip_find_of(view, &quoted->dst, quoted->proto, quoted->dport, quoted->v6);
	if (!key || !(key->flags & LP_VIP_REPLY))
		return NULL;
	nat->pkt = icmp->pkt;
	nat->pkt.dport = 0;
	nat->sides = 1 << NAT_SOURCE;
	nat->to_addr[NAT_SOURCE] = icmp_same(&icmp->pkt.src, &quoted->dst, quoted->v6)
					   ? key->rewrite
					   : icmp->pkt.src;
	nat->to_addr[NAT_DESTINATION] = icmp->pkt.dst;
	nat->to_port[NAT_SOURCE] = nat->to_port[NAT_DESTINATION] = 0; /* ICMP has none */
	to->addr = &key->rewrite;
	to->port = vip_target(key, quoted->dport);
	return key;
}

/*
 * The same by the return of the connection whose packet is quoted: what it was sent as is
 * what its backend's replies are for.
 */
static __always_inline bool icmp_find_return(struct icmp *icmp, struct nat *nat,
					     struct quote_change *to)
{
	const struct packet *quoted = &icmp->quoted;

	quote_flow(icmp, true); /* as the backend would answer */
	nat->pkt = icmp->flow;
	if (!snat_guards(&nat->pkt) || !snat_reply(nat))
		return false;
	nat->pkt = icmp->pkt;
	to[0].addr = &nat->snat.of.vip_addr;
	to[0].port = nat->snat.of.vip_port;
	to[1].source = true;
	to[1].addr = &nat->snat.of.client;
	to[1].port = nat->snat.of.client_port;
	nat->sides = 1 << NAT_SOURCE | 1 << NAT_DESTINATION;
	if (!icmp_same(&icmp->pkt.src, &quoted->dst, quoted->v6))
		nat->to_addr[NAT_SOURCE] = icmp->pkt.src;
	nat->to_port[NAT_SOURCE] = nat->to_port[NAT_DESTINATION] = 0;
	return true;
}

/* Whose is it? LP_PARSED with *nat and `to` filled, or the verdict. */
static __always_inline enum lp_reason icmp_identify(struct xdp_md *ctx, struct icmp *icmp,
						    const struct view *view, struct nat *nat,
						    struct quote_change *to, bool *entry)
{
	const struct lp_vip *key;

	*entry = icmp_find_return(icmp, nat, to);
	if (*entry)
		return nat_is_spoofed(nat, view, ctx->ingress_ifindex) ? LP_DROP_SPOOFED
								       : LP_PARSED;
	key = icmp_find_reply(icmp, view, nat, to);
	return key ? policy_check(view, key, &icmp->pkt, ctx->ingress_ifindex)
		   : LP_PASS_NOT_TCP_UDP;
}

/* LP_FORWARD_REPLY, LP_PASS_REPLY, LP_PASS_NOT_TCP_UDP if it is not for limpet, or why not. */
static __always_inline enum lp_reason icmp_to_client(struct xdp_md *ctx, struct icmp *icmp,
						     const struct view *view, __u32 *ifindex)
{
	struct quote_change to[2] = {};
	struct nat *nat = nat_work();
	enum lp_reason reason;
	bool local, entry;

	if (!nat || !quote_parse(ctx, icmp) ||
	    !icmp_same(&icmp->quoted.src, &icmp->pkt.dst, icmp->pkt.v6))
		return LP_PASS_NOT_TCP_UDP;
	reason = icmp_identify(ctx, icmp, view, nat, to, &entry);
	if (reason != LP_PARSED)
		return reason;
	nat->routed = nat_route(ctx, nat, view, &local);
	if (nat->routed && nat_expires(ctx, nat))
		return LP_DROP_TTL;
	if (!icmp_translate(ctx, icmp, nat, to, entry))
		return LP_DROP_ICMP;
	if (!nat->routed)
		return LP_PASS_REPLY;
	*ifindex = nat->hop.ifindex;
	reason = nat_send(ctx, nat);
	return reason == LP_FORWARD_TX ? LP_FORWARD_REPLY : reason;
}

#endif
