// SPDX-License-Identifier: GPL-2.0
#include "traffic_run.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bpf/traffic.skel.h"
#include "live.h"

struct traffic {
	struct traffic_bpf *skel;
	struct traffic_flow *flows;
	int limpet;
	bool live;
	int socket;      /* if live: sends single frames */
	uint64_t number; /* of the last single one */
	uint64_t again;  /* single frames that were sent again */
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

/* --- frames that travel ------------------------------------------------------------------ */

/* The most that the kernel sends at once, and less than a veth's queue holds. */
#define LIVE_BATCH 64u

static int go_live(const struct traffic *traffic, const struct traffic_frame *frame,
		   uint32_t packets)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(*frame),
		    .repeat = (int)packets, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = LIVE_BATCH);

	return bpf_prog_test_run_opts(bpf_program__fd(traffic->skel->progs.flood_live), &opts);
}

/* Each CPU draws numbers of its own. */
static int seed_live(const struct traffic *traffic)
{
	int cpus = libbpf_num_possible_cpus(), ret;
	struct traffic_run *runs = cpus > 0 ? calloc((size_t)cpus, sizeof(*runs)) : NULL;
	const __u32 zero = 0;

	if (!runs)
		return cpus < 0 ? cpus : -ENOMEM;
	for (int i = 0; i < cpus; i++)
		runs[i].random = 0x9e3779b97f4a7c15ull * (uint64_t)(i + 1);
	ret = bpf_map_update_elem(bpf_map__fd(traffic->skel->maps.live_run), &zero, runs, BPF_ANY);
	free(runs);
	return ret ? -errno : 0;
}

int traffic_live_sum(const struct traffic *traffic, struct traffic_run *sum)
{
	int cpus = libbpf_num_possible_cpus(), ret;
	struct traffic_run *runs = cpus > 0 ? calloc((size_t)cpus, sizeof(*runs)) : NULL;
	const __u32 zero = 0;

	if (!runs)
		return cpus < 0 ? cpus : -ENOMEM;
	ret = bpf_map_lookup_elem(bpf_map__fd(traffic->skel->maps.live_run), &zero, runs);
	*sum = (struct traffic_run) { 0 };
	for (int i = 0; i < cpus && !ret; i++) {
		sum->packets += runs[i].packets;
		sum->opening += runs[i].opening;
		sum->stray += runs[i].stray;
		sum->fragments += runs[i].fragments;
		sum->udp += runs[i].udp;
	}
	free(runs);
	return ret ? -errno : 0;
}

static int attach_sink(struct traffic *traffic)
{
	int peer = (int)if_nametoindex(LIVE_PEER);

	traffic->skel->links.sink = bpf_program__attach_xdp(traffic->skel->progs.sink, peer);
	if (!traffic->skel->links.sink)
		return -errno;
	traffic->skel->bss->live_ifindex = (__u32)peer;
	traffic->socket = live_socket();
	return traffic->socket < 0 ? traffic->socket : seed_live(traffic);
}

static int open_live(struct traffic *traffic, struct dp *dp, struct lp_err *err)
{
	int ret = dp_attach(dp, if_nametoindex(LIVE_LIMPET), LIVE_LIMPET, DP_XDP_NATIVE, err);

	if (ret)
		return ret;
	traffic->live = true;
	ret = attach_sink(traffic);
	return ret ? lp_err(err, ret, "the sink: %s", strerror(-ret)) : 0;
}

/* --- opening ------------------------------------------------------------------------------ */

int traffic_open(struct dp *dp, bool live, struct traffic **out, struct lp_err *err)
{
	struct traffic *traffic = calloc(1, sizeof(*traffic));
	const __u32 zero = 0;
	int ret = 0;

	if (!traffic)
		return lp_err(err, -ENOMEM, "out of memory");
	traffic->limpet = dp_bpf_prog_fd(dp);
	traffic->socket = -1;
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
	if (live)
		ret = open_live(traffic, dp, err);
	if (ret)
		traffic_close(&traffic);
	else
		*out = traffic;
	return ret;
}

void traffic_close(struct traffic **traffic)
{
	if (!*traffic)
		return;
	if ((*traffic)->flows)
		munmap((*traffic)->flows, FLOWS_BYTES);
	if ((*traffic)->socket >= 0)
		close((*traffic)->socket);
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
	int ret;

	if (traffic->live)
		return go_live(traffic, frame, packets);
	ret = bpf_prog_test_run_opts(bpf_program__fd(run), &opts);
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

/* A packet of a flow, with a mark behind its headers. Returns its length. */
static size_t write_frame(struct traffic_frame *frame, const struct traffic_flow *flow,
			  uint8_t flags, uint64_t number)
{
	const size_t len = TRAFFIC_PAYLOAD + sizeof(struct traffic_mark);
	const struct iphdr ip = { .version = 4,
				  .ihl = 5,
				  .tot_len = htons((uint16_t)(len - ETH_HLEN)),
				  .ttl = 60,
				  .protocol = flow->proto,
				  .saddr = flow->src,
				  .daddr = flow->dst };
	const struct tcphdr tcp = { .source = flow->sport, .dest = flow->dport, .doff = 5 };
	const struct traffic_mark mark = { TRAFFIC_MAGIC, number };

	*frame = (struct traffic_frame) { { TRAFFIC_MAC_NONE, [12] = 0x08 } };
	memcpy(frame->bytes + ETH_HLEN, &ip, sizeof(ip));
	memcpy(frame->bytes + ETH_HLEN + sizeof(ip), &tcp, sizeof(tcp));
	frame->bytes[ETH_HLEN + sizeof(ip) + 13] = flags;
	memcpy(frame->bytes + TRAFFIC_PAYLOAD, &mark, sizeof(mark));
	return len;
}

static int send_run(const struct traffic *traffic, const struct traffic_frame *frame, size_t len)
{
	struct traffic_frame out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (__u32)len,
		    .data_out = &out, .data_size_out = sizeof(out));

	if (bpf_prog_test_run_opts(traffic->limpet, &opts))
		return -errno;
	if (out.bytes[0] == TRAFFIC_MAC0)
		return out.bytes[4] << 8 | out.bytes[5];
	/* The frame's MAC addresses have changed places; it came from none. */
	return opts.retval == XDP_TX && out.bytes[6] == TRAFFIC_MAC_NONE ? TRAFFIC_RESET : 0;
}

static double monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#define ANSWER_S 0.02 /* what comes back at all comes back at once */
#define TRIES    100

/* The backend that the sink has seen the frame of this number go to; 0: none in time. */
static int await_answer(const struct traffic *traffic, uint64_t number)
{
	double until = monotonic() + ANSWER_S;

	do {
		uint64_t answer = traffic->skel->bss->answer;

		if (answer >> 16 == number)
			return (int)(answer & 0xffff);
		sched_yield();
	} while (monotonic() < until);
	return 0;
}

static int send_live(struct traffic *traffic, const struct traffic_frame *frame, size_t len,
		     uint64_t number)
{
	int backend = 0;

	for (unsigned int i = 0; i < TRIES && !backend; i++) {
		int ret = live_send(traffic->socket, frame->bytes, len);

		if (ret && ret != -EAGAIN)
			return ret;
		traffic->again += i > 0;
		backend = await_answer(traffic, number);
	}
	return backend;
}

int traffic_send(struct traffic *traffic, const struct traffic_flow *flow, uint8_t flags)
{
	uint64_t number = ++traffic->number;
	struct traffic_frame frame;
	size_t len = write_frame(&frame, flow, flags, number);

	return traffic->live ? send_live(traffic, &frame, len, number)
			     : send_run(traffic, &frame, len);
}

uint64_t traffic_again(const struct traffic *traffic)
{
	return traffic->again;
}
