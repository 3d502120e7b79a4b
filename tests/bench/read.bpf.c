// SPDX-License-Identifier: GPL-2.0
/*
 * The floor, and one read in memory: of the bucket that the flow would be in, of as many as
 * the record table has. No table that remembers as many connections goes without, so
 * what this costs on a machine is what nothing that remembers can cost less than. The rest
 * of the packet's way waits for what was read.
 */
#include <limpet/hash.h>
#include "parse.h"
#include "forward_dsr.h"
#include "forward_tunnel.h"

#define READ_BUCKETS (1u << 18) /* 32 MiB, as limpet's records */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, READ_BUCKETS);
	__type(key, __u32);
	__type(value, struct lp_bucket);
} read_buckets SEC(".maps");

struct lp_hop read_hop;

/* 0, but not known before memory has answered; -1: no such bucket. */
static __always_inline int read_bucket(const struct packet *pkt)
{
	__u32 at = (__u32)(lp_mix64((__u64)pkt->src.w[3] << 32 | (pkt->src.w[1] ^ pkt->sport)) >>
			   40);
	const struct lp_bucket *bucket;

	at &= READ_BUCKETS - 1;
	bucket = bpf_map_lookup_elem(&read_buckets, &at);
	return bucket ? (int)((const volatile struct lp_bucket *)bucket)->way[0].fingerprint : -1;
}

static __always_inline bool read_known(struct packet *pkt, struct xdp_md *ctx)
{
	return packet_parse(pkt, ctx) == LP_PARSED && !pkt->cut && !read_bucket(pkt);
}

static __always_inline int read_verdict(enum lp_reason reason)
{
	return reason == LP_FORWARD_TX ? XDP_TX : XDP_DROP;
}

SEC("xdp.frags")
int read_ipip(struct xdp_md *ctx)
{
	struct packet pkt = {}; /* see limpet.bpf.c */

	if (!read_known(&pkt, ctx))
		return XDP_PASS;
	return read_verdict(forward_tunnel(ctx, &pkt, &read_hop, 0, 0));
}

SEC("xdp.frags")
int read_gue(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (!read_known(&pkt, ctx))
		return XDP_PASS;
	return read_verdict(forward_tunnel(ctx, &pkt, &read_hop, 0, sizeof(struct udphdr)));
}

SEC("xdp.frags")
int read_dsr(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (!read_known(&pkt, ctx))
		return XDP_PASS;
	return read_verdict(forward_dsr(ctx, &pkt, &read_hop));
}

char LICENSE[] SEC("license") = "GPL";
