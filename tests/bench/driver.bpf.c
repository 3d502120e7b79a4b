// SPDX-License-Identifier: GPL-2.0
/*
 * The driver of the datapath benchmark. BPF_PROG_TEST_RUN calls it again and
 * again on one and the same xdp_buff, and it
 *
 *  1. undoes what the last program did: moves the head back to where it was,
 *     by the difference in length, and writes all headers anew;
 *  2. makes the packet one of another flow, drawn at random or the next one, or the reply to
 *     it (flows.h);
 *  3. tail-calls the program under test, whose verdict ends this packet's run.
 *
 * So any XDP program is measured as it is, and on packets that it has not seen
 * just before. The programs take turns in slices much shorter than a tick, and
 * a slice's first packets are not timed: the programs meet the same machine,
 * and what disturbs it (interrupts, neighbours) hits single slices, which the
 * medians of the harness leave out.
 *
 * Steps 1 and 2 cost the same for all programs, also for one that does nothing:
 * bpf_xdp_adjust_head() is called even if there is nothing to move. What they
 * cost is measured with `empty` and subtracted.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <limpet/csum.h>
#include "driver.h"
#include "flows.h"

#define L4_IPV4 (ETH_HLEN + sizeof(struct iphdr))
#define L4_IPV6 (ETH_HLEN + sizeof(struct ipv6hdr))

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, DRIVER_PROGRAMS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} under_test SEC(".maps");

struct driver_run run;
__u64 slice_ns[DRIVER_SLICES];

static __always_inline void put16(void *at, __u16 value)
{
	*(__u16 *)at = value;
}

static __always_inline void put32(void *at, __u32 value)
{
	*(__u32 *)at = value;
}

static __always_inline void put64(void *at, __u64 value)
{
	*(__u64 *)at = value;
}

/* Ends the warm or the timed part of a slice; after the latter, it is the next program's turn. */
static __always_inline void slice_turn(void)
{
	__u64 now = bpf_ktime_get_ns();

	if (!run.timing) {
		run.timing = 1;
		run.left = run.timed;
		run.since_ns = now;
		return;
	}
	slice_ns[run.slices % DRIVER_SLICES] = now - run.since_ns;
	run.slices++;
	run.program = run.program + 1 < run.programs ? run.program + 1 : 0;
	run.timing = 0;
	run.left = run.warm;
}

/* Moves the head back, so that the frame has its length again; NULL if it cannot be. */
static __always_inline void *frame_restore(struct xdp_md *ctx, __u32 need)
{
	long length = (long)ctx->data_end - (long)ctx->data;
	void *data;

	barrier_var(length); /* or it becomes 32-bit arithmetic on pointers */
	if (bpf_xdp_adjust_head(ctx, (int)length - (int)run.bytes))
		return NULL;
	data = (void *)(long)ctx->data;
	if (data + need > (void *)(long)ctx->data_end)
		return NULL;
	return data;
}

static __always_inline void put_ethernet(void *data)
{
	put64(data, run.frame.eth_head);
	put32(data + 8, run.frame.eth_middle);
	put16(data + 12, run.frame.eth_type);
}

static __always_inline void put_tcp(void *tcp, __u32 ports, __u32 sum)
{
	put32(tcp, ports);
	put64(tcp + 4, run.frame.tcp_numbers);
	put32(tcp + 12, run.frame.tcp_flags);
	put16(tcp + 16, lp_csum_finish(lp_csum_add32(sum, ports)));
	put16(tcp + 18, 0);
}

/* Source and destination port side by side, as they stand in the packet. */
static __always_inline __u32 flow_ports(__u32 flow, __u32 vip, const bool reply)
{
	union {
		__be16 port[2];
		__u32 both;
	} ports = { .port = { flow_sport(flow), LP_HOST16(FLOW_PORT) } };

	if (reply) {
		ports.port[1] = ports.port[0];
		ports.port[0] = flow_target(vip);
	}
	return ports.both;
}

static __always_inline void put_flow4(void *data, __u32 flow, const bool reply)
{
	__u32 vip = flow_vip(flow, run.vips);
	__be32 client = flow_source4(flow);
	__be32 server = reply ? flow_backend4(flow_backend(flow, run.backends)) : flow_vip4(vip);
	__be32 src = reply ? server : client, dst = reply ? client : server;
	__u32 sum = lp_csum_add32(lp_csum_add32(0, src), dst);

	put_ethernet(data);
	put64(data + 14, run.frame.ip_head);
	put16(data + 22, run.frame.ttl_proto);
	put16(data + 24, lp_csum_finish(run.frame.ip_sum + sum));
	put32(data + 26, src);
	put32(data + 30, dst);
	put_tcp(data + L4_IPV4, flow_ports(flow, vip, reply), run.frame.tcp_sum + sum);
}

/* Two words side by side, as they stand in the packet. */
static __always_inline __u64 pair(__be32 first, __be32 second)
{
	union {
		__be32 word[2];
		__u64 both;
	} words = { .word = { first, second } };

	return words.both;
}

static __always_inline void put_flow6(void *data, __u32 flow, const bool reply)
{
	__u32 vip = flow_vip(flow, run.vips), sum = run.frame.tcp_sum;
	__be32 src[4], dst[4];

	flow_source6(flow, reply ? dst : src);
	if (reply)
		flow_backend6(flow_backend(flow, run.backends), src);
	else
		flow_vip6(vip, dst);
	for (int i = 0; i < 4; i++)
		sum = lp_csum_add32(lp_csum_add32(sum, src[i]), dst[i]);
	put_ethernet(data);
	put64(data + 14, run.frame.ip_head);
	put64(data + 22, pair(src[0], src[1]));
	put64(data + 30, pair(src[2], src[3]));
	put64(data + 38, pair(dst[0], dst[1]));
	put64(data + 46, pair(dst[2], dst[3]));
	put_tcp(data + L4_IPV6, flow_ports(flow, vip, reply), sum);
}

/*
 * A constant index makes the call a direct jump (an indirect one would stop
 * speculation); the tree is as deep for each program.
 */
#define CALL(n) bpf_tail_call_static(ctx, &under_test, n)
static __always_inline void call_under_test(struct xdp_md *ctx, __u32 program)
{
	if (program & 4) {
		if (program & 2) {
			if (program & 1)
				CALL(7);
			else
				CALL(6);
		} else {
			if (program & 1)
				CALL(5);
			else
				CALL(4);
		}
	} else {
		if (program & 2) {
			if (program & 1)
				CALL(3);
			else
				CALL(2);
		} else {
			if (program & 1)
				CALL(1);
			else
				CALL(0);
		}
	}
}

/* What becomes of flows. */
enum traffic {
	TRAFFIC_DRAWN,   /* packets of any, again and again */
	TRAFFIC_REPLIES, /* the same, of what backends answer */
	TRAFFIC_ONCE,    /* one packet of each */
};

static __always_inline __u32 choose_flow(const enum traffic traffic)
{
	if (traffic == TRAFFIC_ONCE)
		return run.next[run.program % DRIVER_PROGRAMS]++;
	return flow_draw(&run.state, run.flows);
}

/* Constants where inlined: programs for each of them, without a branch on it. */
static __always_inline int drive(struct xdp_md *ctx, const bool v6, const enum traffic traffic)
{
	void *data = frame_restore(ctx, (v6 ? L4_IPV6 : L4_IPV4) + sizeof(struct tcphdr));
	__u32 flow;

	if (run.left == 0)
		slice_turn();
	run.left--;
	if (!data)
		goto failed;
	flow = choose_flow(traffic);
	if (v6)
		put_flow6(data, flow, traffic == TRAFFIC_REPLIES);
	else
		put_flow4(data, flow, traffic == TRAFFIC_REPLIES);
	call_under_test(ctx, run.program);
failed: /* or no program there */
	run.failures++;
	return XDP_ABORTED;
}

SEC("xdp.frags")
int driver_ipv4(struct xdp_md *ctx)
{
	return drive(ctx, false, TRAFFIC_DRAWN);
}

SEC("xdp.frags")
int driver_ipv4_reply(struct xdp_md *ctx)
{
	return drive(ctx, false, TRAFFIC_REPLIES);
}

SEC("xdp.frags")
int driver_ipv6(struct xdp_md *ctx)
{
	return drive(ctx, true, TRAFFIC_DRAWN);
}

SEC("xdp.frags")
int driver_ipv6_reply(struct xdp_md *ctx)
{
	return drive(ctx, true, TRAFFIC_REPLIES);
}

SEC("xdp.frags")
int driver_ipv4_once(struct xdp_md *ctx)
{
	return drive(ctx, false, TRAFFIC_ONCE);
}

SEC("xdp.frags")
int driver_ipv6_once(struct xdp_md *ctx)
{
	return drive(ctx, true, TRAFFIC_ONCE);
}

/* The least that a program can be: what the harness itself costs. */
SEC("xdp.frags")
int empty(struct xdp_md *ctx)
{
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
