// SPDX-License-Identifier: GPL-2.0
/*
 * Fragments that came before their first one: out of the ring buffer `held`, and in again
 * by a run of the program for real (BPF_F_TEST_XDP_LIVE_FRAMES, Linux
 * Documentation/bpf/bpf_prog_run.rst): what it sends leaves by its interface.
 */
#include "dp/dp_bpf_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

#include "bpf/limpet.skel.h"

static int on_entry(void *arg, void *data, size_t size)
{
	const struct dp_bpf *bpf = arg;
	const struct lp_held *held = data;

	/* The kernel rounds up what it is given, and nobody else writes here. */
	if (bpf->held_fn && size >= offsetof(struct lp_held, frame) && held->len <= LP_HELD_FRAME &&
	    size >= offsetof(struct lp_held, frame) + held->len)
		bpf->held_fn(bpf->held_arg, held);
	return 0;
}

int dp_bpf_held_open(struct dp_bpf *bpf)
{
	bpf->ring = ring_buffer__new(bpf_map__fd(bpf->skel->maps.held), on_entry, bpf, NULL);
	return bpf->ring ? 0 : -errno;
}

void dp_bpf_held_close(struct dp_bpf *bpf)
{
	ring_buffer__free(bpf->ring);
	bpf->ring = NULL;
}

int dp_bpf_held_fd(const struct dp *dp)
{
	const struct dp_bpf *bpf = (const struct dp_bpf *)dp;

	return bpf->ring ? ring_buffer__epoll_fd(bpf->ring) : -1;
}

void dp_bpf_held_take(struct dp *dp, dp_held_fn *fn, void *arg)
{
	struct dp_bpf *bpf = (struct dp_bpf *)dp;

	bpf->held_fn = fn;
	bpf->held_arg = arg;
	/* Ends: the program writes no more than LP_HELD_PER_S in a second. */
	if (bpf->ring)
		ring_buffer__consume(bpf->ring);
	bpf->held_fn = NULL;
}

int dp_bpf_held_send(struct dp *dp, const struct lp_held *held)
{
	struct {
		uint64_t mark;
		uint8_t frame[LP_HELD_FRAME];
	} in = { .mark = LP_HELD_MARK };
	struct xdp_md ctx = {
		.data = sizeof(in.mark),
		.data_end = (uint32_t)sizeof(in.mark) + held->len,
		.ingress_ifindex = held->ifindex,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &in, .data_size_in = ctx.data_end,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = 1, .batch_size = 1,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	if (held->len > LP_HELD_FRAME)
		return -EINVAL;
	memcpy(in.frame, held->frame, held->len);
	return bpf_prog_test_run_opts(dp_bpf_prog_fd(dp), &opts);
}
