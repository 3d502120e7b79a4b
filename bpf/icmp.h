/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is neither TCP nor UDP: ICMP and ICMPv6 that limpet has to do with. The rest (ND,
 * pings of the host, ESP) goes to the stack untouched.
 *
 *   to a VIP's address      echo requests (icmp_ping.h); errors about what a backend sent in
 *                           the VIP's name (icmp_error.h)
 *   errors to others        about a packet to a nat backend, for its client (icmp_error.h);
 *                           about a tunnel packet, for limpet itself (icmp_tunnel.h)
 *
 * It runs when the walk has returned that the packet is no TCP and no UDP, on a stack of its
 * own. What limpet has to say by ICMP by itself is in icmp_tell.h.
 */
#ifndef LIMPET_BPF_ICMP_H
#define LIMPET_BPF_ICMP_H

#include "account.h"
#include "icmp_error.h"
#include "icmp_parse.h"
#include "icmp_ping.h"
#include "icmp_tell.h"
#include "icmp_tunnel.h"

/* For a VIP's address. */
static __always_inline enum lp_reason icmp_for_vip(struct xdp_md *ctx, struct icmp *icmp,
						   const struct view *view,
						   const struct lp_vip *vip, __u32 *ifindex)
{
	/* Of whom a ping is the stack's, its fragments are, too. */
	if (icmp->pkt.cut == CUT_FRAGMENT)
		return vip->ping == LP_PING_PASS ? LP_PASS_PING : LP_DROP_FRAGMENT;
	if (icmp->pkt.cut)
		return LP_DROP_BAD_HEADER;
	if (icmp_is_ping(icmp))
		return icmp_ping(ctx, icmp, view, vip);
	if (icmp_is_error(icmp))
		return icmp_to_vip(ctx, icmp, view, ifindex);
	return LP_PASS_NOT_TCP_UDP; /* a neighbour's question for an address that is proxied, say */
}

/* For another address. */
static __always_inline enum lp_reason icmp_for_other(struct xdp_md *ctx, struct icmp *icmp,
						     const struct view *view, __u32 *ifindex)
{
	enum lp_reason reason = LP_PASS_NOT_TCP_UDP;

	if (icmp->pkt.cut || !icmp_is_error(icmp))
		return reason;
	if (tables_control()->replies[view->half & 1])
		reason = icmp_to_client(ctx, icmp, view, ifindex);
	if (reason == LP_PASS_NOT_TCP_UDP)
		reason = icmp_from_tunnel(ctx, icmp, view, ifindex);
	return reason;
}

static __always_inline enum lp_reason icmp_walk(struct xdp_md *ctx, __u32 *ifindex)
{
	struct icmp *icmp = icmp_work();
	const struct lp_vip *vip;
	struct view view;

	if (!icmp || !icmp_parse(ctx, icmp))
		return LP_PASS_NOT_TCP_UDP;
	view_open(&view);
	vip = icmp_vip(&view, &icmp->pkt.dst, icmp->pkt.v6);
	if (vip)
		return icmp_for_vip(ctx, icmp, &view, vip, ifindex);
	return icmp_for_other(ctx, icmp, &view, ifindex);
}

/* XDP's verdict for a packet that is neither TCP nor UDP. */
__noinline int icmp_packet(struct xdp_md *ctx)
{
	__u32 ifindex = 0;
	enum lp_reason reason = icmp_walk(ctx, &ifindex);

	account_reason(bpf_get_smp_processor_id(), reason);
	switch (reason) {
	case LP_ANSWER_PING:
		return XDP_TX;
	case LP_FORWARD_ICMP:
	case LP_FORWARD_REPLY:
	case LP_ANSWER_TUNNEL:
		return ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(ifindex, 0);
	case LP_PASS_NOT_TCP_UDP:
	case LP_PASS_NOT_VIP:
	case LP_PASS_PING:
	case LP_PASS_REPLY:
	case LP_PASS_TUNNEL:
		return XDP_PASS;
	default:
		return XDP_DROP;
	}
}

#endif
