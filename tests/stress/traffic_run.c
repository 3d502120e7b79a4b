// SPDX-License-Identifier: GPL-2.0
#include "traffic_run.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/traffic.skel.h"

struct traffic {
	struct traffic_bpf *skel;
	struct traffic_flow *flows;
	int limpet;
};

#define FLOWS_BYTES (TRAFFIC_FLOWS * sizeof(struct traffic_flow))

static int map_flows(struct traffic *traffic)
{
	void *at = mmap(NULL, FLOWS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(traffic->skel->maps.flows), 0);

	if (at == MAP_FAILED)
		return -errno;
	traffic->flows = at;
	return 0;
}

int traffic_open(const struct dp *dp, struct traffic **out, struct lp_err *err)
{
	struct traffic *traffic = calloc(1, sizeof(*traffic));
	const __u32 zero = 0;
	int ret = 0;

	if (!traffic)
		return lp_err(err, -ENOMEM, "out of memory");
	traffic->limpet = dp_bpf_prog_fd(dp);
	traffic->skel = traffic_bpf__open_and_load();
	if (!traffic->skel)
		ret = -errno;
	if (!ret && bpf_map_update_elem(bpf_map__fd(traffic->skel->maps.limpet), &zero,
					&traffic->limpet, BPF_ANY))
		ret = -errno;
	if (!ret)
		ret = map_flows(traffic);
	if (ret) {
		traffic_close(&traffic);
		return lp_err(err, ret, "the traffic programs do not load: %s", strerror(-ret));
	}
	*out = traffic;
	return 0;
}

void traffic_close(struct traffic **traffic)
{
	if (!*traffic)
		return;
	if ((*traffic)->flows)
		munmap((*traffic)->flows, FLOWS_BYTES);
	traffic_bpf__destroy((*traffic)->skel);
	free(*traffic);
	*traffic = NULL;
}

struct traffic_flow *traffic_flows(struct traffic *traffic)
{
	return traffic->flows;
}

void traffic_flood_at(struct traffic *traffic, const __be32 vips[TRAFFIC_VIPS], __be16 port)
{
	memcpy(traffic->skel->bss->flood_vip, vips, sizeof(traffic->skel->bss->flood_vip));
	traffic->skel->bss->flood_port = port;
}

int traffic_go(struct traffic *traffic, enum traffic_program program, struct traffic_frame *frame,
	       uint32_t packets)
{
	const struct bpf_program *run = program == TRAFFIC_KNOWN ? traffic->skel->progs.known
								 : traffic->skel->progs.flood;
	struct traffic_frame out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(*frame),
		    .data_out = &out, .data_size_out = sizeof(out), .repeat = (int)packets);
	int ret = bpf_prog_test_run_opts(bpf_program__fd(run), &opts);

	if (ret)
		return ret;
	if (opts.retval == XDP_ABORTED || opts.data_size_out != sizeof(out))
		return -EPROTO; /* limpet was not called, or changed what it should not */
	*frame = out;
	return 0;
}

struct traffic_run *traffic_run_of(struct traffic_frame *frame)
{
	return (struct traffic_run *)(frame->bytes + TRAFFIC_PAYLOAD);
}

/* --- one packet ------------------------------------------------------------------------ */

#define FRAME_SHORT (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr))

int traffic_send(const struct traffic *traffic, const struct traffic_flow *flow, uint8_t flags)
{
	unsigned char frame[FRAME_SHORT] = { TRAFFIC_MAC_NONE, [12] = 0x08 }, out[FRAME_SHORT];
	const struct iphdr ip = { .version = 4,
				  .ihl = 5,
				  .tot_len = htons(FRAME_SHORT - ETH_HLEN),
				  .ttl = 60,
				  .protocol = flow->proto,
				  .saddr = flow->src,
				  .daddr = flow->dst };
	const struct tcphdr tcp = { .source = flow->sport, .dest = flow->dport, .doff = 5 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = sizeof(out));

	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	memcpy(frame + ETH_HLEN + sizeof(ip), &tcp, sizeof(tcp));
	frame[ETH_HLEN + sizeof(ip) + 13] = flags;
	if (bpf_prog_test_run_opts(traffic->limpet, &opts))
		return -errno;
	return out[0] == TRAFFIC_MAC0 ? out[4] << 8 | out[5] : 0;
}
