/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk of a fragment, IPv4 or IPv6, which walk() leaves to this file; its second half,
 * as it uses the steps of the walk (what is remembered is in fragment.h).
 *
 *   a first fragment  has ports: it goes as any packet, and its record is written.
 *   an atomic one     (RFC 6946) is all of its packet: the same, and no record.
 *   a later one       follows its record. Without one it goes by its source alone, where
 *                     all ports of its VIP's address lead to the same answer; so such
 *                     VIPs need no records (LP_VIP_PORTLESS: `source` affinity, no nat).
 *                     Otherwise it has come before its first one: to limpetd, or dropped.
 *
 * Replies of a VIP with forward nat are told by their source (forward_nat.h), those of
 * connections whose source was translated by their destination (snat_guards()), and so are
 * their fragments; what they go through is nat_reply(). What is for nobody is the stack's.
 */
#ifndef LIMPET_BPF_WALK_FRAGMENT_H
#define LIMPET_BPF_WALK_FRAGMENT_H

#include "fragment.h"

/*
 * The interface that it came in by. In one instruction: compilers that keep the field's
 * address from one use to the next make one that the verifier does not take.
 */
static __always_inline __u32 fragment_ingress(const struct xdp_md *ctx)
{
	__u64 ifindex;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(ifindex)
		     : "r"(ctx), "i"(offsetof(struct xdp_md, ingress_ifindex)));
	return (__u32)ifindex;
}

static __always_inline bool fragment_is_translated(const struct lp_vip *vip)
{
	return vip->forward == LP_FORWARD_NAT || vip->forward == LP_FORWARD_SNAT;
}

/* nat_leave(), and what a later one becomes. */
static __always_inline __u32 fragment_translate(struct fragment *work, const struct lp_vip *vip,
						const struct lp_hop *hop, __u32 number)
{
	__u32 end = nat_leave(&work->pkt, &work->view, vip, hop, number);
	struct nat *nat = nat_work();

	if (!nat || end != LP_TRANSLATE)
		return end;
	if (work->pkt.cut) {
		nat->sides = work->what.sides;
		nat->to_addr[NAT_SOURCE] = work->what.src;
		nat->to_id = work->what.id;
	} else {
		nat->parts = work->part.more;
	}
	return end;
}

/* To a backend; `ifindex` as in walk(). */
static __always_inline __u32 fragment_send(struct xdp_md *ctx, struct fragment *work,
					   const struct lp_vip *vip, __u32 number, __u32 *ifindex)
{
	const struct lp_backend *backend = backend_at(number);
	const struct lp_hop *hop;
	enum lp_reason reason;
	bool back;

	if (!backend) /* a RST answers whole segments only (reset.h) */
		return number == TRACK_ORPHAN ? LP_RESET_WITHHELD : LP_DROP_NO_BACKEND;
	hop = LP_HOP(backend);
	*ifindex = hop->ifindex;
	if (!*ifindex)
		return LP_DROP_NO_NEXT_HOP;
	if (fragment_is_translated(vip))
		return fragment_translate(work, vip, hop, number);
	reason = forward(ctx, &work->pkt, vip, hop, work->fingerprint);
	if (reason != LP_FORWARD_TX)
		return reason;
	back = *ifindex == fragment_ingress(ctx);
	account_forwarded(bpf_get_smp_processor_id(), vip->vip, number, work->pkt.frame_len, back);
	return back ? LP_FORWARD_TX : LP_FORWARD_REDIRECT;
}

/* By affinity: one that has its ports, or needs none. */
static __always_inline __u32 fragment_choose(struct xdp_md *ctx, struct fragment *work,
					     const struct lp_vip *vip, bool portless,
					     __u32 *ifindex)
{
	__u32 cpu = bpf_get_smp_processor_id(), number;
	enum lp_reason reason = policy_check(&work->view, vip, &work->pkt, fragment_ingress(ctx));

	if (reason != LP_PARSED)
		return reason;
	number = affinity_backend(&work->affinity, &work->view, vip, &work->pkt, cpu);
	if (!number)
		return LP_DROP_NO_BACKEND;
	if (!work->pkt.cut)
		audit_witness(&work->affinity, &work->view, vip, &work->pkt, cpu, number);
	if (fragment_is_translated(vip))
		fragment_wait(work, vip, LP_FRAGMENT_FORWARD);
	else if (!portless)
		fragment_note(work, vip, LP_FRAGMENT_FORWARD, number);
	return fragment_send(ctx, work, vip, number, ifindex);
}

/* The first, with ports, of a packet to a VIP's address; `key` is that of port 0. */
static __always_inline __u32 fragment_first(struct xdp_md *ctx, struct fragment *work,
					    const struct lp_vip *key, __u32 *ifindex)
{
	const struct lp_vip *vip = vip_find(&work->view, &work->pkt);

	if (!vip) {
		fragment_note(work, NULL, LP_FRAGMENT_PASS, LP_FRAGMENT_NOBODY);
		return LP_PASS_NOT_VIP;
	}
	return fragment_choose(ctx, work, vip, fragment_is_portless(work, key), ifindex);
}

/* Hands it to nat_reply(), which takes up at `start`. */
static __always_inline __u32 fragment_reply(struct fragment *work, __u8 start)
{
	struct nat *nat = nat_work();

	if (!nat)
		return LP_PASS_NOT_VIP; /* never */
	nat->pkt = work->pkt;
	nat->start = start;
	if (start == NAT_FOUND) {
		nat->sides = work->what.sides;
		nat->to_addr[NAT_SOURCE] = work->what.src;
		nat->to_addr[NAT_DESTINATION] = work->what.dst;
		nat->to_port[NAT_SOURCE] = nat->to_port[NAT_DESTINATION] = 0;
		nat->routed = false;
	}
	return FRAGMENT_REPLY;
}

/* The first of what may be a reply. */
static __always_inline __u32 fragment_first_back(struct fragment *work)
{
	const struct packet *pkt = &work->pkt;

	fragment_wait(work, vip_find_of(&work->view, &pkt->src, pkt->proto, pkt->sport, pkt->v6),
		      LP_FRAGMENT_REPLY);
	return fragment_reply(work, NAT_PARSED);
}

/* A reply, of a connection with an entry? */
static __always_inline bool fragment_is_of_entry(const struct fragment *work)
{
	return work->what.kind == LP_FRAGMENT_REPLY && (work->what.sides & LP_FRAGMENT_DESTINATION);
}

/* A later one whose record was found. */
static __always_inline __u32 fragment_follow(struct xdp_md *ctx, struct fragment *work,
					     __u32 *ifindex)
{
	const struct lp_vip *vip = fragment_vip(work);
	enum lp_reason reason;

	if (work->what.kind == LP_FRAGMENT_PASS)
		return LP_PASS_NOT_VIP;
	if (work->what.kind == LP_FRAGMENT_DROP)
		return LP_DROP_FRAGMENT;
	/* Whose destination was translated too has no VIP's policy, but nat_identify()'s. */
	if (fragment_is_of_entry(work))
		return fragment_reply(work, NAT_FOUND);
	reason = policy_check(&work->view, vip, &work->pkt, fragment_ingress(ctx));
	if (reason != LP_PARSED)
		return reason;
	if (work->what.kind == LP_FRAGMENT_REPLY)
		return fragment_reply(work, NAT_FOUND);
	if (!fragment_backend_is_same(work))
		return LP_DROP_FRAGMENT;
	return fragment_send(ctx, work, vip, work->word.backend, ifindex);
}

/* A later one; `key` is that of its VIP's address, NULL: it may be a reply. */
static __always_inline __u32 fragment_later(struct xdp_md *ctx, struct fragment *work,
					    const struct lp_vip *key, __u32 *ifindex)
{
	if (fragments_find())
		return fragment_follow(ctx, work, ifindex);
	if (key && fragment_is_portless(work, key))
		return fragment_choose(ctx, work, key, true, ifindex);
	if (fragment_hold(ctx))
		return LP_DROP_FRAGMENT_EARLY;
	return key ? LP_DROP_FRAGMENT : LP_PASS_NOT_VIP;
}

/* Can it be a reply: from a backend's address, or to one that was a source? */
static __always_inline bool fragment_may_reply(const struct fragment *work)
{
	const struct lp_vip *key = fragment_key_of(work, &work->pkt.src);

	return (key && (key->flags & LP_VIP_REPLY)) ||
	       (walk_has_replies() && snat_guards(&work->pkt));
}

static __always_inline __u32 fragment_step(struct xdp_md *ctx, struct fragment *work,
					   __u32 *ifindex)
{
	const struct lp_vip *key;
	bool back;

	view_open(&work->view);
	key = fragment_key_of(work, &work->pkt.dst);
	back = !key || (key->flags & LP_VIP_REPLY);
	if (back) {
		key = NULL;
		if (!fragment_may_reply(work))
			return LP_PASS_NOT_VIP;
	}
	if (work->pkt.cut && back && work->pkt.cut != CUT_FRAGMENT)
		return LP_PASS_NOT_VIP;
	if (fragment_is_tiny(work))
		return back ? LP_PASS_NOT_VIP : LP_DROP_FRAGMENT_TINY;
	if (work->pkt.cut == CUT_FRAGMENT)
		return fragment_later(ctx, work, key, ifindex);
	if (work->pkt.cut)
		return cut_verdict(&work->view, &work->pkt);
	return back ? fragment_first_back(work) : fragment_first(ctx, work, key, ifindex);
}

/* Has a first one been translated, by verdict and reason of whoever did it? Then its addresses
 * are for the later ones too. What a policy refused was nobody's: it notes nothing. */
static __always_inline bool fragment_outcome(struct fragment *work, const struct nat *nat,
					     int verdict)
{
	struct lp_fragment *what = &work->what;

	if (what->kind == LP_FRAGMENT_FORWARD) {
		if (verdict != XDP_TX && verdict != XDP_REDIRECT)
			what->kind = LP_FRAGMENT_DROP;
		return true;
	}
	switch (nat->reason) {
	case LP_FORWARD_REPLY:
	case LP_PASS_REPLY:
	case LP_PASS_ROUTER:
		return true;
	case LP_PASS_NOT_VIP:
		what->kind = LP_FRAGMENT_PASS;
		return true;
	case LP_DROP_TTL:
	case LP_DROP_NO_ROOM:
	case LP_DROP_TRUNCATED:
		what->kind = LP_FRAGMENT_DROP;
		return true;
	default:
		return false;
	}
}

/* The end of a first one that waits: nat_forward() or nat_reply() has had it, or nobody did. */
static __noinline int fragment_after(int verdict)
{
	struct fragment *work = fragment_work();
	struct nat *nat = nat_work();
	__u32 backend = LP_FRAGMENT_NOBODY;

	if (!work || !nat || !work->waits || !fragment_outcome(work, nat, verdict))
		return 0;
	if (work->what.kind == LP_FRAGMENT_FORWARD)
		backend = nat->backend;
	work->what.sides = nat->sides;
	work->what.src = nat->to_addr[NAT_SOURCE];
	work->what.dst = nat->to_addr[NAT_DESTINATION];
	work->what.id = nat->to_id;
	fragment_write(work, backend);
	return 0;
}

/* As walk_complete(). */
static __noinline int walk_fragment(struct xdp_md *ctx)
{
	__u32 ifindex = 0, reason = (__u32)fragment_parse(ctx);
	struct fragment *work = fragment_work();

	if (work && reason == LP_PARSED)
		reason = fragment_step(ctx, work, &ifindex);
	if (reason == LP_TRANSLATE)
		return WALK_TRANSLATE;
	if (reason == FRAGMENT_REPLY)
		return WALK_REPLY;
	account_reason(bpf_get_smp_processor_id(), reason);
	return action(reason, ifindex);
}

#endif
