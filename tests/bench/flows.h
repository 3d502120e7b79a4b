/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The traffic of the datapath benchmark: which addresses and ports flow number
 * `flow` has, and to which VIP it goes. Shared by the driver, which makes the
 * packets, and by user space, which makes the VIPs.
 *
 * Everything is computed from the flow's number, nothing is looked up: the
 * memory that a flow costs is that of the program under test alone. Numbers go
 * through a multiplication, so that neighbours in number are not neighbours in
 * the address space.
 *
 * VIPs are in the networks set apart for benchmarks: 198.18.0.0/15 (RFC 2544)
 * and 2001:2::/48 (RFC 5180).
 *
 * With nat, VIP number n is port FLOW_TARGET + n of each backend, so that a backend's port
 * serves one VIP; and a flow has a reply, from that port of one of the backends to the client.
 */
#ifndef LIMPET_BENCH_FLOWS_H
#define LIMPET_BENCH_FLOWS_H

#include <limpet/hash.h>

#define FLOWS_MAX     (1u << 24) /* sources are in 10.0.0.0/8 */
#define FLOW_VIPS_MAX (1u << 17)
#define FLOW_PORT     443 /* of all VIPs */

#define FLOW_TARGET      8192u
#define FLOW_TARGETS_MAX (65536u - FLOW_TARGET) /* VIPs with nat */

#define FLOW_ODD 0x9e3779b1u /* 2^32 / golden ratio: odd, so a bijection of n bits */

LP_INLINE __u32 flow_vip(__u32 flow, __u32 vips)
{
	return (__u32)((__u64)(flow * 0x85ebca6bu) * vips >> 32);
}

LP_INLINE __be16 flow_sport(__u32 flow)
{
	return LP_HOST16((__u16)(0x8000 | (flow * FLOW_ODD) >> 17));
}

/* Distinct for all flows below FLOWS_MAX. */
LP_INLINE __be32 flow_source4(__u32 flow)
{
	return LP_HOST32(10u << 24 | (flow * FLOW_ODD & (FLOWS_MAX - 1)));
}

LP_INLINE __be32 flow_vip4(__u32 vip)
{
	return LP_HOST32((198u << 24 | 18u << 16) + vip);
}

/* In 2001:db8::/32; each flow in a /64 of its own. */
LP_INLINE void flow_source6(__u32 flow, __be32 addr[4])
{
	__u32 mixed = flow * FLOW_ODD;

	addr[0] = LP_HOST32(0x20010db8);
	addr[1] = LP_HOST32(mixed);
	addr[2] = LP_HOST32(mixed ^ 0x5bd1e995);
	addr[3] = LP_HOST32(flow);
}

LP_INLINE void flow_vip6(__u32 vip, __be32 addr[4])
{
	addr[0] = LP_HOST32(0x20010002);
	addr[1] = 0;
	addr[2] = 0;
	addr[3] = LP_HOST32(vip + 1);
}

LP_INLINE __be16 flow_target(__u32 vip)
{
	return LP_HOST16((__u16)(FLOW_TARGET + vip));
}

/* Number (1 and up) of the backend whose reply it is. */
LP_INLINE __u32 flow_backend(__u32 flow, __u32 backends)
{
	return 1 + (__u32)((__u64)(flow * 0xc2b2ae35u) * backends >> 32);
}

LP_INLINE __be32 flow_backend4(__u32 backend)
{
	return LP_HOST32((172u << 24 | 17u << 16) + backend);
}

LP_INLINE void flow_backend6(__u32 backend, __be32 addr[4])
{
	addr[0] = LP_HOST32(0xfd000000);
	addr[1] = 0;
	addr[2] = 0;
	addr[3] = LP_HOST32(0x10000 + backend);
}

/* Linear congruential generator (Knuth's MMIX): the next draw of a flow. */
LP_INLINE __u32 flow_draw(__u64 *state, __u32 flows)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (__u32)((*state >> 32) * flows >> 32);
}

#endif
