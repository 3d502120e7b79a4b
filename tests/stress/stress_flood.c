// SPDX-License-Identifier: GPL-2.0
/*
 * A flood while connections live through changes of their pool (P7): opening
 * packets, stray ACKs, UDP and fragments from random sources, as fast as the CPUs
 * make them, beside
 *
 *   - residents: connections of the time before the flood, half of them with
 *     `source` affinity (each a client of its own), half with `tcp`. They send a
 *     packet about each second; none may be broken (P1). Their clients open
 *     further connections; none may be moved (P2).
 *   - quiet ones: residents that send a single packet between the last change of
 *     the pool and the end of its hold time. They are promised the same.
 *   - newcomers: connections that open during the flood, with a round trip between
 *     SYN and ACK. Once their ACK has come to where their SYN went they are
 *     promised the same; before that, P7 promises nothing, and how many lose
 *     their way is counted and reported.
 *
 * All of it is program runs, or, with -l, frames that travel: the flood by live
 * frames (BPF_F_TEST_XDP_LIVE_FRAMES) through a veth to limpet at its other end, and
 * the packets of connections by the same way, their backends told by who gets them.
 *
 * The pool gets a backend, loses one by draining, and gets another. In the end the
 * hold time passes (the sweep's clock is an argument), so that what was remembered
 * has to answer instead of the past: first at a moment when it has passed since the
 * last change, and nobody has been silent for longer than that; then, on a small record
 * table, under another flood.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/records.h"
#include "core/slot_state.h"
#include "live.h"
#include "tap.h"
#include "traffic_run.h"
#include "world.h"

#define RESIDENTS 1000u
#define QUIET     200u /* further ones */
#define BATCH     100000u
#define DESCRIBED 10u /* broken connections of a kind */
#define STEP_US   10000u
#define HOLD      1800u /* idle_timeout and timeout, by default */
/* Seconds between the last change and any connection's last packet, so that a moment
 * can be a hold time after the one, and not after the other. */
#define APART       2u
#define SECONDS_MIN 6u /* residents send every 1.5 s at least, after 0.3 of it and APART */

#define VIP_SOURCE 0xc0000201 /* 192.0.2.1 */
#define VIP_TCP    0xc0000202
#define PORT       443

#define YAML_HEAD                                                                                  \
	"seed: flood\n"                                                                            \
	"interfaces: [{name: lo}]\n"                                                               \
	"pools:\n"                                                                                 \
	"  p:\n"                                                                                   \
	"    backends:\n"                                                                          \
	"      - {name: b1, address: 10.1.0.1}\n"                                                  \
	"      - {name: b2, address: 10.1.0.2}\n"                                                  \
	"      - {name: b3, address: 10.1.0.3}\n"
#define YAML_TAIL                                                                                  \
	"vips:\n"                                                                                  \
	"  source: {addresses: [192.0.2.1], ports: [443], pool: p, forward: dsr,\n"                \
	"           affinity: {mode: source, group: g}}\n"                                         \
	"  quic:   {addresses: [192.0.2.1], ports: [443], pool: p, forward: dsr,\n"                \
	"           protocol: udp, affinity: {mode: source, group: g}}\n"                          \
	"  tcp:    {addresses: [192.0.2.2], ports: [443], pool: p, forward: dsr,\n"                \
	"           affinity: {mode: tcp}}\n"

static const char yaml_three[] = YAML_HEAD YAML_TAIL;
static const char yaml_four[] = YAML_HEAD "      - {name: b4, address: 10.1.0.4}\n" YAML_TAIL;
static const char yaml_five[] = YAML_HEAD "      - {name: b4, address: 10.1.0.4}\n"
					  "      - {name: b5, address: 10.1.0.5}\n" YAML_TAIL;

struct options {
	unsigned int seconds, threads, rtt_ms;
	uint32_t buckets;
	uint64_t packets; /* the least that the flood has to be */
	uint64_t most;    /* and where it ends, however fast it is */
	bool live;
};

/* A connection, and what it is promised. */
struct connection {
	struct traffic_flow flow;
	uint16_t backend; /* of its SYN; 0: not open */
	bool established; /* its ACK came there, too */
	double due;       /* when it sends next */
};

struct tally {
	uint64_t opened, sent, broken, moved;
	uint64_t lost_opening; /* handshakes whose ACK went elsewhere than the SYN */
	uint64_t nowhere;
};

/* One that floods. */
struct flooder {
	pthread_t thread;
	struct traffic *traffic;
	struct traffic_frame frame;
	uint64_t batches; /* at most */
	int ret;
};

struct flood {
	struct options options;
	struct world world;
	struct traffic *traffic;
	struct connection residents[RESIDENTS], quiet[QUIET];
	struct connection *newcomers;
	size_t n_newcomers, newcomers_max;
	uint32_t ports; /* drawn for clients' further connections */
	uint64_t random;
	double began, last_change;
	unsigned int changes;
	struct tally of_residents, of_quiet, of_newcomers;
	struct tally clients, new_clients; /* further connections of both */
	uint64_t met;                      /* packets that limpet has counted, so far */
};

static bool stop;

static uint32_t draw(uint64_t *random, uint32_t n)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*random >> 32) * n >> 32);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* --- connections ------------------------------------------------------------------------ */

static struct traffic_flow make_flow(uint32_t client, bool source, uint16_t port)
{
	return (struct traffic_flow) {
		.src = htonl(client),
		.dst = htonl(source ? VIP_SOURCE : VIP_TCP),
		.sport = htons(port),
		.dport = htons(PORT),
		.proto = IPPROTO_TCP,
	};
}

static bool is_source(const struct connection *connection)
{
	return connection->flow.dst == htonl(VIP_SOURCE);
}

static void open_connection(const struct flood *flood, struct connection *connection,
			    struct tally *tally)
{
	int backend = traffic_send(flood->traffic, &connection->flow, TRAFFIC_SYN);

	tally->opened++;
	tally->nowhere += backend <= 0;
	connection->backend = backend > 0 ? (uint16_t)backend : 0;
	connection->established = false;
}

static struct lp_addr mapped(__be32 addr)
{
	return (struct lp_addr) { .w = { 0, 0, htonl(0xffff), addr } };
}

static uint32_t slot_of(const struct flood *flood, const struct traffic_flow *flow)
{
	struct lp_addr src = mapped(flow->src), dst = mapped(flow->dst);
	const struct lp_hash_key *key = &flood->world.key;

	if (flow->dst == htonl(VIP_SOURCE))
		return lp_hash_slot(lp_hash_client(key, &src, false));
	return lp_hash_slot(lp_hash_flow(key, &src, &dst, flow->sport, flow->dport, false));
}

/* What is remembered of a connection that went astray, and what its slot says. */
static void describe(const struct flood *flood, const struct connection *connection, int backend)
{
	const struct traffic_flow *flow = &connection->flow;
	struct lp_addr src = mapped(flow->src), dst = mapped(flow->dst);
	uint32_t at = slot_of(flood, flow), now = world_now().mono;
	uint32_t table = dp_pool(flood->world.dp, dp_active_half(flood->world.dp), 1).table;
	struct lp_slot slot = dp_slots(flood->world.dp, table)[at];
	struct records_entry entry;

	printf("# astray: %s of %08x: was at %u, sent to %d; slot %u %s: cur %u, prev %u, for %u s",
	       is_source(connection) ? "source" : "tcp", ntohl(flow->src), connection->backend,
	       backend, at, slot_state_name(slot), slot.cur, slot.prev,
	       now - dp_slot_times(flood->world.dp, table)[at]);
	if (records_find(flood->world.dp,
			 lp_fingerprint_flow(&flood->world.key, &src, &dst, flow->sport,
					     flow->dport, flow->proto, false),
			 &entry))
		printf("; record: %u, flags %u, made %u s ago", entry.record.value.backend,
		       entry.record.value.flags & LP_RECORD_FLAGS, now - entry.info.created);
	printf("\n");
}

/* A packet in the middle; the first one completes the handshake. */
static void send_data(const struct flood *flood, struct connection *connection, struct tally *tally)
{
	int backend = traffic_send(flood->traffic, &connection->flow, TRAFFIC_ACK);

	tally->sent++;
	tally->nowhere += backend <= 0;
	if (backend == connection->backend) {
		connection->established = true;
		return;
	}
	if (connection->established) {
		if (tally->broken++ < DESCRIBED)
			describe(flood, connection, backend);
	} else {
		tally->lost_opening++;
	}
	connection->backend = 0; /* reset by whoever did not know it */
}

static void establish(const struct flood *flood, struct connection *connection, uint32_t number,
		      struct tally *tally)
{
	connection->flow = make_flow(0x0a000000 + number, number % 2, (uint16_t)(1024 + number));
	open_connection(flood, connection, tally);
	send_data(flood, connection, tally);
	send_data(flood, connection, tally);
}

static void establish_residents(struct flood *flood)
{
	for (uint32_t i = 0; i < RESIDENTS; i++) {
		establish(flood, &flood->residents[i], i, &flood->of_residents);
		flood->residents[i].due = now_s() + draw(&flood->random, 1000) / 1000.0;
	}
	for (uint32_t i = 0; i < QUIET; i++)
		establish(flood, &flood->quiet[i], RESIDENTS + i, &flood->of_quiet);
}

/* Another connection of a client: where the client is, if its backend takes it. */
static void open_further(struct flood *flood, const struct connection *of, struct tally *tally)
{
	struct connection further = { .flow = of->flow };

	further.flow.sport = htons((uint16_t)(10000 + flood->ports++ % 50000));
	open_connection(flood, &further, tally);
	if (!further.backend || !of->backend)
		return;
	tally->moved += further.backend != of->backend;
	send_data(flood, &further, tally);
}

/* --- what happens in a step -------------------------------------------------------------- */

static void residents_step(struct flood *flood, double now)
{
	for (uint32_t i = 0; i < RESIDENTS; i++) {
		struct connection *connection = &flood->residents[i];

		if (connection->due > now || !connection->backend)
			continue;
		connection->due = now + 0.5 + draw(&flood->random, 1000) / 1000.0;
		send_data(flood, connection, &flood->of_residents);
		if (is_source(connection) && draw(&flood->random, 4) == 0)
			open_further(flood, connection, &flood->clients);
	}
}

/* The one packet of a quiet connection, at a moment of its own after the change. */
static void quiet_step(struct flood *flood, double now)
{
	for (uint32_t i = 0; i < QUIET; i++) {
		struct connection *connection = &flood->quiet[i];

		if (!connection->due || connection->due > now)
			continue;
		connection->due = 0;
		send_data(flood, connection, &flood->of_quiet);
	}
}

static void open_newcomers(struct flood *flood, double now)
{
	for (unsigned int i = 0; i < 10 && flood->n_newcomers < flood->newcomers_max; i++) {
		struct connection *connection = &flood->newcomers[flood->n_newcomers];
		uint32_t client = 0x0a100000 + (uint32_t)flood->n_newcomers;

		connection->flow = make_flow(client, draw(&flood->random, 2),
					     (uint16_t)(1024 + draw(&flood->random, 60000)));
		open_connection(flood, connection, &flood->of_newcomers);
		connection->due = now + flood->options.rtt_ms / 1000.0;
		flood->n_newcomers++;
	}
}

static void newcomers_step(struct flood *flood, double now)
{
	for (size_t i = 0; i < flood->n_newcomers; i++) {
		struct connection *connection = &flood->newcomers[i];
		bool established = connection->established;

		if (connection->due > now || !connection->backend)
			continue;
		send_data(flood, connection, &flood->of_newcomers);
		/* Another packet at once, as a client that has its request ready. */
		if (!established && connection->established)
			send_data(flood, connection, &flood->of_newcomers);
		connection->due = now + 0.5 + draw(&flood->random, 1000) / 1000.0;
		if (established && is_source(connection) && draw(&flood->random, 4) == 0)
			open_further(flood, connection, &flood->new_clients);
	}
	open_newcomers(flood, now);
}

/* --- changes ------------------------------------------------------------------------------- */

static int drain(struct flood *flood, const char *name, struct lp_err *err)
{
	struct runtime_backend *backend = runtime_backend(&flood->world.engine.runtime, "p", name);

	runtime_set_admin(backend, LP_ADMIN_DRAIN, 0, world_now().wall);
	return world_converge(&flood->world, err);
}

/* Quiet connections speak once, between the last change and the end of the flood. */
static void wake_quiet(struct flood *flood)
{
	double first = flood->last_change + APART + 0.5;
	double last = flood->began + flood->options.seconds - 0.2;

	for (uint32_t i = 0; i < QUIET; i++)
		flood->quiet[i].due = first + (last - first) * draw(&flood->random, 1000) / 1000.0;
}

/* What is due at this part of the flood, 0 to 1. */
static int change(struct flood *flood, double part, struct lp_err *err)
{
	if (flood->changes == 0 && part > 0.1) {
		flood->changes++;
		return world_reload(&flood->world, yaml_four, err);
	}
	if (flood->changes == 1 && part > 0.2) {
		flood->changes++;
		return drain(flood, "b1", err);
	}
	if (flood->changes == 2 && part > 0.3) {
		flood->changes++;
		flood->last_change = now_s();
		wake_quiet(flood);
		return world_reload(&flood->world, yaml_five, err);
	}
	return 0;
}

static int play(struct flood *flood, struct lp_err *err)
{
	double until = flood->began + flood->options.seconds, now, tick = flood->began;
	int ret = 0;

	while (!ret && (now = now_s()) < until) {
		residents_step(flood, now);
		quiet_step(flood, now);
		newcomers_step(flood, now);
		ret = change(flood, (now - flood->began) / flood->options.seconds, err);
		if (!ret && now >= tick) {
			ret = world_tick(&flood->world, 0, err);
			tick = now + 1;
		}
		usleep(STEP_US);
	}
	return ret;
}

/* --- the flood ------------------------------------------------------------------------------- */

static void *flood_packets(void *arg)
{
	struct flooder *flooder = arg;

	for (; flooder->batches && !__atomic_load_n(&stop, __ATOMIC_RELAXED) && !flooder->ret;
	     flooder->batches--)
		flooder->ret = traffic_go(flooder->traffic, TRAFFIC_FLOOD, &flooder->frame, BATCH);
	return NULL;
}

static int start_flooder(struct flood *flood, struct flooder *flooder)
{
	*flooder = (struct flooder) {
		.traffic = flood->traffic,
		.batches = flood->options.most / flood->options.threads / BATCH,
	};
	traffic_run_of(&flooder->frame)->random = flood->random ^
						  (uint64_t)draw(&flood->random, UINT32_MAX) << 32;
	return -pthread_create(&flooder->thread, NULL, flood_packets, flooder);
}

static void add_run(struct traffic_run *sum, const struct traffic_run *run)
{
	sum->packets += run->packets;
	sum->opening += run->opening;
	sum->stray += run->stray;
	sum->fragments += run->fragments;
	sum->udp += run->udp;
}

#define FLOODERS_MAX 8u

static int flood_and_play(struct flood *flood, struct traffic_run *sum, struct lp_err *err)
{
	struct flooder flooders[FLOODERS_MAX];
	unsigned int n = 0;
	int ret = 0;

	*sum = (struct traffic_run) { 0 };
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	while (!ret && n < flood->options.threads) {
		ret = start_flooder(flood, &flooders[n]);
		n += !ret;
	}
	if (ret)
		lp_err(err, ret, "threads: %s", strerror(-ret));
	else
		ret = play(flood, err);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(flooders[i].thread, NULL);
		add_run(sum, traffic_run_of(&flooders[i].frame));
		if (flooders[i].ret && !ret)
			ret = lp_err(err, flooders[i].ret, "the flood: %s",
				     strerror(-flooders[i].ret));
	}
	if (!ret && flood->options.live)
		ret = traffic_live_sum(flood->traffic, sum);
	return ret;
}

static void report_slots(const struct flood *flood, const char *when)
{
	const struct sweep_counts *counts = &flood->world.engine.sweep.last;

	printf("# %s: %u slots moving, %u residual; records of %u connections, %u clients, "
	       "%u unconfirmed\n",
	       when, counts->moving, counts->residual, counts->connections, counts->clients,
	       counts->unconfirmed);
}

/* --- after it -----------------------------------------------------------------------------------
 */

/* A minute passes for the program, too, whose clock cannot be set: what is half open
 * has expired. */
static void pass_minute(struct flood *flood)
{
	struct dp *dp = flood->world.dp;

	for (uint32_t b = 0; b < dp_size(dp)->buckets; b++) {
		for (unsigned int way = 0; way < LP_WAYS; way++) {
			struct lp_record record;

			if (dp_record(dp, b, way, &record, NULL) &&
			    (record.value.flags & LP_RECORD_OPENING))
				dp_record_drop(dp, b, way, &record);
		}
	}
}

/*
 * As many packets as it takes to go through a small record table several times, when
 * everybody has sent a single packet since they were last flooded.
 */
static int flood_again(struct flood *flood, struct lp_err *err)
{
	uint64_t batches = (uint64_t)flood->options.buckets * 160 / BATCH + 1;
	struct traffic_frame frame = { 0 };
	int ret = 0;

	if (!flood->options.buckets)
		return 0; /* the agent's own size: it would take too long */
	traffic_run_of(&frame)->random = draw(&flood->random, UINT32_MAX);
	for (uint64_t i = 0; !ret && i < batches; i++)
		ret = traffic_go(flood->traffic, TRAFFIC_FLOOD, &frame, BATCH);
	return ret ? lp_err(err, ret, "the flood: %s", strerror(-ret)) : 0;
}

/* A few passes of the sweep, at a moment in the future (CLOCK_MONOTONIC). */
static int pass_time(struct flood *flood, double moment, struct lp_err *err)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < 4 * 8; i++)
		ret = world_tick(&flood->world, (uint32_t)moment - world_now().mono, err);
	return ret;
}

/* Everybody sends once more, and the clients open once more. */
static void send_all(struct flood *flood, struct connection *connections, size_t n,
		     struct tally *tally, struct tally *clients)
{
	for (size_t i = 0; i < n; i++) {
		struct connection *connection = &connections[i];

		if (!connection->backend || !connection->established)
			continue;
		send_data(flood, connection, tally);
		if (is_source(connection) && connection->backend)
			open_further(flood, connection, clients);
	}
}

static void send_to_all(struct flood *flood)
{
	send_all(flood, flood->residents, RESIDENTS, &flood->of_residents, &flood->clients);
	send_all(flood, flood->quiet, QUIET, &flood->of_quiet, &flood->clients);
	send_all(flood, flood->newcomers, flood->n_newcomers, &flood->of_newcomers,
		 &flood->new_clients);
}

/*
 * The first time, a hold time has passed since the last change, but not since
 * anybody's last packet. The second time it has passed since the flood, too, and
 * records alone know: those that a single packet has made (S3 in core/sweep.h), which
 * another flood is not to evict.
 */
static int finish(struct flood *flood, struct lp_err *err)
{
	double end = now_s();
	int ret;

	pass_minute(flood);
	ret = pass_time(flood, flood->last_change + HOLD + APART, err);
	if (ret)
		return ret;
	report_slots(flood, "a hold time after the last change");
	usleep((APART + 1) * 1000000);
	send_to_all(flood);
	ret = pass_time(flood, end + HOLD + APART, err);
	if (ret)
		return ret;
	report_slots(flood, "a hold time after the flood");
	ret = flood_again(flood, err);
	if (ret)
		return ret;
	send_to_all(flood);
	return 0;
}

/* --- report --------------------------------------------------------------------------------------
 */

static void report_tally(const char *name, const struct tally *tally)
{
	printf("# %-12s %7llu opened, %7llu packets; %llu broken, %llu moved, "
	       "%llu handshakes lost, %llu not forwarded\n",
	       name, (unsigned long long)tally->opened, (unsigned long long)tally->sent,
	       (unsigned long long)tally->broken, (unsigned long long)tally->moved,
	       (unsigned long long)tally->lost_opening, (unsigned long long)tally->nowhere);
}

/* Packets that limpet has a verdict on, of whoever's. */
static uint64_t count_verdicts(const struct dp *dp)
{
	uint64_t reasons[LP_REASONS_MAX], sum = 0;

	dp_reasons(dp, reasons);
	for (int i = 0; i < LP_REASON_COUNT; i++)
		sum += reasons[i];
	return sum;
}

static void report_flood(const struct traffic_run *sum, double took,
			 const struct lp_record_counters *counters)
{
	printf("# flood: %.1f M packets in %.1f s (%.2f M/s): %.1f M opening, %.1f M stray, "
	       "%.1f M fragments, %.1f M UDP\n",
	       (double)sum->packets / 1e6, took, (double)sum->packets / took / 1e6,
	       (double)sum->opening / 1e6, (double)sum->stray / 1e6, (double)sum->fragments / 1e6,
	       (double)sum->udp / 1e6);
	printf("# records: %.2f M made, %.2f M evicted, %llu full\n", (double)counters->made / 1e6,
	       (double)counters->evicted / 1e6, (unsigned long long)counters->full);
}

static void report_memory(const struct world_memory *before, const struct world_memory *after)
{
	printf("# memory, KiB: resident %llu to %llu, heap %llu to %llu, maps %llu to %llu\n",
	       (unsigned long long)before->resident, (unsigned long long)after->resident,
	       (unsigned long long)before->heap, (unsigned long long)after->heap,
	       (unsigned long long)before->maps, (unsigned long long)after->maps);
}

static void check_memory(struct tap *tap, const struct world_memory *before,
			 const struct world_memory *after)
{
	/* A megabyte is what a reload leaves to the allocator. */
	tap_check(tap, before->maps && after->maps == before->maps, "flood_maps_flat",
		  "%llu KiB, then %llu", (unsigned long long)before->maps,
		  (unsigned long long)after->maps);
	tap_check(tap, before->heap && after->heap <= before->heap + 1024, "flood_heap_flat",
		  "%llu KiB, then %llu", (unsigned long long)before->heap,
		  (unsigned long long)after->heap);
}

static void check_promises(struct tap *tap, const struct flood *flood)
{
	tap_check(tap, flood->of_residents.broken == 0, "flood_connections_stay", "%llu broken",
		  (unsigned long long)flood->of_residents.broken);
	tap_check(tap, flood->of_residents.lost_opening + flood->of_quiet.lost_opening == 0,
		  "flood_before_it_all_open", "some handshakes failed before the flood");
	tap_check(tap, flood->clients.moved == 0, "flood_clients_stay", "%llu moved",
		  (unsigned long long)flood->clients.moved);
	tap_check(tap, flood->of_quiet.broken == 0, "flood_quiet_connections_stay",
		  "%llu of %u broken", (unsigned long long)flood->of_quiet.broken, QUIET);
	tap_check(tap, flood->of_newcomers.broken == 0, "flood_newcomers_stay", "%llu broken",
		  (unsigned long long)flood->of_newcomers.broken);
	tap_check(tap, flood->clients.nowhere + flood->of_residents.nowhere == 0,
		  "flood_all_forwarded", "some were not");
}

static void check(struct flood *flood, struct tap *tap)
{
	struct world_memory before, after;
	struct lp_record_counters counters;
	struct traffic_run sum;
	struct lp_err err;
	double took;
	int ret;

	/* Once over all that the agent looks at, so that it is resident. */
	for (unsigned int i = 0; i < 8; i++)
		world_tick(&flood->world, 0, &err);
	establish_residents(flood);
	world_memory(&before);
	flood->began = now_s();
	flood->met = count_verdicts(flood->world.dp);
	ret = flood_and_play(flood, &sum, &err);
	flood->met = count_verdicts(flood->world.dp) - flood->met;
	took = now_s() - flood->began;
	world_memory(&after);
	dp_record_counters(flood->world.dp, &counters);
	if (!ret)
		ret = finish(flood, &err);
	tap_check(tap, ret == 0, "flood_run", "%s", ret ? err.text : "");
	report_flood(&sum, took, &counters);
	printf("# limpet met %.1f M packets of all; %llu of connections were sent again\n",
	       (double)flood->met / 1e6, (unsigned long long)traffic_again(flood->traffic));
	report_tally("residents", &flood->of_residents);
	report_tally("clients", &flood->clients);
	report_tally("quiet", &flood->of_quiet);
	report_tally("newcomers", &flood->of_newcomers);
	report_tally("new clients", &flood->new_clients);
	report_memory(&before, &after);
	check_promises(tap, flood);
	check_memory(tap, &before, &after);
	tap_check(tap,
		  flood->met >= flood->options.packets && flood->changes == 3 &&
			  counters.made > flood->met / 10,
		  "flood_was_one", "limpet met %llu packets of %llu sent, %u changes",
		  (unsigned long long)flood->met, (unsigned long long)sum.packets, flood->changes);
}

/* --- main
 * ------------------------------------------------------------------------------------------- */

static int set_up(struct flood *flood, struct lp_err *err)
{
	const __be32 vips[TRAFFIC_VIPS] = { htonl(VIP_SOURCE), htonl(VIP_TCP), htonl(VIP_SOURCE),
					    htonl(VIP_TCP) };
	const char *interface = flood->options.live ? LIVE_LIMPET : "lo";
	int ret = flood->options.live ? live_make(err) : 0;

	if (!ret)
		ret = world_open(&flood->world, yaml_three, interface, flood->options.buckets, err);
	if (ret)
		return ret;
	flood->newcomers_max = flood->options.seconds * 1000ul;
	flood->newcomers = calloc(flood->newcomers_max, sizeof(*flood->newcomers));
	if (!flood->newcomers)
		return lp_err(err, -ENOMEM, "out of memory");
	/* Its pages are there before memory is measured. */
	for (size_t i = 0; i < flood->newcomers_max; i++)
		flood->newcomers[i].due = -1;
	ret = traffic_open(flood->world.dp, flood->options.live, &flood->traffic, err);
	if (!ret)
		traffic_flood_at(flood->traffic, vips, htons(PORT));
	return ret;
}

static bool parse(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt(argc, argv, "s:t:b:r:n:m:l")) != -1) {
		unsigned long number = optarg ? strtoul(optarg, NULL, 0) : 0;

		if (c == 's')
			options->seconds = (unsigned int)number;
		else if (c == 't')
			options->threads = (unsigned int)number;
		else if (c == 'b')
			options->buckets = (uint32_t)number;
		else if (c == 'r')
			options->rtt_ms = (unsigned int)number;
		else if (c == 'n')
			options->packets = number;
		else if (c == 'm')
			options->most = number;
		else if (c == 'l')
			options->live = true;
		else
			return false;
	}
	return optind == argc && options->seconds >= SECONDS_MIN && options->threads &&
	       options->threads <= FLOODERS_MAX && !(options->buckets & (options->buckets - 1));
}

int main(int argc, char **argv)
{
	static struct flood flood = { .options = { .seconds = 6,
						   .threads = 1,
						   .rtt_ms = 50,
						   .buckets = 1u << 15,
						   .packets = 1000000,
						   .most = 200000000 },
				      .random = 1 };
	struct tap tap = { 0 };
	struct lp_err err;

	if (!parse(argc, argv, &flood.options)) {
		fprintf(stderr,
			"usage: %s [-s SECONDS] [-t THREADS] [-b BUCKETS] [-r RTT_MS] "
			"[-n LEAST_PACKETS] [-m MOST_PACKETS] [-l]\n",
			argv[0]);
		return 2;
	}
	if (world_enter(&err) || set_up(&flood, &err))
		tap_check(&tap, false, "flood_set_up", "%s", err.text);
	else
		check(&flood, &tap);
	free(flood.newcomers);
	traffic_close(&flood.traffic);
	world_close(&flood.world);
	return tap_end(&tap);
}
