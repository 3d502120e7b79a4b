/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What limpet tells clients: that a packet is larger than the MTU towards its backend
 * (with the tunnel's headers taken off), and that its hops ended where limpet routes. It
 * does so in the VIP's name, which is the one address that the client has asked, and can be
 * sure to have a way back from; the answer leaves as the packet came.
 *
 * It runs when the walk, or a step behind it, has returned TELL_TOO_BIG or TELL_TTL
 * (forward.h), the packet as it came.
 */
#ifndef LIMPET_BPF_ICMP_TELL_H
#define LIMPET_BPF_ICMP_TELL_H

#include "account.h"
#include "forward_direct.h"
#include "icmp_answer.h"
#include "icmp_ping.h"
#include "way.h"

/* The MTU that the client has to keep to; 0: it is not what is wrong. */
static __always_inline __u32 tell_mtu(struct xdp_md *ctx, struct icmp *icmp)
{
	struct way way = {};
	struct view view;
	__u32 overhead;

	view_open(&view);
	if (way_find(&way, &view, &icmp->pkt, ctx->ingress_ifindex, bpf_get_smp_processor_id()) !=
	    LP_PARSED)
		return 0;
	overhead = forward_overhead(way.vip, way.hop);
	return way.hop->mtu > overhead ? way.hop->mtu - overhead : 0;
}

/* Fills *answer with what there is to tell; false: nothing, or nobody to tell it to. */
static __always_inline bool tell_what(struct xdp_md *ctx, struct icmp *icmp, struct answer *answer,
				      int what)
{
	const struct packet *pkt = &icmp->pkt;

	if (packet_parse_into(&icmp->pkt, ctx) != LP_PARSED || pkt->cut)
		return false;
	if (!icmp_is_host(&pkt->src, pkt->v6) || !icmp_is_unicast(ctx))
		return false;
	answer->at = pkt->l2_len;
	answer->len = pkt->l3_len;
	answer_address(answer, &pkt->dst, &pkt->src, pkt->v6);
	if (what == TELL_TOO_BIG)
		return answer_too_big(answer, pkt->l3_len, tell_mtu(ctx, icmp));
	answer_time_exceeded(answer);
	return true;
}

static __always_inline enum lp_reason tell(struct xdp_md *ctx, int what)
{
	enum lp_reason untold = what == TELL_TOO_BIG ? LP_DROP_TOO_BIG : LP_DROP_TTL;
	struct answer *answer = answer_work();
	struct icmp *icmp = icmp_work();

	if (!answer || !icmp || !tell_what(ctx, icmp, answer, what))
		return untold;
	if (!answer_take(icmp))
		return LP_DROP_ICMP_RATE;
	if (!answer_link(ctx, answer, &icmp->pkt, true) || !answer_make(ctx, answer))
		return untold;
	return what == TELL_TOO_BIG ? LP_ANSWER_TOO_BIG : LP_ANSWER_TTL;
}

/* XDP's verdict; `what` is TELL_TOO_BIG or TELL_TTL. */
__noinline int icmp_tell(struct xdp_md *ctx, int what)
{
	enum lp_reason reason = tell(ctx, what);

	account_reason(bpf_get_smp_processor_id(), reason);
	return reason == LP_ANSWER_TOO_BIG || reason == LP_ANSWER_TTL ? XDP_TX : XDP_DROP;
}

#endif
