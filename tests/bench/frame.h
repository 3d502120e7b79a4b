/* SPDX-License-Identifier: GPL-2.0 */
/* The frame that all packets of a run are made from. */
#ifndef LIMPET_BENCH_FRAME_H
#define LIMPET_BENCH_FRAME_H

#include <stddef.h>

#include "bench.h"
#include "driver.h"

#define FRAME_MAX 1514u

/* Bytes of the shortest frame: headers of a TCP segment, or Ethernet's minimum of 60. */
uint32_t frame_min(bool v6);

/*
 * A TCP segment without payload of flow 0 (BENCH_OPENING, BENCH_ALLOCATION: a SYN), padded to
 * point->bytes (frame_min() to FRAME_MAX) with zeros that belong to the IP packet; FRAME_MAX bytes
 * at `data`. Addresses, ports and checksums are the driver's to write.
 */
void frame_build(const struct bench_point *point, unsigned char *data);

/* The same in the driver's pieces. */
void frame_split(const struct bench_point *point, const unsigned char *data,
		 struct driver_frame *frame);

/* One end of a flow, as it stands in a packet; IPv4: addr[0]. */
struct frame_end {
	uint32_t addr[4];
	uint16_t port;
};
enum { FRAME_SOURCE, FRAME_DESTINATION };

/* Of a flow's packet at this point (BENCH_NAT_REPLY: of the reply to it). */
void frame_ends(const struct bench_point *point, uint32_t flow, struct frame_end end[2]);
/* Of a frame as it is. */
void frame_read(const struct bench_point *point, const unsigned char *data,
		struct frame_end end[2]);
/* Writes them, and the checksums anew. */
void frame_write(const struct bench_point *point, const struct frame_end end[2],
		 unsigned char *data);

/* A flow's ends, into what frame_build() made: as the driver does. */
void frame_address(const struct bench_point *point, uint32_t flow, unsigned char *data);

/* As a router sends it on: one hop less, between these MAC addresses. Not the checksum. */
void frame_route(const struct bench_point *point, const unsigned char dst[6],
		 const unsigned char src[6], unsigned char *data);

#endif
