/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Running traffic through limpet: masses of packets by the programs of
 * traffic.bpf.c, from any number of threads, and single ones. Either as program
 * runs, or as frames that travel: into one end of a veth, limpet is at the other
 * one, and what it sends (XDP_TX) comes back to the sink at the first (live.h).
 */
#ifndef LIMPET_STRESS_TRAFFIC_RUN_H
#define LIMPET_STRESS_TRAFFIC_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "dp/dp.h"
#include "lib/err.h"
#include "traffic.h"

#define TRAFFIC_SYN 0x02
#define TRAFFIC_RST 0x04
#define TRAFFIC_ACK 0x10

enum traffic_program { TRAFFIC_KNOWN, TRAFFIC_FLOOD };

/* A frame with a run in it; aligned for the run. */
struct traffic_frame {
	_Alignas(8) unsigned char bytes[TRAFFIC_FRAME];
};

struct traffic;

/*
 * Loads the programs, in front of the program of `dp`; with `live`, attaches that one
 * to LIVE_LIMPET (live_make() was before). -errno with words in err.
 */
int traffic_open(struct dp *dp, bool live, struct traffic **out, struct lp_err *err);
void traffic_close(struct traffic **traffic);

/* TRAFFIC_FLOWS of them, to be written before a run of TRAFFIC_KNOWN. */
struct traffic_flow *traffic_flows(struct traffic *traffic);

/* How many packets of all kinds a live flood has sent. -errno. */
int traffic_live_sum(const struct traffic *traffic, struct traffic_run *sum);

/* Where a flood goes, before a run of TRAFFIC_FLOOD. Network byte order. */
void traffic_flood_at(struct traffic *traffic, const __be32 vips[TRAFFIC_VIPS], __be16 port);

/* Sends `packets` packets (many thousands: a system call each time); the run in the
 * frame goes on where it was. -errno; -EPROTO if limpet did not get them. */
int traffic_go(struct traffic *traffic, enum traffic_program program, struct traffic_frame *frame,
	       uint32_t packets);
struct traffic_run *traffic_run_of(struct traffic_frame *frame);

#define TRAFFIC_RESET 0x10000 /* no backend's number: a RST came back */

/* One packet with these TCP flags: the backend that it went to, 0 if it was not
 * forwarded, TRAFFIC_RESET (not live), -errno. Live: sent again if it gets lost, as TCP does; 0 if
 * it always is. */
int traffic_send(struct traffic *traffic, const struct traffic_flow *flow, uint8_t flags);

/* How often a packet of traffic_send() was sent again. */
uint64_t traffic_again(const struct traffic *traffic);

#endif
