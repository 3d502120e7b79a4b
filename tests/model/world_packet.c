// SPDX-License-Identifier: GPL-2.0
/* Packets into the world, and what it holds about them. */
#include "world_internal.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "bpf/model.skel.h"
#include "core/slot_state.h"
#include "lib/addr.h"

/* Two bytes before the frame align what comes after the Ethernet header. */
struct frame {
	size_t len;
	uint8_t align[2];
	uint8_t bytes[126];
};

static void *append(struct frame *frame, size_t len)
{
	void *at = frame->bytes + frame->len;

	frame->len += len;
	return at;
}

static void put_ethernet(struct frame *frame, bool v6)
{
	struct ethhdr *eth = append(frame, sizeof(*eth));

	eth->h_proto = v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
}

static void put_ip(struct frame *frame, const struct flow *flow, bool v6, uint8_t proto,
		   size_t payload)
{
	struct lp_addr dst;

	spec_vip_addr(flow->vip, v6, &dst);
	if (v6) {
		struct ip6_hdr *ip = append(frame, sizeof(*ip));

		ip->ip6_vfc = 6 << 4;
		ip->ip6_plen = htons((uint16_t)payload);
		ip->ip6_nxt = proto;
		memcpy(&ip->ip6_src, &flow->src, sizeof(ip->ip6_src));
		memcpy(&ip->ip6_dst, &dst, sizeof(ip->ip6_dst));
	} else {
		struct iphdr *ip = append(frame, sizeof(*ip));

		ip->version = 4;
		ip->ihl = 5;
		ip->tot_len = htons((uint16_t)(sizeof(*ip) + payload));
		ip->protocol = proto;
		ip->saddr = flow->src.w[3];
		ip->daddr = dst.w[3];
	}
}

static uint32_t sent_seq(const struct flow *flow)
{
	return flow->sport * 0x9e3779b1u;
}

static void put_tcp(struct frame *frame, const struct flow *flow, uint8_t kind)
{
	struct tcphdr *tcp = append(frame, sizeof(*tcp));

	tcp->source = htons(flow->sport);
	tcp->dest = htons(spec_vip_port(flow->vip));
	tcp->seq = htonl(sent_seq(flow));
	tcp->ack_seq = kind == STEP_SYN ? 0 : htonl(~sent_seq(flow));
	tcp->doff = 5;
	tcp->syn = kind == STEP_SYN;
	tcp->ack = kind != STEP_SYN;
	tcp->fin = kind == STEP_FIN;
	tcp->rst = kind == STEP_RST;
}

static void put_udp(struct frame *frame, const struct flow *flow)
{
	struct udphdr *udp = append(frame, sizeof(*udp));

	udp->source = htons(flow->sport);
	udp->dest = htons(spec_vip_port(flow->vip));
	udp->len = htons(sizeof(*udp));
}

static void make_frame(struct frame *frame, const struct flow *flow, bool v6, uint8_t kind)
{
	bool udp = kind == STEP_DATAGRAM;

	memset(frame, 0, sizeof(*frame));
	put_ethernet(frame, v6);
	put_ip(frame, flow, v6, udp ? IPPROTO_UDP : IPPROTO_TCP,
	       udp ? sizeof(struct udphdr) : sizeof(struct tcphdr));
	if (udp)
		put_udp(frame, flow);
	else
		put_tcp(frame, flow, kind);
}

/* A RST that the sender of such a packet takes: every field that its stack looks at. The
 * program runs test whole frames (tests/prog/test_reset.py). */
static bool is_reset(const uint8_t *out, size_t len, const struct flow *flow, bool v6)
{
	size_t l4 = v6 ? 54 : 34, src = v6 ? 22 : 26, size = v6 ? 16 : 4;
	struct lp_addr vip;
	struct tcphdr tcp;

	if (len < l4 + sizeof(tcp) || out[v6 ? 20 : 23] != IPPROTO_TCP)
		return false;
	spec_vip_addr(flow->vip, v6, &vip);
	memcpy(&tcp, out + l4, sizeof(tcp));
	return !memcmp(out + src, vip.b + 16 - size, size) &&
	       !memcmp(out + src + size, flow->src.b + 16 - size, size) && tcp.rst && !tcp.ack &&
	       !tcp.syn && !tcp.fin && ntohl(tcp.seq) == ~sent_seq(flow) &&
	       tcp.source == htons(spec_vip_port(flow->vip)) && tcp.dest == htons(flow->sport);
}

/* The backend's identity is in the MAC address of its next hop. */
static uint32_t read_backend(uint32_t verdict, const uint8_t *out)
{
	static const uint8_t prefix[4] = { 2, 0, 0, 0 };
	uint32_t id = (uint32_t)out[4] << 8 | out[5];

	if (verdict == XDP_DROP)
		return WORLD_NOBODY;
	if (verdict != XDP_TX || memcmp(out, prefix, sizeof(prefix)) || !id || id >= SPEC_BACKENDS)
		return WORLD_STRANGE;
	return id;
}

uint32_t world_packet(struct world *world, const struct history *history, const struct step *step)
{
	const struct flow *flow = &history->flows[step->flow];
	bool v6 = history->clients[flow->client].v6;
	struct frame frame;
	uint8_t out[256] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.bytes, .data_out = out,
		    .data_size_out = sizeof(out));

	make_frame(&frame, flow, v6, step->kind);
	opts.data_size_in = (__u32)frame.len;
	if (bpf_prog_test_run_opts(bpf_program__fd(world->skel->progs.model), &opts))
		return WORLD_STRANGE;
	if (opts.retval == XDP_TX && is_reset(out, opts.data_size_out, flow, v6))
		return WORLD_RESET;
	return read_backend(opts.retval, out);
}

/* --- what it holds -------------------------------------------------------------------------- */

static void describe_number(const struct world *world, uint32_t number, FILE *out)
{
	const struct lp_backend_meta *meta = dp_backend_meta(world->dp, number);
	const struct lp_backend *backend = dp_backend(world->dp, number);

	fprintf(out, "%u", number);
	if (number)
		fprintf(out, " (%s, id %u%s%s, life %u)", meta->name[0] ? meta->name : "free",
			spec_addr_id(&meta->addr),
			backend->state.flags & LP_BACKEND_ALIVE ? ", alive" : ", dead",
			backend->state.flags & LP_BACKEND_OFFLINE ? ", offline" : "",
			backend->state.incarnation);
}

static void describe_slot(const struct world *world, unsigned int pool, uint32_t slot, FILE *out)
{
	uint32_t number = runtime_pool(&world->engine.runtime, spec_pool_name(pool));
	uint32_t table = dp_pool(world->dp, dp_control(world->dp)->active & 1, number).table;
	struct lp_slot at = dp_slots(world->dp, table)[slot];

	fprintf(out, "  slot %u of pool %s: %s for %u s, cur ", slot, spec_pool_name(pool),
		slot_state_name(at),
		world_time(world).mono - dp_slot_times(world->dp, table)[slot]);
	describe_number(world, at.cur, out);
	if (slot_is_moving(at) && !slot_is_orphaned(at)) {
		fprintf(out, ", prev ");
		describe_number(world, at.prev, out);
	}
	fprintf(out, "\n");
}

/* Of the host itself, or of a prefix of at least 16 bits that it is in. */
static bool is_of_host(const struct lp_record_info *info, const struct flow *flow, bool v6)
{
	if (!v6)
		return !info->src.d[0] && (info->src.w[3] == flow->src.w[3] ||
					   info->src.w[3] == (flow->src.w[3] & htonl(~0xffu)));
	return info->src.w[0] == flow->src.w[0] &&
	       (info->src.w[1] & htonl(~0xffu)) == (flow->src.w[1] & htonl(~0xffu));
}

static void describe_record(const struct world *world, const struct lp_record *record,
			    const struct lp_record_info *info, FILE *out)
{
	uint32_t now = world_time(world).mono;

	fprintf(out, "  record of %s of vip %u",
		record->value.flags & LP_RECORD_CLIENT ? "client" : "connection", info->vip);
	if (!(record->value.flags & LP_RECORD_CLIENT))
		fprintf(out, " port %u", ntohs(info->sport));
	fprintf(out, ": backend ");
	describe_number(world, record->value.backend, out);
	fprintf(out, ", its life %u%s%s, expires in %d s, made %u s ago, slot %u\n",
		record->value.incarnation,
		record->value.flags & LP_RECORD_CONFIRMED ? ", confirmed" : "",
		record->value.flags & LP_RECORD_OPENING ? ", half open" : "",
		(int)(record->value.expires - now), now - info->created, info->slot % LP_SLOTS);
}

void world_describe(struct world *world, const struct history *history, const struct flow *flow,
		    uint32_t slot, FILE *out)
{
	bool v6 = history->clients[flow->client].v6;
	struct lp_err err;

	if (!world->dp && world_open_dp(world, &err))
		return;
	describe_slot(world, spec_vip_kinds[flow->vip].pool, slot, out);
	for (uint32_t i = 0; i < dp_size(world->dp)->buckets; i++)
		for (unsigned int way = 0; way < LP_WAYS; way++) {
			struct lp_record_info info;
			struct lp_record record;

			if (dp_record(world->dp, i, way, &record, &info) &&
			    is_of_host(&info, flow, v6))
				describe_record(world, &record, &info, out);
		}
}
