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
	bool opens = point->kind == BENCH_OPENING || point->kind == BENCH_ALLOCATION;
	struct tcphdr tcp = {
		.seq = htonl(1),
		.ack_seq = htonl(1),
		.doff = sizeof(tcp) / 4,
		.syn = opens,
		.ack = !opens, /* of an established connection */
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

static void frame_client(const struct bench_point *point, uint32_t flow, struct frame_end *end)
{
	*end = (struct frame_end) { .port = flow_sport(flow) };
	if (point->v6)
		flow_source6(flow, end->addr);
	else
		end->addr[0] = flow_source4(flow);
}

static void frame_vip(const struct bench_point *point, uint32_t flow, struct frame_end *end)
{
	uint32_t vip = flow_vip(flow, point->vips);

	*end = (struct frame_end) { .port = htons(FLOW_PORT) };
	if (point->v6)
		flow_vip6(vip, end->addr);
	else
		end->addr[0] = flow_vip4(vip);
}

static void frame_backend(const struct bench_point *point, uint32_t flow, struct frame_end *end)
{
	uint32_t backend = flow_backend(flow, point->backends);

	*end = (struct frame_end) { .port = flow_target(flow_vip(flow, point->vips)) };
	if (point->v6)
		flow_backend6(backend, end->addr);
	else
		end->addr[0] = flow_backend4(backend);
}

void frame_ends(const struct bench_point *point, uint32_t flow, struct frame_end end[2])
{
	if (point->kind == BENCH_NAT_REPLY) {
		frame_backend(point, flow, &end[FRAME_SOURCE]);
		frame_client(point, flow, &end[FRAME_DESTINATION]);
	} else {
		frame_client(point, flow, &end[FRAME_SOURCE]);
		frame_vip(point, flow, &end[FRAME_DESTINATION]);
	}
}

/* Where the source address is; the destination's is behind it. */
static size_t frame_addr(bool v6, size_t *len)
{
	*len = v6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	return L3 + (v6 ? offsetof(struct ipv6hdr, saddr) : offsetof(struct iphdr, saddr));
}

void frame_read(const struct bench_point *point, const unsigned char *data, struct frame_end end[2])
{
	size_t len, at = frame_addr(point->v6, &len), l4 = frame_l4(point->v6);

	for (int i = 0; i < 2; i++) {
		end[i] = (struct frame_end) {};
		memcpy(end[i].addr, data + at + i * len, len);
		memcpy(&end[i].port, data + l4 + i * sizeof(end[i].port), sizeof(end[i].port));
	}
}

/* Writes a checksum into its field: of `len` bytes at `from`, and of what has the sum `more`. */
static void frame_checksum(unsigned char *field, const unsigned char *from, size_t len,
			   uint32_t more)
{
	uint16_t check = 0;

	memcpy(field, &check, sizeof(check));
	check = lp_csum_finish(frame_sum(from, len) + more);
	memcpy(field, &check, sizeof(check));
}

/* Both sums of a frame whose fields are written. */
static void frame_checksums(const struct bench_point *point, unsigned char *data)
{
	size_t len, addr = frame_addr(point->v6, &len), l4 = frame_l4(point->v6);
	uint32_t pseudo = frame_sum(data + addr, 2 * len) + htons(IPPROTO_TCP) +
			  htons((uint16_t)(point->bytes - l4));

	if (!point->v6)
		frame_checksum(data + L3 + offsetof(struct iphdr, check), data + L3,
			       sizeof(struct iphdr), 0);
	frame_checksum(data + l4 + offsetof(struct tcphdr, check), data + l4, point->bytes - l4,
		       pseudo);
}

void frame_write(const struct bench_point *point, const struct frame_end end[2],
		 unsigned char *data)
{
	size_t len, at = frame_addr(point->v6, &len), l4 = frame_l4(point->v6);

	for (int i = 0; i < 2; i++) {
		memcpy(data + at + i * len, end[i].addr, len);
		memcpy(data + l4 + i * sizeof(end[i].port), &end[i].port, sizeof(end[i].port));
	}
	frame_checksums(point, data);
}

void frame_address(const struct bench_point *point, uint32_t flow, unsigned char *data)
{
	struct frame_end end[2];

	frame_ends(point, flow, end);
	frame_write(point, end, data);
}

void frame_route(const struct bench_point *point, const unsigned char dst[6],
		 const unsigned char src[6], unsigned char *data)
{
	size_t ttl = point->v6 ? offsetof(struct ipv6hdr, hop_limit) : offsetof(struct iphdr, ttl);

	memcpy(data, dst, ETH_ALEN);
	memcpy(data + ETH_ALEN, src, ETH_ALEN);
	data[L3 + ttl]--;
}
