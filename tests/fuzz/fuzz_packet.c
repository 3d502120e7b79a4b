// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: any frame through the real BPF programs, by program runs.
 * Byte 0 of the input chooses (bit 0: the decapsulation instead of the
 * balancer), the rest is the frame. What always has to hold:
 *
 *   F1  The kernel runs it, and the verdict is PASS, DROP, TX or REDIRECT.
 *   F2  Exactly one reason counter rises, by one, and goes with the verdict (P9).
 *   F3  What is passed or dropped is byte-identical to what came in.
 *       (A reply of nat that is passed is translated, as in F4.)
 *   F4  What is forwarded has outer headers whose lengths agree with each other
 *       and with the frame, a correct IPv4 checksum, and inside, byte for byte,
 *       the IP packet that came; VIP and backend counters rise by it. With nat there
 *       is no outer header: one address, one port and TTL differ, and checksums are as
 *       right or wrong as they were.
 *       ICMP errors go on like other packets; in nat their quote is translated too.
 *   F6  What limpet answers by ICMP goes back to the sender, has right checksums (a ping's
 *       as right as it came), and quotes what came. So does what it tells about tunnel
 *       packets, by the stack.
 *   F5  What is decapsulated is the end of what came, but for ECN and checksum.
 *
 * libFuzzer does not see the branches of BPF code. What it gets instead are
 * counters of its own kind for each outcome (program, reason, tags, family).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limpet/csum.h>
#include <limpet/hash.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "../prog/packet_run.h"
#include "core/vip_table.h"
#include "dp/decap.h"
#include "common/settled.h"
#include "dp/dp.h"
#include "lib/addr.h"

#define BPFFS     "/sys/fs/bpf" /* in a mount namespace of our own */
#define SEED      "fuzz_packet"
#define IN        1u /* ifindex of lo in a new network namespace: where packets come in */
#define ELSEWHERE 2u /* a program run does not look at the target of a redirect */
#define FRAME_MIN ETH_HLEN
#define FRAME_MAX 9100u /* of several buffers */
/* What of a page a program run has no room for (net/bpf/test_run.c): XDP_PACKET_HEADROOM, and
 * struct skb_shared_info, aligned to a cache line. */
#define BUFFER_REST (256u + 320u)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One backend for each way of forwarding; number, pool, table and VIP are the same. */
static const struct way {
	enum lp_forward forward;
	bool v6; /* the outer header */
	uint16_t port;
	uint32_t ifindex;
	uint8_t tags, flags;
} ways[] = {
	{ LP_FORWARD_NONE, false, 0, 0, 0, 0 }, /* number 0 is never given out */
	{ LP_FORWARD_DSR, false, 80, IN, 0, LP_HOP_KEEP_TAGS },
	{ LP_FORWARD_DSR, false, 81, ELSEWHERE, 2, 0 },
	{ LP_FORWARD_IPIP, false, 443, IN, 0, LP_HOP_KEEP_TAGS },
	{ LP_FORWARD_IPIP, true, 444, ELSEWHERE, 1, 0 },
	{ LP_FORWARD_GUE, false, 8080, IN, 2, 0 },
	{ LP_FORWARD_GUE, true, 8081, IN, 0, LP_HOP_KEEP_TAGS },
	{ LP_FORWARD_NAT, false, 9000, IN, 0, LP_HOP_KEEP_TAGS },
	{ LP_FORWARD_NAT, true, 9001, ELSEWHERE, 1, 0 },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static const char *const addresses[] = { "203.0.113.10", "2001:db8:a::10" };
static const char *const balancers[] = { "10.9.0.1", "2001:db8:e::1" };
static const char *const locals[] = { "10.9.3.2", "2001:db8:e:3::2" };

static struct dp *dp;
static struct decap *decap;

/* What libFuzzer takes for coverage: one for each outcome. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t outcomes[4096];

/* --- setting up ----------------------------------------------------------------- */

static struct lp_addr address(const char *text)
{
	struct lp_addr addr;

	if (lp_addr_parse(text, &addr))
		abort();
	return addr;
}

#define TARGET 9443 /* port of the backends of nat */

/* What comes from a backend of nat. */
static struct vip_rule make_reply(const struct way *way, uint32_t number, uint8_t protocol)
{
	return (struct vip_rule) {
		.addr = address(locals[way->v6]),
		.proto = protocol,
		.first = TARGET,
		.last = TARGET,
		.vip = { .vip = number,
			 .forward = LP_FORWARD_NAT,
			 .flags = LP_VIP_REPLY,
			 .target = htons(way->port),
			 .rewrite = address(addresses[way->v6]) },
	};
}

static void make_rules(struct vip_rule rules[4 * WAYS], size_t *n)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	*n = 0;
	for (uint32_t i = 1; i < WAYS; i++) {
		for (int j = 0; j < 4; j++) {
			struct vip_rule *rule = &rules[(*n)++];
			bool nat = ways[i].forward == LP_FORWARD_NAT;

			/* nat stays in its family; the other's place is for the replies. */
			if (nat && (j & 1) != ways[i].v6) {
				*rule = make_reply(&ways[i], i, protocols[j >> 1]);
				continue;
			}
			*rule = (struct vip_rule) {
				.addr = address(addresses[j & 1]),
				.proto = protocols[j >> 1],
				.first = ways[i].port,
				.last = ways[i].port,
				.vip = { .vip = i,
					 .pool = i,
					 .forward = (uint8_t)ways[i].forward,
					 .affinity = i & 1 ? LP_AFFINITY_SOURCE : LP_AFFINITY_TCP,
					 .target = nat ? htons(TARGET) : 0 },
			};
			lp_addr_mask(&rule->vip.source_mask, j & 1 ? 64 : 24, j & 1);
		}
	}
}

static uint32_t constant_sum(const struct lp_hop *hop)
{
	uint32_t sum = (uint32_t)htons(0x4500) + htons(0x4000) + htons(LP_OUTER_TTL << 8);

	return lp_csum_add32(lp_csum_add32(sum, hop->saddr.w[3]), hop->daddr.w[3]);
}

static struct lp_hop make_hop(const struct way *way)
{
	struct lp_hop hop = {
		.ifindex = way->ifindex,
		.mtu = 1500,
		.flags = (uint8_t)(way->flags | (way->v6 ? LP_HOP_V6 : 0)),
		.tags = way->tags,
		.dst = { 2, 0, 0, 0, 0, 1 },
		.src = { 2, 0, 0, 0, 0, 2 },
		.tag = { { htons(ETH_P_8021AD), htons(100) }, { htons(ETH_P_8021Q), htons(200) } },
		.saddr = address(balancers[way->v6]),
		.daddr = address(locals[way->v6]),
	};

	if (!way->v6)
		hop.outer_sum = constant_sum(&hop);
	return hop;
}

static int write_ways(void)
{
	static uint16_t slots[LP_SLOTS];
	int ret = 0;

	for (uint32_t i = 1; i < WAYS && !ret; i++) {
		struct lp_backend backend = { .state = { .flags = LP_BACKEND_ALIVE,
							 .incarnation = 1 },
					      .pool = i,
					      .hop = { make_hop(&ways[i]) } };

		for (size_t j = 0; j < LP_SLOTS; j++)
			slots[j] = (uint16_t)i;
		ret = dp_backend_write(dp, i, &backend);
		if (!ret)
			ret = settled_write(dp, i, slots);
		if (!ret)
			ret = dp_pool_write(dp, 1, i,
					    (struct lp_pool) { .table = i, .generation = 1 });
	}
	return ret;
}

static int fill(const struct lp_hash_key *key, const struct vip_rule *rules, size_t n,
		struct lp_err *err)
{
	struct vip_table_size room = { dp_size(dp)->index, dp_size(dp)->places,
				       dp_size(dp)->ranges };
	struct vip_table *table = NULL;
	int ret = vip_table_build(key, rules, n, &room, &table, err);

	if (!ret)
		ret = vip_table_write(table, dp, 1);
	if (!ret)
		ret = write_ways();
	if (!ret)
		ret = dp_flip(dp, 1, 1);
	vip_table_free(&table);
	return ret;
}

static int open_balancer(struct lp_err *err)
{
	struct dp_bpf_options options = { .pin_dir = BPFFS "/limpet-fuzz" };
	struct vip_rule rules[4 * WAYS];
	struct vip_table_size size;
	bool adopted;
	size_t n;
	int ret;

	make_rules(rules, &n);
	vip_table_size(rules, n, &size);
	options.size = (struct dp_size) {
		WAYS, WAYS, WAYS, WAYS, size.index, size.places, size.ranges ? size.ranges : 1, 1024
	};
	lp_hash_key_make(&options.key, SEED, strlen(SEED));
	ret = dp_bpf_open(&options, &dp, &adopted, err);
	return ret ? ret : fill(&options.key, rules, n, err);
}

static int open_decap(struct lp_err *err)
{
	struct lp_addr from[] = { address(balancers[0]), address(balancers[1]) };
	struct lp_addr local[] = { address(locals[0]), address(locals[1]) };
	int ret = decap_open(LP_GUE_PORT, &decap, err);

	if (!ret)
		ret = decap_set_from(decap, from, 2, err);
	return ret ? ret : decap_set_local(decap, local, 2, err);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct lp_err err = { "" };

	(void)argc;
	(void)argv;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, NULL)) {
		fprintf(stderr, "fuzz_packet: namespaces: %s (are you root?)\n", strerror(errno));
		exit(1);
	}
	if (open_balancer(&err) || open_decap(&err)) {
		fprintf(stderr, "fuzz_packet: setting up: %s\n", err.text);
		exit(1);
	}
	return 0;
}

/* --- what has to hold ------------------------------------------------------------- */

static void dump(const char *what, const uint8_t *bytes, size_t len)
{
	fprintf(stderr, "%s (%zu): ", what, len);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, "%02x", bytes[i]);
	fputc('\n', stderr);
}

#define HOLDS(run, rule, condition)                                                                \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fails(run, rule ": " #condition);                                          \
	} while (0)

static _Noreturn void fails(const struct packet_run *run, const char *what)
{
	fprintf(stderr, "does not hold: %s (verdict %u)\n", what, run->verdict);
	dump("in", run->in, run->in_len);
	dump("out", run->out, run->out_len);
	abort();
}

/* An Ethernet frame, taken apart. */
struct frame {
	const uint8_t *l3;
	size_t tags, l2_len, l3_len; /* l3_len: all that follows */
	uint16_t type;
};

static uint16_t word(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static struct frame take_apart(const uint8_t *data, size_t len)
{
	struct frame frame = { .l2_len = ETH_HLEN, .type = word(data + 12) };

	while (frame.tags < 2 && (frame.type == ETH_P_8021Q || frame.type == ETH_P_8021AD) &&
	       len >= frame.l2_len + 4) {
		frame.type = word(data + frame.l2_len + 2);
		frame.l2_len += 4;
		frame.tags++;
	}
	frame.l3 = data + frame.l2_len;
	frame.l3_len = len - frame.l2_len;
	return frame;
}

/* Length of an IP packet by its own word. */
static size_t ip_len(const struct frame *frame)
{
	return frame->type == ETH_P_IP ? word(frame->l3 + 2)
				       : sizeof(struct ipv6hdr) + word(frame->l3 + 4);
}

static bool ipv4_checksum_ok(const uint8_t *header, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += word(header + i);
	return lp_csum_fold(sum) == 0xffff;
}

/* F4 of the outer headers; returns what they add. */
static size_t check_outer(const struct packet_run *run, const struct frame *out,
			  const struct way *way, size_t inner_len)
{
	size_t ip = way->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	size_t udp = way->forward == LP_FORWARD_GUE ? sizeof(struct udphdr) : 0;

	HOLDS(run, "F4", out->type == (way->v6 ? ETH_P_IPV6 : ETH_P_IP));
	HOLDS(run, "F4", out->l3_len >= ip + udp + inner_len);
	HOLDS(run, "F4", ip_len(out) == ip + udp + inner_len);
	HOLDS(run, "F4", out->l3[0] >> 4 == (way->v6 ? 6 : 4));
	if (!way->v6) {
		HOLDS(run, "F4", (out->l3[0] & 15) == 5);
		HOLDS(run, "F4", ipv4_checksum_ok(out->l3, ip));
	}
	if (udp) {
		HOLDS(run, "F4", word(out->l3 + ip + 2) == LP_GUE_PORT);
		HOLDS(run, "F4", word(out->l3 + ip + 4) == udp + inner_len);
	}
	return ip + udp;
}

/* --- nat ------------------------------------------------------------------------- */

/* Ones' complement sum of `len` bytes, the last one padded. */
static uint32_t sum_of(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)bytes[i] << (i & 1 ? 0 : 8);
	return lp_csum_fold(sum) % 0xffff; /* there are two zeros */
}

/* Offset of the transport header where it is plain to see; 0: somewhere behind others. */
static size_t l4_of(const struct frame *frame)
{
	if (frame->type == ETH_P_IP)
		return (size_t)(frame->l3[0] & 15) * 4;
	return frame->l3[6] == IPPROTO_TCP || frame->l3[6] == IPPROTO_UDP ? sizeof(struct ipv6hdr)
									  : 0;
}

static uint8_t proto_of(const struct frame *frame)
{
	return frame->l3[frame->type == ETH_P_IP ? 9 : 6];
}

/* The sum that a receiver makes: of addresses and segment. */
static uint32_t segment_sum(const struct frame *frame, size_t l4)
{
	size_t addresses_at = frame->type == ETH_P_IP ? 12 : 8;
	size_t addresses_len = frame->type == ETH_P_IP ? 8 : 32;

	return (sum_of(frame->l3 + addresses_at, addresses_len) +
		sum_of(frame->l3 + l4, ip_len(frame) - l4)) %
	       0xffff;
}

/* No transport header is in it. (IPv6's are told by l4_of().) */
static bool is_later_fragment(const struct frame *frame)
{
	return frame->type == ETH_P_IP && (word(frame->l3 + 6) & 0x1fff);
}

/* What a receiver thinks of the checksums is as it was; `side`: 0 source, 1 destination. */
static void check_sums(const struct packet_run *run, const struct frame *in,
		       const struct frame *out, int side, uint16_t port)
{
	size_t l4 = l4_of(in);
	bool none;

	if (in->type == ETH_P_IP)
		HOLDS(run, "F4", sum_of(in->l3, l4) == sum_of(out->l3, l4));
	if (is_later_fragment(in))
		HOLDS(run, "F4", !memcmp(in->l3 + l4, out->l3 + l4, in->l3_len - l4));
	if (!l4 || is_later_fragment(in))
		return;
	none = proto_of(in) == IPPROTO_UDP && !word(in->l3 + l4 + 6);
	HOLDS(run, "F4", word(out->l3 + l4 + 2 * side) == port);
	HOLDS(run, "F4", word(out->l3 + l4 + 2 * !side) == word(in->l3 + l4 + 2 * !side));
	if (none)
		HOLDS(run, "F4", !word(out->l3 + l4 + 6));
	else
		HOLDS(run, "F4", segment_sum(in, l4) == segment_sum(out, l4));
}

/* Nothing else has changed: address, TTL, checksums and one port are all. */
static void check_rest(const struct packet_run *run, const struct frame *in,
		       const struct frame *out, int side)
{
	size_t size = in->type == ETH_P_IP ? 4 : 16, header = in->type == ETH_P_IP ? 12 : 8;
	size_t address_at = header + (size_t)side * size, l4 = l4_of(in);
	size_t check = l4 + (proto_of(in) == IPPROTO_TCP ? 16 : 6), different = 0;

	HOLDS(run, "F4", out->type == in->type && out->l3_len == in->l3_len);
	for (size_t i = 0; i < in->l3_len; i++) {
		bool may = (i >= address_at && i < address_at + size) ||
			   (in->type == ETH_P_IP ? i == 8 || i == 10 || i == 11 : i == 7);

		if (l4)
			may |= i == l4 + 2 * (size_t)side || i == l4 + 2 * (size_t)side + 1 ||
			       i == check || i == check + 1;
		if (out->l3[i] == in->l3[i] || may)
			continue;
		HOLDS(run, "F4", !l4); /* behind extension headers: a port and a checksum */
		different++;
	}
	HOLDS(run, "F4", different <= 4);
}

/* Is the backend the client? Then its source is translated too (hairpin). */
static bool calls_itself(const struct frame *in, const struct lp_addr *backend)
{
	if (in->type == ETH_P_IP)
		return !memcmp(in->l3 + 12, &backend->b[12], 4);
	return !memcmp(in->l3 + 8, backend->b, sizeof(backend->b));
}

/* Was the balancer itself asked? Then the reply is of a connection with an entry. */
static bool answers_balancer(const struct frame *in)
{
	struct lp_addr balancer = address(balancers[in->type != ETH_P_IP]);

	if (in->type == ETH_P_IP)
		return !memcmp(in->l3 + 16, &balancer.b[12], 4);
	return !memcmp(in->l3 + 24, balancer.b, sizeof(balancer.b));
}

/* Both sides have changed: what a receiver thinks of the checksums is as it was. (The
 * identification of IPv4 may have.) */
static void check_both(const struct packet_run *run, const struct frame *in,
		       const struct frame *out)
{
	bool v4 = in->type == ETH_P_IP;
	size_t l4 = l4_of(in);

	HOLDS(run, "F4", out->type == in->type && out->l3_len == in->l3_len);
	HOLDS(run, "F4", memcmp(in->l3 + (v4 ? 12 : 8), out->l3 + (v4 ? 12 : 8), v4 ? 4 : 16));
	if (v4)
		HOLDS(run, "F4", sum_of(in->l3, l4) == sum_of(out->l3, l4));
	if (is_later_fragment(in)) {
		HOLDS(run, "F4", !memcmp(in->l3 + l4, out->l3 + l4, in->l3_len - l4));
		return;
	}
	if (!l4 || (proto_of(in) == IPPROTO_UDP && !word(in->l3 + l4 + 6)))
		return;
	HOLDS(run, "F4", segment_sum(in, l4) == segment_sum(out, l4));
}

static void check_translated(const struct packet_run *run, const struct frame *in,
			     const struct frame *out, int side, const char *becomes, uint16_t port)
{
	bool v4 = in->type == ETH_P_IP;
	struct lp_addr addr = address(becomes);
	size_t at = (v4 ? 12 : 8) + (size_t)side * (v4 ? 4 : 16);

	HOLDS(run, "F4", !memcmp(out->l3 + at, v4 ? &addr.b[12] : addr.b, v4 ? 4 : sizeof(addr.b)));
	HOLDS(run, "F4", out->l3[v4 ? 8 : 7] == in->l3[v4 ? 8 : 7] - side);
	if (side == 1 ? calls_itself(in, &addr) : answers_balancer(in)) {
		check_both(run, in, out);
		return;
	}
	check_sums(run, in, out, side, port);
	check_rest(run, in, out, side);
}

/* --- ICMP ------------------------------------------------------------------------- */

/* Without extension headers. */
static bool is_icmp(const struct frame *frame)
{
	return proto_of(frame) == (frame->type == ETH_P_IP ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* With them; of a packet that limpet took for one it knows. */
static bool carries_icmp(const struct frame *frame)
{
	uint8_t next = proto_of(frame);
	size_t at = sizeof(struct ipv6hdr);

	if (frame->type == ETH_P_IP)
		return is_icmp(frame);
	while (next != IPPROTO_ICMPV6 && next != IPPROTO_TCP && next != IPPROTO_UDP) {
		const uint8_t *ext = frame->l3 + at;

		if (at + 8 > frame->l3_len)
			return false;
		if (next == IPPROTO_FRAGMENT)
			at += 8;
		else
			at += next == IPPROTO_AH ? (ext[1] + 2u) * 4 : (ext[1] + 1u) * 8;
		next = ext[0];
	}
	return next == IPPROTO_ICMPV6;
}

/* Of an ICMP packet without extension headers: what a receiver sums up; 0 is right. */
static uint32_t icmp_sum(const struct frame *frame)
{
	bool v4 = frame->type == ETH_P_IP;
	size_t at = v4 ? (size_t)(frame->l3[0] & 15) * 4 : sizeof(struct ipv6hdr);
	size_t len = ip_len(frame) - at;
	uint32_t sum = sum_of(frame->l3 + at, len);

	if (!v4)
		sum += sum_of(frame->l3 + 8, 32) + (uint32_t)len + IPPROTO_ICMPV6;
	return sum % 0xffff;
}

/* Addresses, ports and checksums, outer and quoted, and a hop: how many bytes may differ. */
static size_t icmp_changes(bool v4)
{
	return v4 ? 4 + 2 + 1 + 2 + 4 + 2 + 2 + 2 : 16 + 1 + 2 + 16 + 2 + 2;
}

/* An error through nat; `side`: 1 to a backend, 0 to a client, by the stack. */
static void check_error(const struct packet_run *run, const struct frame *in,
			const struct frame *out, int side)
{
	bool v4 = in->type == ETH_P_IP;
	size_t header = v4 ? (size_t)(in->l3[0] & 15) * 4 : 0, different = 0;

	HOLDS(run, "F4", out->type == in->type && out->l3_len == in->l3_len);
	HOLDS(run, "F4", out->l3[v4 ? 8 : 7] == in->l3[v4 ? 8 : 7] - side);
	HOLDS(run, "F4", sum_of(in->l3, header) == sum_of(out->l3, header));
	if (is_icmp(in))
		HOLDS(run, "F4", icmp_sum(in) == icmp_sum(out));
	for (size_t i = 0; i < in->l3_len; i++)
		different += in->l3[i] != out->l3[i];
	HOLDS(run, "F4", different <= icmp_changes(v4));
}

/* The addresses of both are those of the other, changed over. */
static bool goes_back(const struct frame *in, const struct frame *out)
{
	size_t size = in->type == ETH_P_IP ? 4 : 16, src = in->type == ETH_P_IP ? 12 : 8;

	return out->type == in->type && !memcmp(out->l3 + src, in->l3 + src + size, size) &&
	       !memcmp(out->l3 + src + size, in->l3 + src, size);
}

static void check_pong(const struct packet_run *run)
{
	struct frame in = take_apart(run->in, run->in_len);
	struct frame out = take_apart(run->out, run->out_len);
	size_t header = in.type == ETH_P_IP ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	HOLDS(run, "F6", run->verdict == XDP_TX && run->out_len == run->in_len);
	HOLDS(run, "F6", goes_back(&in, &out) && icmp_sum(&in) == icmp_sum(&out));
	HOLDS(run, "F6", !memcmp(in.l3 + header + 4, out.l3 + header + 4, in.l3_len - header - 4));
}

/* An error of limpet's own; leaves what it quotes. */
static const uint8_t *check_told(const struct packet_run *run, const struct frame *out, size_t *len)
{
	bool v4 = out->type == ETH_P_IP;
	size_t header = (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) + 8;

	HOLDS(run, "F6", v4 || out->type == ETH_P_IPV6);
	HOLDS(run, "F6", out->l3_len == ip_len(out) && out->l3_len <= (v4 ? 576 : 1280));
	HOLDS(run, "F6", out->l3_len >= header + 8 && icmp_sum(out) == 0);
	if (v4)
		HOLDS(run, "F6", ipv4_checksum_ok(out->l3, sizeof(struct iphdr)));
	*len = out->l3_len - header;
	return out->l3 + header;
}

static void check_answer(const struct packet_run *run)
{
	struct frame in = take_apart(run->in, run->in_len);
	struct frame out = take_apart(run->out, run->out_len);
	const uint8_t *quote;
	size_t len;

	HOLDS(run, "F6", run->verdict == XDP_TX && out.tags == in.tags);
	quote = check_told(run, &out, &len);
	HOLDS(run, "F6", goes_back(&in, &out) && len <= ip_len(&in) && !memcmp(quote, in.l3, len));
}

/* What was quoted by a router is quoted on. */
static void check_tunnel(const struct packet_run *run)
{
	struct frame out = take_apart(run->out, run->out_len);
	const uint8_t *quote;
	size_t len;

	HOLDS(run, "F6", run->verdict == XDP_PASS);
	quote = check_told(run, &out, &len);
	HOLDS(run, "F6", memmem(run->in, run->in_len, quote, len) != NULL);
}

/* A reply: there is no way to its client here, so the stack gets it, with its hops. */
static void check_reply(const struct packet_run *run)
{
	struct frame in = take_apart(run->in, run->in_len);
	struct frame out = take_apart(run->out, run->out_len);

	HOLDS(run, "F3", run->out_len == run->in_len);
	HOLDS(run, "F3", run->verdict == XDP_PASS);
	if (carries_icmp(&in)) {
		check_error(run, &in, &out, 0);
		return;
	}
	check_translated(run, &in, &out, 0, addresses[in.type != ETH_P_IP],
			 in.type == ETH_P_IP ? 9000 : 9001);
}

static void check_forwarded(const struct packet_run *run, uint32_t number, int reason)
{
	struct frame in = take_apart(run->in, run->in_len);
	struct frame out = take_apart(run->out, run->out_len);
	const struct way *way = &ways[number];
	size_t outer = 0, tags = way->flags & LP_HOP_KEEP_TAGS ? in.tags : way->tags;

	HOLDS(run, "F4", run->verdict == (way->ifindex == IN ? XDP_TX : XDP_REDIRECT));
	HOLDS(run, "F4", ip_len(&in) <= in.l3_len);
	HOLDS(run, "F4", out.tags == tags);
	if (way->forward == LP_FORWARD_NAT && reason == LP_FORWARD_ICMP) {
		check_error(run, &in, &out, 1);
		return;
	}
	if (way->forward == LP_FORWARD_NAT) {
		HOLDS(run, "F4", ip_len(&out) <= 1500);
		check_translated(run, &in, &out, 1, locals[way->v6], TARGET);
		return;
	}
	if (way->forward == LP_FORWARD_DSR)
		HOLDS(run, "F4", out.type == in.type);
	else
		outer = check_outer(run, &out, way, ip_len(&in));
	HOLDS(run, "F4", ip_len(&out) <= 1500);
	HOLDS(run, "F4", out.l3_len == outer + in.l3_len);
	HOLDS(run, "F4", !memcmp(out.l3 + outer, in.l3, in.l3_len));
}

static void check_identical(const struct packet_run *run)
{
	HOLDS(run, "F3", run->out_len == run->in_len);
	HOLDS(run, "F3", !memcmp(run->out, run->in, run->in_len));
}

static void check_decapsulated(const struct packet_run *run)
{
	struct frame in = take_apart(run->in, run->in_len);
	struct frame out = take_apart(run->out, run->out_len);
	size_t skip = out.type == ETH_P_IP ? 12 : 2; /* behind ECN and checksum */

	HOLDS(run, "F5", out.type == ETH_P_IP || out.type == ETH_P_IPV6);
	HOLDS(run, "F5", out.tags == in.tags && out.l2_len == in.l2_len);
	HOLDS(run, "F5", !memcmp(run->out, run->in, in.l2_len - 2));
	HOLDS(run, "F5", out.l3_len + 20 <= in.l3_len && out.l3_len >= 20);
	HOLDS(run, "F5", ip_len(&out) <= out.l3_len);
	HOLDS(run, "F5",
	      !memcmp(out.l3 + skip, run->in + run->in_len - out.l3_len + skip, out.l3_len - skip));
}

/* --- running ---------------------------------------------------------------------- */

/* F2: the one counter of `n` that rose, by one. */
static int risen(const struct packet_run *run, const uint64_t *before, const uint64_t *after, int n)
{
	int found = -1;

	for (int i = 0; i < n; i++) {
		if (before[i] == after[i])
			continue;
		HOLDS(run, "F2", found < 0 && after[i] == before[i] + 1);
		found = i;
	}
	HOLDS(run, "F2", found >= 0);
	return found;
}

static void remember(const struct packet_run *run, int program, int reason)
{
	struct frame frame = take_apart(run->in, run->in_len);
	size_t family = frame.type == ETH_P_IP ? 1 : frame.type == ETH_P_IPV6 ? 2 : 0;
	size_t at = (size_t)program * LP_REASONS_MAX + (size_t)reason;

	at = (at * 3 + frame.tags) * 4 + family;
	outcomes[at % sizeof(outcomes)]++;
}

static void run_it(struct packet_run *run)
{
	int ret = packet_run(run);

	HOLDS(run, "F1", ret == 0);
	HOLDS(run, "F1", run->verdict >= XDP_DROP && run->verdict <= XDP_REDIRECT);
}

/* Of the frame; if all of its packet is in the first buffer, padding in others is not looked
 * for, except by the walk of ICMP. */
static uint64_t counted_bytes(const struct packet_run *run)
{
	uint32_t buffer = (uint32_t)sysconf(_SC_PAGESIZE) - BUFFER_REST;
	struct frame in = take_apart(run->in, run->in_len);

	if (run->in_len <= buffer || in.l2_len + ip_len(&in) > buffer || carries_icmp(&in))
		return run->in_len;
	return buffer;
}

/* The way whose VIP and backend counters rose, both by this frame; 0: none. */
static uint32_t way_taken(const struct packet_run *run, struct lp_counter before[2][WAYS])
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < WAYS; i++) {
		struct lp_counter vip, backend;

		dp_vip_counter(dp, i, &vip);
		dp_backend_counter(dp, i, &backend);
		HOLDS(run, "F4", vip.packets == backend.packets && vip.bytes == backend.bytes);
		if (vip.packets == before[0][i].packets)
			continue;
		HOLDS(run, "F4", !found && vip.packets == before[0][i].packets + 1);
		HOLDS(run, "F4", vip.bytes == before[0][i].bytes + counted_bytes(run));
		found = i;
	}
	return found;
}

static void check_unforwarded(const struct packet_run *run, int reason)
{
	HOLDS(run, "F2",
	      reason != LP_FORWARD_TX && reason != LP_FORWARD_REDIRECT &&
		      reason != LP_FORWARD_ICMP);
	switch (reason) {
	case LP_ANSWER_PING:
		check_pong(run);
		return;
	case LP_ANSWER_TOO_BIG:
	case LP_ANSWER_TTL:
		check_answer(run);
		return;
	case LP_PASS_TUNNEL:
		check_tunnel(run);
		return;
	case LP_PASS_REPLY:
		check_reply(run);
		return;
	default:
		HOLDS(run, "F2", run->verdict == XDP_PASS || run->verdict == XDP_DROP);
		check_identical(run);
	}
}

static void balance(struct packet_run *run)
{
	uint64_t before[LP_REASON_COUNT], after[LP_REASON_COUNT];
	struct lp_counter counters[2][WAYS];
	uint32_t way;
	int reason;

	dp_reasons(dp, before);
	for (uint32_t i = 0; i < WAYS; i++)
		dp_vip_counter(dp, i, &counters[0][i]);
	run->prog_fd = dp_bpf_prog_fd(dp);
	run_it(run);
	dp_reasons(dp, after);
	reason = risen(run, before, after, LP_REASON_COUNT);
	way = way_taken(run, counters);
	if (way) {
		HOLDS(run, "F2",
		      reason == LP_FORWARD_TX || reason == LP_FORWARD_REDIRECT ||
			      reason == LP_FORWARD_ICMP);
		check_forwarded(run, way, reason);
	} else {
		check_unforwarded(run, reason);
	}
	remember(run, (int)way, reason);
}

static void decapsulate(struct packet_run *run)
{
	uint64_t before[LP_DECAP_REASONS], after[LP_DECAP_REASONS];
	struct lp_err err;
	int reason;

	if (decap_counters(decap, before, &err))
		abort();
	run->prog_fd = decap_prog_fd(decap);
	run_it(run);
	if (decap_counters(decap, after, &err))
		abort();
	reason = risen(run, before, after, LP_DECAP_REASONS);
	HOLDS(run, "F2", run->verdict == (reason <= LP_DECAP_NOT_TUNNEL ? XDP_PASS : XDP_DROP));
	if (reason == LP_DECAP_OK)
		check_decapsulated(run);
	else
		check_identical(run);
	remember(run, (int)WAYS, reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct packet_run run;

	if (size < 1 + FRAME_MIN || size > 1 + FRAME_MAX)
		return 0;
	run.ifindex = IN;
	run.in = data + 1;
	run.in_len = (uint32_t)size - 1;
	if (data[0] & 1)
		decapsulate(&run);
	else
		balance(&run);
	return 0;
}
