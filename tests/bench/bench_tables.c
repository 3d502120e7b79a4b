// SPDX-License-Identifier: GPL-2.0
/*
 * What tables cost and how good they are: the figures of docs/tables.md.
 *
 *	bench_tables [FILE]
 *
 * Prints tables and writes the same as JSON to FILE. Of slot tables: the time
 * to build one, how far members are from their shares, and how many slots
 * change when a member joins or dies. Beside the product's hashes stand two
 * classics for comparison, written down as published: Maglev's population
 * (NSDI 2016, pseudocode 1), and weighted rendezvous hashing without quotas.
 * Of VIP tables: the time to build one and to find a key.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <limpet/hash.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/slot_table.h"
#include "core/vip_table.h"

#define POOLS 10 /* random pools for each figure */

static uint64_t random_state = 1;

static uint64_t random64(void)
{
	random_state += 0x9e3779b97f4a7c15ull;
	return lp_mix64(random_state);
}

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void *allocate(size_t n, size_t size)
{
	void *memory = calloc(n ? n : 1, size);

	if (!memory) {
		fprintf(stderr, "bench_tables: no memory\n");
		exit(1);
	}
	return memory;
}

/* --- slot tables: the product's, and the classics -------------------------- */

typedef void (*builder)(const struct slot_member *members, size_t n, uint16_t *table);

static void must(int err)
{
	if (err) {
		fprintf(stderr, "bench_tables: %s\n", strerror(-err));
		exit(1);
	}
}

static void build_maglev(const struct slot_member *members, size_t n, uint16_t *table)
{
	must(slot_table_build(CONFIG_HASH_MAGLEV, members, n, table));
}

static void build_rendezvous(const struct slot_member *members, size_t n, uint16_t *table)
{
	must(slot_table_build(CONFIG_HASH_RENDEZVOUS, members, n, table));
}

/* A turn of Maglev: on along the preference list to the next free slot. */
static uint32_t next_free(const struct slot_member *member, uint32_t *next, const uint16_t *table)
{
	uint32_t offset = (uint32_t)lp_mix64(member->id), skip = offset >> 16 | 1;
	uint32_t slot;

	do
		slot = (offset + skip * (*next)++) % LP_SLOTS;
	while (table[slot]);
	return slot;
}

/* "Maglev hashing" with turns as often as weights say (section 3.4). */
static void build_maglev_2016(const struct slot_member *members, size_t n, uint16_t *table)
{
	uint32_t *next = allocate(n, sizeof(*next));
	double *turn = allocate(n, sizeof(*turn));

	memset(table, 0, LP_SLOTS * sizeof(*table));
	for (size_t i = 0; i < n; i++)
		turn[i] = members[i].usable && members[i].weight ? 1.0 / members[i].weight
								 : INFINITY;
	for (uint32_t filled = 0; filled < LP_SLOTS; filled++) {
		size_t first = 0;

		for (size_t i = 1; i < n; i++)
			if (turn[i] < turn[first])
				first = i;
		table[next_free(&members[first], &next[first], table)] = members[first].value;
		turn[first] += 1.0 / members[first].weight;
	}
	free(next);
	free(turn);
}

static double score(const struct slot_member *member, uint32_t slot)
{
	uint64_t hash = lp_mix64(member->id + lp_mix64(slot + 1));

	return -log(((double)(hash >> 11) + 0.5) * 0x1p-53) / member->weight;
}

/* Weighted rendezvous hashing as published: the best score wins, no quotas. */
static void build_hrw(const struct slot_member *members, size_t n, uint16_t *table)
{
	for (uint32_t slot = 0; slot < LP_SLOTS; slot++) {
		double best = INFINITY;

		for (size_t i = 0; i < n; i++) {
			double mine = members[i].usable ? score(&members[i], slot) : INFINITY;

			if (mine < best) {
				best = mine;
				table[slot] = members[i].value;
			}
		}
	}
}

static const struct algorithm {
	const char *name;
	builder build;
	size_t members_max; /* the classics are not written for speed */
} algorithms[] = {
	{ "maglev", build_maglev, LP_BACKENDS_MAX },
	{ "rendezvous", build_rendezvous, LP_BACKENDS_MAX },
	{ "maglev-2016", build_maglev_2016, 1000 },
	{ "hrw", build_hrw, 100 },
};

static const struct shape {
	size_t members;
	uint32_t weight_max; /* weights are random from 1 to this */
} shapes[] = {
	{ 3, 1 },    { 10, 1 },     { 10, 100 },  { 100, 1 },   { 100, 100 },
	{ 1000, 1 }, { 1000, 100 }, { 10000, 1 }, { 65534, 1 },
};

/* --- what is measured ------------------------------------------------------ */

struct figures {
	double build_ms[POOLS]; /* with all members usable */
	double dead_ms[POOLS];  /* and with one not usable: two stages */
	double off_share;       /* worst distance from a share, slots */
	double off_share_part;  /* the same, as a part of the share */
	/* Slots that changed, and had to, when one joined and when a second died. */
	double join, join_ideal, death, death_ideal;
	double join_worst; /* ratio, of one pool */
	double collateral; /* slots of living members that moved when the first died */
	unsigned int pools;
};

static struct slot_member *make_pool(const struct shape *shape)
{
	struct slot_member *pool = allocate(shape->members + 1, sizeof(*pool));

	for (size_t i = 0; i <= shape->members; i++)
		pool[i] = (struct slot_member) {
			.id = random64(),
			.weight = 1 + (uint32_t)(random64() % shape->weight_max),
			.usable = true,
			.value = (uint16_t)(i + 1),
		};
	return pool;
}

static uint64_t weights(const struct slot_member *pool, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += pool[i].weight;
	return sum;
}

static void measure_share(struct figures *figures, const struct slot_member *pool, size_t n,
			  const uint16_t *table)
{
	uint32_t *counts = allocate(LP_SLOTS, sizeof(*counts));
	double all = (double)weights(pool, n);

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		counts[table[slot]]++;
	for (size_t i = 0; i < n; i++) {
		double share = LP_SLOTS * pool[i].weight / all;
		double off = fabs(counts[pool[i].value] - share);

		figures->off_share = fmax(figures->off_share, off);
		figures->off_share_part = fmax(figures->off_share_part, off / share);
	}
	free(counts);
}

static uint32_t changes(const uint16_t *a, const uint16_t *b)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		n += a[slot] != b[slot];
	return n;
}

static uint32_t held(const uint16_t *table, uint16_t value)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		n += table[slot] == value;
	return n;
}

static void measure_join(struct figures *figures, builder build, const struct slot_member *pool,
			 size_t n, const uint16_t *before, uint16_t *after)
{
	double ideal = (double)LP_SLOTS * pool[n].weight / (double)weights(pool, n + 1);
	double changed;

	build(pool, n + 1, after);
	changed = changes(before, after);
	figures->join += changed;
	figures->join_ideal += ideal;
	figures->join_worst = fmax(figures->join_worst, changed / ideal);
}

/* pool[0] dies, then pool[1]. */
static void measure_deaths(struct figures *figures, builder build, struct slot_member *pool,
			   size_t n, const uint16_t *before, uint16_t *one, uint16_t *two)
{
	double start = milliseconds();

	pool[0].usable = false;
	build(pool, n, one);
	figures->dead_ms[figures->pools] = milliseconds() - start;
	pool[1].usable = false;
	build(pool, n, two);
	figures->collateral += changes(before, one) - held(before, pool[0].value);
	figures->death += changes(one, two);
	figures->death_ideal += held(one, pool[1].value);
}

static void measure_pool(struct figures *figures, builder build, const struct shape *shape)
{
	uint16_t *tables = allocate(3 * LP_SLOTS, sizeof(*tables));
	struct slot_member *pool = make_pool(shape);
	double start = milliseconds();

	build(pool, shape->members, tables);
	figures->build_ms[figures->pools] = milliseconds() - start;
	measure_share(figures, pool, shape->members, tables);
	measure_join(figures, build, pool, shape->members, tables, tables + LP_SLOTS);
	measure_deaths(figures, build, pool, shape->members, tables, tables + LP_SLOTS,
		       tables + 2 * LP_SLOTS);
	figures->pools++;
	free(pool);
	free(tables);
}

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of all pools. Other programs may run on this machine: no mean, which they pull up. */
static double median(const double values[POOLS])
{
	double sorted[POOLS];

	memcpy(sorted, values, sizeof(sorted));
	qsort(sorted, POOLS, sizeof(*sorted), compare_doubles);
	return (sorted[(POOLS - 1) / 2] + sorted[POOLS / 2]) / 2;
}

static double ratio(double changed, double ideal)
{
	return ideal > 0 ? changed / ideal : 1;
}

static json_t *slot_json(const struct algorithm *algorithm, const struct shape *shape,
			 const struct figures *f)
{
	return json_pack(
		"{s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "algorithm",
		algorithm->name, "members", (json_int_t)shape->members, "weight_max",
		(json_int_t)shape->weight_max, "build_ms", median(f->build_ms), "build_one_down_ms",
		median(f->dead_ms), "off_share_slots", f->off_share, "off_share", f->off_share_part,
		"join_ratio", ratio(f->join, f->join_ideal), "join_ratio_worst", f->join_worst,
		"second_death_ratio", ratio(f->death, f->death_ideal), "collateral_slots",
		f->collateral / f->pools, "pools", (json_int_t)f->pools);
}

static void slot_print(const struct algorithm *algorithm, const struct shape *shape,
		       const struct figures *f)
{
	printf("%-12s %7zu %6u  %8.2f %8.2f  %8.2f %7.2f%%  %6.3f %6.3f %6.3f  %8.1f\n",
	       algorithm->name, shape->members, shape->weight_max, median(f->build_ms),
	       median(f->dead_ms), f->off_share, 100 * f->off_share_part,
	       ratio(f->join, f->join_ideal), f->join_worst, ratio(f->death, f->death_ideal),
	       f->collateral / f->pools);
	fflush(stdout);
}

static json_t *measure_shape(const struct algorithm *algorithm, const struct shape *shape)
{
	struct figures figures = { 0 };

	random_state = 1; /* the same pools for all algorithms */
	for (unsigned int i = 0; i < POOLS; i++)
		measure_pool(&figures, algorithm->build, shape);
	slot_print(algorithm, shape, &figures);
	return slot_json(algorithm, shape, &figures);
}

static json_t *measure_slot_tables(void)
{
	json_t *results = json_array();

	printf("Slot tables of %u slots, %u pools each; weights are random from 1 to max.\n"
	       "build: median; one down: the same with one member not usable.\n"
	       "off share: worst member, in slots and as a part of its share.\n"
	       "join, 2nd death: slots that changed for each that had to (mean, worst pool; mean).\n"
	       "collateral: slots of living members that moved when one died.\n\n",
	       LP_SLOTS, POOLS);
	printf("%-12s %7s %6s  %8s %8s  %17s  %6s %6s %6s  %8s\n", "", "members", "weight", "build",
	       "one down", "off share", "join", "", "2nd", "collat-");
	printf("%-12s %7s %6s  %8s %8s  %8s %8s  %6s %6s %6s  %8s\n", "hash", "", "max", "ms", "ms",
	       "slots", "", "mean", "worst", "death", "eral");
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		for (size_t j = 0; j < sizeof(algorithms) / sizeof(*algorithms); j++)
			if (shapes[i].members <= algorithms[j].members_max)
				json_array_append_new(results,
						      measure_shape(&algorithms[j], &shapes[i]));
	return results;
}

/* --- VIP tables ------------------------------------------------------------ */

#define FINDS (1u << 20)

static struct lp_addr vip_address(uint32_t i)
{
	struct lp_addr addr = { 0 };

	addr.w[0] = i % 2 ? htonl(0x20010db8) : 0;
	addr.w[2] = i % 2 ? 0 : htonl(0xffff);
	addr.w[3] = htonl(0x0a000000 + i);
	return addr;
}

/* One port of each address: two keys. */
static struct vip_rule *make_rules(uint32_t n)
{
	struct vip_rule *rules = allocate(n, sizeof(*rules));

	for (uint32_t i = 0; i < n; i++) {
		rules[i].addr = vip_address(i);
		rules[i].proto = IPPROTO_TCP;
		rules[i].first = 443;
		rules[i].last = 443;
		rules[i].vip.vip = i + 1;
	}
	return rules;
}

/* ns for one find of a random address and `port`. */
static double measure_find(const struct vip_table *table, const struct lp_hash_key *key, uint32_t n,
			   uint16_t port)
{
	double start = milliseconds();
	uint32_t found = 0;

	for (uint32_t i = 0; i < FINDS; i++) {
		struct lp_addr addr = vip_address((uint32_t)(random64() % n));

		found += vip_table_find(table, key, &addr, IPPROTO_TCP, port) != NULL;
	}
	if (found != (port == 443 ? FINDS : 0)) {
		fprintf(stderr, "bench_tables: %u of %u found\n", found, FINDS);
		exit(1);
	}
	return (milliseconds() - start) * 1e6 / FINDS;
}

static json_t *measure_vip_table(const struct lp_hash_key *key, uint32_t keys)
{
	uint32_t n = keys / 2;
	struct vip_rule *rules = make_rules(n);
	struct vip_table *table = NULL;
	struct vip_table_size size;
	double start = milliseconds(), built, hit, miss;

	vip_table_size(rules, n, &size);
	must(vip_table_build(key, rules, n, &size, &table, NULL));
	built = milliseconds() - start;
	hit = measure_find(table, key, n, 443);
	miss = measure_find(table, key, n, 80);
	printf("%8u %8u %8u %6.2f %9.2f %7.1f %7.1f\n", keys, size.index, size.places,
	       (double)keys / size.places, built, hit, miss);
	fflush(stdout);
	vip_table_free(&table);
	free(rules);
	return json_pack("{s:I, s:I, s:I, s:f, s:f, s:f}", "keys", (json_int_t)keys, "index",
			 (json_int_t)size.index, "places", (json_int_t)size.places, "build_ms",
			 built, "find_hit_ns", hit, "find_miss_ns", miss);
}

static json_t *measure_vip_tables(void)
{
	static const uint32_t keys[] = { 20, 2000, 20000, 80000, 104000, 1000000 };
	json_t *results = json_array();
	struct lp_hash_key key;

	lp_hash_key_make(&key, "bench", 5);
	printf("\nVIP tables; find: random address, its port and another, in user space.\n\n"
	       "%8s %8s %8s %6s %9s %7s %7s\n",
	       "keys", "buckets", "places", "load", "build ms", "hit ns", "miss ns");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		json_array_append_new(results, measure_vip_table(&key, keys[i]));
	return results;
}

int main(int argc, char **argv)
{
	json_t *slots, *vips, *report;
	int err = 0;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: bench_tables [FILE]\n");
		return 2;
	}
	slots = measure_slot_tables();
	vips = measure_vip_tables();
	report = json_pack("{s:o, s:o}", "slot_tables", slots, "vip_tables", vips);
	if (argc == 2 && (!report || json_dump_file(report, argv[1], JSON_INDENT(1)))) {
		fprintf(stderr, "bench_tables: cannot write %s\n", argv[1]);
		err = 1;
	}
	json_decref(report);
	return err;
}
