// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>

#include "fill.h"
#include "frame.h"

int fill_flows(int fd, const struct bench_point *point, uint32_t first, unsigned int times)
{
	unsigned char frame[FRAME_MAX];

	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = point->bytes);

	frame_build(point, frame);
	for (uint32_t flow = first; flow < point->flows; flow++) {
		frame_address(point, flow, frame);
		for (unsigned int i = 0; i < times; i++) {
			if (bpf_prog_test_run_opts(fd, &opts))
				return -errno;
			if (opts.retval != XDP_TX)
				return -EPROTO;
		}
	}
	return 0;
}
