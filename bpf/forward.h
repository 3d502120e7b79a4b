/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all forwarding modes share: the link layer header, and the way out.
 */
#ifndef LIMPET_BPF_FORWARD_H
#define LIMPET_BPF_FORWARD_H

#include "maps.h"
#include "parse.h"

/* No verdicts yet: the walk ends, and another step has one. Beside enum lp_reason. */
enum walk_end {
	LP_TRANSLATE = LP_PARSED + 1, /* nat_forward() */
	LP_RESET,                     /* reset_send() */
	LP_FRAGMENT,                  /* walk_fragment() */
	FRAGMENT_REPLY,               /* nat_reply() */
};

/* The same among XDP's verdicts, where a step returns one of those. */
enum walk_next {
	FAST_ODD = -1,       /* the complete walk */
	WALK_TRANSLATE = -2, /* nat_forward() */
	WALK_REPLY = -3,    /* nat_reply(): for no VIP, and there are backends whose replies come */
	WALK_OTHER = -4,    /* icmp_packet(): neither TCP nor UDP */
	WALK_RESET = -5,    /* reset_send(): its backend is dead */
	WALK_FRAGMENT = -6, /* walk_fragment() */
	/* icmp_tell(), which counts it: the packet, as it came, cannot go on. */
	TELL_TOO_BIG = -7, /* larger than the MTU */
	TELL_TTL = -8,     /* its last hop is here */
};

/* A frame's answer goes to who sent it. `data`: a whole Ethernet header. */
static __always_inline void forward_turn_macs(void *data)
{
	__u16 *mac = data;

	for (int i = 0; i < ETH_ALEN / 2; i++) {
		__u16 first = mac[i];

		mac[i] = mac[i + ETH_ALEN / 2];
		mac[i + ETH_ALEN / 2] = first;
	}
}

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
