// SPDX-License-Identifier: GPL-2.0
/* The program that is shipped: the walk, with the kernel's clock. */
#include "clock.h"
#include "walk.h"

/* xdp.frags: frames of several buffers, as long as headers are in the first. */
SEC("xdp.frags")
int limpet(struct xdp_md *ctx)
{
	return limpet_packet(ctx);
}

char LICENSE[] SEC("license") = "GPL";
