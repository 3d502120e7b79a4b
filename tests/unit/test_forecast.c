// SPDX-License-Identifier: GPL-2.0
/*
 * What is foretold of a configuration, against what then happens. The oracle applies
 * the configuration to the datapath in memory and asks for every connection and client
 * where its next packet goes: by the VIP table, the slots and backends that packets would
 * see, and by the rules of core/answer.h. Random configurations, whose every change is
 * foretold one by one and as shares of all clients that there could be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <limpet/hash.h>
#include <math.h>
#include <netinet/in.h>

#include "common/config_dp.h"
#include "core/answer.h"
#include "core/audit.h"
#include "core/engine.h"
#include "core/forecast.h"
#include "core/slot_state.h"
#include "dp/dp_internal.h"
#include "lib/addr.h"

#define SCALE  4u /* config_dp_open() */
#define NOW    1000u
#define THINGS 4000u /* connections, and as many clients */
#define DRAWS  6000u /* of a share: its standard deviation is below 0.0065 */

/* --- the world ---------------------------------------------------------------------- */

struct world {
	struct dp *dp;
	struct engine engine;
	struct config *config;
	struct lp_hash_key key;
};

static const struct engine_time now = { .mono = NOW, .wall = 1000000 };

/* Everybody answers; who was asked for already keeps the way. */
static void resolve(struct runtime *runtime)
{
	for (size_t i = 0; i < runtime->n_backends; i++)
		if (runtime->backends[i].wanted) {
			runtime->backends[i].hop.ifindex = 2;
			runtime->backends[i].hop.daddr = runtime->backends[i].address;
		}
}

static void apply(struct world *world, struct config *config)
{
	struct lp_err err;

	if (engine_assign(&world->engine, config, now, &err))
		fail_msg("%s", err.text);
	resolve(&world->engine.runtime);
	if (engine_converge(&world->engine, config, true, now, NULL, NULL, &err))
		fail_msg("%s", err.text);
	engine_settle(&world->engine, now);
	if (world->config)
		config_free(&world->config);
	world->config = config;
}

static void world_open(struct world *world, const char *text)
{
	memset(world, 0, sizeof(*world));
	world->dp = config_dp_open(SCALE, &world->key);
	assert_int_equal(engine_open(&world->engine, world->dp, &world->key, now), 0);
	apply(world, parse(text));
}

static void world_close(struct world *world)
{
	engine_close(&world->engine);
	config_free(&world->config);
	dp_close(&world->dp);
}

/* --- where a packet goes: the oracle ------------------------------------------------ */

static const struct lp_vip *find_vip(const struct world *world, const struct lp_addr *dst,
				     uint16_t port)
{
	return vip_table_find_running(world->dp, &world->key, dst, IPPROTO_TCP, port);
}

/* One who sends: a connection, or a client and what it opens next. */
struct thing {
	struct lp_addr src, dst;
	uint16_t sport, dport;
	bool client;
	bool served;         /* there was a backend */
	uint16_t backend;    /* on which it is */
	struct lp_addr addr; /* whose address is this */
	uint64_t record;     /* fingerprint of a client's record */
	uint32_t where;      /* pool and slot */
	uint32_t vip;        /* number */
};

static bool is_v6(const struct thing *thing)
{
	return lp_addr_is_v6(&thing->src);
}

static struct lp_addr mask_source(const struct thing *thing, const struct lp_vip *vip)
{
	struct lp_addr client = thing->src;

	for (int i = is_v6(thing) ? 0 : 3; i < 4; i++)
		client.w[i] &= vip->source_mask.w[i];
	return client;
}

static uint32_t slot_of(const struct world *world, const struct thing *thing,
			const struct lp_vip *vip)
{
	struct lp_addr client = mask_source(thing, vip);

	if (vip->affinity == LP_AFFINITY_SOURCE)
		return lp_hash_slot(lp_hash_client(&world->key, &client, is_v6(thing)));
	return lp_hash_slot(lp_hash_flow(&world->key, &thing->src, &thing->dst, htons(thing->sport),
					 htons(thing->dport), is_v6(thing)));
}

static uint64_t client_record(const struct world *world, const struct thing *thing,
			      const struct lp_vip *vip)
{
	struct lp_addr client = mask_source(thing, vip);

	if (vip->affinity != LP_AFFINITY_SOURCE || vip->track == LP_TRACK_NEVER)
		return 0;
	return lp_fingerprint_client(&world->key, &client, vip->scope, is_v6(thing));
}

static const struct lp_backend *backend_at(const struct world *world, uint16_t number)
{
	return dp_backend(world->dp, number);
}

/* What the record table would say of a client: its record names where it is. */
static struct answer_record look_up(const struct world *world, const struct thing *thing,
				    const struct lp_vip *vip)
{
	uint16_t flags = backend_at(world, thing->backend)->state.flags;

	return (struct answer_record) {
		.found = thing->served && thing->record &&
			 thing->record == client_record(world, thing, vip),
		.lives = flags & LP_BACKEND_ALIVE &&
			 backend_at(world, thing->backend)->pool == vip->pool,
		.offline = flags & LP_BACKEND_OFFLINE,
		.backend = thing->backend,
	};
}

/* The slot that the packet comes to; word 0 where there is none. */
static struct lp_slot slot_at(const struct world *world, const struct thing *thing,
			      const struct lp_vip *vip)
{
	struct lp_pool pool = dp_pool(world->dp, dp_active_half(world->dp), vip->pool);

	if (!pool.table)
		return (struct lp_slot) { .word = 0 };
	return dp_slots(world->dp, pool.table)[slot_of(world, thing, vip)];
}

/* The backend of its next packet: a SYN of a client, any other of a connection, which
 * has not been noted since its slot began to move. */
static uint16_t next_backend(const struct world *world, const struct thing *thing,
			     const struct lp_vip *vip)
{
	struct lp_slot slot = slot_at(world, thing, vip);
	struct answer_question question = {
		.slot = slot,
		.track = (enum lp_track)vip->track,
		.source = vip->affinity == LP_AFFINITY_SOURCE,
		.resets = vip->flags & LP_VIP_RESET,
	};

	if (slot_is_moving(slot) && !slot_is_orphaned(slot))
		question.past_lives = backend_at(world, slot.prev)->state.flags & LP_BACKEND_ALIVE;
	if (thing->client)
		question.client = look_up(world, thing, vip);
	return answer_packet(&question, thing->client).backend;
}

/* Puts it where its next packet goes. */
static void go(const struct world *world, struct thing *thing)
{
	const struct lp_vip *vip = find_vip(world, &thing->dst, thing->dport);
	uint16_t backend = vip ? next_backend(world, thing, vip) : 0;

	thing->served = backend;
	if (!backend)
		return;
	thing->backend = backend;
	thing->addr = backend_at(world, backend)->hop[0].daddr;
	thing->record = client_record(world, thing, vip);
	thing->where = vip->pool << LP_SLOTS_BITS | slot_of(world, thing, vip);
	thing->vip = vip->vip;
}

/* --- random things ------------------------------------------------------------------ */

static uint64_t seed;

static uint32_t dice(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((seed >> 33) % n);
}

static uint16_t random_port(const struct config_vip *vip)
{
	const struct config_port_range *range = &vip->ports[dice((uint32_t)vip->n_ports)];

	if (!range->first)
		return (uint16_t)(1 + dice(65535));
	return (uint16_t)(range->first + dice((uint32_t)(range->last - range->first) + 1));
}

/* A client is asked for at the first port of its VIP. */
static struct thing random_thing(const struct config_vip *vip, bool client)
{
	struct thing thing = {
		.dst = vip->addresses[dice((uint32_t)vip->n_addresses)],
		.sport = (uint16_t)(1024 + dice(60000)),
		.dport = random_port(vip),
		.client = client,
	};

	if (client)
		thing.dport = vip->ports[0].first ? vip->ports[0].first : 1;
	if (lp_addr_is_v6(&thing.dst))
		assert_int_equal(lp_addr_parse("2001:db8:c::", &thing.src), 0);
	else
		assert_int_equal(lp_addr_parse("10.0.0.0", &thing.src), 0);
	thing.src.b[13] = (uint8_t)dice(256);
	thing.src.b[14] = (uint8_t)dice(256);
	thing.src.b[15] = (uint8_t)dice(256);
	thing.src.b[6] = lp_addr_is_v6(&thing.dst) ? (uint8_t)dice(256) : thing.src.b[6];
	return thing;
}

/* A client is one only where clients are counted. */
static bool is_counted(const struct world *world, const struct thing *thing)
{
	const struct lp_vip *vip = find_vip(world, &thing->dst, thing->dport);

	return thing->served && (!thing->client || vip->affinity == LP_AFFINITY_SOURCE);
}

/* Place n of the audit table, as packets would write it. */
static void write_audit(struct world *world, const struct thing *thing, uint32_t n)
{
	const struct lp_vip *vip = find_vip(world, &thing->dst, thing->dport);
	struct lp_record_info *info = &world->dp->maps.audit_info[n / LP_WAYS].way[n % LP_WAYS];
	uint8_t flags = LP_RECORD_CONFIRMED | (thing->client ? LP_RECORD_CLIENT : 0);

	*info = (struct lp_record_info) {
		.src = thing->client ? mask_source(thing, vip) : thing->src,
		.sport = thing->client ? 0 : htons(thing->sport),
		.dport = thing->client ? 0 : htons(thing->dport),
		.vip = thing->vip,
		.slot = thing->where,
	};
	world->dp->maps.audit[n / LP_WAYS].way[n % LP_WAYS] = (struct lp_record) {
		.fingerprint = 100 + n,
		.value = { .backend = thing->backend,
			   .incarnation =
				   (uint8_t)backend_at(world, thing->backend)->state.incarnation,
			   .flags = flags,
			   .expires = NOW + 60 },
	};
}

/* --- random configurations ---------------------------------------------------------- */

#define POOLS 3
#define VIPS  4

/* Two pools may have the same servers, by their addresses. */
static void print_pool(FILE *out, int pool)
{
	const char *between = "";
	uint32_t who = 1 + dice(31);

	fprintf(out, "  p%d: {drain_timeout: 5m, backends: [", pool);
	for (int i = 0; i < 5; i++) {
		if (!(who >> i & 1))
			continue;
		fprintf(out, "%s{name: b%d, address: 10.9.%d.%d, weight: %u}", between, i,
			dice(4) ? pool : 9, i + 1, 1 + dice(3));
		between = ", ";
	}
	fprintf(out, "]}\n");
}

static void print_affinity(FILE *out, int vip, unsigned int mask)
{
	static const char *const tracks[] = { "needed", "needed", "always", "never" };

	if (!dice(3)) {
		fprintf(out, "affinity: {mode: tcp, track: %s}", tracks[dice(4)]);
		return;
	}
	fprintf(out, "affinity: {mode: source, mask: %u", mask);
	if (!dice(3))
		fprintf(out, ", group: g%d}", vip);
	else
		fprintf(out, ", track: %s}", tracks[dice(4)]);
}

/* `mask` of IPv4 clients: a client that is counted by more bits than before cannot be
 * known from its record (F2), so here they do not become more. */
static char *random_config(unsigned int mask, const char *secret)
{
	static const char *const ports[] = { "80", "80, 443", "any", "1000-1040" };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, "seed: %s\ninterfaces: [{name: eth0}]\npools:\n", secret);
	for (int i = 0; i < POOLS; i++)
		print_pool(out, i);
	fprintf(out, "vips:\n");
	for (int i = 0; i < VIPS; i++) {
		if (i && !dice(5))
			continue;
		fprintf(out, "  v%d: {addresses: [192.0.2.%d", i, i + 1);
		if (dice(2))
			fprintf(out, ", '2001:db8::%d'", i + 1);
		fprintf(out, "], ports: [%s], pool: p%u, forward: ipip, ", ports[dice(4)], dice(3));
		print_affinity(out, i, mask);
		fprintf(out, "}\n");
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

/* --- foretelling -------------------------------------------------------------------- */

struct told {
	struct runtime next;
	struct desired *desired;
	struct forecast *forecast;
};

static void foretell(struct world *world, const struct config *coming, bool rekeyed,
		     struct told *told)
{
	const struct desired_known known = { world->engine.digests, dp_size(world->dp)->pools };
	struct lp_hash_key key;
	struct lp_err err;
	struct forecast_input input = {
		.dp = world->dp,
		.running = world->config,
		.coming = coming,
		.now = &world->engine.runtime,
		.next = &told->next,
		.key = &key,
		.mono = NOW,
	};

	*told = (struct told) { .desired = NULL };
	lp_hash_key_make(&key, coming->seed, strlen(coming->seed));
	assert_int_equal(forecast_runtime(&world->engine.runtime, coming, dp_size(world->dp),
					  now.wall, &told->next),
			 0);
	if (desired_make(coming, &told->next, dp_size(world->dp), &key, rekeyed ? NULL : &known,
			 false, &told->desired, &err))
		fail_msg("%s", err.text);
	input.desired = told->desired;
	assert_int_equal(forecast_make(&input, &told->forecast), 0);
}

static void told_free(struct told *told)
{
	forecast_free(&told->forecast);
	forecast_free(&told->forecast);
	desired_free(&told->desired);
	runtime_fini(&told->next);
}

/* --- the two compared --------------------------------------------------------------- */

static const struct runtime_backend *backend_of(const struct world *world, uint16_t number)
{
	return runtime_backend_number(&world->engine.runtime, number);
}

/* Who answers somebody of whom nothing is known; no address: nobody. */
static struct lp_addr stranger(const struct world *world, const struct thing *thing)
{
	const struct lp_vip *vip = find_vip(world, &thing->dst, thing->dport);
	uint16_t cur = vip ? slot_at(world, thing, vip).cur : 0;

	return cur ? backend_at(world, cur)->hop[0].daddr : (struct lp_addr) { .d = { 0 } };
}

struct before {
	struct thing *things;
	struct lp_addr *stranger; /* of each thing's slot */
	uint32_t n;
	uint16_t pools[CONFIG_DP_POOLS * SCALE][LP_SLOTS]; /* answers by pool number */
	struct thing draws[VIPS][DRAWS];
	struct lp_addr drawn[VIPS][DRAWS];
};

static void look_at_pools(const struct world *world, struct before *before)
{
	for (uint32_t i = 1; i < dp_size(world->dp)->pools; i++) {
		uint32_t table = dp_pool(world->dp, dp_active_half(world->dp), i).table;

		for (uint32_t j = 0; j < LP_SLOTS; j++)
			before->pools[i][j] = table ? dp_slots(world->dp, table)[j].cur : 0;
	}
}

static void draw(const struct world *world, struct before *before)
{
	for (size_t i = 0; i < world->config->n_vips; i++)
		for (uint32_t j = 0; j < DRAWS; j++) {
			struct thing *thing = &before->draws[i][j];

			*thing = random_thing(&world->config->vips[i], false);
			before->drawn[i][j] = stranger(world, thing);
		}
}

/* Connections and clients that came while the first configuration ran. */
static struct before *make_before(const struct world *world)
{
	struct before *before = calloc(1, sizeof(*before));

	assert_non_null(before);
	before->n = 2 * THINGS;
	before->things = calloc(before->n, sizeof(*before->things));
	before->stranger = calloc(before->n, sizeof(*before->stranger));
	assert_true(before->things && before->stranger);
	for (uint32_t i = 0; i < before->n; i++) {
		uint32_t vip = dice((uint32_t)world->config->n_vips);

		before->things[i] = random_thing(&world->config->vips[vip], i % 2);
		go(world, &before->things[i]);
	}
	return before;
}

/* After some change, each has sent a packet. */
static void go_on(struct world *world, struct before *before)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < before->n; i++) {
		struct thing *thing = &before->things[i];

		if (thing->served)
			go(world, thing);
		if (!is_counted(world, thing))
			continue;
		write_audit(world, thing, kept);
		before->stranger[kept] = stranger(world, thing);
		before->things[kept++] = *thing;
	}
	before->n = kept;
	look_at_pools(world, before);
	draw(world, before);
}

static void free_before(struct before *before)
{
	free(before->things);
	free(before->stranger);
	free(before);
}

/* A client of a VIP that has gone over to `tcp` affinity is none any more. */
static bool is_no_client(const struct world *world, const struct thing *thing)
{
	const struct lp_vip *vip = find_vip(world, &thing->dst, thing->dport);

	return thing->client && (!vip || vip->affinity != LP_AFFINITY_SOURCE);
}

static bool has_port(const struct config_vip *vip, uint16_t port)
{
	for (size_t i = 0; i < vip->n_ports; i++)
		if (!vip->ports[i].first || vip->ports[i].first == port)
			return true;
	return false;
}

/* A client comes to any port of its VIP: to one that is served, if there is one. The
 * random configurations have no others. */
static void choose_port(const struct world *world, const struct config *before, struct thing *thing)
{
	static const uint16_t ports[] = { 80, 443, 1000, 1 };
	const struct config_vip *vip = before->vips;

	while (!lp_addr_equal(&vip->addresses[0], &thing->dst) &&
	       (vip->n_addresses < 2 || !lp_addr_equal(&vip->addresses[1], &thing->dst)))
		vip++;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]) && thing->client; i++)
		if (has_port(vip, ports[i]) && find_vip(world, &thing->dst, ports[i])) {
			thing->dport = ports[i];
			return;
		}
}

static void judge(const struct world *world, const struct thing *thing,
		  const struct lp_addr *stranger_before, bool left_before,
		  struct forecast_counts *counts)
{
	struct forecast_count *count = thing->client ? &counts->clients : &counts->connections;
	struct lp_addr after = stranger(world, thing);
	bool none = is_no_client(world, thing);
	const struct runtime_backend *backend;
	struct thing next = *thing;

	go(world, &next);
	count->all++;
	count->moved += none || !memcmp(&after, &(struct lp_addr) { .d = { 0 } }, sizeof(after)) ||
			!lp_addr_equal(&after, stranger_before);
	if (none || !next.served || !lp_addr_equal(&next.addr, &thing->addr)) {
		count->lost++;
		return;
	}
	backend = backend_of(world, thing->backend);
	count->leaving += !thing->client && backend && backend->leaving && !left_before &&
			  !lp_addr_equal(&after, &thing->addr);
}

static void same_count(const struct forecast_count *told, const struct forecast_count *seen)
{
	assert_int_equal(told->all, seen->all);
	assert_int_equal(told->moved, seen->moved);
	assert_int_equal(told->leaving, seen->leaving);
	assert_int_equal(told->lost, seen->lost);
}

static void check_things(const struct world *world, const struct config *old,
			 const struct before *before, const bool *left_before,
			 const struct forecast *forecast)
{
	struct forecast_counts seen = { .connections = { 0 } }, vips = seen, pools = seen;

	for (uint32_t i = 0; i < before->n; i++) {
		choose_port(world, old, &before->things[i]);
		judge(world, &before->things[i], &before->stranger[i], left_before[i], &seen);
	}
	same_count(&forecast->total.connections, &seen.connections);
	same_count(&forecast->total.clients, &seen.clients);
	for (size_t i = 0; i < forecast->n_vips; i++) {
		vips.connections.lost += forecast->vips[i].counts.connections.lost;
		vips.clients.all += forecast->vips[i].counts.clients.all;
	}
	for (size_t i = 0; i < forecast->n_pools; i++) {
		pools.connections.lost += forecast->pools[i].counts.connections.lost;
		pools.clients.all += forecast->pools[i].counts.clients.all;
	}
	assert_int_equal(vips.connections.lost, seen.connections.lost);
	assert_int_equal(vips.clients.all, seen.clients.all);
	assert_int_equal(pools.connections.lost, seen.connections.lost);
	assert_int_equal(pools.clients.all, seen.clients.all);
}

static void check_pools(const struct world *world, const struct before *before,
			const struct forecast *forecast)
{
	for (size_t i = 0; i < forecast->n_pools; i++) {
		uint32_t number = runtime_pool(&world->engine.runtime, forecast->pools[i].name);
		uint32_t table = dp_pool(world->dp, dp_active_half(world->dp), number).table;
		uint32_t moved = 0;

		assert_int_equal(forecast->pools[i].change, FORECAST_STAYS);
		for (uint32_t j = 0; j < LP_SLOTS; j++)
			moved += dp_slots(world->dp, table)[j].cur != before->pools[number][j];
		assert_int_equal(forecast->pools[i].slots_moved, moved);
	}
}

/* `names` of the VIPs before, in the order of the draws. */
static void check_shares(const struct world *world, const struct before *before,
			 char names[VIPS][16], size_t n, const struct forecast *forecast)
{
	double worst = 0;

	for (size_t i = 0; i < forecast->n_vips; i++) {
		const struct forecast_vip *vip = &forecast->vips[i];
		uint32_t moved = 0;
		size_t at = 0;

		while (at < n && strcmp(names[at], vip->name) != 0)
			at++;
		if (at == n) {
			assert_int_equal(vip->change, FORECAST_COMES);
			assert_true(vip->moved_share <= 0);
			continue;
		}
		for (uint32_t j = 0; j < DRAWS; j++) {
			struct lp_addr after = stranger(world, &before->draws[at][j]);

			moved += !lp_addr_equal(&after, &before->drawn[at][j]);
		}
		if (fabs((double)moved / DRAWS - vip->moved_share) > 0.035)
			fail_msg("VIP %s: told %.4f, drawn %.4f", vip->name, vip->moved_share,
				 (double)moved / DRAWS);
		worst = vip->moved_share > worst ? vip->moved_share : worst;
	}
	assert_true((forecast->worst ? forecast->worst->moved_share : 0) >= worst);
}

/* Three configurations in a row: what was opened under the first, under the second is
 * partly where slots do not say any more, and is told of the third. */
static void run(uint64_t number)
{
	char *texts[3], names[VIPS][16];
	struct before *before;
	struct config *coming, *old;
	struct world world;
	struct told told;
	bool *left;
	size_t n;

	seed = number;
	texts[0] = random_config(32, "s");
	texts[1] = random_config(dice(2) ? 32 : 28, "s");
	texts[2] = random_config(dice(2) ? 28 : 24, "s");
	world_open(&world, texts[0]);
	before = make_before(&world);
	apply(&world, parse(texts[1]));
	go_on(&world, before);
	left = calloc(before->n + 1, sizeof(*left));
	assert_non_null(left);
	for (uint32_t i = 0; i < before->n; i++)
		left[i] = backend_of(&world, before->things[i].backend)->leaving;
	n = world.config->n_vips;
	for (size_t i = 0; i < n; i++)
		snprintf(names[i], sizeof(names[i]), "%s", world.config->vips[i].name);
	coming = parse(texts[2]);
	foretell(&world, coming, false, &told);
	old = world.config; /* names of what is told are of both configurations */
	world.config = NULL;
	apply(&world, parse(texts[2]));
	check_things(&world, old, before, left, told.forecast);
	check_pools(&world, before, told.forecast);
	check_shares(&world, before, names, n, told.forecast);
	told_free(&told);
	config_free(&old);
	config_free(&coming);
	free(left);
	free_before(before);
	world_close(&world);
	for (int i = 0; i < 3; i++)
		free(texts[i]);
}

static void test_random(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 60; i++)
		run(i);
}

/* --- by example --------------------------------------------------------------------- */

#define HEAD "seed: s\ninterfaces: [{name: eth0}]\n"
#define THREE                                                                                      \
	"pools:\n  web: {drain_timeout: 5m, backends: [{name: b1, address: 10.0.0.1}, "            \
	"{name: b2, address: 10.0.0.2}, {name: b3, address: 10.0.0.3}]}\n"
#define VIP "vips:\n  www: {addresses: [192.0.2.1], ports: [80], pool: web, forward: ipip, "

static const char three[] = HEAD THREE VIP "affinity: {mode: source}}\n";

/* The world with things on it, and what is told of `text`. */
struct example {
	struct world world;
	struct before *before;
	struct config *coming;
	struct told told;
};

static struct example *make_example(const char *before, const char *after)
{
	struct example *example = calloc(1, sizeof(*example));

	assert_non_null(example);
	seed = 7;
	world_open(&example->world, before);
	example->before = make_before(&example->world);
	go_on(&example->world, example->before);
	example->coming = parse(after);
	foretell(&example->world, example->coming,
		 strcmp(example->world.config->seed, example->coming->seed) != 0, &example->told);
	return example;
}

static const struct forecast *told_of(const struct example *example)
{
	return example->told.forecast;
}

static void free_example(struct example *example)
{
	told_free(&example->told);
	config_free(&example->coming);
	free_before(example->before);
	world_close(&example->world);
	free(example);
}

static void test_nothing(void **state)
{
	struct example *example = make_example(three, three);
	const struct forecast *told = told_of(example);

	(void)state;
	assert_int_equal(told->total.connections.all, THINGS);
	assert_int_equal(told->total.clients.all, THINGS);
	assert_int_equal(told->total.connections.moved, 0);
	assert_int_equal(told->total.connections.lost, 0);
	assert_int_equal(told->total.clients.lost, 0);
	assert_int_equal(told->pools[0].slots_moved, 0);
	assert_null(told->worst);
	free_example(example);
}

/* F1: a quarter of the slots, and nobody who is there. */
static void test_a_backend_more(void **state)
{
	struct example *example = make_example(
		three, HEAD
		"pools:\n  web: {backends: [{name: b1, address: 10.0.0.1}, {name: b2, address: "
		"10.0.0.2}, {name: b3, address: 10.0.0.3}, {name: b4, address: 10.0.0.4}]}\n" VIP
		"affinity: {mode: source}}\n");
	const struct forecast *told = told_of(example);

	(void)state;
	assert_in_range(told->pools[0].slots_moved, LP_SLOTS / 4 - 700, LP_SLOTS / 4 + 700);
	assert_in_range(told->total.connections.moved, THINGS / 4 - 150, THINGS / 4 + 150);
	assert_int_equal(told->total.connections.lost, 0);
	assert_int_equal(told->total.connections.leaving, 0);
	assert_int_equal(told->total.clients.lost, 0);
	assert_ptr_equal(told->worst, &told->vips[0]);
	assert_true(fabs(told->vips[0].moved_share - 0.25) < 0.01);
	free_example(example);
}

/* Its connections stay for a while, its clients do not. */
static void test_a_backend_less(void **state)
{
	struct example *example = make_example(
		three, HEAD "pools:\n  web: {backends: [{name: b1, address: 10.0.0.1}, {name: b2, "
			    "address: 10.0.0.2}]}\n" VIP "affinity: {mode: source}}\n");
	const struct forecast *told = told_of(example);

	(void)state;
	assert_int_equal(told->total.connections.lost, 0);
	assert_in_range(told->total.connections.leaving, THINGS / 3 - 150, THINGS / 3 + 150);
	assert_int_equal(told->total.connections.leaving, told->total.connections.moved);
	assert_int_equal(told->total.clients.lost, told->total.clients.moved);
	assert_in_range(told->total.clients.lost, THINGS / 3 - 150, THINGS / 3 + 150);
	free_example(example);
}

static void test_a_vip_less(void **state)
{
	struct example *example = make_example(three, HEAD THREE);
	const struct forecast *told = told_of(example);

	(void)state;
	assert_int_equal(told->vips[0].change, FORECAST_GOES);
	assert_true(fabs(told->vips[0].moved_share - 1) < 1e-9);
	assert_int_equal(told->vips[0].counts.connections.lost, THINGS);
	assert_int_equal(told->vips[0].counts.clients.lost, THINGS);
	assert_int_equal(told->pools[0].slots_moved, 0);
	free_example(example);
}

/* Without records a slot that moves takes its connections along. */
static void test_no_more_tracking(void **state)
{
	struct example *example = make_example(
		three, HEAD
		"pools:\n  web: {backends: [{name: b1, address: 10.0.0.1}, {name: b2, address: "
		"10.0.0.2}, {name: b3, address: 10.0.0.3}, {name: b4, address: 10.0.0.4}]}\n" VIP
		"affinity: {mode: source, track: never}}\n");
	const struct forecast *told = told_of(example);

	(void)state;
	assert_in_range(told->total.connections.lost, THINGS / 4 - 150, THINGS / 4 + 150);
	assert_int_equal(told->total.connections.lost, told->total.connections.moved);
	assert_int_equal(told->total.clients.lost, told->total.clients.moved);
	free_example(example);
}

/* Nobody is healthy, so all are tried, and alive; with somebody new they are not. */
static void test_somebody_healthy_comes(void **state)
{
	struct example *example = calloc(1, sizeof(*example));
	struct runtime *runtime = &example->world.engine.runtime;
	struct lp_err err;

	(void)state;
	assert_non_null(example);
	seed = 7;
	world_open(&example->world, three);
	for (size_t i = 0; i < runtime->n_backends; i++)
		runtime->backends[i].healthy = false;
	assert_int_equal(engine_converge(&example->world.engine, example->world.config, false, now,
					 NULL, NULL, &err),
			 0);
	example->before = make_before(&example->world);
	go_on(&example->world, example->before);
	example->coming = parse(
		HEAD
		"checks: {c: {type: tcp}}\n"
		"pools:\n  web: {check: c, backends: [{name: b1, address: 10.0.0.1}, {name: b2, "
		"address: 10.0.0.2}, {name: b3, address: 10.0.0.3}, {name: b4, address: "
		"10.0.0.4}]}\n" VIP "affinity: {mode: source}}\n");
	foretell(&example->world, example->coming, false, &example->told);
	assert_int_equal(told_of(example)->pools[0].slots_moved, LP_SLOTS);
	assert_int_equal(told_of(example)->total.connections.lost, THINGS);
	assert_int_equal(told_of(example)->total.clients.lost, THINGS);
	free_example(example);
}

/* The same service by another name, and of another pool with the same servers: the
 * servers are what counts. */
static void test_other_names(void **state)
{
	struct example *example = make_example(
		three, HEAD
		"pools:\n  new: {backends: [{name: b1, address: 10.0.0.1}, {name: b2, address: "
		"10.0.0.2}, {name: b3, address: 10.0.0.3}]}\nvips:\n  new: {addresses: "
		"[192.0.2.1], ports: [80], pool: new, forward: ipip, affinity: {mode: "
		"source}}\n");
	const struct forecast *told = told_of(example);

	(void)state;
	assert_int_equal(told->n_vips, 2);
	assert_int_equal(told->n_pools, 2);
	assert_string_equal(told->pools[0].name, "new");
	assert_int_equal(told->pools[0].change, FORECAST_COMES);
	assert_int_equal(told->pools[1].change, FORECAST_GOES);
	/* Slots depend on the pool's name: two of three have another server. */
	assert_true(fabs(told->vips[1].moved_share - 2.0 / 3) < 0.02);
	assert_in_range(told->total.connections.lost, THINGS * 2 / 3 - 150, THINGS * 2 / 3 + 150);
	free_example(example);
}

/* By more bits than the record has: nobody can know (F2). Connections have them all. */
static void test_a_longer_mask(void **state)
{
	struct example *example = make_example(
		HEAD THREE VIP "affinity: {mode: source, mask: 24}}\n",
		HEAD THREE VIP "affinity: {mode: source, mask: 32}}\n");
	const struct forecast *told = told_of(example);

	(void)state;
	assert_int_equal(told->total.clients.lost, told->total.clients.all);
	assert_in_range(told->total.connections.lost, THINGS * 2 / 3 - 150, THINGS * 2 / 3 + 150);
	assert_int_equal(told->pools[0].slots_moved, 0);
	assert_true(fabs(told->vips[0].moved_share - 2.0 / 3) < 0.01);
	free_example(example);
}

static void test_another_seed(void **state)
{
	struct example *example = make_example(three,
					       "seed: t\ninterfaces: [{name: eth0}]\n" THREE VIP
					       "affinity: {mode: source}}\n");
	const struct forecast *told = told_of(example);

	(void)state;
	assert_true(fabs(told->vips[0].moved_share - 2.0 / 3) < 0.01);
	assert_in_range(told->total.connections.lost, THINGS * 2 / 3 - 150, THINGS * 2 / 3 + 150);
	assert_in_range(told->total.clients.lost, THINGS * 2 / 3 - 150, THINGS * 2 / 3 + 150);
	free_example(example);
}

/* Half of the ports, half of the clients that there could be. */
static void test_a_port_less(void **state)
{
#define PORTS(ports)                                                                               \
	"vips:\n  www: {addresses: [192.0.2.1], ports: [" ports "], pool: web, forward: ipip, "    \
	"affinity: {mode: source}}\n"
	struct example *example = make_example(HEAD THREE PORTS("80, 443"), HEAD THREE PORTS("80"));

	(void)state;
	assert_true(fabs(told_of(example)->vips[0].moved_share - 0.5) < 1e-9);
	assert_in_range(told_of(example)->total.connections.lost, THINGS / 2 - 150,
			THINGS / 2 + 150);
	assert_int_equal(told_of(example)->total.clients.lost, 0);
	free_example(example);
}

/* What is asked about is as it was: tables, names, states, and numbers. */
static void test_nothing_is_changed(void **state)
{
	struct world world;
	struct config *coming;
	struct runtime copy;
	struct told told;
	void *pools;

	(void)state;
	world_open(&world, three);
	coming = parse(HEAD "pools:\n  other: {backends: [{name: x, address: 10.0.0.9}]}\n");
	assert_int_equal(runtime_copy(&world.engine.runtime, &copy), 0);
	pools = malloc(2 * 16 * sizeof(struct lp_pool));
	assert_non_null(pools);
	memcpy(pools, world.dp->maps.pools, 2 * 16 * sizeof(struct lp_pool));
	foretell(&world, coming, false, &told);
	assert_memory_equal(pools, world.dp->maps.pools, 2 * 16 * sizeof(struct lp_pool));
	assert_int_equal(copy.n_backends, world.engine.runtime.n_backends);
	assert_memory_equal(copy.backends, world.engine.runtime.backends,
			    copy.n_backends * sizeof(*copy.backends));
	assert_memory_equal(copy.pools, world.engine.runtime.pools,
			    copy.n_pools * sizeof(*copy.pools));
	runtime_fini(&copy);
	told_free(&told);
	free(pools);
	config_free(&coming);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_a_backend_more),
		cmocka_unit_test(test_a_backend_less),
		cmocka_unit_test(test_a_vip_less),
		cmocka_unit_test(test_no_more_tracking),
		cmocka_unit_test(test_somebody_healthy_comes),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_a_longer_mask),
		cmocka_unit_test(test_another_seed),
		cmocka_unit_test(test_a_port_less),
		cmocka_unit_test(test_nothing_is_changed),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
