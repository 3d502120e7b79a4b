/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 6, `dsr`: a new link layer header, nothing else. The backend has the VIP
 * on its loopback and answers the client directly.
 */
#ifndef LIMPET_BPF_FORWARD_DSR_H
#define LIMPET_BPF_FORWARD_DSR_H

#include "forward.h"

static __always_inline enum lp_reason forward_dsr(struct xdp_md *ctx, const struct packet *pkt,
						  const struct lp_hop *hop)
{
	struct egress out;
	void *data;

	if (pkt->l3_len > hop->mtu)
		return LP_DROP_TOO_BIG;
	egress_choose(&out, hop, pkt, ctx->ingress_ifindex);
	if (!forward_resize(ctx, pkt, out.l2_len))
		return LP_DROP_NO_ROOM;
	data = (void *)(long)ctx->data;
	/* 22 bytes are there: an IP and a transport header follow the longest L2. */
	if (data + sizeof(struct ethhdr) + 2 * sizeof(struct lp_tag) > (void *)(long)ctx->data_end)
		return LP_DROP_NO_ROOM;
	egress_write(data, &out, hop, pkt->v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP));
	return LP_FORWARD_TX;
}

#endif
