// SPDX-License-Identifier: GPL-2.0
/*
 * The record table's functions (bpf/record.h), compiled natively: what is found,
 * what is evicted for what, how long a record lives,
 * how duplicates settle, how records are dropped. Many threads at once:
 * test_record_threads.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <limpet/abi.h>
#include <limpet/hash.h>
#include <netinet/in.h>

#include "../../bpf/record.h"
#include "lib/addr.h"

#define NOW 1000u

static struct lp_record_word word_of(uint16_t backend, uint8_t flags, uint32_t expires)
{
	return (struct lp_record_word) {
		.backend = backend, .incarnation = 1, .flags = flags, .expires = expires
	};
}

/* Puts a record into a way, as it would stand there after a while. */
static void put(struct lp_bucket *bucket, unsigned int way, uint64_t fingerprint,
		struct lp_record_word word)
{
	word.flags |= record_tag(fingerprint);
	bucket->way[way] = (struct lp_record) { fingerprint, word };
}

static void clear(struct lp_bucket *bucket, unsigned int way)
{
	bucket->way[way] = (struct lp_record) { .value.word = LP_RECORD_GONE };
}

/* A fingerprint with a tag that is not zero. */
#define TAGGED 0xff00000000000010ull

/* Fills all ways with living, confirmed records: fingerprints 100 to 107. */
static void fill_confirmed(struct lp_bucket *bucket)
{
	for (unsigned int i = 0; i < LP_WAYS; i++)
		put(bucket, i, 100 + i, word_of(1, LP_RECORD_CONFIRMED, NOW + 500 + i));
}

/* `flags` of the newcomer: LP_RECORD_OPENING or 0. */
static enum record_made make_of(struct lp_bucket *bucket, uint64_t fingerprint, uint8_t flags)
{
	struct lp_record_word word = word_of(1, flags, NOW + 60);

	return record_make(bucket, NULL, fingerprint, &word, NULL, NOW);
}

static enum record_made make(struct lp_bucket *bucket, uint64_t fingerprint)
{
	return make_of(bucket, fingerprint, LP_RECORD_OPENING);
}

static unsigned int way_of(const struct lp_bucket *bucket, uint64_t fingerprint)
{
	struct lp_record_word word;

	return record_find(bucket, fingerprint, &word);
}

/* --- layout ------------------------------------------------------------------------- */

/* Records outlive programs and agents (P8), so where things stand is for ever. */
static void test_layout(void **state)
{
	const struct lp_record_word word = { .backend = 0x1234,
					     .incarnation = 0x56,
					     .flags = LP_RECORD_CLIENT | LP_RECORD_CONFIRMED,
					     .expires = 0x9abcdef0 };
	uint16_t backend;
	uint32_t expires;
	uint8_t bytes[8];

	(void)state;
	memcpy(bytes, &word, sizeof(bytes));
	memcpy(&backend, bytes, 2);
	memcpy(&expires, bytes + 4, 4);
	assert_int_equal(backend, 0x1234);
	assert_int_equal(bytes[2], 0x56);
	assert_int_equal(bytes[3], 3);
	assert_int_equal(expires, 0x9abcdef0);
	assert_int_equal(offsetof(struct lp_record, fingerprint), 0);
	assert_int_equal(offsetof(struct lp_record, value), 8);
	assert_int_equal(offsetof(struct lp_record_info, sport), 16);
	assert_int_equal(offsetof(struct lp_record_info, vip), 20);
	assert_int_equal(offsetof(struct lp_record_info, slot), 24);
	assert_int_equal(offsetof(struct lp_record_info, created), 28);
	assert_int_equal(sizeof(struct lp_bucket), 128);
	assert_int_equal(sizeof(struct lp_info_bucket), 256);
	assert_int_equal(LP_RECORD_OPENING, 4);
}

static struct lp_addr address(const char *text)
{
	struct lp_addr addr;

	assert_int_equal(lp_addr_parse(text, &addr), 0);
	return addr;
}

/* Under the key of the seed "golden". */
#define GOLDEN_FLOW4   0x48f936387030207eull
#define GOLDEN_FLOW6   0x8a744b7aa2e84d49ull
#define GOLDEN_CLIENT4 0x31a2448771501581ull
#define GOLDEN_CLIENT6 0xdb07c3be3d3cc8d4ull

/* Fingerprints too: a new program has to find what an older one has made. */
static void test_fingerprints(void **state)
{
	const struct lp_addr src4 = address("192.0.2.1"), dst4 = address("198.51.100.7");
	const struct lp_addr src6 = address("2001:db8::1"), dst6 = address("2001:db8:1::7");
	struct lp_hash_key key;

	(void)state;
	lp_hash_key_make(&key, "golden", 6);
	assert_true(lp_fingerprint_flow(&key, &src4, &dst4, htons(4321), htons(443), IPPROTO_TCP,
					0) == GOLDEN_FLOW4);
	assert_true(lp_fingerprint_flow(&key, &src6, &dst6, htons(4321), htons(443), IPPROTO_UDP,
					1) == GOLDEN_FLOW6);
	assert_true(lp_fingerprint_client(&key, &src4, 5, 0) == GOLDEN_CLIENT4);
	assert_true(lp_fingerprint_client(&key, &src6, LP_SCOPE_GROUP | 5, 1) == GOLDEN_CLIENT6);
}

/* Each field of the key counts, in each family. */
static void test_fingerprints_differ(void **state)
{
	const struct lp_addr a = address("192.0.2.1"), b = address("192.0.2.2");
	struct lp_hash_key key;
	uint64_t all[7];

	(void)state;
	lp_hash_key_make(&key, "s", 1);
	all[0] = lp_fingerprint_flow(&key, &a, &b, 1, 2, IPPROTO_TCP, 0);
	all[1] = lp_fingerprint_flow(&key, &b, &a, 1, 2, IPPROTO_TCP, 0);
	all[2] = lp_fingerprint_flow(&key, &a, &b, 2, 1, IPPROTO_TCP, 0);
	all[3] = lp_fingerprint_flow(&key, &a, &b, 1, 2, IPPROTO_UDP, 0);
	all[4] = lp_fingerprint_flow(&key, &a, &b, 1, 2, IPPROTO_TCP, 1);
	all[5] = lp_fingerprint_client(&key, &a, 1, 0);
	all[6] = lp_fingerprint_client(&key, &a, 2, 0);
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(all[i] != all[j]);
}

/* --- finding and changing --------------------------------------------------------------- */

static void test_find(void **state)
{
	struct lp_bucket bucket = { 0 };
	struct lp_record_word word = { .word = 77 };

	(void)state;
	put(&bucket, 0, 10, word_of(1, 0, NOW + 1));
	put(&bucket, 7, 11, word_of(2, LP_RECORD_CONFIRMED, NOW + 2));
	assert_int_equal(record_find(&bucket, 12, &word), LP_WAYS);
	assert_int_equal(word.word, 77); /* untouched when there is none */
	assert_int_equal(record_find(&bucket, 11, &word), 7);
	assert_int_equal(word.backend, 2);
	assert_int_equal(word.expires, NOW + 2);
	assert_int_equal(record_find(&bucket, 10, &word), 0);
	assert_int_equal(word.backend, 1);
}

static void test_find_is_of_any_age(void **state)
{
	struct lp_record_word word = { 0 };
	struct lp_bucket bucket = { 0 };

	(void)state;
	put(&bucket, 3, 10, word_of(4, 0, 1));
	assert_int_equal(record_find(&bucket, 10, &word), 3); /* the caller judges the age */
	assert_true(record_expired(word, NOW));
}

/* R2: a word that cannot be this fingerprint's is not believed. */
static void test_find_knows_its_own(void **state)
{
	const uint64_t other = TAGGED ^ 1ull << 60;
	struct lp_bucket bucket = { 0 };
	struct lp_record_word word;

	(void)state;
	put(&bucket, 2, TAGGED, word_of(4, LP_RECORD_CONFIRMED, NOW + 5));
	assert_int_equal(record_find(&bucket, TAGGED, &word), 2);
	bucket.way[2].fingerprint = other;
	assert_int_equal(record_find(&bucket, other, &word), LP_WAYS);
	bucket.way[2] = (struct lp_record) { TAGGED, { .word = LP_RECORD_GONE } };
	assert_int_equal(record_find(&bucket, TAGGED, &word), LP_WAYS);
}

/* All eight bits of the flags are in use: none is in two things. */
static void test_tags(void **state)
{
	(void)state;
	assert_int_equal(LP_RECORD_CLIENT | LP_RECORD_CONFIRMED | LP_RECORD_OPENING,
			 LP_RECORD_FLAGS);
	for (unsigned int bit = 0; bit < 64; bit++)
		assert_int_equal(record_tag(1ull << bit), bit >= 59 ? 1u << (bit - 56) : 0);
}

static void test_change(void **state)
{
	const struct lp_record_word old = word_of(1, 0, NOW + 9);
	const struct lp_record_word new = word_of(1, LP_RECORD_CONFIRMED, NOW + 99);
	struct lp_bucket bucket = { 0 };

	(void)state;
	put(&bucket, 2, 10, old);
	record_change(&bucket, 2, old, new);
	assert_int_equal(bucket.way[2].value.word, new.word);
	assert_int_equal(bucket.way[2].fingerprint, 10);
}

/* R3: not what has become something else since it was read. */
static void test_change_comes_too_late(void **state)
{
	const struct lp_record_word read = word_of(1, 0, NOW + 9), there = word_of(2, 0, NOW + 50);
	struct lp_bucket bucket = { 0 };

	(void)state;
	put(&bucket, 2, 11, there);
	record_change(&bucket, 2, read, word_of(1, LP_RECORD_CONFIRMED, NOW + 99));
	assert_int_equal(bucket.way[2].value.word, there.word);
}

/* --- making and evicting ------------------------------------------------------------------ */

static void test_make_into_empty(void **state)
{
	const struct lp_record_info told = { .vip = 3, .slot = 4, .created = NOW };
	struct lp_record_info about = told;
	struct lp_record_word word = word_of(9, LP_RECORD_OPENING, NOW + 60), found = { 0 };
	struct lp_info_bucket info = { 0 };
	struct lp_bucket bucket = { 0 };
	unsigned int way;

	(void)state;
	assert_int_equal(record_make(&bucket, &info, 10, &word, &about, NOW), RECORD_MADE);
	way = record_find(&bucket, 10, &found);
	assert_in_range(way, 0, LP_WAYS - 1);
	assert_int_equal(found.word, word.word);
	assert_memory_equal(&info.way[way], &told, sizeof(told));
	for (unsigned int i = 0; i < LP_WAYS; i++)
		if (i != way)
			assert_int_equal(bucket.way[i].fingerprint, LP_FINGERPRINT_EMPTY);
}

/* Whoever made it, from the first to be taken to the last. */
static void fill_in_order(struct lp_bucket *bucket)
{
	fill_confirmed(bucket);
	clear(bucket, 6);
	put(bucket, 1, 21, word_of(1, LP_RECORD_CONFIRMED, NOW)); /* expired just now */
	put(bucket, 4, 22, word_of(1, 0, NOW + 900));
	put(bucket, 0, 23, word_of(1, LP_RECORD_CLIENT, NOW + 901));
	put(bucket, 7, 24, word_of(1, LP_RECORD_OPENING, NOW + 10));
	put(bucket, 2, 25, word_of(1, LP_RECORD_OPENING | LP_RECORD_CLIENT, NOW + 20));
}

/* The eviction order, one step after the other: the newcomer is confirmed, and the
 * next one has to take the next dearer. */
static void test_eviction_order(void **state)
{
	static const unsigned int ways[] = { 6, 1, 4, 0, 7, 2 };
	struct lp_bucket bucket;

	(void)state;
	fill_in_order(&bucket);
	for (uint64_t i = 0; i < 6; i++) {
		assert_int_equal(make(&bucket, 50 + i), i < 2 ? RECORD_MADE : RECORD_EVICTED);
		assert_int_equal(way_of(&bucket, 50 + i), ways[i]);
		bucket.way[ways[i]].value.flags |= LP_RECORD_CONFIRMED;
	}
	assert_int_equal(make(&bucket, 56), RECORD_FULL);
	assert_int_equal(way_of(&bucket, 56), LP_WAYS);
	for (uint64_t i = 50; i < 56; i++)
		assert_in_range(way_of(&bucket, i), 0, LP_WAYS - 1);
}

/* A packet in the middle of a flow takes no half-open one's place; one that was
 * confirmed from the beginning does. */
static void test_strays_evict_strays_only(void **state)
{
	struct lp_bucket bucket;

	(void)state;
	fill_in_order(&bucket);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(make_of(&bucket, 50 + i, 0), i < 2 ? RECORD_MADE : RECORD_EVICTED);
		bucket.way[way_of(&bucket, 50 + i)].value.flags |= LP_RECORD_CONFIRMED;
	}
	assert_int_equal(make_of(&bucket, 54, 0), RECORD_FULL);
	assert_int_equal(make_of(&bucket, 54, LP_RECORD_CLIENT), RECORD_FULL);
	assert_int_equal(way_of(&bucket, 24), 7);
	assert_int_equal(make_of(&bucket, 54, LP_RECORD_CONFIRMED), RECORD_EVICTED);
	assert_int_equal(way_of(&bucket, 54), 7);
}

/* The caller is told whose place it was (track.h T6), and is not told otherwise. */
static void test_who_was_evicted(void **state)
{
	struct lp_record_info about = { .slot = 77, .created = NOW };
	struct lp_record_word word = word_of(1, LP_RECORD_OPENING, NOW + 60);
	struct lp_info_bucket info = { 0 };
	struct lp_bucket bucket;

	(void)state;
	fill_confirmed(&bucket);
	put(&bucket, 3, 30, word_of(1, LP_RECORD_OPENING, NOW + 10));
	info.way[3].slot = 33;
	assert_int_equal(record_make(&bucket, &info, 50, &word, &about, NOW), RECORD_EVICTED);
	assert_int_equal(about.slot, 33);
	assert_int_equal(info.way[3].slot, 77);
	bucket.way[3].value.flags |= LP_RECORD_CONFIRMED;
	about.slot = 78;
	assert_int_equal(record_make(&bucket, &info, 51, &word, &about, NOW), RECORD_FULL);
	assert_int_equal(about.slot, 78);
}

/* In a flood all expire in the same second: not always the youngest goes. */
static void test_ties(void **state)
{
	unsigned int taken[LP_WAYS] = { 0 };
	struct lp_bucket bucket;

	(void)state;
	for (unsigned int i = 0; i < LP_WAYS; i++)
		put(&bucket, i, 100 + i, word_of(1, LP_RECORD_OPENING, record_expiry(NOW, 60)));
	for (uint64_t i = 1; i <= 8000; i++) {
		uint64_t fingerprint = lp_mix64(i);
		struct lp_record_word word = word_of(1, LP_RECORD_OPENING, record_expiry(NOW, 60));

		assert_int_equal(record_make(&bucket, NULL, fingerprint, &word, NULL, NOW),
				 RECORD_EVICTED);
		taken[way_of(&bucket, fingerprint)]++;
	}
	for (unsigned int i = 0; i < LP_WAYS; i++)
		assert_in_range(taken[i], 800, 1200);
}

static void test_full_changes_nothing(void **state)
{
	struct lp_bucket bucket, before;

	(void)state;
	fill_confirmed(&bucket);
	before = bucket;
	assert_int_equal(make(&bucket, 50), RECORD_FULL);
	assert_memory_equal(&bucket, &before, sizeof(before));
}

/* R1: a place that somebody owns is not taken, in neither of its forms. */
static void test_busy_is_not_taken(void **state)
{
	struct lp_bucket bucket, before;

	(void)state;
	fill_confirmed(&bucket);
	bucket.way[3] = (struct lp_record) { .fingerprint = LP_FINGERPRINT_BUSY };
	bucket.way[4].value.word = LP_RECORD_GONE;
	before = bucket;
	assert_int_equal(make(&bucket, 50), RECORD_FULL);
	assert_memory_equal(&bucket, &before, sizeof(before));
}

/* Nor is one that was confirmed, refreshed or dropped since it was judged. */
static void test_take_comes_too_late(void **state)
{
	const struct lp_record_word old = word_of(1, 0, NOW + 9);
	struct lp_record record = { 10, old };

	(void)state;
	record.value.flags |= LP_RECORD_CONFIRMED;
	assert_false(record_take(&record, 10, old.word));
	assert_true(record.value.flags & LP_RECORD_CONFIRMED);
	record.value = record_dropped(old);
	assert_false(record_take(&record, 10, old.word));
	assert_int_equal(record.fingerprint, 10);
	record = (struct lp_record) { .fingerprint = 11 };
	assert_false(record_take(&record, LP_FINGERPRINT_EMPTY, LP_RECORD_GONE));
	assert_int_equal(record.fingerprint, 11);
}

static void test_take(void **state)
{
	const struct lp_record_word old = word_of(1, 0, NOW + 9);
	struct lp_record taken = { 10, old }, empty = { 0 };

	(void)state;
	assert_true(record_take(&taken, 10, old.word));
	assert_int_equal(taken.fingerprint, LP_FINGERPRINT_BUSY);
	assert_int_equal(taken.value.word, LP_RECORD_GONE);
	assert_false(record_take(&taken, 10, old.word));
	assert_true(record_take(&empty, LP_FINGERPRINT_EMPTY, LP_RECORD_GONE));
	assert_int_equal(empty.fingerprint, LP_FINGERPRINT_BUSY);
	assert_false(record_take(&empty, LP_FINGERPRINT_EMPTY, LP_RECORD_GONE));
}

/* R5: what is dropped is not found, is taken like what has expired, and is not made
 * to live again by somebody who read it before. */
static void test_drop(void **state)
{
	const struct lp_record_word old = word_of(4, LP_RECORD_CONFIRMED, NOW + 100);
	struct lp_record_word word = { 0 };
	struct lp_bucket bucket;

	(void)state;
	fill_confirmed(&bucket);
	put(&bucket, 5, TAGGED, old);
	assert_int_equal(record_find(&bucket, TAGGED, &word), 5);
	record_change(&bucket, 5, word, record_dropped(word));
	assert_int_equal(way_of(&bucket, TAGGED), LP_WAYS);
	record_change(&bucket, 5, word, old);
	assert_int_equal(way_of(&bucket, TAGGED), LP_WAYS);
	assert_true(bucket.way[5].value.word != LP_RECORD_GONE);
	assert_int_equal(make(&bucket, 50), RECORD_MADE);
	assert_int_equal(way_of(&bucket, 50), 5);
}

static void test_unconfirmed_by_expiry(void **state)
{
	struct lp_bucket bucket;

	(void)state;
	for (unsigned int i = 0; i < LP_WAYS; i++)
		put(&bucket, i, 100 + i, word_of(1, 0, NOW + 90 - i * 10));
	for (unsigned int i = 0; i < LP_WAYS; i++) {
		struct lp_record_word word = word_of(1, 0, NOW + 900 + i);

		assert_int_equal(record_make(&bucket, NULL, 200 + i, &word, NULL, NOW),
				 RECORD_EVICTED);
		assert_int_equal(way_of(&bucket, 200 + i), LP_WAYS - 1 - i);
	}
}

/* Any flood of unconfirmed ones leaves the living, confirmed one where it is (P7). */
static void test_flood_of_one_bucket(void **state)
{
	struct lp_record_word word = { 0 };
	struct lp_bucket bucket = { 0 };
	unsigned int evicted = 0;

	(void)state;
	put(&bucket, 5, 99, word_of(7, LP_RECORD_CONFIRMED, NOW + 1));
	for (uint64_t i = 1000; i < 101000; i++)
		evicted += make(&bucket, i) == RECORD_EVICTED;
	assert_int_equal(evicted, 100000 - (LP_WAYS - 1));
	assert_int_equal(record_find(&bucket, 99, &word), 5);
	assert_int_equal(word.backend, 7);
}

/* --- duplicates (R4) ------------------------------------------------------------------------ */

/* Another CPU's record at a lower way: it answers, ours goes. */
static void test_settle_lower(void **state)
{
	struct lp_record_word word = word_of(2, 0, NOW + 60);
	struct lp_bucket bucket = { 0 };

	(void)state;
	put(&bucket, 1, 10, word_of(1, 0, NOW + 60));
	put(&bucket, 4, 10, word);
	assert_int_equal(record_settle(&bucket, 4, 10, &word), 1);
	assert_int_equal(word.backend, 1);
	assert_int_equal(bucket.way[4].value.backend, 0);
	assert_int_equal(way_of(&bucket, 10), 1);
}

static void test_settle_higher(void **state)
{
	struct lp_record_word word = word_of(1, 0, NOW + 60);
	struct lp_bucket bucket = { 0 };

	(void)state;
	put(&bucket, 1, 10, word);
	put(&bucket, 4, 10, word_of(2, 0, NOW + 60));
	put(&bucket, 6, 11, word_of(3, 0, NOW + 60));
	assert_int_equal(record_settle(&bucket, 1, 10, &word), 1);
	assert_int_equal(word.backend, 1);
	assert_int_equal(bucket.way[4].value.backend, 0);
	assert_int_equal(way_of(&bucket, 11), 6);
}

/* One at a lower way that was dropped does not answer for anybody. */
static void test_settle_dropped(void **state)
{
	struct lp_record_word word = word_of(2, 0, NOW + 60);
	struct lp_bucket bucket = { 0 };

	(void)state;
	put(&bucket, 1, 10, record_dropped(word_of(1, 0, NOW + 60)));
	put(&bucket, 4, 10, word);
	assert_int_equal(record_settle(&bucket, 4, 10, &word), 4);
	assert_int_equal(word.backend, 2);
	assert_int_equal(way_of(&bucket, 10), 4);
}

/* Whichever of the two looks first, and though both look: one is left. */
static void test_settle_both(void **state)
{
	for (int first = 0; first < 2; first++) {
		const unsigned int ways[2] = { 2, 5 };
		struct lp_bucket bucket = { 0 };
		struct lp_record_word words[2];

		(void)state;
		for (unsigned int i = 0; i < 2; i++) {
			words[i] = word_of((uint16_t)(i + 1), 0, NOW + 60);
			put(&bucket, ways[i], 10, words[i]);
		}
		record_settle(&bucket, ways[first], 10, &words[first]);
		record_settle(&bucket, ways[!first], 10, &words[!first]);
		assert_int_equal(way_of(&bucket, 10), 2);
		assert_int_equal(bucket.way[5].value.backend, 0);
		assert_int_equal(words[0].backend, 1);
	}
}

/* --- lives -------------------------------------------------------------------------------------
 */

/*
 * A record that each packet looks at and refreshes if it is stale, with packets
 * `gap` seconds apart: the least that is left when it is silent from then on.
 */
static uint32_t least_life(uint32_t life, uint32_t gap)
{
	struct lp_record_word word = { .expires = record_expiry(NOW, life) };
	uint32_t least = UINT32_MAX;

	for (uint32_t now = NOW; now < NOW + 4 * life + 4; now += gap) {
		if (record_stale(word, now, life))
			word.expires = record_expiry(now, life);
		if (word.expires - now < least)
			least = word.expires - now;
	}
	return least;
}

/* P1, P2: a record is not expired `life` whole seconds after the last packet; one
 * more, because a packet's clock and the timeout's begin within a second. */
static void test_life_is_never_shorter(void **state)
{
	static const uint32_t lives[] = { 1, 2, 15, 16, 17, 59, 60, 300, 1800, 86400 };

	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		for (uint32_t gap = 1; gap <= lives[i]; gap = gap < 40 ? gap + 1 : gap * 2)
			if (least_life(lives[i], gap) <= lives[i] + 1)
				fail_msg("life %u, packets %u s apart: %u s", lives[i], gap,
					 least_life(lives[i], gap));
}

/* And not much longer: memory is given back. */
static void test_life_is_not_much_longer(void **state)
{
	(void)state;
	for (uint32_t life = 1; life < 100000; life = life * 3 + 1)
		assert_in_range(record_expiry(NOW, life) - NOW, life + 2, life + life / 16 + 2);
}

/* The slack is for this: few of the packets write. */
static void test_refresh_is_rare(void **state)
{
	struct lp_record_word word = { .expires = record_expiry(NOW, 1800) };
	unsigned int writes = 0;

	(void)state;
	assert_false(record_stale(word, NOW, 1800));
	for (uint32_t now = NOW; now < NOW + 18000; now++) {
		if (!record_stale(word, now, 1800))
			continue;
		word.expires = record_expiry(now, 1800);
		writes++;
	}
	assert_in_range(writes, 1, 18000 / (1800 / 16));
}

static void test_expired(void **state)
{
	(void)state;
	assert_true(record_expired(word_of(1, 0, NOW), NOW));
	assert_false(record_expired(word_of(1, 0, NOW + 1), NOW));
	assert_true(record_expired(word_of(1, 0, NOW - 1), NOW));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_fingerprints),
		cmocka_unit_test(test_fingerprints_differ),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_is_of_any_age),
		cmocka_unit_test(test_find_knows_its_own),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_change_comes_too_late),
		cmocka_unit_test(test_make_into_empty),
		cmocka_unit_test(test_eviction_order),
		cmocka_unit_test(test_strays_evict_strays_only),
		cmocka_unit_test(test_who_was_evicted),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_full_changes_nothing),
		cmocka_unit_test(test_busy_is_not_taken),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_take_comes_too_late),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_unconfirmed_by_expiry),
		cmocka_unit_test(test_flood_of_one_bucket),
		cmocka_unit_test(test_settle_lower),
		cmocka_unit_test(test_settle_higher),
		cmocka_unit_test(test_settle_dropped),
		cmocka_unit_test(test_settle_both),
		cmocka_unit_test(test_life_is_never_shorter),
		cmocka_unit_test(test_life_is_not_much_longer),
		cmocka_unit_test(test_refresh_is_rare),
		cmocka_unit_test(test_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
