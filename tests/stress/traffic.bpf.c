// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic for the stress tests, as fast as a CPU can make it: each call writes the
 * headers of a packet and tail-calls limpet, which rewrites the MAC addresses
 * (forwarding mode dsr) and ends this call; the next call finds them there.
 *
 *   known   packets of flows from a table, each checked for where it went
 *   flood   packets of nobody: opening packets, stray ACKs, UDP and fragments
 *           from random sources
 *
 * and for real frames, by way of an interface that limpet is attached to:
 *
 *   flood_live   the same packets, each sent there
 *   sink         takes what limpet sends back, and tells where marked frames went
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "traffic.h"

#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_ACK 0x10

#define IP_MORE_FRAGMENTS 0x2000

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} limpet SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TRAFFIC_FLOWS);
	__type(key, __u32);
	__type(value, struct traffic_flow);
} flows SEC(".maps");

/* Where the flood goes; written by the test. */
__be32 flood_vip[TRAFFIC_VIPS];
__be16 flood_port;

/* Of flood_live: its frames are used again and again, and cannot carry it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_run);
} live_run SEC(".maps");

__u32 live_ifindex;    /* where flood_live sends; written by the test */
volatile __u64 answer; /* the sink's last: number of the frame << 16 | backend */

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

/* Linear congruential generator (Knuth's MMIX). */
static __always_inline __u32 draw(struct traffic_run *run, __u32 n)
{
	run->random = run->random * 6364136223846793005ull + 1442695040888963407ull;
	return (__u32)((run->random >> 32) * n >> 32);
}

static __always_inline struct frame *frame_of(struct xdp_md *ctx, struct traffic_run **run)
{
	void *data = (void *)(long)ctx->data;

	if (data + TRAFFIC_FRAME > (void *)(long)ctx->data_end)
		return NULL;
	*run = data + TRAFFIC_PAYLOAD;
	return data;
}

/* Flags: 0 for UDP, whose header lies over the beginning of TCP's. */
static __always_inline void frame_write(struct frame *frame, const struct traffic_flow *flow,
					__u8 flags, __u16 fragment)
{
	__builtin_memset(frame, 0, sizeof(*frame));
	frame->eth.h_dest[0] = TRAFFIC_MAC_NONE;
	frame->eth.h_source[0] = TRAFFIC_MAC_NONE;
	frame->eth.h_proto = bpf_htons(ETH_P_IP);
	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.tot_len = bpf_htons(TRAFFIC_FRAME - ETH_HLEN);
	frame->ip.frag_off = bpf_htons(fragment);
	frame->ip.ttl = 60;
	frame->ip.protocol = flow->proto;
	frame->ip.saddr = flow->src;
	frame->ip.daddr = flow->dst;
	frame->tcp.source = flow->sport;
	frame->tcp.dest = flow->dport;
	if (flow->proto == IPPROTO_TCP) {
		frame->tcp.doff = sizeof(frame->tcp) / 4;
		((__u8 *)&frame->tcp)[13] = flags;
	}
}

/* Where did the packet of the call before go? */
static __always_inline void check(const struct frame *frame, struct traffic_run *run)
{
	__u32 at = run->flow, backend = frame->eth.h_dest[4] << 8 | frame->eth.h_dest[5];
	const struct traffic_flow *flow = bpf_map_lookup_elem(&flows, &at);

	if (!flow)
		return;
	if (frame->eth.h_dest[0] != TRAFFIC_MAC0) {
		run->nowhere++;
	} else if (backend < flow->first || backend > flow->last) {
		run->wrong++;
		run->wrong_last = (__u64)at << 32 | backend;
	}
}

static __always_inline __u8 known_flags(struct traffic_run *run, const struct traffic_flow *flow)
{
	__u32 choice = draw(run, 64);

	if (!flow->opens)
		return FLAG_ACK;
	if (choice < 16)
		return FLAG_SYN;
	return choice == 16 ? FLAG_RST : FLAG_ACK;
}

SEC("xdp.frags")
int known(struct xdp_md *ctx)
{
	const struct traffic_flow *flow;
	struct traffic_run *run;
	struct frame *frame = frame_of(ctx, &run);
	__u32 at;

	if (!frame)
		return XDP_ABORTED;
	if (run->checking)
		check(frame, run);
	at = draw(run, run->flows);
	flow = bpf_map_lookup_elem(&flows, &at);
	if (!flow)
		return XDP_ABORTED;
	frame_write(frame, flow, known_flags(run, flow), 0);
	run->flow = at;
	run->checking = 1;
	run->packets++;
	bpf_tail_call_static(ctx, &limpet, 0);
	return XDP_ABORTED;
}

/* Writes one packet of nobody's, and counts it. */
static __always_inline void flood_write(struct frame *frame, struct traffic_run *run)
{
	struct traffic_flow flow = { .proto = IPPROTO_TCP };
	__u32 choice = draw(run, 16), ports = draw(run, 0xffffffff);
	__u16 fragment = 0;
	__u8 flags = 0;

	flow.src = draw(run, 0xffffffff);
	flow.dst = flood_vip[draw(run, TRAFFIC_VIPS) & (TRAFFIC_VIPS - 1)];
	flow.sport = (__be16)ports;
	flow.dport = flood_port;
	if (choice < 7) {
		flags = FLAG_SYN;
		run->opening++;
	} else if (choice < 13) {
		flags = FLAG_ACK;
		run->stray++;
	} else if (choice < 15) {
		flags = FLAG_ACK;
		fragment = choice == 13 ? IP_MORE_FRAGMENTS : 1 + (ports & 0xff);
		run->fragments++;
	} else {
		flow.proto = IPPROTO_UDP;
		run->udp++;
	}
	frame_write(frame, &flow, flags, fragment);
	run->packets++;
}

SEC("xdp.frags")
int flood(struct xdp_md *ctx)
{
	struct traffic_run *run;
	struct frame *frame = frame_of(ctx, &run);

	if (!frame)
		return XDP_ABORTED;
	flood_write(frame, run);
	bpf_tail_call_static(ctx, &limpet, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int flood_live(struct xdp_md *ctx)
{
	const __u32 zero = 0;
	struct traffic_run *run = bpf_map_lookup_elem(&live_run, &zero), *none;
	struct frame *frame = frame_of(ctx, &none);

	if (!frame || !run)
		return XDP_ABORTED;
	flood_write(frame, run);
	return bpf_redirect(live_ifindex, 0);
}

SEC("xdp.frags")
int sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	const struct traffic_mark *mark = data + TRAFFIC_PAYLOAD;
	const struct frame *frame = data;

	if ((void *)(mark + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	if (mark->magic == TRAFFIC_MAGIC && frame->eth.h_dest[0] == TRAFFIC_MAC0)
		answer = mark->number << 16 | frame->eth.h_dest[4] << 8 | frame->eth.h_dest[5];
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
