// SPDX-License-Identifier: GPL-2.0
/*
 * The record table under the real program: threads send packets of thousands of
 * flows through a datapath with next to no buckets, while this process does what
 * an agent does, at a hundred times the pace: it changes slot tables, sweeps,
 * lets backends die and return, and drops records (as `limpet records flush`).
 *
 * Every packet's backend is checked. The slots are in classes, by their number,
 * and a slot of class c only ever names two backends of its own, whatever is
 * changed; so a packet that goes elsewhere has followed another's record, or a
 * torn one. Some flows are kept: their records are confirmed before it begins
 * and never dropped, so their packets must go to one backend to the end (P1, P7).
 *
 * At last, records are falsified by hand, to show that the check would see it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limpet/hash.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/slot_state.h"
#include "dp/dp_internal.h"
#include "tap.h"
#include "traffic_run.h"
#include "world.h"

#define CLASSES     8u
#define MORTAL      (CLASSES - 1) /* the class whose second backend dies and returns */
#define FLOWS       6000u
#define KEPT_MAX    (FLOWS / 2)
#define KEPT_WAYS   3u /* kept records of a bucket, so that the others have room */
#define BATCH       20000u
#define THREADS_MAX 16u
#define FOREVER     0x40000000u /* slots are held for as long as the test runs */

static const char yaml[] =
	"seed: stress\n"
	"interfaces: [{name: lo}]\n"
	"pools:\n"
	"  p:\n"
	"    backends:\n"
	"      - {name: b01, address: 10.1.0.1}\n"
	"      - {name: b02, address: 10.1.0.2}\n"
	"      - {name: b03, address: 10.1.0.3}\n"
	"      - {name: b04, address: 10.1.0.4}\n"
	"      - {name: b05, address: 10.1.0.5}\n"
	"      - {name: b06, address: 10.1.0.6}\n"
	"      - {name: b07, address: 10.1.0.7}\n"
	"      - {name: b08, address: 10.1.0.8}\n"
	"      - {name: b09, address: 10.1.0.9}\n"
	"      - {name: b10, address: 10.1.0.10}\n"
	"      - {name: b11, address: 10.1.0.11}\n"
	"      - {name: b12, address: 10.1.0.12}\n"
	"      - {name: b13, address: 10.1.0.13}\n"
	"      - {name: b14, address: 10.1.0.14}\n"
	"      - {name: b15, address: 10.1.0.15}\n"
	"      - {name: b16, address: 10.1.0.16}\n"
	"vips:\n"
	"  always: {addresses: [192.0.2.1], ports: [80], pool: p, forward: dsr,\n"
	"              on_backend_down: reroute,\n"
	"           affinity: {mode: tcp, track: always}}\n"
	"  source: {addresses: [192.0.2.2], ports: [80], pool: p, forward: dsr,\n"
	"              on_backend_down: reroute,\n"
	"           affinity: {mode: source}}\n"
	"  tcp:    {addresses: [192.0.2.3], ports: [80], pool: p, forward: dsr,\n"
	"              on_backend_down: reroute,\n"
	"           affinity: {mode: tcp}}\n"
	"  udp:    {addresses: [192.0.2.2], protocol: udp, ports: [80], pool: p, forward: dsr,\n"
	"           affinity: {mode: source}}\n";

/* Addresses of the VIPs above, by the kind of a flow. */
enum kind { ALWAYS, SOURCE, TCP, UDP, KINDS };
static const uint32_t vip_address[KINDS] = { 0xc0000201, 0xc0000202, 0xc0000203, 0xc0000202 };

struct options {
	unsigned int seconds, threads;
	uint32_t buckets;
	uint64_t seed;
};

/* One that sends. */
struct sender {
	pthread_t thread;
	struct traffic *traffic;
	struct traffic_frame frame;
	int ret;
};

struct stress {
	struct options options;
	struct world world;
	struct traffic *traffic;
	struct traffic_flow *flows;
	uint64_t kept[KEPT_MAX]; /* fingerprints */
	uint32_t n_kept;
	uint64_t random;
	bool dead; /* the mortal backend is, at the moment */
	struct sweep_pool *pools;
	uint64_t changes, passes, drops, torn;
};

static bool stop;

static uint32_t draw(uint64_t *random, uint32_t n)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*random >> 32) * n >> 32);
}

/* Numbers are given in the order of names, from 1 (world_open() has a new datapath). */
static uint16_t backend_of(uint32_t class, uint32_t which)
{
	return (uint16_t)(1 + 2 * class + which);
}

/* --- flows --------------------------------------------------------------------------- */

static uint32_t slot_of(const struct lp_hash_key *key, const struct traffic_flow *flow,
			enum kind kind)
{
	const struct lp_addr src = { .w = { [3] = flow->src } }, dst = { .w = { [3] = flow->dst } };

	if (kind == SOURCE || kind == UDP)
		return lp_hash_slot(lp_hash_client(key, &src, 0));
	return lp_hash_slot(lp_hash_flow(key, &src, &dst, flow->sport, flow->dport, 0));
}

/* Sources have a few flows each, so that client records are shared. */
static void make_flow(struct stress *stress, uint32_t number)
{
	struct traffic_flow *flow = &stress->flows[number];
	enum kind kind = (enum kind)(number % KINDS);
	uint32_t class;

	*flow = (struct traffic_flow) {
		.src = htonl(0x0a000000 + number / KINDS / 3),
		.dst = htonl(vip_address[kind]),
		.sport = htons((uint16_t)(1024 + number)),
		.dport = htons(80),
		.proto = kind == UDP ? IPPROTO_UDP : IPPROTO_TCP,
		.opens = 1,
	};
	class = slot_of(&stress->world.key, flow, kind) % CLASSES;
	flow->first = backend_of(class, 0);
	flow->last = backend_of(class, 1);
}

static uint64_t fingerprint_of(const struct stress *stress, const struct traffic_flow *flow)
{
	const struct lp_addr src = { .w = { [3] = flow->src } }, dst = { .w = { [3] = flow->dst } };

	return lp_fingerprint_flow(&stress->world.key, &src, &dst, flow->sport, flow->dport,
				   flow->proto, 0);
}

static struct lp_record *record_of(const struct stress *stress, uint64_t fingerprint)
{
	uint32_t at = (uint32_t)fingerprint & (dp_size(stress->world.dp)->buckets - 1);
	struct lp_bucket *bucket = &stress->world.dp->maps.records[at];

	for (unsigned int i = 0; i < LP_WAYS; i++)
		if (bucket->way[i].fingerprint == fingerprint && bucket->way[i].value.backend)
			return &bucket->way[i];
	return NULL;
}

/* --- what an agent does ----------------------------------------------------------------- */

/* Any of its class's backends, a living one. */
static uint16_t draw_answer(struct stress *stress, uint32_t slot)
{
	uint32_t class = slot % CLASSES;

	if (class == MORTAL && stress->dead)
		return backend_of(class, 0);
	return backend_of(class, draw(&stress->random, 2));
}

/* Another table: one slot in `n` gets a new answer, `tracked` or forgetting the old. */
static int change_table(struct stress *stress, uint32_t n, bool tracked)
{
	struct world *world = &stress->world;
	uint32_t number = runtime_pool(&world->engine.runtime, "p");
	uint32_t table = dp_pool(world->dp, dp_control(world->dp)->active & 1, number).table;
	const struct lp_slot *now = dp_slots(world->dp, table);
	uint16_t *answers = malloc(LP_SLOTS * sizeof(*answers));
	struct desired_pool pool = { .number = number,
				     .tracked = tracked,
				     .hold = FOREVER,
				     .built = true,
				     .table = answers };
	struct desired desired = { .pools = &pool, .n_pools = 1 };
	struct plan *plan = NULL;
	int ret = -ENOMEM;

	if (!answers)
		return ret;
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		answers[i] = draw(&stress->random, n) && !(stress->dead && i % CLASSES == MORTAL)
				     ? now[i].cur
				     : draw_answer(stress, i);
	ret = plan_make(&desired, &world->engine.runtime, world->dp, world_now().mono, &plan);
	if (!ret)
		ret = plan_apply(plan, world->dp, NULL, NULL);
	plan_free(&plan);
	free(answers);
	stress->pools[number].table =
		dp_pool(world->dp, dp_control(world->dp)->active & 1, number).table;
	sweep_restart(&world->engine.sweep, world_now().mono);
	return ret;
}

/* The mortal backend dies, or begins another life. */
static void turn_mortal(struct stress *stress)
{
	struct runtime_backend *backend = runtime_backend_number(&stress->world.engine.runtime,
								 backend_of(MORTAL, 1));

	stress->dead = !stress->dead;
	backend->healthy = !stress->dead;
}

static bool is_kept(const struct stress *stress, uint64_t fingerprint)
{
	for (uint32_t i = 0; i < stress->n_kept; i++)
		if (stress->kept[i] == fingerprint)
			return true;
	return false;
}

/* A record and its info, read while packets write, belong together. */
static bool is_torn(const struct lp_record *record, const struct lp_record_info *info)
{
	uint32_t class = info->slot % CLASSES;

	return record->value.backend < backend_of(class, 0) ||
	       record->value.backend > backend_of(class, 1);
}

/* One record in `n`, but not those that are kept. */
static void drop_some(struct stress *stress, uint32_t n)
{
	struct dp *dp = stress->world.dp;

	for (uint32_t b = 0; b < dp_size(dp)->buckets; b++) {
		for (unsigned int way = 0; way < LP_WAYS; way++) {
			struct lp_record_info info;
			struct lp_record record;

			if (!dp_record(dp, b, way, &record, &info))
				continue;
			stress->torn += is_torn(&record, &info);
			if (draw(&stress->random, n) || is_kept(stress, record.fingerprint))
				continue;
			dp_record_drop(dp, b, way, &record);
			stress->drops++;
		}
	}
}

static int agent_step(struct stress *stress, uint64_t step)
{
	struct world *world = &stress->world;
	int ret = 0;

	if (step % 16 == 0) {
		turn_mortal(stress);
		ret = change_table(stress, 4, true);
		stress->changes++;
	} else if (step % 4 == 0) {
		ret = change_table(stress, 4, true);
		stress->changes++;
	}
	drop_some(stress, 2);
	stress->passes += sweep_step(&world->engine.sweep, world->dp, stress->pools,
				     dp_size(world->dp)->pools, dp_size(world->dp)->buckets,
				     world_now().mono);
	return ret;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int play_agent(struct stress *stress)
{
	double until = seconds() + stress->options.seconds;
	int ret = 0;

	for (uint64_t step = 1; !ret && seconds() < until; step++) {
		ret = agent_step(stress, step);
		usleep(1000);
	}
	return ret;
}

/* --- keeping ------------------------------------------------------------------------------ */

/* Opens a connection and confirms its record; kept, if its bucket has room for it. */
static void keep_flow(struct stress *stress, uint32_t number, uint32_t in_bucket[])
{
	struct traffic_flow *flow = &stress->flows[number];
	uint64_t fingerprint = fingerprint_of(stress, flow);
	uint32_t bucket = (uint32_t)fingerprint & (dp_size(stress->world.dp)->buckets - 1);
	const struct lp_record *record;

	if (in_bucket[bucket] == KEPT_WAYS || flow->proto != IPPROTO_TCP ||
	    flow->last == backend_of(MORTAL, 1))
		return;
	traffic_send(stress->traffic, flow, TRAFFIC_SYN);
	traffic_send(stress->traffic, flow, TRAFFIC_ACK);
	record = record_of(stress, fingerprint);
	if (!record || !(record->value.flags & LP_RECORD_CONFIRMED))
		return;
	flow->opens = 0;
	flow->first = flow->last = record->value.backend;
	in_bucket[bucket]++;
	stress->kept[stress->n_kept++] = fingerprint;
}

static void keep_flows(struct stress *stress)
{
	uint32_t buckets = dp_size(stress->world.dp)->buckets;
	uint32_t *in_bucket = calloc(buckets, sizeof(*in_bucket));

	for (uint32_t i = 0; in_bucket && i < KEPT_MAX; i++)
		keep_flow(stress, i, in_bucket);
	free(in_bucket);
}

static uint32_t count_lost(const struct stress *stress)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < stress->n_kept; i++) {
		const struct lp_record *record = record_of(stress, stress->kept[i]);

		lost += !record || !(record->value.flags & LP_RECORD_CONFIRMED);
	}
	return lost;
}

/* --- sending ------------------------------------------------------------------------------- */

static void *send_packets(void *arg)
{
	struct sender *sender = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && !sender->ret)
		sender->ret = traffic_go(sender->traffic, TRAFFIC_KNOWN, &sender->frame, BATCH);
	return NULL;
}

static int start_sender(struct stress *stress, struct sender *sender)
{
	*sender = (struct sender) { .traffic = stress->traffic };
	*traffic_run_of(&sender->frame) = (struct traffic_run) {
		.random = stress->random ^ draw(&stress->random, UINT32_MAX),
		.flows = FLOWS,
	};
	return -pthread_create(&sender->thread, NULL, send_packets, sender);
}

static int join_sender(struct sender *sender, struct traffic_run *sum)
{
	const struct traffic_run *run = traffic_run_of(&sender->frame);

	pthread_join(sender->thread, NULL);
	sum->packets += run->packets;
	sum->wrong += run->wrong;
	sum->nowhere += run->nowhere;
	if (run->wrong)
		sum->wrong_last = run->wrong_last;
	return sender->ret;
}

/* Senders beside the agent, for as long as the options say. */
static int send_and_change(struct stress *stress, struct traffic_run *sum)
{
	struct sender senders[THREADS_MAX];
	unsigned int n = 0;
	int ret = 0, failed;

	*sum = (struct traffic_run) { 0 };
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	while (!ret && n < stress->options.threads) {
		ret = start_sender(stress, &senders[n]);
		n += !ret;
	}
	if (!ret)
		ret = play_agent(stress);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < n; i++) {
		failed = join_sender(&senders[i], sum);
		ret = ret ? ret : failed;
	}
	return ret;
}

/* --- what is left when all is quiet ------------------------------------------------------------
 */

/* The fingerprint that belongs to what the record's info says. */
static uint64_t expected_fingerprint(const struct stress *stress, const struct lp_record *record,
				     const struct lp_record_info *info)
{
	const struct runtime *runtime = &stress->world.engine.runtime;
	enum kind kind = info->vip == runtime_vip(runtime, "always")   ? ALWAYS
			 : info->vip == runtime_vip(runtime, "source") ? SOURCE
			 : info->vip == runtime_vip(runtime, "tcp")    ? TCP
								       : UDP;
	const struct lp_addr src = { .w = { [3] = info->src.w[3] } };
	const struct lp_addr dst = { .w = { [3] = htonl(vip_address[kind]) } };

	if (record->value.flags & LP_RECORD_CLIENT)
		return lp_fingerprint_client(&stress->world.key, &src, (uint16_t)info->vip, 0);
	return lp_fingerprint_flow(&stress->world.key, &src, &dst, info->sport, info->dport,
				   kind == UDP ? IPPROTO_UDP : IPPROTO_TCP, 0);
}

static bool is_twice(const struct lp_bucket *bucket, unsigned int way)
{
	for (unsigned int i = 0; i < way; i++)
		if (bucket->way[i].fingerprint == bucket->way[way].fingerprint &&
		    bucket->way[i].value.backend)
			return true;
	return false;
}

/* Faults of one place: owned by nobody, there twice, or not what its info says. */
static unsigned int place_faults(const struct stress *stress, uint32_t b, unsigned int way)
{
	const struct lp_bucket *bucket = &stress->world.dp->maps.records[b];
	const struct lp_record *record = &bucket->way[way];
	const struct lp_record_info *info = &stress->world.dp->maps.record_info[b].way[way];

	if (record->fingerprint == LP_FINGERPRINT_EMPTY)
		return 0;
	if (record->fingerprint == LP_FINGERPRINT_BUSY || record->value.word == LP_RECORD_GONE)
		return 1;
	if (!record->value.backend)
		return 0;
	return is_twice(bucket, way) + is_torn(record, info) +
	       (expected_fingerprint(stress, record, info) != record->fingerprint);
}

static unsigned int count_faults(const struct stress *stress, unsigned int *records)
{
	unsigned int faults = 0;

	*records = 0;
	for (uint32_t b = 0; b < dp_size(stress->world.dp)->buckets; b++) {
		for (unsigned int way = 0; way < LP_WAYS; way++) {
			faults += place_faults(stress, b, way);
			*records += stress->world.dp->maps.records[b].way[way].value.backend != 0;
		}
	}
	return faults;
}

/* Kept flows whose records are made to name another class's backend are seen. */
static int falsify(struct stress *stress, struct traffic_run *sum)
{
	for (uint32_t i = 0; i < stress->n_kept; i++) {
		struct lp_record *record = record_of(stress, stress->kept[i]);

		if (record)
			record->value.backend = (uint16_t)(record->value.backend % 14 + 1);
	}
	stress->options.seconds = 1;
	return send_and_change(stress, sum);
}

/* --- main ----------------------------------------------------------------------------------------
 */

static int set_up(struct stress *stress, struct lp_err *err)
{
	int ret = world_open(&stress->world, yaml, "lo", stress->options.buckets, err);

	if (ret)
		return ret;
	ret = traffic_open(stress->world.dp, false, &stress->traffic, err);
	stress->pools = calloc(dp_size(stress->world.dp)->pools, sizeof(*stress->pools));
	if (!ret && !stress->pools)
		ret = lp_err(err, -ENOMEM, "out of memory");
	if (ret)
		return ret;
	stress->pools[runtime_pool(&stress->world.engine.runtime, "p")] = (struct sweep_pool) {
		.hold = FOREVER,
		.always = true,
	};
	stress->flows = traffic_flows(stress->traffic);
	for (uint32_t i = 0; i < FLOWS; i++)
		make_flow(stress, i);
	/* The first puts all slots into their classes, the second makes half of them move. */
	ret = change_table(stress, 1, false);
	if (!ret)
		ret = change_table(stress, 2, true);
	if (ret)
		return lp_err(err, ret, "slot tables: %s", strerror(-ret));
	keep_flows(stress);
	return 0;
}

static void tear_down(struct stress *stress)
{
	free(stress->pools);
	traffic_close(&stress->traffic);
	world_close(&stress->world);
}

static void report(const struct stress *stress, const struct traffic_run *sum, double took,
		   unsigned int records)
{
	struct lp_record_counters counters;

	dp_record_counters(stress->world.dp, &counters);
	printf("# %llu packets by %u threads in %.1f s (%.2f M/s), %u flows, %u kept, "
	       "%u buckets\n",
	       (unsigned long long)sum->packets, stress->options.threads, took,
	       (double)sum->packets / took / 1e6, FLOWS, stress->n_kept, stress->options.buckets);
	printf("# records: %llu made, %llu evicted, %llu full, %llu dropped, %u left; "
	       "%llu tables, %llu passes\n",
	       (unsigned long long)counters.made, (unsigned long long)counters.evicted,
	       (unsigned long long)counters.full, (unsigned long long)stress->drops, records,
	       (unsigned long long)stress->changes, (unsigned long long)stress->passes);
	if (sum->wrong)
		printf("# last wrong: flow %llu went to backend %llu\n",
		       (unsigned long long)(sum->wrong_last >> 32),
		       (unsigned long long)(sum->wrong_last & 0xffffffff));
}

static void check(struct stress *stress, struct tap *tap)
{
	struct lp_record_counters counters;
	struct traffic_run sum;
	unsigned int faults, records;
	double began = seconds();
	int ret = send_and_change(stress, &sum);

	tap_check(tap, ret == 0, "records_run", "%s", strerror(-ret));
	faults = count_faults(stress, &records);
	report(stress, &sum, seconds() - began, records);
	dp_record_counters(stress->world.dp, &counters);
	tap_check(tap, sum.wrong == 0, "records_no_wrong_backend", "%llu packets",
		  (unsigned long long)sum.wrong);
	tap_check(tap, sum.nowhere == 0, "records_all_forwarded", "%llu were not",
		  (unsigned long long)sum.nowhere);
	tap_check(tap, count_lost(stress) == 0, "records_confirmed_stay", "%u of %u are gone",
		  count_lost(stress), stress->n_kept);
	tap_check(tap, stress->torn == 0, "records_read_whole", "%llu torn",
		  (unsigned long long)stress->torn);
	tap_check(tap, faults == 0, "records_consistent", "%u places", faults);
	tap_check(tap,
		  stress->n_kept >= stress->options.buckets && counters.evicted > 1000 &&
			  counters.made > 10000 && stress->drops > 1000 && stress->passes > 10,
		  "records_were_busy", "too little has happened to prove anything");
	ret = falsify(stress, &sum);
	tap_check(tap, ret == 0 && sum.wrong > 0, "records_check_sees_falsified",
		  "%llu packets seen, error %d", (unsigned long long)sum.wrong, -ret);
}

static bool parse(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt(argc, argv, "s:t:b:r:")) != -1) {
		uint32_t number = optarg ? (uint32_t)strtoul(optarg, NULL, 0) : 0;

		if (c == 's')
			options->seconds = number;
		else if (c == 't')
			options->threads = number;
		else if (c == 'b')
			options->buckets = number;
		else if (c == 'r')
			options->seed = number;
		else
			return false;
	}
	return optind == argc && options->seconds && options->threads &&
	       options->threads <= THREADS_MAX && options->buckets &&
	       !(options->buckets & (options->buckets - 1));
}

int main(int argc, char **argv)
{
	struct stress stress = { .options = { 4, 6, 16, 1 } };
	struct tap tap = { 0 };
	struct lp_err err;

	if (!parse(argc, argv, &stress.options)) {
		fprintf(stderr, "usage: %s [-s SECONDS] [-t THREADS] [-b BUCKETS] [-r SEED]\n",
			argv[0]);
		return 2;
	}
	stress.random = stress.options.seed;
	if (world_enter(&err) || set_up(&stress, &err)) {
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
		tap_check(&tap, false, "records_set_up", "%s", err.text);
	} else {
		check(&stress, &tap);
	}
	tear_down(&stress);
	return tap_end(&tap);
}
