// SPDX-License-Identifier: GPL-2.0
/*
 * The floor, and one bpf_fib_lookup() for where the packet goes: what the kernel takes to
 * say by which interface, and to whose MAC address. Nothing that asks it for each reply
 * costs less.
 */
#include "forwarders.h"

#define FIB_AF_INET  2 /* sys/socket.h, which is not for BPF */
#define FIB_AF_INET6 10

static __always_inline void fib_ask(struct bpf_fib_lookup *fib, const struct packet *pkt)
{
	fib->l4_protocol = pkt->proto;
	fib->sport = pkt->sport;
	fib->dport = pkt->dport;
	fib->tot_len = (__u16)pkt->l3_len;
	if (pkt->v6) {
		fib->family = FIB_AF_INET6;
		__builtin_memcpy(fib->ipv6_src, &pkt->src, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, &pkt->dst, sizeof(fib->ipv6_dst));
	} else {
		fib->family = FIB_AF_INET;
		fib->ipv4_src = pkt->src.w[3];
		fib->ipv4_dst = pkt->dst.w[3];
	}
}

static __always_inline bool fib_known(struct packet *pkt, struct xdp_md *ctx)
{
	struct bpf_fib_lookup fib = {};

	if (!forwarders_parse(pkt, ctx))
		return false;
	fib.ifindex = ctx->ingress_ifindex;
	fib_ask(&fib, pkt);
	return bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) == BPF_FIB_LKUP_RET_SUCCESS;
}

FORWARDERS(fib, fib_known)

char LICENSE[] SEC("license") = "GPL";
