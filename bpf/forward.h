/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all forwarding modes share: the link layer header, and the way out.
 */
#ifndef LIMPET_BPF_FORWARD_H
#define LIMPET_BPF_FORWARD_H

#include "maps.h"
#include "parse.h"

/*
 * No verdicts of XDP's: the packet, as it came, cannot go on, and its sender may be told
 * (icmp_tell.h, which counts it).
 */
#define TELL_TOO_BIG (-4) /* larger than the MTU */
#define TELL_TTL     (-5) /* its last hop is here */

/* The tags of the frame that leaves: those of the route, or those it came with. */
struct egress {
	struct lp_tag tag[2];
	__u32 tags;
	__u32 l2_len;
};

/*
 * A route over a VLAN device names its tags. Where the host knows of no VLANs
 * on the interface, a frame stays in the VLAN it came in by; on another
 * interface it leaves untagged.
 */
static __always_inline void egress_choose(struct egress *out, const struct lp_hop *hop,
					  const struct packet *pkt, __u32 ingress)
{
	if ((hop->flags & LP_HOP_KEEP_TAGS) && hop->ifindex == ingress) {
		out->tags = pkt->tags;
		out->tag[0] = pkt->tag[0];
		out->tag[1] = pkt->tag[1];
	} else {
		out->tags = hop->tags;
		out->tag[0] = hop->tag[0];
		out->tag[1] = hop->tag[1];
	}
	out->l2_len = sizeof(struct ethhdr) + out->tags * sizeof(struct lp_tag);
}

/*
 * Writes the Ethernet header at `data`, for a payload of `type`. The caller has
 * made sure of 22 bytes, the longest it can be.
 */
static __always_inline void egress_write(void *data, const struct egress *out,
					 const struct lp_hop *hop, __be16 type)
{
	struct lp_tag *tag = data + 2 * ETH_ALEN;

	_Static_assert(__builtin_offsetof(struct lp_hop, src) ==
			       __builtin_offsetof(struct lp_hop, dst) + ETH_ALEN,
		       "both MACs are copied as two words");
	*(__u64 *)data = *(const __u64 *)hop->dst;
	*(__u32 *)(data + 8) = *(const __u32 *)(hop->src + 2);
	if (out->tags == 0) {
		tag[0].tpid = type;
	} else if (out->tags == 1) {
		tag[0] = out->tag[0];
		tag[1].tpid = type;
	} else {
		tag[0] = out->tag[0];
		tag[1] = out->tag[1];
		tag[2].tpid = type;
	}
}

/*
 * Makes room so that `header` bytes stand before the IP packet instead of
 * pkt->l2_len. Packet pointers are invalid afterwards.
 */
static __always_inline bool forward_resize(struct xdp_md *ctx, const struct packet *pkt,
					   __u32 header)
{
	int grow = (int)header - (int)pkt->l2_len;

	return grow == 0 || bpf_xdp_adjust_head(ctx, -grow) == 0;
}

#endif
