// SPDX-License-Identifier: GPL-2.0
/*
 * Slot tables against an oracle: the definition in docs/tables.md done step by
 * step, one visit at a time, with no other thought than to be obviously right.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/slot_table.h"
#include "core/slot_table_path.h"

static const enum config_hash hashes[] = { CONFIG_HASH_MAGLEV, CONFIG_HASH_RENDEZVOUS };
static const char *const hash_names[] = { "maglev", "rendezvous" };
#define N_HASHES 2

/* --- random pools, the same in each run --- */

static uint64_t random_state;

static uint64_t random64(void)
{
	random_state += 0x9e3779b97f4a7c15ull;
	return lp_mix64(random_state);
}

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(random64() % n);
}

enum weights { EQUAL, SMALL, PERCENT, WIDE, EXTREME, WITH_ZEROS, WEIGHT_STYLES };

static uint32_t random_weight(enum weights style)
{
	switch (style) {
	case SMALL:
		return 1 + random_below(10);
	case PERCENT:
		return 1 + random_below(100);
	case WIDE:
		return 1 + random_below(CONFIG_WEIGHT_MAX);
	case EXTREME:
		return random_below(8) ? 1 : CONFIG_WEIGHT_MAX;
	case WITH_ZEROS:
		return random_below(4) ? 1 + random_below(100) : 0;
	default:
		return 100;
	}
}

static struct slot_member *make_pool(size_t n, enum weights style)
{
	struct slot_member *pool = test_calloc(n, sizeof(*pool));

	for (size_t i = 0; i < n; i++)
		pool[i] = (struct slot_member) {
			.id = random64(),
			.weight = random_weight(style),
			.usable = true,
			.value = (uint16_t)(i + 1),
		};
	return pool;
}

/* Each member is unusable with probability `eighths` / 8. */
static void break_some(struct slot_member *pool, size_t n, uint32_t eighths)
{
	for (size_t i = 0; i < n; i++)
		pool[i].usable = random_below(8) >= eighths;
}

static void shuffle(struct slot_member *pool, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = random_below((uint32_t)i);
		struct slot_member member = pool[i - 1];

		pool[i - 1] = pool[j];
		pool[j] = member;
	}
}

static uint16_t *new_table(void)
{
	return test_calloc(LP_SLOTS, sizeof(uint16_t));
}

static uint16_t *build(enum config_hash hash, const struct slot_member *pool, size_t n)
{
	uint16_t *table = new_table();

	assert_int_equal(slot_table_build(hash, pool, n, table), 0);
	return table;
}

static uint32_t count_value(const uint16_t *table, uint16_t value)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		count += table[slot] == value;
	return count;
}

static uint32_t *count_all(const uint16_t *table)
{
	uint32_t *counts = test_calloc(LP_SLOTS, sizeof(*counts));

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		counts[table[slot]]++;
	return counts;
}

static uint32_t count_changes(const uint16_t *a, const uint16_t *b)
{
	uint32_t changes = 0;

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		changes += a[slot] != b[slot];
	return changes;
}

/* --- the oracle --- */

struct oracle_member {
	const struct slot_member *member;
	int held, floor, ceil;
	uint64_t rest; /* remainder of its share */
	uint32_t k;
	uint64_t time; /* of visit k */
};

struct oracle {
	enum config_hash hash;
	size_t n;
	struct oracle_member *members;
	int owner[LP_SLOTS]; /* -1: free */
	int n_free;
	int spare;
};

/* Sum of the first k + 1 gaps 2^28 / (65536 - i), each rounded down. */
static uint64_t oracle_law(uint32_t k)
{
	static uint64_t law[LP_SLOTS + 1];

	if (law[1] == 0)
		for (uint32_t i = 0; i < LP_SLOTS; i++)
			law[i + 1] = law[i] + 268435456 / (65536 - i);
	return law[k];
}

static uint64_t oracle_time(const struct slot_member *member, uint32_t k)
{
	uint64_t phase = lp_mix64(member->id + 2 * 0x9e3779b97f4a7c15ull) % 65536;
	uint64_t gap = oracle_law(k + 1) - oracle_law(k);

	return (oracle_law(k) + gap * phase / 65536) * (4294967296 / member->weight);
}

static uint32_t oracle_slot(enum config_hash hash, const struct slot_member *member, uint32_t k)
{
	uint64_t bits = lp_mix64(member->id + 0x9e3779b97f4a7c15ull);
	uint64_t word[4] = { bits % 65536, bits >> 16 | 1, bits >> 32 | 1, bits >> 48 | 1 };
	uint64_t slot = (word[0] + k * (word[1] % 65536)) % 65536;

	if (hash == CONFIG_HASH_MAGLEV)
		return (uint32_t)slot;
	slot ^= slot / 128;
	slot = slot * (word[2] % 65536) % 65536;
	slot ^= slot / 512;
	slot = slot * (word[3] % 65536) % 65536;
	return (uint32_t)(slot ^ slot / 256);
}

static int max_int(int64_t a, int64_t b)
{
	return (int)(a > b ? a : b);
}

/* Shares rounded down and lowered by `cut`; returns what is left of the slots,
 * negative if that is too much. */
static int oracle_floors(struct oracle *oracle, int cut, bool all)
{
	uint64_t weights = 0;
	int left = LP_SLOTS;

	for (size_t i = 0; i < oracle->n; i++)
		if (all || oracle->members[i].member->usable)
			weights += oracle->members[i].member->weight;
	for (size_t i = 0; i < oracle->n; i++) {
		struct oracle_member *m = &oracle->members[i];
		uint64_t share = (uint64_t)m->member->weight * 65536;
		int64_t whole = (int64_t)(share / weights) - cut;

		m->rest = share % weights;
		m->floor = m->ceil = 0;
		if (!all && !m->member->usable)
			continue;
		m->floor = max_int(m->held, whole);
		m->ceil = max_int(m->held, whole + (cut || m->rest));
		left -= m->floor;
	}
	return left;
}

/* How many members that may be rounded up have a remainder above m's, or equal
 * to it as well (m itself included). */
static int oracle_rank(const struct oracle *oracle, const struct oracle_member *m, bool equal)
{
	int rank = 0;

	for (size_t i = 0; i < oracle->n; i++) {
		const struct oracle_member *other = &oracle->members[i];

		if (other->ceil > other->floor)
			rank += equal ? other->rest >= m->rest : other->rest > m->rest;
	}
	return rank;
}

/* Largest remainder: who is among the first `left` whatever the order of
 * equals is rounded up, who is not among them in any order is rounded down,
 * the others may be rounded up while there are spares. */
static void oracle_quotas(struct oracle *oracle, bool all)
{
	int *above = test_calloc(oracle->n, sizeof(*above));
	int *reach = test_calloc(oracle->n, sizeof(*reach));
	int cut = 0, left;

	while ((left = oracle_floors(oracle, cut, all)) < 0)
		cut++;
	for (size_t i = 0; i < oracle->n; i++) {
		above[i] = oracle_rank(oracle, &oracle->members[i], false);
		reach[i] = oracle_rank(oracle, &oracle->members[i], true);
	}
	oracle->spare = left;
	for (size_t i = 0; i < oracle->n; i++) {
		struct oracle_member *m = &oracle->members[i];

		if (m->ceil == m->floor)
			continue;
		if (reach[i] <= left) {
			m->floor++;
			oracle->spare--;
		} else if (above[i] >= left) {
			m->ceil--;
		}
	}
	test_free(above);
	test_free(reach);
}

static bool oracle_room(const struct oracle *oracle, const struct oracle_member *m)
{
	return m->held < m->floor || (m->held < m->ceil && oracle->spare > 0);
}

/* The member with room whose next visit comes first; of equals, the lowest id. */
static struct oracle_member *oracle_next(struct oracle *oracle)
{
	struct oracle_member *next = NULL;

	for (size_t i = 0; i < oracle->n; i++) {
		struct oracle_member *m = &oracle->members[i];

		if (oracle_room(oracle, m) &&
		    (!next || m->time < next->time ||
		     (m->time == next->time && m->member->id < next->member->id)))
			next = m;
	}
	return next;
}

static void oracle_visit(struct oracle *oracle, struct oracle_member *m)
{
	uint32_t slot = oracle_slot(oracle->hash, m->member, m->k);

	if (oracle->owner[slot] < 0) {
		oracle->owner[slot] = (int)(m - oracle->members);
		oracle->n_free--;
		if (m->held >= m->floor)
			oracle->spare--;
		m->held++;
	}
	m->k++;
	if (m->k < LP_SLOTS)
		m->time = oracle_time(m->member, m->k);
	else
		m->time = UINT64_MAX;
}

static void oracle_race(struct oracle *oracle, bool all)
{
	oracle_quotas(oracle, all);
	for (size_t i = 0; i < oracle->n; i++) {
		oracle->members[i].k = 0;
		oracle->members[i].time = oracle_time(oracle->members[i].member, 0);
	}
	while (oracle->n_free > 0)
		oracle_visit(oracle, oracle_next(oracle));
}

static void oracle_release(struct oracle *oracle)
{
	for (uint32_t slot = 0; slot < LP_SLOTS; slot++) {
		struct oracle_member *m = &oracle->members[oracle->owner[slot]];

		if (m->member->usable)
			continue;
		m->held--;
		oracle->owner[slot] = -1;
		oracle->n_free++;
	}
}

static bool oracle_enter(struct oracle *oracle, const struct slot_member *pool, size_t n)
{
	bool usable = false;

	for (size_t i = 0; i < n; i++) {
		if (pool[i].weight == 0)
			continue;
		oracle->members[oracle->n++].member = &pool[i];
		usable = usable || pool[i].usable;
	}
	return usable;
}

static uint16_t *oracle_build(enum config_hash hash, const struct slot_member *pool, size_t n)
{
	struct oracle *oracle = test_calloc(1, sizeof(*oracle));
	uint16_t *table = new_table();

	oracle->hash = hash;
	oracle->members = test_calloc(n, sizeof(*oracle->members));
	oracle->n_free = LP_SLOTS;
	memset(oracle->owner, 0xff, sizeof(oracle->owner));
	if (oracle_enter(oracle, pool, n)) {
		oracle_race(oracle, true);
		oracle_release(oracle);
		oracle_race(oracle, false);
		for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
			table[slot] = oracle->members[oracle->owner[slot]].member->value;
	}
	test_free(oracle->members);
	test_free(oracle);
	return table;
}

/* --- against the oracle --- */

static void compare_with_oracle(const struct slot_member *pool, size_t n)
{
	for (size_t h = 0; h < N_HASHES; h++) {
		uint16_t *table = build(hashes[h], pool, n);
		uint16_t *expected = oracle_build(hashes[h], pool, n);

		assert_memory_equal(table, expected, LP_SLOTS * sizeof(*table));
		test_free(table);
		test_free(expected);
	}
}

static void compare_random(size_t pools, uint32_t least, uint32_t most)
{
	for (size_t i = 0; i < pools; i++) {
		size_t n = least + random_below(most - least + 1);
		struct slot_member *pool = make_pool(n, (enum weights)(i % WEIGHT_STYLES));

		break_some(pool, n, (uint32_t)(i / WEIGHT_STYLES % 9));
		compare_with_oracle(pool, n);
		test_free(pool);
	}
}

static void test_oracle_small(void **state)
{
	(void)state;
	random_state = 1;
	compare_random(108, 1, 8);
	compare_random(108, 2, 24);
}

static void test_oracle_large(void **state)
{
	(void)state;
	random_state = 2;
	compare_random(8, 41, 150);
	compare_random(1, 1000, 1000);
}

/* --- P5 --- */

static uint64_t usable_weight(const struct slot_member *pool, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (pool[i].usable)
			sum += pool[i].weight;
	return sum;
}

static double ideal(const struct slot_member *member, uint64_t weights)
{
	return (double)LP_SLOTS * member->weight / (double)weights;
}

/* Largest distance of a usable member from its share, in slots. */
static double worst_share(const uint16_t *table, const struct slot_member *pool, size_t n)
{
	uint64_t weights = usable_weight(pool, n);
	uint32_t *counts = count_all(table);
	double worst = 0;

	for (size_t i = 0; i < n; i++) {
		double off = pool[i].usable ? counts[pool[i].value] - ideal(&pool[i], weights) : 0;

		worst = off > worst ? off : -off > worst ? -off : worst;
	}
	test_free(counts);
	return worst;
}

/*
 * Whether no table can have all usable members within a slot of their shares
 * and leave them what they have while all are usable: `base` (P4). By how much.
 */
static int64_t shortage(const uint16_t *base, const struct slot_member *pool, size_t n)
{
	uint64_t weights = usable_weight(pool, n);
	uint32_t *counts = count_all(base);
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (pool[i].usable)
			sum += max_int(counts[pool[i].value],
				       (int64_t)((uint64_t)pool[i].weight * LP_SLOTS / weights));
	test_free(counts);
	return sum - LP_SLOTS;
}

static void heal(struct slot_member *pool, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pool[i].usable = true;
}

/* Returns whether it was the corner where P5 has to give way to P4. */
static bool check_shares(enum config_hash hash, struct slot_member *pool, size_t n,
			 uint32_t eighths)
{
	uint16_t *base, *table;
	int64_t lacking;
	double worst;

	heal(pool, n);
	base = build(hash, pool, n);
	assert_true(worst_share(base, pool, n) < 1);
	break_some(pool, n, eighths);
	pool[0].usable = true;
	table = build(hash, pool, n);
	lacking = shortage(base, pool, n);
	worst = worst_share(table, pool, n);
	assert_true(worst < (lacking > 0 ? 1 + (double)lacking : 1));
	test_free(base);
	test_free(table);
	return lacking > 0;
}

static void test_shares(void **state)
{
	unsigned int corners = 0, pools = 0;

	(void)state;
	random_state = 3;
	for (; pools < 200; pools++) {
		size_t n = 1 + random_below(pools % 10 ? 100 : 1000);
		struct slot_member *pool = make_pool(n, (enum weights)(pools % WITH_ZEROS));

		corners += check_shares(hashes[pools % N_HASHES], pool, n, 1 + pools % 7);
		test_free(pool);
	}
	print_message("P5 gave way to P4 in %u of %u random pools\n", corners, pools);
	assert_true(corners < pools / 10);
}

/*
 * The corner on purpose: four heavy members and many of a quarter of a slot,
 * of which those that have a slot are more, or fewer, than their shares' sum.
 */
static void test_shares_corner(void **state)
{
	unsigned int corners = 0, pools = 8;

	(void)state;
	random_state = 4;
	for (unsigned int i = 0; i < pools; i++) {
		struct slot_member *pool = make_pool(68, EQUAL);
		uint16_t *base;

		for (size_t j = 0; j < 68; j++)
			pool[j].weight = j < 4 ? CONFIG_WEIGHT_MAX : 1;
		base = build(CONFIG_HASH_RENDEZVOUS, pool, 68);
		for (size_t j = 4; j < 68; j++)
			pool[j].usable = false;
		corners += shortage(base, pool, 68) > 0;
		compare_with_oracle(pool, 68);
		for (size_t j = 4; j < 36; j++)
			pool[j].usable = true;
		corners += shortage(base, pool, 68) > 0;
		compare_with_oracle(pool, 68);
		test_free(base);
		test_free(pool);
	}
	assert_in_range(corners, 1, 2 * pools - 1);
}

/*
 * The corner again, with shares of the heavy ones that come out even: two of
 * 32,767 slots and four of half a slot, three of which have one. So the heavy
 * ones, 65,533 slots together, differ by one without a remainder to tell why.
 */
static void test_shares_corner_even(void **state)
{
	struct slot_member *pool;
	unsigned int with = 0, without = 0;
	uint16_t *base;

	(void)state;
	random_state = 18;
	pool = make_pool(18, EQUAL);
	for (size_t i = 0; i < 18; i++)
		pool[i].weight = i < 2 ? 65534 : 1;
	base = build(CONFIG_HASH_MAGLEV, pool, 18);
	for (size_t i = 2; i < 18; i++)
		pool[i].usable = count_value(base, pool[i].value) ? with++ < 3 : without++ < 1;
	assert_int_equal(shortage(base, pool, 18), 1);
	compare_with_oracle(pool, 18);
	test_free(base);
	test_free(pool);
}

/* At most 1% from the share, for 1,000 equal backends (DESIGN, P5). */
static void test_shares_thousand(void **state)
{
	struct slot_member *pool;

	(void)state;
	random_state = 5;
	pool = make_pool(1000, EQUAL);
	for (size_t h = 0; h < N_HASHES; h++) {
		uint16_t *table = build(hashes[h], pool, 1000);

		assert_true(worst_share(table, pool, 1000) < 0.01 * LP_SLOTS / 1000);
		test_free(table);
	}
	test_free(pool);
}

/* --- P6 --- */

static uint64_t id_of_value(const struct slot_member *pool, size_t n, uint16_t value)
{
	for (size_t i = 0; i < n; i++)
		if (pool[i].value == value)
			return pool[i].id;
	return 0;
}

/* Who answers each slot, by identity. */
static uint64_t *identities(enum config_hash hash, const struct slot_member *pool, size_t n)
{
	uint64_t *ids = test_calloc(LP_SLOTS, sizeof(*ids));
	uint16_t *table = build(hash, pool, n);

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		ids[slot] = id_of_value(pool, n, table[slot]);
	test_free(table);
	return ids;
}

static void test_order_and_numbers(void **state)
{
	(void)state;
	random_state = 6;
	for (unsigned int i = 0; i < 24; i++) {
		size_t n = 2 + random_below(60);
		struct slot_member *pool = make_pool(n, (enum weights)(i % WEIGHT_STYLES));
		uint64_t *before, *after;

		break_some(pool, n, i % 5);
		before = identities(hashes[i % N_HASHES], pool, n);
		shuffle(pool, n);
		for (size_t j = 0; j < n; j++)
			pool[j].value = (uint16_t)(60000 - 7 * j);
		after = identities(hashes[i % N_HASHES], pool, n);
		assert_memory_equal(before, after, LP_SLOTS * sizeof(*before));
		test_free(before);
		test_free(after);
		test_free(pool);
	}
}

struct start {
	uint32_t where; /* phase and first slot */
	uint64_t id;
};

static int compare_starts(const void *a, const void *b)
{
	const struct start *x = a, *y = b;

	if (x->where != y->where)
		return x->where < y->where ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Two ids whose paths begin in one slot, and which are always there at the same time. */
static void find_tie(uint64_t *a, uint64_t *b)
{
	enum { IDS = 1 << 18 };
	struct start *starts = test_calloc(IDS, sizeof(*starts));
	size_t i = 1;

	for (size_t j = 0; j < IDS; j++) {
		struct slot_path path;

		slot_path_init(&path, j, 1);
		starts[j] = (struct start) { (uint32_t)path.phase << 16 | path.offset, j };
	}
	qsort(starts, IDS, sizeof(*starts), compare_starts);
	while (i < IDS - 1 && starts[i].where != starts[i - 1].where)
		i++;
	assert_int_equal(starts[i].where, starts[i - 1].where);
	*a = starts[i - 1].id;
	*b = starts[i].id;
	test_free(starts);
}

static void test_tie(void **state)
{
	struct slot_member pool[2] = {
		{ .weight = 5, .usable = true, .value = 1 },
		{ .weight = 5, .usable = true, .value = 2 },
	};

	(void)state;
	find_tie(&pool[0].id, &pool[1].id);
	compare_with_oracle(pool, 2);
	shuffle(pool, 2);
	compare_with_oracle(pool, 2);
}

/* A pool and a checksum of its table: if this fails, nodes with the old and the
 * new code disagree, and an upgrade moves clients. */
static uint64_t checksum(const uint16_t *table)
{
	unsigned char *bytes = test_malloc(LP_SLOTS * 2);
	uint64_t sum;

	for (uint32_t slot = 0; slot < LP_SLOTS; slot++) {
		bytes[2 * slot] = (unsigned char)table[slot];
		bytes[2 * slot + 1] = (unsigned char)(table[slot] >> 8);
	}
	sum = lp_siphash(1, 2, bytes, LP_SLOTS * 2);
	test_free(bytes);
	return sum;
}

static void test_golden(void **state)
{
	static const uint64_t golden[N_HASHES] = { 0x34dd70a1bd596338ull, 0xac809e1c7ca443cdull };
	struct slot_member pool[7] = { 0 };

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		char name[] = "fe0";

		name[2] = (char)('0' + i);
		pool[i].id = slot_member_id("a seed", "front-end", name);
		pool[i].weight = (uint32_t)(100 + 10 * i);
		pool[i].usable = i != 3;
		pool[i].value = (uint16_t)(i + 1);
	}
	for (size_t h = 0; h < N_HASHES; h++) {
		uint16_t *table = build(hashes[h], pool, 7);

		assert_int_equal(checksum(table), golden[h]);
		test_free(table);
	}
}

static void test_member_id(void **state)
{
	uint64_t id = slot_member_id("seed", "pool", "backend");

	(void)state;
	assert_int_equal(id, slot_member_id("seed", "pool", "backend"));
	assert_int_not_equal(id, slot_member_id("seex", "pool", "backend"));
	assert_int_not_equal(id, slot_member_id("seed", "poolb", "ackend"));
	assert_int_not_equal(id, slot_member_id("seedp", "ool", "backend"));
	assert_int_not_equal(id, slot_member_id("seed", "backend", "pool"));
	assert_int_not_equal(id, slot_member_id("seed", "pool", "backen"));
}

/* --- P4 --- */

/* Slots change only where somebody who is not usable now was in `before`. */
static void assert_only_theirs_move(const uint16_t *before, const uint16_t *after,
				    const struct slot_member *pool, size_t n)
{
	bool *usable = test_calloc(LP_SLOTS, sizeof(*usable));

	for (size_t i = 0; i < n; i++)
		usable[pool[i].value] = pool[i].usable;
	for (uint32_t slot = 0; slot < LP_SLOTS; slot++) {
		assert_true(usable[after[slot]]);
		if (usable[before[slot]])
			assert_int_equal(before[slot], after[slot]);
	}
	test_free(usable);
}

/* The slots of who died go to the others by weight: to a slot of their share. */
static void assert_spread(const uint16_t *before, const uint16_t *after,
			  const struct slot_member *pool, size_t n)
{
	uint64_t weights = usable_weight(pool, n);
	uint32_t *had = count_all(before), *have = count_all(after);
	double freed = LP_SLOTS;

	for (size_t i = 0; i < n; i++)
		if (pool[i].usable)
			freed -= had[pool[i].value];
	for (size_t i = 0; i < n; i++) {
		double gain = (double)have[pool[i].value] - had[pool[i].value];
		double due = freed * pool[i].weight / (double)weights;

		if (pool[i].usable)
			assert_true(gain - due < 2 && due - gain < 2);
	}
	test_free(had);
	test_free(have);
}

static void test_death(void **state)
{
	(void)state;
	random_state = 7;
	for (unsigned int i = 0; i < 60; i++) {
		size_t n = 3 + random_below(i % 10 ? 60 : 1000);
		struct slot_member *pool = make_pool(n, (enum weights)(i % WIDE));
		enum config_hash hash = hashes[i / 2 % N_HASHES];
		uint16_t *before = build(hash, pool, n), *after;

		break_some(pool, n, i % 4);
		pool[1].usable = false;
		pool[0].usable = true;
		after = build(hash, pool, n);
		assert_only_theirs_move(before, after, pool, n);
		assert_spread(before, after, pool, n);
		test_free(before);
		test_free(after);
		test_free(pool);
	}
}

/* Members die one by one, and come back in another order: each set of the dead
 * has its table, whatever came before. */
static void test_revival(void **state)
{
	enum { N = 12, DEAD = 5 };
	uint16_t *tables[1 << DEAD];
	struct slot_member *pool;

	(void)state;
	random_state = 8;
	pool = make_pool(N, PERCENT);
	for (unsigned int set = 0; set < 1 << DEAD; set++) {
		for (unsigned int i = 0; i < DEAD; i++)
			pool[i].usable = !(set >> i & 1);
		tables[set] = build(CONFIG_HASH_MAGLEV, pool, N);
		if (set > 0)
			assert_only_theirs_move(tables[0], tables[set], pool, N);
	}
	for (unsigned int set = 1 << DEAD; set-- > 0;) {
		uint16_t *again;

		for (unsigned int i = 0; i < DEAD; i++)
			pool[i].usable = !(set >> i & 1);
		again = build(CONFIG_HASH_MAGLEV, pool, N);
		assert_memory_equal(again, tables[set], LP_SLOTS * sizeof(*again));
		test_free(again);
		test_free(tables[set]);
	}
	test_free(pool);
}

/* --- disruption: bounds with a margin over docs/tables.md --- */

struct disruption {
	double changed; /* slots, over all pools */
	double ideal;   /* how many had to change */
	double worst;   /* of one pool */
};

static void disruption_add(struct disruption *sum, double changed, double must)
{
	sum->changed += changed;
	sum->ideal += must;
	sum->worst = changed / must > sum->worst ? changed / must : sum->worst;
}

static double disruption_print(const char *what, enum config_hash hash,
			       const struct disruption *sum)
{
	double ratio = sum->changed / sum->ideal;

	print_message("%-10s %s: %.3f times the ideal, at most %.3f\n",
		      hash_names[hash == CONFIG_HASH_RENDEZVOUS], what, ratio, sum->worst);
	return ratio;
}

/* pool[n] joins pool[0] to pool[n - 1]; every change is counted. */
static void join(struct disruption *sum, enum config_hash hash, struct slot_member *pool, size_t n)
{
	uint16_t *before = build(hash, pool, n), *after = build(hash, pool, n + 1);
	uint32_t changes = count_changes(before, after);

	disruption_add(sum, changes, ideal(&pool[n], usable_weight(pool, n + 1)));
	if (n >= 100)
		assert_true(changes < 0.025 * LP_SLOTS);
	test_free(before);
	test_free(after);
}

static struct disruption join_all(enum config_hash hash, size_t n, enum weights style)
{
	struct disruption sum = { 0 };

	random_state = 9;
	for (unsigned int i = 0; i < 12; i++) {
		struct slot_member *pool = make_pool(n + 1, style);

		join(&sum, hash, pool, n);
		test_free(pool);
	}
	return sum;
}

static void test_disruption_join(void **state)
{
	(void)state;
	for (size_t h = 0; h < N_HASHES; h++) {
		struct disruption ten = join_all(hashes[h], 10, EQUAL);
		struct disruption equal = join_all(hashes[h], 100, EQUAL);
		struct disruption mixed = join_all(hashes[h], 100, PERCENT);

		assert_true(disruption_print("1 joins 10", hashes[h], &ten) < 1.05);
		assert_true(disruption_print("1 joins 100", hashes[h], &equal) < 1.40);
		assert_true(equal.worst < 1.50);
		assert_true(disruption_print("1 joins 100, weights 1-100", hashes[h], &mixed) <
			    1.45);
	}
}

/* One more of `n` dies when `dead` are dead already. What has to move is what
 * it answers at that time. */
static void test_disruption_death(void **state)
{
	(void)state;
	for (size_t h = 0; h < N_HASHES; h++) {
		struct disruption sum = { 0 };

		random_state = 10;
		for (unsigned int i = 0; i < 12; i++) {
			struct slot_member *pool = make_pool(100, EQUAL);
			uint16_t *before, *after;

			pool[0].usable = false;
			before = build(hashes[h], pool, 100);
			pool[1].usable = false;
			after = build(hashes[h], pool, 100);
			disruption_add(&sum, count_changes(before, after),
				       count_value(before, pool[1].value));
			test_free(before);
			test_free(after);
			test_free(pool);
		}
		assert_true(disruption_print("second of 100 dies", hashes[h], &sum) < 1.25);
	}
}

static void test_disruption_weight(void **state)
{
	(void)state;
	for (size_t h = 0; h < N_HASHES; h++) {
		struct disruption sum = { 0 };

		random_state = 11;
		for (unsigned int i = 0; i < 12; i++) {
			struct slot_member *pool = make_pool(100, EQUAL);
			uint16_t *before = build(hashes[h], pool, 100), *after;
			double was = ideal(&pool[0], usable_weight(pool, 100));

			pool[0].weight *= 2;
			after = build(hashes[h], pool, 100);
			disruption_add(&sum, count_changes(before, after),
				       ideal(&pool[0], usable_weight(pool, 100)) - was);
			test_free(before);
			test_free(after);
			test_free(pool);
		}
		assert_true(disruption_print("weight of 1 of 100 doubled", hashes[h], &sum) < 1.45);
	}
}

/* --- edges --- */

static void assert_all(enum config_hash hash, const struct slot_member *pool, size_t n,
		       uint16_t value)
{
	uint16_t *table = new_table();

	memset(table, 0xee, LP_SLOTS * sizeof(*table));
	assert_int_equal(slot_table_build(hash, pool, n, table), 0);
	assert_int_equal(count_value(table, value), LP_SLOTS);
	test_free(table);
}

static void test_edges(void **state)
{
	(void)state;
	random_state = 12;
	for (size_t h = 0; h < N_HASHES; h++) {
		struct slot_member *pool = make_pool(3, EQUAL);

		assert_all(hashes[h], NULL, 0, 0);
		assert_all(hashes[h], pool, 1, pool[0].value);
		pool[0].usable = false;
		assert_all(hashes[h], pool, 1, 0);
		assert_all(hashes[h], pool, 2, pool[1].value);
		pool[1].weight = 0;
		assert_all(hashes[h], pool, 2, 0);
		pool[0].usable = true;
		assert_all(hashes[h], pool, 2, pool[0].value);
		pool[0].weight = 0;
		assert_all(hashes[h], pool, 2, 0);
		assert_all(hashes[h], pool, 3, pool[2].value);
		test_free(pool);
	}
}

static void test_huge_ratio(void **state)
{
	(void)state;
	random_state = 13;
	for (size_t h = 0; h < N_HASHES; h++) {
		struct slot_member *pool = make_pool(2, EQUAL);
		uint16_t *table;

		pool[0].weight = 1;
		pool[1].weight = CONFIG_WEIGHT_MAX;
		table = build(hashes[h], pool, 2);
		assert_int_equal(count_value(table, pool[0].value), 1);
		assert_int_equal(count_value(table, pool[1].value), LP_SLOTS - 1);
		pool[1].usable = false;
		assert_all(hashes[h], pool, 2, pool[0].value);
		test_free(table);
		test_free(pool);
	}
}

static void assert_floor_or_ceil(const uint16_t *table, const struct slot_member *pool, size_t n)
{
	uint64_t weights = usable_weight(pool, n);
	uint32_t *counts = count_all(table);

	for (size_t i = 0; i < n; i++) {
		uint64_t share = (uint64_t)pool[i].weight * LP_SLOTS;

		assert_in_range(counts[pool[i].value], share / weights,
				(share + weights - 1) / weights);
	}
	test_free(counts);
}

static void test_most_members(void **state)
{
	(void)state;
	random_state = 14;
	for (unsigned int i = 0; i < 2 * N_HASHES; i++) {
		struct slot_member *pool = make_pool(LP_BACKENDS_MAX, i < 2 ? EQUAL : WIDE);
		uint16_t *table = build(hashes[i % N_HASHES], pool, LP_BACKENDS_MAX), *after;

		assert_floor_or_ceil(table, pool, LP_BACKENDS_MAX);
		break_some(pool, LP_BACKENDS_MAX, 4);
		after = build(hashes[i % N_HASHES], pool, LP_BACKENDS_MAX);
		assert_only_theirs_move(table, after, pool, LP_BACKENDS_MAX);
		test_free(table);
		test_free(after);
		test_free(pool);
	}
}

static void assert_refused(const struct slot_member *pool, size_t n)
{
	uint16_t *table = new_table();

	memset(table, 0xee, LP_SLOTS * sizeof(*table));
	assert_int_equal(slot_table_build(CONFIG_HASH_MAGLEV, pool, n, table), -EINVAL);
	assert_int_equal(count_value(table, 0xeeee), LP_SLOTS);
	test_free(table);
}

static void test_refused(void **state)
{
	struct slot_member *pool;

	(void)state;
	random_state = 15;
	pool = make_pool(LP_SLOTS + 1, EQUAL);
	assert_refused(pool, LP_SLOTS + 1);
	pool[2].id = pool[0].id;
	assert_refused(pool, 3);
	pool[2].id = pool[0].id + 1;
	pool[1].weight = CONFIG_WEIGHT_MAX + 1;
	assert_refused(pool, 3);
	test_free(pool);
}

/* --- paths --- */

static void check_path(const struct slot_path *path, const uint32_t *law)
{
	bool *maglev = test_calloc(LP_SLOTS, sizeof(*maglev));
	bool *rendezvous = test_calloc(LP_SLOTS, sizeof(*rendezvous));

	for (uint32_t k = 0; k < LP_SLOTS; k++) {
		assert_false(maglev[slot_path_maglev(path, k)]);
		maglev[slot_path_maglev(path, k)] = true;
		assert_false(rendezvous[slot_path_rendezvous(path, k)]);
		rendezvous[slot_path_rendezvous(path, k)] = true;
		if (k > 0)
			assert_true(slot_path_time(path, law, k) >
				    slot_path_time(path, law, k - 1));
	}
	assert_true(slot_path_time(path, law, LP_SLOTS - 1) < UINT64_MAX - (1ull << 60));
	test_free(maglev);
	test_free(rendezvous);
}

static void test_paths(void **state)
{
	static const uint32_t weights[] = { 1, 2, 3, 100, 65534, CONFIG_WEIGHT_MAX };
	static uint32_t law[LP_SLOTS + 1];

	(void)state;
	random_state = 16;
	slot_path_law(law);
	for (size_t i = 0; i < 6; i++) {
		struct slot_path path;

		slot_path_init(&path, i ? random64() : 0, weights[i]);
		check_path(&path, law);
	}
}

/* --- speed: printed, not judged --- */

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void test_speed(void **state)
{
	(void)state;
	random_state = 17;
	for (size_t h = 0; h < N_HASHES; h++) {
		struct slot_member *pool = make_pool(1000, PERCENT);
		uint16_t *table;
		double start;

		pool[0].usable = false;
		start = milliseconds();
		table = build(hashes[h], pool, 1000);
		print_message("%-10s 1,000 members, one of them down: %.1f ms\n", hash_names[h],
			      milliseconds() - start);
		test_free(table);
		test_free(pool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_huge_ratio),
		cmocka_unit_test(test_most_members),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_member_id),
		cmocka_unit_test(test_order_and_numbers),
		cmocka_unit_test(test_tie),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_shares_corner),
		cmocka_unit_test(test_shares_corner_even),
		cmocka_unit_test(test_shares_thousand),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_revival),
		cmocka_unit_test(test_disruption_join),
		cmocka_unit_test(test_disruption_death),
		cmocka_unit_test(test_disruption_weight),
		cmocka_unit_test(test_oracle_small),
		cmocka_unit_test(test_oracle_large),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests_name("slot_table", tests, NULL, NULL);
}
