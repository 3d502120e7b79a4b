// SPDX-License-Identifier: GPL-2.0
/*
 * The floor, and one read in memory: of the bucket that the flow would be in, of as many as
 * the record table has. No table that remembers as many connections goes without, so
 * what this costs on a machine is what nothing that remembers can cost less than. The rest
 * of the packet's way waits for what was read.
 */
#include <limpet/hash.h>
#include "forwarders.h"

#define READ_BUCKETS (1u << 18) /* 32 MiB, as limpet's records */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, READ_BUCKETS);
	__type(key, __u32);
	__type(value, struct lp_bucket);
} read_buckets SEC(".maps");

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
	return forwarders_parse(pkt, ctx) && !read_bucket(pkt);
}

FORWARDERS(read, read_known)

char LICENSE[] SEC("license") = "GPL";
