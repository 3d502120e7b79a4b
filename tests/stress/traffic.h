/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the traffic programs (traffic.bpf.c) and the stress tests share. What a
 * run is about travels in its packet's payload: BPF_PROG_TEST_RUN calls the
 * program again and again on one and the same buffer, so any number of runs go
 * on beside each other without a map between them.
 */
#ifndef LIMPET_STRESS_TRAFFIC_H
#define LIMPET_STRESS_TRAFFIC_H

#include <linux/types.h>

#define TRAFFIC_FLOWS   (1u << 14) /* that `known` can have */
#define TRAFFIC_VIPS    4u         /* of a flood, a power of two; some may be the same */
#define TRAFFIC_PAYLOAD 64u        /* offset of the run in the frame */
#define TRAFFIC_FRAME   256u

/* In the payload of a frame that the sink is to tell of: its number, less than 2^48. */
struct traffic_mark {
	__u64 magic; /* TRAFFIC_MAGIC */
	__u64 number;
};

#define TRAFFIC_MAGIC 0x6b6e696d7065744cull

/* A backend is known by the MAC address of its hop: 02:00:00:00 and its number. */
#define TRAFFIC_MAC0 0x02
/* ... and a frame that has not been forwarded by this one. */
#define TRAFFIC_MAC_NONE 0x06

/* A flow of `known`, and where its packets may go. Network byte order for addresses
 * and ports. */
struct traffic_flow {
	__be32 src, dst;
	__be16 sport, dport;
	__u8 proto;
	__u8 opens;        /* its packets may be opening ones */
	__u16 first, last; /* backends, inclusive */
	__u16 _pad[3];
};
_Static_assert(sizeof(struct traffic_flow) == 24, "elements of BPF arrays are 8-byte aligned");

/* Written by the test before a run, by the program during it. */
struct traffic_run {
	__u64 random;
	__u64 packets;
	__u64 wrong;      /* went to a backend that is not one of the flow's */
	__u64 nowhere;    /* were not forwarded */
	__u64 wrong_last; /* flow << 32 | backend of the last one */
	__u64 opening, stray, fragments, udp;
	__u32 flows; /* in use; 1 to TRAFFIC_FLOWS */
	__u32 flow;  /* whose packet is in the frame, if checking */
	__u32 checking;
	__u32 _pad;
};

_Static_assert(TRAFFIC_PAYLOAD + sizeof(struct traffic_run) <= TRAFFIC_FRAME, "frame too short");

#endif
