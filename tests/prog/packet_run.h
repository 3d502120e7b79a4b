/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One packet through an XDP program (BPF_PROG_TEST_RUN, Linux
 * Documentation/bpf/bpf_prog_run.rst), for progrun and for the fuzzer.
 */
#ifndef LIMPET_TESTS_PROG_PACKET_RUN_H
#define LIMPET_TESTS_PROG_PACKET_RUN_H

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>

#define PACKET_RUN_MAX  (1u << 16) /* bytes of a frame, metadata included */
#define PACKET_META_MAX 252u       /* bytes of metadata that XDP allows */

struct packet_run {
	/* in */
	int prog_fd;
	uint32_t ifindex; /* of the interface that it comes in by; it has to exist */
	uint32_t meta;    /* bytes of metadata at the beginning of `in`: less headroom */
	const uint8_t *in;
	uint32_t in_len;
	uint32_t repeat; /* as often in one system call, each time on what is left of it; 0: once */
	/* out */
	uint32_t verdict;            /* enum xdp_action */
	uint8_t out[PACKET_RUN_MAX]; /* the frame, without metadata */
	uint32_t out_len;
};

/* Runs it. -errno of bpf(2): -EINVAL for frames shorter than 14 bytes or too long. */
static inline int packet_run(struct packet_run *run)
{
	struct xdp_md in = { .data = run->meta,
			     .data_end = run->in_len,
			     .ingress_ifindex = run->ifindex };
	struct xdp_md out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->in, .data_size_in = run->in_len,
		    .data_out = run->out, .data_size_out = sizeof(run->out), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out),
		    .repeat = (int)run->repeat);
	int ret = bpf_prog_test_run_opts(run->prog_fd, &opts);

	if (ret)
		return ret;
	run->verdict = opts.retval;
	run->out_len = opts.data_size_out - out.data;
	memmove(run->out, run->out + out.data, run->out_len);
	return 0;
}

/*
 * Runs it once for real: what is sent leaves by its interface, what is passed
 * goes to the stack. There is no output to look at.
 */
static inline int packet_run_live(const struct packet_run *run)
{
	struct xdp_md in = { .data_end = run->in_len, .ingress_ifindex = run->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->in, .data_size_in = run->in_len,
		    .ctx_in = &in, .ctx_size_in = sizeof(in), .repeat = 1,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	return bpf_prog_test_run_opts(run->prog_fd, &opts);
}

#endif
