/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the driver program (driver.bpf.c) and the harness (harness.c) share.
 */
#ifndef LIMPET_BENCH_DRIVER_H
#define LIMPET_BENCH_DRIVER_H

#include <linux/types.h>

#define DRIVER_PROGRAMS 8          /* programs that one run can compare */
#define DRIVER_SLICES   (1u << 15) /* times that one run can record */

/*
 * The constant parts of a frame, in the pieces in which the driver stores them.
 * A load that spans two stores must wait for both to reach the cache (a failed
 * store forwarding, some 15 cycles) where a frame from a NIC would just be
 * there; so no piece ends inside a field that a program may load at once.
 * All in network byte order but the sums (csum.h).
 */
struct driver_frame {
	__u64 eth_head;    /* 0-7 */
	__u32 eth_middle;  /* 8-11 */
	__u16 eth_type;    /* 12-13 */
	__u16 ttl_proto;   /* IPv4: 22-23 */
	__u64 ip_head;     /* 14-21: IPv6 up to the source; IPv4 up to the TTL */
	__u64 tcp_numbers; /* sequence and acknowledgement */
	__u32 tcp_flags;   /* offset, flags, window */
	__u32 ip_sum;      /* IPv4: of the header without checksum and addresses */
	__u32 tcp_sum;     /* of the rest of the TCP checksum: without addresses and ports */
	__u32 _pad;
};

/* Written by the harness before a run; the second half is the driver's own. */
struct driver_run {
	struct driver_frame frame;
	__u32 bytes;    /* length of the frame */
	__u32 flows;    /* 1 to FLOWS_MAX */
	__u32 vips;     /* 1 to FLOW_VIPS_MAX */
	__u32 programs; /* in use, from 0 on: 1 to DRIVER_PROGRAMS */
	__u32 warm;     /* packets at the head of a slice that are not timed; at least 1 */
	__u32 timed;    /* packets of a slice that are; at least 1 */
	__u32 backends; /* that replies come from: at least 1 */
	__u32 _pad;

	__u32 program; /* whose slice it is */
	__u32 timing;  /* 0: in its warm packets; 1: in its timed ones */
	__u32 left;    /* packets until that changes */
	__u32 slices;  /* finished so far */
	__u64 since_ns;
	__u64 state; /* of flow_draw() */
	/* Instead, where each flow is to be opened once: the next one of each program. */
	__u32 next[DRIVER_PROGRAMS];
	__u64 failures;
};

#endif
