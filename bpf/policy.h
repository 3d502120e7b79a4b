/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Source policy: whose packets a VIP takes, and from where.
 *
 *   - A packet that claims to come from a VIP's address is never taken: nobody sends
 *     one in good faith. `guard` says of nearly all sources at once that they are none.
 *   - An interface's reject_sources, less its allow_hairpin.
 *   - A VIP's `interfaces`, `allow` and `deny`, in one lookup: the longest prefix that
 *     holds the source decides, on each interface where the VIP answers at all.
 *
 * A VIP that asks none of this has none of LP_VIP_POLICY, and its packets pay for a bit
 * of the guard. VIPs that do are not served by the fast path (user/core/fast_table.c).
 */
#ifndef LIMPET_BPF_POLICY_H
#define LIMPET_BPF_POLICY_H

#include "maps.h"
#include "parse.h"
#include "vip.h"

/* A packet's question, in a map: the walk has no stack to spare. */
struct policy_query {
	struct view view;
	struct lp_policy_key key; /* work space, the source in it */
	__u32 ifindex;            /* where the packet came in */
	__u32 vip;
	__u8 flags; /* lp_vip.flags */
	bool v6;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct policy_query);
} policy_scratch SEC(".maps");

/* Can the source be a VIP's address? */
static __always_inline bool policy_guards(const struct view *view, const struct packet *pkt)
{
	const struct lp_guard *guard = &TABLE(guard)[view->half & 1];
	const __be32 *w = pkt->src.w;
	__u32 bit = LP_GUARD_BIT(pkt->v6 ? w[0] ^ w[1] ^ w[2] ^ w[3] : w[3]);

	return guard->bits[bit / 32] >> bit % 32 & 1;
}

/* Is it one, of either protocol? */
static __always_inline bool policy_is_vip(const struct policy_query *query)
{
	const struct lp_addr *src = &query->key.addr;

	return vip_owns(&query->view, src, IPPROTO_TCP, query->v6) ||
	       vip_owns(&query->view, src, IPPROTO_UDP, query->v6);
}

static __always_inline __u32 policy_answer(struct policy_query *query, __u32 vip, __u32 ifindex)
{
	const __u32 *answer;

	query->key.scope = LP_POLICY_SCOPE(vip, query->v6, query->view.half);
	query->key.ifindex = ifindex;
	answer = bpf_map_lookup_elem(&policy, &query->key);
	return answer ? *answer : LP_POLICY_NONE;
}

static __always_inline struct policy_query *policy_work(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&policy_scratch, &zero);
}

/*
 * enum lp_reason, or LP_PARSED: go on. A global function: its stack is its own. It takes
 * the question from the map, because up to Linux 6.1 a key is not taken from an argument.
 */
__noinline int policy_packet(void)
{
	struct policy_query *query = policy_work();
	__u32 answer;

	if (!query)
		return LP_DROP_DENIED;
	if (policy_is_vip(query))
		return LP_DROP_VIP_SOURCE;
	if ((query->flags & LP_VIP_GUARDED) &&
	    policy_answer(query, 0, query->ifindex) == LP_POLICY_DENY)
		return LP_DROP_SPOOFED;
	if (!(query->flags & (LP_VIP_SOURCES | LP_VIP_INTERFACES)))
		return LP_PARSED;
	answer = policy_answer(query, query->vip,
			       query->flags & LP_VIP_INTERFACES ? query->ifindex : 0);
	if (answer == LP_POLICY_ADMIT)
		return LP_PARSED;
	return answer == LP_POLICY_DENY ? LP_DROP_DENIED : LP_DROP_INTERFACE;
}

static __always_inline void policy_ask(struct policy_query *query, const struct view *view,
				       const struct lp_vip *vip, const struct packet *pkt,
				       __u32 ifindex)
{
	query->view = *view;
	query->key.prefixlen = LP_POLICY_BITS + 128;
	query->key.addr = pkt->src;
	if (!pkt->v6) {
		query->key.addr.d[0] = 0;
		query->key.addr.w[2] = bpf_htonl(0xffff);
	}
	query->ifindex = ifindex;
	query->vip = vip->vip;
	query->flags = vip->flags;
	query->v6 = pkt->v6;
}

/* LP_PARSED if the VIP takes the packet, else the reason why not. */
static __always_inline enum lp_reason policy_check(const struct view *view,
						   const struct lp_vip *vip,
						   const struct packet *pkt, __u32 ifindex)
{
	struct policy_query *query;
	__u32 verdict;

	if (!(vip->flags & LP_VIP_POLICY) && !policy_guards(view, pkt))
		return LP_PARSED;
	query = policy_work();
	if (!query)
		return LP_DROP_DENIED;
	policy_ask(query, view, vip, pkt, ifindex);
	verdict = policy_packet();
	/* To the verifier it may be anything, to the compiler only what it has names for. */
	barrier_var(verdict);
	return verdict < LP_REASON_COUNT ? (enum lp_reason)verdict : LP_PARSED;
}

#endif
