/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 2: which VIP is the packet for? The agent built a perfect hash over
 * (address, protocol, port), see user/core/vip_table.h: one read of one cache
 * line answers for the exact port, a second one for `any` and for ranges.
 */
#ifndef LIMPET_BPF_VIP_H
#define LIMPET_BPF_VIP_H

#include <limpet/hash.h>
#include "maps.h"
#include "parse.h"

/* The half of the configuration that this packet sees, all of it (P10). */
struct view {
	__u32 half; /* 0 or 1 */
	__u32 phase;
	__u64 salt;
};

static __always_inline void view_open(struct view *view)
{
	const volatile struct lp_control *control = tables_control();

	view->half = control->active & 1;
	view->phase = control->phase & 1;
	view->salt = control->salt[view->half];
}

/* Is it the key (address, protocol, port)? Of an IPv4 address only w[3] counts. */
static __always_inline bool vip_matches(const struct lp_vip *vip, const struct lp_addr *addr,
					__u8 proto, __be16 port, bool v6)
{
	if (vip->port != port || vip->proto != proto || vip->addr.w[3] != addr->w[3])
		return false;
	if (v6)
		/* Not even the mapped form of an IPv4 VIP is that VIP. */
		return vip->addr.w[0] == addr->w[0] && vip->addr.w[1] == addr->w[1] &&
		       vip->addr.w[2] == addr->w[2] &&
		       (vip->addr.w[2] != bpf_htonl(0xffff) || vip->addr.d[0] != 0);
	return vip->addr.d[0] == 0 && vip->addr.w[2] == bpf_htonl(0xffff);
}

/* `place` within the half. */
static __always_inline const struct lp_vip *vip_at(const struct view *view, __u32 place)
{
	__u64 at = view->half * LP_SIZE(places) + place;

	return TABLES_HAS(at, all_places) ? &TABLE(vips)[at] : NULL;
}

/* The place where the key (address, protocol, port) would be, if it is there. */
static __always_inline const struct lp_vip *
vip_key_of(const struct view *view, const struct lp_addr *addr, __u8 proto, __be16 port, bool v6)
{
	__u64 hash = lp_vip_hash(&lp_key, view->salt, addr, proto, port, v6);
	__u64 at = view->half * LP_SIZE(index) + lp_vip_bucket(hash, LP_SIZE(index));
	const struct lp_vip *vip;
	__u32 displacement;

	if (!TABLES_HAS(at, all_index))
		return NULL;
	displacement = TABLE(vip_index)[at].displacement;
	vip = vip_at(view, lp_place(hash, displacement, LP_SIZE(places)));
	if (!vip || vip->kind == LP_VIP_EMPTY || !vip_matches(vip, addr, proto, port, v6))
		return NULL;
	return vip;
}

/* Binary search over the ranges of an address: the place of the VIP, or -1. */
static __always_inline int vip_range(const struct view *view, const struct lp_vip *any, __u16 port)
{
	__u32 low = any->range_first, high = any->range_first + any->range_count;

	for (int i = 0; i < LP_RANGE_SEARCH_STEPS && low < high; i++) {
		__u32 middle = (low + high) / 2;
		__u64 at = view->half * LP_SIZE(ranges) + middle;
		const struct lp_range *range;

		if (!TABLES_HAS(at, all_ranges))
			return -1;
		range = &TABLE(vip_ranges)[at];
		if (port < range->first)
			high = middle;
		else if (port > range->last)
			low = middle + 1;
		else
			return (int)range->place;
	}
	return -1;
}

/* The key that answers for an address and port, or NULL: a VIP's, or LP_VIP_REPLY. */
static __always_inline const struct lp_vip *
vip_find_of(const struct view *view, const struct lp_addr *addr, __u8 proto, __be16 port, bool v6)
{
	const struct lp_vip *vip;
	int place;

	if (port) {
		vip = vip_key_of(view, addr, proto, port, v6);
		if (vip)
			return vip;
	}
	vip = vip_key_of(view, addr, proto, 0, v6);
	if (!vip)
		return NULL;
	place = vip_range(view, vip, bpf_ntohs(port));
	if (place >= 0)
		return vip_at(view, (__u32)place);
	return vip->kind == LP_VIP_ANY ? vip : NULL;
}

/* The port on the key's other side, to which `port` is translated. */
static __always_inline __be16 vip_target(const struct lp_vip *key, __be16 port)
{
	return key->kind == LP_VIP_EXACT && key->target ? key->target : port;
}

/* The VIP that the packet is for, or NULL. Needs pkt->cut == CUT_NOT. */
static __always_inline const struct lp_vip *vip_find(const struct view *view,
						     const struct packet *pkt)
{
	const struct lp_vip *vip = vip_find_of(view, &pkt->dst, pkt->proto, pkt->dport, pkt->v6);

	return vip && !(vip->flags & LP_VIP_REPLY) ? vip : NULL;
}

/* Does any VIP have this address and protocol? Every one has a key with port 0. */
static __always_inline bool vip_owns(const struct view *view, const struct lp_addr *addr,
				     __u8 proto, bool v6)
{
	const struct lp_vip *vip = vip_key_of(view, addr, proto, 0, v6);

	return vip && !(vip->flags & LP_VIP_REPLY);
}

#endif
