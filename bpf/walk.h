/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk of a packet: parse, find the VIP, ask its policy, take the affinity key,
 * look into the slot, forward to the backend, account. Each step is a header of its own.
 *
 * Time comes from lp_now() (seconds of CLOCK_MONOTONIC), which whoever includes
 * this file has defined: clock.h for the program that is shipped.
 */
#ifndef LIMPET_BPF_WALK_H
#define LIMPET_BPF_WALK_H

#include "maps.h"
#include "parse.h"
#include "vip.h"
#include "policy.h"
#include "affinity.h"
#include "audit.h"
#include "forward_direct.h"
#include "forward_nat.h"
#include "icmp.h"
#include "account.h"
#include "fast.h"
#include "fast_nat.h"
#include "reset.h"

/* Verdict on a packet whose ports could not be read: only a VIP's own is dropped. */
static __always_inline enum lp_reason cut_verdict(const struct view *view, const struct packet *pkt)
{
	if (!vip_owns(view, &pkt->dst, pkt->proto, pkt->v6))
		return LP_PASS_NOT_VIP;
	switch (pkt->cut) {
	case CUT_TRUNCATED:
		return LP_DROP_TRUNCATED;
	case CUT_EXTENSION:
		return LP_DROP_EXTENSION;
	default:
		return LP_DROP_BAD_HEADER;
	}
}

/* The walk: a reason, LP_TRANSLATE, LP_RESET or LP_FRAGMENT. *ifindex is where a forwarded
 * packet leaves. */
static __always_inline __u32 walk(struct xdp_md *ctx, __u32 cpu, __u32 *ifindex)
{
	const struct lp_backend *backend;
	const struct lp_vip *vip;
	const struct lp_hop *hop;
	enum lp_reason reason;
	struct affinity affinity = {};
	struct packet pkt = {}; /* clang 14 spills what is not set, and the verifier objects */
	struct view view;
	__u32 number;
	bool back;

	reason = packet_parse(&pkt, ctx);
	if (reason != LP_PARSED)
		return reason;
	if (pkt.cut == CUT_FRAGMENT)
		return LP_FRAGMENT;
	view_open(&view);
	if (pkt.cut)
		return cut_verdict(&view, &pkt);
	vip = vip_find(&view, &pkt);
	if (!vip)
		return LP_PASS_NOT_VIP;
	reason = policy_check(&view, vip, &pkt, ctx->ingress_ifindex);
	if (reason != LP_PARSED)
		return reason;
	number = affinity_backend(&affinity, &view, vip, &pkt, cpu);
	if (!number)
		return LP_DROP_NO_BACKEND;
	audit_witness(&affinity, &view, vip, &pkt, cpu, number);
	backend = backend_at(number);
	if (!backend)
		return number == TRACK_ORPHAN ? LP_RESET : LP_DROP_NO_BACKEND;
	hop = LP_HOP(backend);
	*ifindex = hop->ifindex;
	if (!*ifindex)
		return LP_DROP_NO_NEXT_HOP;
	if (vip->forward == LP_FORWARD_NAT || vip->forward == LP_FORWARD_SNAT)
		return nat_leave(&pkt, &view, vip, hop, number);
	reason = forward(ctx, &pkt, vip, hop, affinity_flow(&affinity, &pkt));
	if (reason != LP_FORWARD_TX)
		return reason;
	back = *ifindex == ctx->ingress_ifindex;
	account_forwarded(cpu, vip->vip, number, pkt.frame_len, back);
	return back ? LP_FORWARD_TX : LP_FORWARD_REDIRECT;
}

/* The verdict as XDP's. */
static __always_inline int action(enum lp_reason reason, __u32 ifindex)
{
	switch (reason) {
	case LP_FORWARD_TX:
		return XDP_TX;
	case LP_FORWARD_REDIRECT:
		return bpf_redirect(ifindex, 0);
	case LP_PASS_NOT_IP:
	case LP_PASS_NOT_TCP_UDP:
	case LP_PASS_NOT_VIP:
	case LP_PASS_TRUNCATED:
		return XDP_PASS;
	default:
		return XDP_DROP;
	}
}

static __always_inline bool walk_has_replies(void)
{
	const volatile struct lp_control *control = tables_control();

	return control->replies[control->active & 1] & LP_REPLIES_COME;
}

#include "walk_fragment.h" /* which goes on with the steps above */

/* Not inlined: what it needs registers and stack for is not to burden the fast path. */
static __noinline int walk_complete(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id(), ifindex = 0;
	__u32 reason = walk(ctx, cpu, &ifindex);

	if (reason == LP_TRANSLATE)
		return WALK_TRANSLATE;
	if (reason == LP_RESET)
		return WALK_RESET;
	if (reason == LP_FRAGMENT)
		return WALK_FRAGMENT;
	if (reason == LP_PASS_NOT_VIP && walk_has_replies())
		return WALK_REPLY;
	if (reason == LP_PASS_NOT_TCP_UDP)
		return WALK_OTHER;
	if (reason == LP_DROP_TOO_BIG)
		return TELL_TOO_BIG;
	account_reason(cpu, reason);
	return action(reason, ifindex);
}

/* What the walk has left to do, now that its stack is free: records, the audit. */
static __always_inline void walk_after(void)
{
	const __u32 zero = 0;
	struct track *t = bpf_map_lookup_elem(&track_scratch, &zero);

	if (!t)
		return;
	track_after(t);
	audit_after(t);
}

/* Both walks count their verdict. */
static __always_inline int limpet_packet(struct xdp_md *ctx)
{
	int verdict = fast_walk(ctx);
	bool part;

	if (verdict != FAST_ODD)
		return verdict;
	verdict = walk_complete(ctx);
	part = verdict == WALK_FRAGMENT;
	if (part)
		verdict = walk_fragment(ctx);
	if (verdict == WALK_TRANSLATE)
		verdict = nat_forward(ctx);
	else if (verdict == WALK_REPLY)
		verdict = nat_reply(ctx);
	else if (verdict == WALK_RESET)
		verdict = reset_send(ctx, lp_now());
	else if (verdict == WALK_OTHER)
		verdict = icmp_packet(ctx);
	if (part)
		fragment_after(verdict);
	walk_after(); /* before icmp_tell(), which uses its scratch */
	if (verdict == TELL_TOO_BIG || verdict == TELL_TTL)
		verdict = icmp_tell(ctx, verdict);
	return verdict;
}

#endif
