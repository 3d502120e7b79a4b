// SPDX-License-Identifier: GPL-2.0
/*
 * `limpet explain` against the program: random slots, backends and records, a
 * packet, and the backend that explain() names has to be the one that the packet
 * goes to. The rules are written down twice, in bpf/track.h and in core/answer.c;
 * this is what holds them together.
 *
 * Each case has a source of its own. Its slot gets a random state, the backends
 * random lives, the record table perhaps a record of its connection and one of its
 * client, good or bad in every way there is: dead, of another life, of another
 * pool, offline, expired. Then explain() is asked, then the packet is sent: this
 * order, because packets write records. Where one is written in a residual slot that
 * differs from the slot, the slot's time has to begin again, so that the sweep does
 * not settle it (S1 in core/sweep.h).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limpet/hash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../bpf/record.h"
#include "agent/explain.h"
#include "core/records.h"
#include "core/slot_state.h"
#include "dp/dp_internal.h"
#include "tap.h"
#include "traffic_run.h"
#include "world.h"

#define BACKENDS  7u /* by number from 1, in the order of names; the last is of another pool */
#define OWN       (BACKENDS - 1)
#define BUCKETS   4096u
#define PORT      443
#define FAR       1000u /* seconds: further than the test's clock and the program's can be apart */
#define PROXIES   0x0ac80000u /* 10.200.0.0/16 */
#define CASES_MIN 1000u       /* fewer do not meet everything */

static const char yaml[] =
	"seed: explain\n"
	"interfaces: [{name: lo}]\n"
	"pools:\n"
	"  p:\n"
	"    backends:\n"
	"      - {name: b1, address: 10.1.0.1}\n"
	"      - {name: b2, address: 10.1.0.2}\n"
	"      - {name: b3, address: 10.1.0.3}\n"
	"      - {name: b4, address: 10.1.0.4}\n"
	"      - {name: b5, address: 10.1.0.5}\n"
	"      - {name: b6, address: 10.1.0.6}\n"
	"  q:\n"
	"    backends:\n"
	"      - {name: b7, address: 10.1.0.7}\n"
	"vips:\n"
	"  group-tcp: {addresses: [192.0.2.1], ports: [443], pool: p, forward: dsr,\n"
	"              affinity: {mode: source, group: g}}\n"
	"  group-udp: {addresses: [192.0.2.2], ports: [443], pool: p, forward: dsr,\n"
	"              protocol: udp, affinity: {mode: source, group: g}}\n"
	"  alone-tcp: {addresses: [192.0.2.3], ports: [443], pool: p, forward: dsr,\n"
	"              affinity: {mode: source}}\n"
	"  alone-udp: {addresses: [192.0.2.4], ports: [443], pool: p, forward: dsr,\n"
	"              protocol: udp, affinity: {mode: source}}\n"
	"  flow-tcp:  {addresses: [192.0.2.5], ports: [443], pool: p, forward: dsr,\n"
	"              affinity: {mode: tcp}}\n"
	"  flow-udp:  {addresses: [192.0.2.6], ports: [443], pool: p, forward: dsr,\n"
	"              protocol: udp, affinity: {mode: tcp}}\n"
	"  always:    {addresses: [192.0.2.7], ports: [443], pool: p, forward: dsr,\n"
	"              affinity: {mode: source, track: always}}\n"
	"  always-flow: {addresses: [192.0.2.8], ports: [443], pool: p, forward: dsr,\n"
	"              affinity: {mode: tcp, track: always}}\n"
	"  never:     {addresses: [192.0.2.9], ports: [443], pool: p, forward: dsr,\n"
	"              affinity: {mode: source, track: never}}\n"
	"  reroute:   {addresses: [192.0.2.11], ports: [443], pool: p, forward: dsr,\n"
	"              on_backend_down: reroute, affinity: {mode: source}}\n"
	"  proxied:   {addresses: [192.0.2.10], ports: [443], pool: p, forward: dsr,\n"
	"              affinity: {mode: source, proxies: [10.200.0.0/16]}}\n";

/* What the cases have met: slot states, and where packets went. */
enum { STATES = 3, STATE_SETTLED = 0, STATE_MOVING, STATE_RESIDUAL };
enum { PLACES = 4, PLACE_CUR = 0, PLACE_PREV, PLACE_OTHER, PLACE_RESET };

struct test {
	struct world world;
	struct traffic *traffic;
	struct agent agent; /* as much of it as explain() looks at */
	uv_loop_t loop;     /* its */
	uint64_t random;
	unsigned int cases, met[STATES][PLACES];
	unsigned int unlike; /* a SYN and another packet go to different backends */
	unsigned int wrong;
	unsigned int differ, unheld; /* residual slots with new records, and a time as before */
};

struct sample {
	const struct config_vip *vip;
	struct traffic_flow flow;
	struct lp_addr src, dst;
	bool source; /* the client decides */
	uint32_t slot, table;
	struct lp_slot state;
	uint64_t of_flow, of_client; /* fingerprints */
	uint8_t flags;               /* of TCP */
};

static uint32_t draw(struct test *test, uint32_t n)
{
	test->random = test->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((test->random >> 32) * n >> 32);
}

static bool percent(struct test *test, uint32_t odds)
{
	return draw(test, 100) < odds;
}

/* --- a case -------------------------------------------------------------------------- */

static void make_packet(struct test *test, struct sample *sample)
{
	static const uint8_t flags[] = { TRAFFIC_SYN, TRAFFIC_SYN, TRAFFIC_ACK, TRAFFIC_ACK | 1,
					 TRAFFIC_ACK | TRAFFIC_RST };
	const struct config *config = test->world.config;
	uint32_t src = 0x0a000000u | draw(test, 1u << 24);
	bool proxy;

	sample->vip = &config->vips[draw(test, (uint32_t)config->n_vips)];
	if (percent(test, 30))
		src = PROXIES | draw(test, 1u << 16);
	proxy = sample->vip->n_proxies && (src & 0xffff0000u) == PROXIES;
	sample->source = sample->vip->affinity == LP_AFFINITY_SOURCE && !proxy;
	sample->flags = flags[draw(test, sizeof(flags))];
	sample->dst = sample->vip->addresses[0];
	sample->src = (struct lp_addr) { .w = { 0, 0, htonl(0xffff), htonl(src) } };
	sample->flow = (struct traffic_flow) {
		.src = sample->src.w[3],
		.dst = sample->dst.w[3],
		.sport = htons((uint16_t)(1 + draw(test, 65535))),
		.dport = htons(PORT),
		.proto = sample->vip->protocol,
	};
}

static uint32_t slot_of(const struct test *test, const struct sample *sample)
{
	const struct lp_hash_key *key = &test->world.key;

	if (sample->source)
		return lp_hash_slot(lp_hash_client(key, &sample->src, false));
	return lp_hash_slot(lp_hash_flow(key, &sample->src, &sample->dst, sample->flow.sport,
					 sample->flow.dport, false));
}

static void make_slot(struct test *test, struct sample *sample)
{
	struct dp *dp = test->world.dp;
	uint32_t pool = runtime_pool(&test->world.engine.runtime, "p"), kind = draw(test, 100);
	struct lp_slot state = { .cur = (uint16_t)(1 + draw(test, OWN)), .prev = LP_SLOT_SETTLED };

	if (percent(test, 3))
		state.cur = 0;
	if (kind < 8)
		state.prev = LP_SLOT_ORPHANED;
	else if (kind < 50)
		state.prev = (uint16_t)(1 + draw(test, OWN));
	else if (kind < 80)
		state.prev = LP_SLOT_RESIDUAL;
	else if (kind < 90)
		state.prev = (uint16_t)(LP_SLOT_OPENING + draw(test, 2));
	sample->slot = slot_of(test, sample);
	sample->table = dp_pool(dp, dp_active_half(dp), pool).table;
	sample->state = state;
	dp_slot_change(dp, sample->table, sample->slot, dp_slots(dp, sample->table)[sample->slot],
		       state, world_now().mono);
}

static void make_backends(struct test *test)
{
	for (uint32_t i = 1; i <= BACKENDS; i++) {
		struct lp_backend_state state = {
			.flags = (uint16_t)((percent(test, 75) ? LP_BACKEND_ALIVE : 0) |
					    (percent(test, 20) ? LP_BACKEND_OFFLINE : 0)),
			.incarnation = (uint16_t)(1 + draw(test, 3)),
		};

		dp_backend_state(test->world.dp, i, state);
	}
}

/* --- its records --------------------------------------------------------------------- */

static void make_record(struct test *test, const struct sample *sample, uint64_t fingerprint,
			uint8_t flags)
{
	const struct dp_maps *maps = &test->world.dp->maps;
	uint32_t at = (uint32_t)fingerprint & (dp_size(test->world.dp)->buckets - 1);
	uint32_t now = world_now().mono,
		 backend = 1 + draw(test, percent(test, 95) ? OWN : BACKENDS);
	uint8_t life = (uint8_t)dp_backend(test->world.dp, backend)->state.incarnation;
	struct lp_record_info info = { .src = sample->src, .created = now };
	struct lp_record_word word = {
		.backend = (uint16_t)backend,
		.incarnation = (uint8_t)(life + percent(test, 20)),
		.flags = (uint8_t)(flags | (percent(test, 50) ? LP_RECORD_CONFIRMED : 0)),
		.expires = percent(test, 65) ? now + FAR : now - FAR,
	};

	record_make(&maps->records[at], &maps->record_info[at], fingerprint, &word, &info, now);
}

static uint16_t scope_of(const struct test *test, const struct sample *sample)
{
	const struct dp *dp = test->world.dp;
	const struct lp_vip *vips = dp_vips(dp, dp_active_half(dp));

	for (uint32_t i = 0; i < dp_size(dp)->places; i++)
		if (vips[i].kind == LP_VIP_EXACT && lp_addr_equal(&vips[i].addr, &sample->dst))
			return vips[i].scope;
	return 0;
}

static void make_records(struct test *test, struct sample *sample)
{
	const struct lp_hash_key *key = &test->world.key;

	sample->of_flow = lp_fingerprint_flow(key, &sample->src, &sample->dst, sample->flow.sport,
					      sample->flow.dport, sample->flow.proto, false);
	sample->of_client = lp_fingerprint_client(key, &sample->src, scope_of(test, sample), false);
	if (percent(test, 55))
		make_record(test, sample, sample->of_flow, 0);
	if (percent(test, 55))
		make_record(test, sample, sample->of_client, LP_RECORD_CLIENT);
}

/* The backend that a record names; 0: there is none. */
static uint32_t remembered(const struct test *test, uint64_t fingerprint)
{
	struct records_entry entry;

	return records_find(test->world.dp, fingerprint, &entry) ? entry.record.value.backend : 0;
}

/* Does a record name another backend than the slot, and than it did before? */
static bool is_news(const struct test *test, const struct sample *sample, uint64_t fingerprint,
		    uint32_t before)
{
	uint32_t after = remembered(test, fingerprint);

	return after && after != before && after != sample->state.cur;
}

/* --- the question -------------------------------------------------------------------- */

static uint32_t number_of(const struct test *test, const json_t *answer, const char *packet)
{
	const char *name = json_string_value(json_object_get(answer, packet));
	uint32_t number = 0;

	if (name)
		number = world_backend(&test->world, "p", name);
	if (name && !number)
		number = world_backend(&test->world, "q", name);
	return number;
}

/* The backend that explain() names for the case's packet. -errno. */
static int ask(struct test *test, const struct sample *sample, struct lp_err *err)
{
	char source[LP_ADDR_TEXT], port[8];
	const struct explain_query query = { sample->vip->name, NULL, source, port };
	json_t *answer = NULL;
	uint32_t opening, established;
	int ret;

	lp_addr_format(&sample->src, source);
	snprintf(port, sizeof(port), "%u", ntohs(sample->flow.sport));
	ret = explain(&test->agent, &query, &answer, err);
	if (ret)
		return ret;
	opening = number_of(test, answer, "opening");
	established = json_is_true(json_object_get(answer, "established_reset"))
			      ? TRAFFIC_RESET
			      : number_of(test, answer, "established");
	json_decref(answer);
	test->unlike += opening != established;
	return (int)(sample->flow.proto == IPPROTO_UDP || sample->flags == TRAFFIC_SYN
			     ? opening
			     : established);
}

static void count(struct test *test, const struct sample *sample, int got)
{
	int state = slot_is_moving(sample->state)    ? STATE_MOVING
		    : slot_is_settled(sample->state) ? STATE_SETTLED
						     : STATE_RESIDUAL;
	int place = got == TRAFFIC_RESET                                 ? PLACE_RESET
		    : got == sample->state.cur                           ? PLACE_CUR
		    : state == STATE_MOVING && got == sample->state.prev ? PLACE_PREV
									 : PLACE_OTHER;

	test->met[state][place]++;
}

/* Sends the packet; where it went, or -errno. */
static int send_packet(struct test *test, const struct sample *sample)
{
	uint32_t flow = remembered(test, sample->of_flow), now = world_now().mono;
	uint32_t client = remembered(test, sample->of_client);
	int got = traffic_send(test->traffic, &sample->flow, sample->flags);

	if (sample->state.prev != LP_SLOT_RESIDUAL ||
	    !(is_news(test, sample, sample->of_flow, flow) ||
	      is_news(test, sample, sample->of_client, client)))
		return got;
	test->differ++;
	test->unheld += dp_slot_times(test->world.dp, sample->table)[sample->slot] <= now;
	return got;
}

/* A RST is never answered by one: it goes where one without a record does. */
static int of_a_rst(const struct test *test, const struct sample *sample)
{
	struct lp_slot slot = sample->state;

	if (slot_is_moving(slot) && !slot_is_orphaned(slot) &&
	    (dp_backend(test->world.dp, slot.prev)->state.flags & LP_BACKEND_ALIVE))
		return slot.prev;
	return slot.cur;
}

static int run_case(struct test *test, struct lp_err *err)
{
	struct sample sample;
	int told, got;

	make_packet(test, &sample);
	make_backends(test);
	make_slot(test, &sample);
	make_records(test, &sample);
	told = ask(test, &sample, err);
	if (told < 0)
		return told;
	if (told == TRAFFIC_RESET && (sample.flags & TRAFFIC_RST))
		told = of_a_rst(test, &sample);
	got = send_packet(test, &sample);
	if (got < 0)
		return lp_err(err, got, "program run: %s", strerror(-got));
	count(test, &sample, got);
	if (got == told)
		return 0;
	if (!test->wrong++)
		printf("# the first: case %u, VIP %s, slot %u, cur %u, prev %u, flags %u: explain "
		       "says %d, the packet went to %d\n",
		       test->cases, sample.vip->name, sample.slot, sample.state.cur,
		       sample.state.prev, sample.flags, told, got);
	return 0;
}

/* --- all ------------------------------------------------------------------------------ */

static void ignore(void *arg)
{
	(void)arg;
}

static int set_up(struct test *test, struct lp_err *err)
{
	int ret = uv_loop_init(&test->loop) ? lp_err(err, -ENOMEM, "no event loop")
					    : world_open(&test->world, yaml, "lo", BUCKETS, err);

	if (!ret)
		ret = net_open(&test->loop, ignore, NULL, &test->agent.net, err);
	if (ret)
		return ret;
	test->agent.dp = test->world.dp;
	test->agent.engine = test->world.engine;
	test->agent.config = test->world.config;
	return traffic_open(test->world.dp, false, &test->traffic, err);
}

static void tear_down(struct test *test)
{
	traffic_close(&test->traffic);
	net_close(&test->agent.net);
	uv_run(&test->loop, UV_RUN_DEFAULT);
	uv_loop_close(&test->loop);
	world_close(&test->world);
}

static void check(struct test *test, unsigned int cases, struct tap *tap)
{
	const unsigned int few = cases / 200, *settled = test->met[STATE_SETTLED];
	const unsigned int *moving = test->met[STATE_MOVING];
	const unsigned int *residual = test->met[STATE_RESIDUAL];
	struct lp_err err;
	int ret = 0;

	for (; test->cases < cases && !ret; test->cases++)
		ret = run_case(test, &err);
	tap_check(tap, !ret, "explain_run", "%s", ret ? err.text : "");
	printf("# %u cases, packets to cur, prev, others and back as a RST: settled %u, %u, %u, "
	       "%u; moving %u, %u, %u, %u; residual %u, %u, %u, %u; a SYN and another packet "
	       "differ in %u\n",
	       test->cases, settled[0], settled[1], settled[2], settled[3], moving[0], moving[1],
	       moving[2], moving[3], residual[0], residual[1], residual[2], residual[3],
	       test->unlike);
	tap_check(tap, !test->wrong, "explain_agrees", "%u of %u do not", test->wrong, test->cases);
	tap_check(tap,
		  settled[PLACE_CUR] > few && settled[PLACE_OTHER] > few &&
			  moving[PLACE_CUR] > few && moving[PLACE_PREV] > few &&
			  moving[PLACE_OTHER] > few && residual[PLACE_CUR] > few &&
			  residual[PLACE_OTHER] > few && moving[PLACE_RESET] > few &&
			  residual[PLACE_RESET] > few && test->unlike > few,
		  "explain_met_everything", "fewer than %u of something", few);
	tap_check(tap, test->differ > few && !test->unheld, "explain_residual_waits",
		  "%u of %u residual slots do not", test->unheld, test->differ);
}

static bool parse(int argc, char **argv, struct test *test, unsigned int *cases)
{
	int c;

	while ((c = getopt(argc, argv, "n:r:")) != -1) {
		if (c == 'n')
			*cases = (unsigned int)strtoul(optarg, NULL, 0);
		else if (c == 'r')
			test->random = strtoull(optarg, NULL, 0);
		else
			return false;
	}
	return optind == argc && *cases >= CASES_MIN;
}

int main(int argc, char **argv)
{
	static struct test test = { .random = 1 };
	unsigned int cases = 5000;
	struct tap tap = { 0 };
	struct lp_err err;

	if (!parse(argc, argv, &test, &cases)) {
		fprintf(stderr, "usage: %s [-n CASES] [-r SEED]\n", argv[0]);
		return 2;
	}
	if (world_enter(&err) || set_up(&test, &err))
		tap_check(&tap, false, "explain_set_up", "%s", err.text);
	else
		check(&test, cases, &tap);
	tear_down(&test);
	return tap_end(&tap);
}
