// SPDX-License-Identifier: GPL-2.0
/* `ring` and `modulo`: against their definitions, evaluated slot by slot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <limpet/hash.h>

#include "core/slot_table.h"
#include "core/slot_table_simple.h"

#define MEMBERS 40
static uint16_t table[LP_SLOTS], other[LP_SLOTS];

static size_t make_members(struct slot_member *members, size_t n)
{
	for (size_t i = 0; i < n; i++)
		members[i] = (struct slot_member) {
			.id = lp_mix64(i + 1),
			.weight = 100 + 10 * (uint32_t)(i % 3),
			.usable = i % 7 != 3,
			.value = (uint16_t)(i + 1),
		};
	return n;
}

/* The member of the lowest id whose weights, with those of lower ids, pass `rest`. */
static uint16_t naive_modulo(const struct slot_member *members, size_t n, uint32_t slot)
{
	uint64_t total = 0, rest;

	for (size_t i = 0; i < n; i++)
		total += members[i].usable ? members[i].weight : 0;
	rest = slot % total;
	for (size_t i = 0; i < n; i++) {
		uint64_t before = 0;

		for (size_t j = 0; j < n; j++)
			if (members[j].usable && members[j].id < members[i].id)
				before += members[j].weight;
		if (members[i].usable && rest >= before && rest < before + members[i].weight)
			return members[i].value;
	}
	return 0;
}

/* The owner of the point that is the least way clockwise from the slot. */
static uint16_t naive_ring(const struct slot_member *members, size_t n, uint32_t slot)
{
	uint64_t from = (uint64_t)slot << (64 - LP_SLOTS_BITS), best = UINT64_MAX, total = 0;
	uint16_t owner = 0;
	size_t usable = 0;

	for (size_t i = 0; i < n; i++) {
		total += members[i].usable ? members[i].weight : 0;
		usable += members[i].usable;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t points = members[i].usable
					  ? SLOT_RING_POINTS * usable * members[i].weight / total
					  : 0;

		for (uint64_t j = 0; j < points; j++) {
			uint64_t at = lp_mix64(members[i].id + j * 0x9e3779b97f4a7c15ull);

			if (at - from <= best) {
				best = at - from;
				owner = members[i].value;
			}
		}
	}
	return owner;
}

static void test_definitions(void **state)
{
	struct slot_member members[MEMBERS];
	size_t n = make_members(members, MEMBERS);

	(void)state;
	assert_int_equal(slot_table_build(CONFIG_HASH_MODULO, members, n, table), 0);
	assert_int_equal(slot_table_build(CONFIG_HASH_RING, members, n, other), 0);
	for (uint32_t slot = 0; slot < LP_SLOTS; slot += 97) {
		assert_int_equal(table[slot], naive_modulo(members, n, slot));
		assert_int_equal(other[slot], naive_ring(members, n, slot));
	}
}

/* P6 holds for them too: the order of the members does not matter. */
static void test_order(void **state)
{
	static const enum config_hash hashes[] = { CONFIG_HASH_MODULO, CONFIG_HASH_RING };
	struct slot_member members[MEMBERS], turned[MEMBERS];
	size_t n = make_members(members, MEMBERS);

	(void)state;
	for (size_t i = 0; i < n; i++)
		turned[i] = members[n - 1 - i];
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(slot_table_build(hashes[i], members, n, table), 0);
		assert_int_equal(slot_table_build(hashes[i], turned, n, other), 0);
		assert_memory_equal(table, other, sizeof(table));
	}
}

static uint32_t moved_by_one_more(enum config_hash hash)
{
	struct slot_member members[MEMBERS];
	uint32_t moved = 0;

	make_members(members, MEMBERS);
	assert_int_equal(slot_table_build(hash, members, MEMBERS - 1, table), 0);
	assert_int_equal(slot_table_build(hash, members, MEMBERS, other), 0);
	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		moved += table[slot] != other[slot];
	return moved;
}

/* What they are there to show. */
static void test_disruption(void **state)
{
	(void)state;
	assert_true(moved_by_one_more(CONFIG_HASH_MODULO) > LP_SLOTS * 8 / 10);
	assert_true(moved_by_one_more(CONFIG_HASH_RING) < LP_SLOTS / 15);
}

static void test_nobody(void **state)
{
	struct slot_member member = { .id = 1, .weight = 5, .usable = false, .value = 9 };

	(void)state;
	for (int hash = CONFIG_HASH_RING; hash <= CONFIG_HASH_MODULO; hash++) {
		table[7] = 1;
		assert_int_equal(slot_table_build((enum config_hash)hash, &member, 1, table), 0);
		assert_int_equal(table[7], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definitions),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_disruption),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
