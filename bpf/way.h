/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which way the walk would send a packet, looked at and nothing more: for ICMP, which
 * anybody can send about anybody's connection. No record is made, refreshed or confirmed,
 * no slot is marked, and the audit hears nothing.
 */
#ifndef LIMPET_BPF_WAY_H
#define LIMPET_BPF_WAY_H

#include "affinity.h"
#include "policy.h"
#include "vip.h"

struct way {
	const struct lp_vip *vip;
	const struct lp_hop *hop;
	__u32 backend;
	__u64 flow; /* affinity_flow() */
};

/*
 * A packet of `flow` in the middle of it. LP_PARSED with *way filled, or why there is no
 * way; LP_PASS_NOT_VIP if no VIP has it. Writes flow->flags: to the record table the
 * packet is a reset, the end of a flow, which is never worth a write (track_packet()).
 */
static __always_inline enum lp_reason way_find(struct way *way, const struct view *view,
					       struct packet *flow, __u32 ifindex, __u32 cpu)
{
	const struct lp_backend *backend;
	struct affinity affinity = {};
	enum lp_reason reason;

	flow->flags = LP_TCP_RST;
	way->vip = vip_find(view, flow);
	if (!way->vip)
		return LP_PASS_NOT_VIP;
	reason = policy_check(view, way->vip, flow, ifindex);
	if (reason != LP_PARSED)
		return reason;
	way->backend = affinity_backend(&affinity, view, way->vip, flow, cpu);
	backend = backend_at(way->backend);
	if (!backend)
		return LP_DROP_NO_BACKEND;
	way->hop = LP_HOP(backend);
	way->flow = affinity_flow(&affinity, flow);
	return way->hop->ifindex ? LP_PARSED : LP_DROP_NO_NEXT_HOP;
}

#endif
