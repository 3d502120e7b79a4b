// SPDX-License-Identifier: GPL-2.0
/* Slot tables of pools with backups: what core/slot_table.h promises of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/slot_table.h"

#define MEMBERS_MAX 40
#define POOLS       60

static const enum config_hash all_hashes[] = { CONFIG_HASH_MAGLEV, CONFIG_HASH_RENDEZVOUS,
					       CONFIG_HASH_RING, CONFIG_HASH_MODULO };

static uint64_t state64 = 11;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t random64(void)
{
	uint64_t z = state64 += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

struct pool {
	struct slot_member members[MEMBERS_MAX];
	size_t n;
	uint16_t table[LP_SLOTS];
	uint32_t count[MEMBERS_MAX + 1]; /* by value */
};

static void build(struct pool *pool, enum config_hash hash)
{
	memset(pool->count, 0, sizeof(pool->count));
	assert_int_equal(slot_table_build(hash, pool->members, pool->n, pool->table), 0);
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		pool->count[pool->table[i]]++;
}

/* A third of backups, after the others; nobody needs them yet. */
static void make_pool(struct pool *pool)
{
	pool->n = 3 + random64() % (MEMBERS_MAX - 3);
	for (size_t i = 0; i < pool->n; i++) {
		bool backup = i >= pool->n - pool->n / 3;

		pool->members[i] = (struct slot_member) {
			.id = random64(),
			.weight = 1 + (uint32_t)(random64() % 100),
			.usable = !backup,
			.backup = backup,
			.value = (uint16_t)(i + 1),
		};
	}
}

static size_t primaries(const struct pool *pool)
{
	return pool->n - pool->n / 3;
}

static void use_backups(struct pool *pool)
{
	for (size_t i = primaries(pool); i < pool->n; i++)
		pool->members[i].usable = true;
}

/* Nobody needs them: the table is that of the pool without them. */
static void test_unused_backups_change_nothing(void **state)
{
	static struct pool with, without;

	(void)state;
	for (size_t i = 0; i < POOLS; i++) {
		enum config_hash hash = all_hashes[i % 4];

		make_pool(&with);
		with.members[0].usable = i % 3;
		without = with;
		without.n = primaries(&with);
		build(&with, hash);
		build(&without, hash);
		assert_memory_equal(with.table, without.table, sizeof(with.table));
	}
}

/* Nobody is dead, so they have nothing to take over; and no hash gives them anything. */
static void test_backups_take_nothing_from_the_living(void **state)
{
	static struct pool before, after;

	(void)state;
	for (size_t i = 0; i < POOLS; i++) {
		make_pool(&before);
		after = before;
		use_backups(&after);
		build(&before, all_hashes[i % 2]);
		build(&after, all_hashes[i % 2]);
		assert_memory_equal(before.table, after.table, sizeof(before.table));
	}
}

/* P4, and shares: whoever is worth more than he holds gets what he is worth, by weight,
 * of what the others leave. */
static void check_shares(const struct pool *pool, const struct pool *all)
{
	uint64_t weights = 0, slots = 0;

	for (size_t i = 0; i < pool->n; i++) {
		const struct slot_member *member = &pool->members[i];

		if (!member->usable || pool->count[member->value] == all->count[member->value])
			continue;
		assert_true(pool->count[member->value] > all->count[member->value]);
		weights += member->weight;
		slots += pool->count[member->value];
	}
	for (size_t i = 0; i < pool->n; i++) {
		const struct slot_member *member = &pool->members[i];
		double due = weights ? (double)slots * member->weight / (double)weights : 0;

		if (member->usable && pool->count[member->value] != all->count[member->value])
			assert_true(pool->count[member->value] > due - 1.001 &&
				    pool->count[member->value] < due + 1.001);
	}
}

static void test_backups_take_over_by_weight(void **state)
{
	static struct pool all, now;

	(void)state;
	for (size_t i = 0; i < POOLS; i++) {
		make_pool(&all);
		now = all;
		for (size_t j = 0; j < primaries(&now); j++)
			now.members[j].usable = random64() % 8 > i % 8;
		use_backups(&now);
		build(&all, all_hashes[i % 2]);
		build(&now, all_hashes[i % 2]);
		for (uint32_t slot = 0; slot < LP_SLOTS; slot++) {
			assert_true(now.members[now.table[slot] - 1].usable);
			if (now.members[all.table[slot] - 1].usable)
				assert_int_equal(now.table[slot], all.table[slot]);
		}
		check_shares(&now, &all);
	}
}

/* 10 and 1,000: the small one must not go away empty because the large one is large. */
static void test_backups_of_unequal_weight(void **state)
{
	static struct pool pool = { .n = 4 };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		pool.members[i] = (struct slot_member) {
			.id = random64(),
			.weight = i < 2    ? 100
				  : i == 2 ? 10
					   : 1000,
			.usable = i != 1,
			.backup = i >= 2,
			.value = (uint16_t)(i + 1),
		};
	build(&pool, CONFIG_HASH_MAGLEV);
	assert_int_equal(pool.count[1], LP_SLOTS / 2);
	assert_int_equal(pool.count[2], 0);
	assert_in_range(pool.count[3], LP_SLOTS / 2 * 10 / 1010, LP_SLOTS / 2 * 10 / 1010 + 1);
	assert_int_equal(pool.count[3] + pool.count[4], LP_SLOTS / 2);
}

/* Weights of an operator may leave nothing but backups; or nobody at all. */
static void test_backups_alone(void **state)
{
	static struct pool pool;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		make_pool(&pool);
		for (size_t j = 0; j < primaries(&pool); j++)
			pool.members[j].weight = 0;
		if (i % 2)
			use_backups(&pool);
		build(&pool, all_hashes[i / 2]);
		assert_int_equal(pool.count[0], i % 2 ? 0 : LP_SLOTS);
		for (size_t j = 0; j < primaries(&pool); j++)
			assert_int_equal(pool.count[j + 1], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unused_backups_change_nothing),
		cmocka_unit_test(test_backups_take_nothing_from_the_living),
		cmocka_unit_test(test_backups_take_over_by_weight),
		cmocka_unit_test(test_backups_of_unequal_weight),
		cmocka_unit_test(test_backups_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
