// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <limpet/csum.h>
#include <string.h>

#include "flows.h"
#include "frame.h"

#define L3 ETH_HLEN

static size_t frame_l4(bool v6)
{
	return L3 + (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
}

uint32_t frame_min(bool v6)
{
	uint32_t headers = (uint32_t)(frame_l4(v6) + sizeof(struct tcphdr));

	return headers > ETH_ZLEN ? headers : ETH_ZLEN;
}

static void frame_build_ipv4(const struct bench_point *point, unsigned char *data)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(point->bytes - L3)),
		.frag_off = htons(0x4000), /* DF */
		.ttl = 60,
		.protocol = IPPROTO_TCP,
	};

	memcpy(data + L3, &ip, sizeof(ip));
}

static void frame_build_ipv6(const struct bench_point *point, unsigned char *data)
{
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = htons((uint16_t)(point->bytes - frame_l4(true))),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = 60,
	};

	memcpy(data + L3, &ip, sizeof(ip));
}

void frame_build(const struct bench_point *point, unsigned char *data)
{
	static const struct ethhdr eth = {
		.h_dest = { 0x02, 0, 0, 0, 0, 1 },
		.h_source = { 0x02, 0, 0, 0, 0, 2 },
	};
	struct tcphdr tcp = {
		.seq = htonl(1),
		.ack_seq = htonl(1),
		.doff = sizeof(tcp) / 4,
		/* Otherwise of an established connection. */
		.syn = point->kind == BENCH_OPENING,
		.ack = point->kind != BENCH_OPENING,
		.window = htons(512),
	};
	uint16_t type = htons(point->v6 ? ETH_P_IPV6 : ETH_P_IP);

	memset(data, 0, FRAME_MAX);
	memcpy(data, &eth, sizeof(eth));
	memcpy(data + offsetof(struct ethhdr, h_proto), &type, sizeof(type));
	if (point->v6)
		frame_build_ipv6(point, data);
	else
		frame_build_ipv4(point, data);
	memcpy(data + frame_l4(point->v6), &tcp, sizeof(tcp));
}

/* Ones' complement sum of an even number of bytes. */
static uint32_t frame_sum(const unsigned char *data, size_t len)
{
	uint32_t sum = 0;
	uint16_t word;

	for (size_t i = 0; i + 1 < len; i += 2) {
		memcpy(&word, data + i, sizeof(word));
		sum += word;
	}
	return sum;
}

void frame_split(const struct bench_point *point, const unsigned char *data,
		 struct driver_frame *frame)
{
	const unsigned char *tcp = data + frame_l4(point->v6);
	struct driver_frame f = {};

	memcpy(&f.eth_head, data, 8);
	memcpy(&f.eth_middle, data + 8, 4);
	memcpy(&f.eth_type, data + 12, 2);
	memcpy(&f.ip_head, data + 14, 8);
	memcpy(&f.ttl_proto, data + 22, 2);
	memcpy(&f.tcp_numbers, tcp + 4, 8);
	memcpy(&f.tcp_flags, tcp + 12, 4);
	/* Checksum and address fields are 0 in the template, and so is the padding. */
	f.ip_sum = lp_csum_fold(frame_sum(data + L3, sizeof(struct iphdr)));
	f.tcp_sum = frame_sum(tcp, sizeof(struct tcphdr)) + htons(IPPROTO_TCP) +
		    htons((uint16_t)(point->bytes - frame_l4(point->v6)));
	*frame = f;
}

void frame_address(const struct bench_point *point, uint32_t flow, unsigned char *data)
{
	uint32_t vip = flow_vip(flow, point->vips), src[4], dst[4];
	uint16_t ports[2] = { flow_sport(flow), htons(FLOW_PORT) };
	size_t l4 = frame_l4(point->v6);

	if (point->v6) {
		flow_source6(flow, src);
		flow_vip6(vip, dst);
		memcpy(data + L3 + offsetof(struct ipv6hdr, saddr), src, sizeof(src));
		memcpy(data + L3 + offsetof(struct ipv6hdr, daddr), dst, sizeof(dst));
	} else {
		src[0] = flow_source4(flow);
		dst[0] = flow_vip4(vip);
		memcpy(data + L3 + offsetof(struct iphdr, saddr), src, 4);
		memcpy(data + L3 + offsetof(struct iphdr, daddr), dst, 4);
	}
	memcpy(data + l4, ports, sizeof(ports));
}
