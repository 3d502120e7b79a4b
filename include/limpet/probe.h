/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks through a VIP's forwarding mode (`via: vip`): what bpf/probe.bpf.c and the
 * agent share. Not part of the ABI of abi.h: nothing of it is pinned, and each
 * agent loads its own.
 */
#ifndef LIMPET_PROBE_H
#define LIMPET_PROBE_H

#include <limpet/abi.h>

/*
 * Mark of a check's socket: this in the upper half, the backend's number in the
 * lower one. What has it and finds no way is dropped: it must not reach the
 * backend by any other.
 */
#define LP_PROBE_MARK       0x6c70u
#define LP_PROBE_MARK_SHIFT 16

/* probe_ways[backend number]: how its checks go. */
struct lp_probe_way {
	struct lp_addr backend; /* what the socket connects to */
	struct lp_addr vip;     /* what the packet is addressed to; of the same family */
	__u32 forward;          /* enum lp_forward: LP_FORWARD_DSR, _IPIP or _GUE */
	__u32 _pad;
	struct lp_hop hop;
};
LP_ASSERT_SIZE(struct lp_probe_way, 104);
LP_ASSERT_OFFSET(struct lp_probe_way, hop, 40);

/* Key of probe_flows, whose value is the backend's address: a connection as the
 * backend sees it. */
struct lp_probe_flow {
	struct lp_addr local, vip;
	__be16 local_port, vip_port;
	__u32 _pad;
};
LP_ASSERT_SIZE(struct lp_probe_flow, 40);

/* Connections that are remembered: as many as the host has local ports. */
#define LP_PROBE_FLOWS 65536u

#endif
