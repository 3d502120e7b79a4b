// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <limpet/csum.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

#include "common/settled.h"
#include "core/slot_table.h"
#include "core/vip_table.h"
#include "dp/dp_internal.h"
#include "flows.h"
#include "lib/addr.h"
#include "limpet_setup.h"
#include "network.h"

#define SETUP_SEED  "limpet benchmark"
#define SETUP_BPFFS "/sys/fs/bpf" /* there wherever BPF is; private to us */
#define SETUP_PINS  SETUP_BPFFS "/limpet-bench-"
#define SETUP_POOL  1u
#define SETUP_TABLE 1u
#define SETUP_HALF  1u

int limpet_mount(struct lp_err *err)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return lp_err(err, -errno, "no mount namespace of our own: %s (are you root?)",
			      strerror(errno));
	if (mount("bpf", SETUP_BPFFS, "bpf", 0, NULL))
		return lp_err(err, -errno, "no BPF file system at " SETUP_BPFFS ": %s",
			      strerror(errno));
	return 0;
}

void limpet_pins(enum bench_state state, char *path)
{
	snprintf(path, PATH_MAX, "%s%s", SETUP_PINS, bench_state_name(state));
}

/* The outer header's constant words, as abi.h defines outer_sum. */
static uint32_t setup_outer_sum(const struct lp_hop *hop)
{
	uint32_t sum = htons(0x4500) + htons(0x4000) + htons(LP_OUTER_TTL << 8);

	sum = lp_csum_add32(sum, hop->saddr.w[3]);
	return lp_csum_fold(lp_csum_add32(sum, hop->daddr.w[3]));
}

static void setup_addr4(struct lp_addr *addr, uint32_t host)
{
	*addr = (struct lp_addr) { .w = { 0, 0, htonl(0xffff), htonl(host) } };
}

static void setup_addr6(struct lp_addr *addr, uint32_t host)
{
	*addr = (struct lp_addr) { .w = { htonl(0xfd000000), 0, 0, htonl(host) } };
}

void limpet_hop(const struct bench_point *point, uint32_t number, struct lp_hop *hop)
{
	*hop = (struct lp_hop) {
		/* Program runs come in by loopback: the verdict is XDP_TX. */
		.ifindex = if_nametoindex("lo"),    .mtu = 9000,
		.flags = point->v6 ? LP_HOP_V6 : 0, .dst = { 0x02, 0, 0, 0, 1, 1 },
		.src = { 0x02, 0, 0, 0, 1, 2 },
	};
	if (point->v6) {
		setup_addr6(&hop->saddr, 1);
		flow_backend6(number, hop->daddr.w);
	} else {
		setup_addr4(&hop->saddr, 172u << 24 | 16u << 16 | 1);
		setup_addr4(&hop->daddr, ntohl(flow_backend4(number)));
		hop->outer_sum = setup_outer_sum(hop);
	}
}

static bool setup_is_nat(enum bench_state state)
{
	return state == BENCH_STATE_NAT || state == BENCH_STATE_NAT_REPLY;
}

static void setup_rule(const struct bench_point *point, enum bench_state state, uint32_t vip,
		       struct vip_rule *rule)
{
	*rule = (struct vip_rule){
		.proto = IPPROTO_TCP,
		.first = FLOW_PORT,
		.last = FLOW_PORT,
		.vip = {
			.vip = vip + 1,
			.pool = SETUP_POOL,
			.forward = (uint8_t)bench_state_forward(state, point),
			.target = setup_is_nat(state) ? flow_target(vip) : 0,
			.affinity = (uint8_t)point->affinity,
			.track = state == BENCH_STATE_ALWAYS ? LP_TRACK_ALWAYS : LP_TRACK_NEEDED,
			.idle_timeout = 1800,
			.client_timeout = 1800,
		},
	};
	/* The defaults of limpet.yaml: an address, or a /64 of IPv6. */
	lp_addr_mask(&rule->vip.source_mask, point->v6 ? 64 : 32, point->v6);
	if (point->v6)
		flow_vip6(vip, rule->addr.w);
	else
		setup_addr4(&rule->addr, ntohl(flow_vip4(vip)));
}

/* What comes from a VIP's port of a backend is that VIP's reply (core/nat.c). */
static void setup_reply(const struct vip_rule *vip, const struct lp_hop *backend,
			struct vip_rule *rule)
{
	uint16_t port = ntohs(vip->vip.target);

	*rule = (struct vip_rule) {
		.addr = backend->daddr,
		.proto = vip->proto,
		.first = port,
		.last = port,
		.vip = { .vip = vip->vip.vip,
			 .forward = vip->vip.forward,
			 .flags = LP_VIP_REPLY,
			 .target = htons(vip->first),
			 .rewrite = vip->addr },
	};
}

/* Rules of the VIPs, and with nat those of replies; *n: how many. */
static struct vip_rule *setup_rules(const struct bench_point *point, enum bench_state state,
				    size_t *n)
{
	size_t each = setup_is_nat(state) ? 1 + (size_t)point->backends : 1;
	struct vip_rule *rules = calloc(point->vips * each, sizeof(*rules));
	struct vip_rule *rule = rules;
	struct lp_hop hop;

	for (uint32_t i = 0; rules && i < point->vips; i++) {
		struct vip_rule *vip = rule++;

		setup_rule(point, state, i, vip);
		for (uint32_t b = 1; b < each; b++) {
			limpet_hop(point, b, &hop);
			setup_reply(vip, &hop, rule++);
		}
	}
	*n = point->vips * each;
	return rules;
}

static int setup_backends(struct dp *dp, const struct bench_point *point)
{
	int ret = 0;

	for (uint32_t i = 1; !ret && i <= point->backends; i++) {
		struct lp_backend backend = {
			.state = { .flags = LP_BACKEND_ALIVE, .incarnation = 1 },
			.pool = SETUP_POOL,
		};

		limpet_hop(point, i, &backend.hop[0]);
		backend.hop[1] = backend.hop[0];
		ret = dp_backend_write(dp, i, &backend);
	}
	return ret;
}

/* Seconds of the clock that packets have. */
static uint32_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)now.tv_sec;
}

/* All slots came from the backend of the next number a moment ago. */
static int moving_write(struct dp *dp, const struct bench_point *point, const uint16_t *table)
{
	struct lp_slot *slots = calloc(LP_SLOTS, sizeof(*slots));
	uint32_t *since = calloc(LP_SLOTS, sizeof(*since));
	uint32_t now = now_s();
	int ret = -ENOMEM;

	if (slots && since) {
		for (uint32_t i = 0; i < LP_SLOTS; i++) {
			slots[i].cur = table[i];
			slots[i].prev = (uint16_t)(table[i] % point->backends + 1);
			since[i] = now;
		}
		ret = dp_slots_write(dp, SETUP_TABLE, slots, since);
	}
	free(slots);
	free(since);
	return ret;
}

/* Members of equal weight. */
static int setup_slots(struct dp *dp, const struct bench_point *point, enum bench_state state)
{
	struct slot_member *members = calloc(point->backends, sizeof(*members));
	uint16_t *table = calloc(LP_SLOTS, sizeof(*table));
	char name[32];
	int ret = -ENOMEM;

	if (!members || !table)
		goto out;
	for (uint32_t i = 0; i < point->backends; i++) {
		snprintf(name, sizeof(name), "b%u", i + 1);
		members[i] = (struct slot_member) {
			.id = slot_member_id(SETUP_SEED, "bench", name),
			.weight = 100,
			.usable = true,
			.value = (uint16_t)(i + 1),
		};
	}
	ret = slot_table_build(CONFIG_HASH_MAGLEV, members, point->backends, table);
	if (!ret && state == BENCH_STATE_MOVING)
		ret = moving_write(dp, point, table);
	else if (!ret)
		ret = settled_write(dp, SETUP_TABLE, table);
out:
	free(table);
	free(members);
	return ret;
}

void limpet_source(const struct bench_point *point, uint32_t number, struct lp_addr *addr)
{
	if (point->v6)
		setup_addr6(addr, 0x100 + number);
	else
		setup_addr4(addr, (172u << 24 | 18u << 16) + number);
}

/* The interface that replies leave by is one of limpet's, as core/policy.c says it. */
static int setup_interface(struct dp *dp, const struct bench_point *point)
{
	struct lp_policy_key key = {
		.prefixlen = LP_POLICY_BITS + (point->v6 ? 0 : 96),
		.scope = LP_POLICY_SCOPE(0, point->v6, SETUP_HALF),
		.ifindex = if_nametoindex(NETWORK_INTERFACE),
	};

	if (!point->v6)
		setup_addr4(&key.addr, 0);
	return dp_policy_add(dp, &key, LP_POLICY_ADMIT);
}

/* As many addresses as can be: a million connections go to three backends. */
static int setup_sources(struct dp *dp, const struct bench_point *point)
{
	struct lp_snat_list list = { .n = LP_SNAT_ADDRESSES_MAX };
	int ret = 0;

	for (uint32_t i = 0; i < list.n; i++)
		limpet_source(point, i, &list.addr[i]);
	for (uint32_t i = 0; !ret && i < point->vips; i++)
		ret = dp_snat_write(dp, SETUP_HALF, i + 1, &list);
	return ret;
}

/* Writes all of it into the half that packets do not see, then flips. */
static int setup_fill(struct dp *dp, const struct bench_point *point, enum bench_state state,
		      const struct vip_table *table)
{
	struct lp_pool pool = { .table = SETUP_TABLE, .generation = 1 };
	int ret = setup_backends(dp, point);

	if (!ret)
		ret = setup_slots(dp, point, state);
	if (!ret)
		ret = dp_pool_write(dp, SETUP_HALF, SETUP_POOL, pool);
	if (!ret)
		ret = vip_table_write(table, dp, SETUP_HALF);
	if (!ret && state == BENCH_STATE_SNAT)
		ret = setup_sources(dp, point);
	if (!ret && state == BENCH_STATE_NAT_REPLY)
		ret = setup_interface(dp, point);
	if (!ret)
		ret = dp_flip(dp, SETUP_HALF, 1);
	return ret;
}

static int setup_dp(const struct bench_point *point, enum bench_state state,
		    const struct vip_table *table, const struct lp_hash_key *key, struct dp **out,
		    struct lp_err *err)
{
	char pins[PATH_MAX];
	struct dp_bpf_options options = {
		.pin_dir = pins,
		.size = {
			.vips = point->vips + 1,
			.pools = SETUP_POOL + 1,
			.backends = point->backends + 1,
			.tables = SETUP_TABLE + 1,
			.index = table->n_index,
			.places = table->n_places,
			.ranges = table->n_ranges ? table->n_ranges : 1,
			.buckets = 1u << 18,
			.entries = state == BENCH_STATE_SNAT ? 1u << 18 : 0,
		},
		.key = *key,
	};
	struct dp *dp = NULL;
	bool adopted;
	int ret;

	limpet_pins(state, pins);
	ret = dp_bpf_open(&options, &dp, &adopted, err);
	if (ret)
		return ret;
	ret = setup_fill(dp, point, state, table);
	if (ret)
		lp_err(err, ret, "the tables cannot be filled: %s", strerror(-ret));
	else
		ret = dp_publish(dp, err);
	if (ret)
		limpet_close(&dp, state);
	else
		*out = dp;
	return ret;
}

int limpet_open(const struct bench_point *point, enum bench_state state, struct dp **out,
		struct lp_err *err)
{
	struct vip_table *table = NULL;
	struct vip_table_size size;
	struct vip_rule *rules;
	struct lp_hash_key key;
	size_t n;
	int ret;

	if (setup_is_nat(state) && point->vips > FLOW_TARGETS_MAX)
		return lp_err(err, -E2BIG, "at most %u VIPs with nat: a port of its own for each",
			      FLOW_TARGETS_MAX);
	rules = setup_rules(point, state, &n);
	if (!rules)
		return lp_err(err, -ENOMEM, "out of memory");
	lp_hash_key_make(&key, SETUP_SEED, strlen(SETUP_SEED));
	vip_table_size(rules, n, &size);
	ret = vip_table_build(&key, rules, n, &size, &table, err);
	if (!ret)
		ret = setup_dp(point, state, table, &key, out, err);
	vip_table_free(&table);
	free(rules);
	return ret;
}

void limpet_close(struct dp **dp, enum bench_state state)
{
	char pins[PATH_MAX];

	if (!*dp)
		return;
	dp_close(dp);
	limpet_pins(state, pins);
	dp_bpf_destroy(pins, NULL);
}

uint64_t limpet_forwarded(const struct dp *dp, enum bench_state state)
{
	uint64_t packets[LP_REASON_COUNT];

	dp_reasons(dp, packets);
	return packets[state == BENCH_STATE_NAT_REPLY ? LP_FORWARD_REPLY : LP_FORWARD_TX];
}

static uint32_t establish(struct lp_bucket *bucket)
{
	uint32_t n = 0;

	for (unsigned int way = 0; way < LP_WAYS; way++) {
		struct lp_record_word *word = &bucket->way[way].value;

		if (!word->backend)
			continue;
		word->flags = (uint8_t)((word->flags & ~LP_RECORD_FLAGS) | LP_RECORD_CONFIRMED);
		word->expires += 3600; /* nothing is stale while it is measured */
		n++;
	}
	return n;
}

uint32_t limpet_establish(struct dp *dp)
{
	uint32_t entries = 0, returns = 0;

	for (uint32_t i = 0; i < dp_size(dp)->entries; i++) {
		entries += establish(&dp->maps.entries[i].index);
		returns += establish(&dp->maps.returns[i].index);
	}
	return entries < returns ? entries : returns;
}

static bool counts(struct lp_record_word word, bool confirmed, uint32_t now)
{
	return word.expires > now && !(word.flags & LP_RECORD_CONFIRMED) == !confirmed;
}

uint32_t limpet_entries(const struct dp *dp, bool confirmed)
{
	uint32_t n = 0, now = now_s();
	struct lp_entry_port to;
	struct lp_record record;
	struct lp_addr addr;

	for (uint32_t i = 0; i < dp_size(dp)->entries; i++)
		for (unsigned int way = 0; way < LP_WAYS; way++)
			n += dp_entry(dp, i, way, &record, &to, &addr) &&
			     counts(record.value, confirmed, now);
	return n;
}

uint32_t limpet_records(const struct dp *dp, bool confirmed)
{
	uint32_t n = 0, now = now_s();
	struct lp_record record;

	for (uint32_t i = 0; i < dp_size(dp)->buckets; i++)
		for (unsigned int way = 0; way < LP_WAYS; way++)
			n += dp_record(dp, i, way, &record, NULL) &&
			     counts(record.value, confirmed, now);
	return n;
}

void limpet_empty(struct dp *dp)
{
	const struct dp_size *size = dp_size(dp);

	for (uint32_t i = 0; i < size->buckets; i++)
		memset(&dp->maps.records[i], 0, sizeof(dp->maps.records[i]));
	for (uint32_t i = 0; i < size->entries; i++) {
		memset(&dp->maps.entries[i].index, 0, sizeof(dp->maps.entries[i].index));
		memset(&dp->maps.returns[i].index, 0, sizeof(dp->maps.returns[i].index));
	}
}
