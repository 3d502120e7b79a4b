// SPDX-License-Identifier: GPL-2.0
/* The walk with the test's clock: hours pass as fast as the test counts. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u32 model_now; /* seconds of CLOCK_MONOTONIC, as the test would have it */

static __always_inline __u32 lp_now(void)
{
	return *(volatile __u32 *)&model_now;
}

#include "walk.h"

SEC("xdp.frags")
int model(struct xdp_md *ctx)
{
	return limpet_packet(ctx);
}

char LICENSE[] SEC("license") = "GPL";
