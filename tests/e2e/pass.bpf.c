// SPDX-License-Identifier: GPL-2.0
/*
 * XDP that lets everything pass, for the far ends of the balancer's veth links:
 * a veth takes frames that its peer sends by XDP (XDP_TX, XDP_REDIRECT) only
 * while it has an XDP program itself (drivers/net/veth.c, veth_xdp_xmit()).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
