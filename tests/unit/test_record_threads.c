// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads on two buckets of the record table (bpf/record.h): they make,
 * find, confirm, expire and drop records of far more keys than there are places.
 * What must hold at any moment:
 *
 *   - whoever finds a key reads that key's backend: the backend of a record is a
 *     function of its key here, so another's word is noticed at once (R2, R3);
 *   - a record that was seen to be confirmed and lives is found for ever after,
 *     until it is dropped (P7): each thread has keys of its own to see that by;
 *   - when all is quiet, no place is being written, and no key is there twice (R4).
 *
 * Threads are preempted anywhere, which is worse than what packets on several
 * CPUs do to each other. A reader that leaves out the second look at the
 * fingerprint runs along, to show that the test would see it.
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

#include <limpet/hash.h>
#include <pthread.h>
#include <sched.h>

#define PAUSING "../../bpf/record.h"
#include "common/pausing.h"

#define BUCKETS 2u
#define THREADS 6u
#define SHARED  64u /* keys of all threads; the others are one thread's own */
#define KEYS    (SHARED + THREADS)
#define FOREVER 0xf0000000u

static uint32_t ops; /* of each thread */

static struct {
	struct lp_bucket bucket[BUCKETS];
	struct lp_info_bucket info[BUCKETS];
	uint32_t now;
} table;

/* What a thread has done and seen. */
struct counts {
	uint64_t found, made, evicted, full, dropped, confirmed;
	uint64_t wrong; /* another key's word */
	uint64_t lost;  /* own, confirmed, and not found */
	uint64_t naive; /* another key's word, as the reader with one look reads it */
};

struct worker {
	pthread_t thread;
	struct counts counts;
	uint64_t random;
	uint32_t own; /* key */
	bool known;   /* it was seen to be confirmed */
};

/* Of a key's number; the lowest bits name the bucket. */
static uint64_t fingerprint_of(uint32_t key)
{
	return lp_mix64(key + 1) << 8 | 0x80 | key % BUCKETS;
}

static struct lp_bucket *bucket_of(uint32_t key)
{
	return &table.bucket[key % BUCKETS];
}

static bool is_of(struct lp_record_word word, uint32_t key)
{
	return word.backend == key + 1 && word.incarnation == (uint8_t)(key * 7);
}

static uint32_t now(void)
{
	return __atomic_load_n(&table.now, __ATOMIC_RELAXED);
}

static uint32_t draw(struct worker *worker, uint32_t n)
{
	worker->random = worker->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((worker->random >> 32) * n >> 32);
}

static unsigned int find(struct worker *worker, uint32_t key, struct lp_record_word *word)
{
	unsigned int way = record_find(bucket_of(key), fingerprint_of(key), word);

	if (way == LP_WAYS)
		return way;
	worker->counts.found++;
	worker->counts.wrong += !is_of(*word, key);
	return way;
}

static void make(struct worker *worker, uint32_t key, uint32_t life)
{
	struct lp_record_info about = { .vip = key };
	struct lp_record_word word = { .backend = (uint16_t)(key + 1),
				       .incarnation = (uint8_t)(key * 7),
				       .expires = now() + life };
	enum record_made made = record_make(bucket_of(key), &table.info[key % BUCKETS],
					    fingerprint_of(key), &word, &about, now());

	worker->counts.made += made != RECORD_FULL;
	worker->counts.evicted += made == RECORD_EVICTED;
	worker->counts.full += made == RECORD_FULL;
	worker->counts.wrong += !is_of(word, key); /* another's answer for both (R4) */
}

static void change(uint32_t key, unsigned int way, struct lp_record_word old, uint8_t flags,
		   uint32_t expires)
{
	struct lp_record_word new = old;

	new.flags |= flags;
	new.expires = expires;
	record_change(bucket_of(key), way, old, new);
}

static void drop(struct worker *worker, uint32_t key, unsigned int way, struct lp_record_word word)
{
	record_change(bucket_of(key), way, word, record_dropped(word));
	worker->counts.dropped++;
}

static void play_shared(struct worker *worker)
{
	uint32_t key = draw(worker, SHARED), choice = draw(worker, 16);
	struct lp_record_word word;
	unsigned int way = find(worker, key, &word);

	if (way == LP_WAYS)
		make(worker, key, 1 + draw(worker, 8));
	else if (choice < 3)
		change(key, way, word, LP_RECORD_CONFIRMED, now() + 4);
	else if (choice < 6)
		change(key, way, word, 0, now() + 8);
	else if (choice == 6)
		drop(worker, key, way, word);
}

/* Confirms the own key's record, or sees that it is still there. */
static void play_own(struct worker *worker)
{
	struct lp_record_word word;
	unsigned int way = find(worker, worker->own, &word);

	if (worker->known) {
		worker->counts.lost += way == LP_WAYS;
		worker->known = way != LP_WAYS && draw(worker, 256);
		if (way != LP_WAYS && !worker->known)
			drop(worker, worker->own, way, word);
	} else if (way == LP_WAYS) {
		make(worker, worker->own, 8);
	} else if (word.flags & LP_RECORD_CONFIRMED) {
		worker->known = true;
		worker->counts.confirmed++;
	} else {
		change(worker->own, way, word, LP_RECORD_CONFIRMED, FOREVER);
	}
}

/* One look at the fingerprint: what R2 is there to prevent. */
static void play_naive(struct worker *worker)
{
	uint32_t key = draw(worker, SHARED);
	const struct lp_bucket *bucket = bucket_of(key);

	for (unsigned int i = 0; i < LP_WAYS; i++) {
		struct lp_record_word word;

		if (LP_LOAD64(&bucket->way[i].fingerprint) != fingerprint_of(key))
			continue;
		sched_yield();
		word.word = LP_LOAD64(&bucket->way[i].value);
		worker->counts.naive += !is_of(word, key);
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (uint32_t i = 0; i < ops; i++) {
		play_shared(worker);
		play_own(worker);
		if (i % 64 == 0)
			play_naive(worker);
		if (i % 256 == 0)
			__atomic_fetch_add(&table.now, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void run(uint32_t n, uint32_t pauses, struct counts *sum)
{
	struct worker workers[THREADS];

	memset(&table, 0, sizeof(table));
	table.now = 1000;
	ops = n;
	pause_every = pauses;
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker) { .random = i, .own = SHARED + i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	*sum = (struct counts) { 0 };
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		sum->found += workers[i].counts.found;
		sum->made += workers[i].counts.made;
		sum->evicted += workers[i].counts.evicted;
		sum->full += workers[i].counts.full;
		sum->dropped += workers[i].counts.dropped;
		sum->confirmed += workers[i].counts.confirmed;
		sum->wrong += workers[i].counts.wrong;
		sum->lost += workers[i].counts.lost;
		sum->naive += workers[i].counts.naive;
	}
}

/* What is left when nobody writes any more. */
static void check_quiet(void)
{
	uint32_t seen[KEYS] = { 0 };

	for (uint32_t b = 0; b < BUCKETS; b++) {
		for (unsigned int i = 0; i < LP_WAYS; i++) {
			const struct lp_record *record = &table.bucket[b].way[i];
			uint32_t key = record->value.backend - 1u;

			if (record->fingerprint == LP_FINGERPRINT_EMPTY || !record->value.backend)
				continue;
			assert_true(record->fingerprint != LP_FINGERPRINT_BUSY);
			assert_in_range(key, 0, KEYS - 1);
			assert_true(record->fingerprint == fingerprint_of(key));
			assert_int_equal(table.info[b].way[i].vip, key);
			assert_int_equal(seen[key]++, 0);
		}
	}
}

static void print(const struct counts *c)
{
	print_message("%llu found, %llu made, %llu evicted, %llu full, %llu dropped, "
		      "%llu confirmed; wrong %llu, lost %llu; with one look %llu wrong\n",
		      (unsigned long long)c->found, (unsigned long long)c->made,
		      (unsigned long long)c->evicted, (unsigned long long)c->full,
		      (unsigned long long)c->dropped, (unsigned long long)c->confirmed,
		      (unsigned long long)c->wrong, (unsigned long long)c->lost,
		      (unsigned long long)c->naive);
}

static void check(uint32_t n, uint32_t pauses)
{
	struct counts sum;

	run(n, pauses, &sum);
	print(&sum);
	check_quiet();
	assert_int_equal(sum.wrong, 0);
	assert_int_equal(sum.lost, 0);
	/* It was what it is meant to be. */
	assert_in_range(sum.found, THREADS * n / 10, UINT64_MAX);
	assert_in_range(sum.evicted, n / 100, UINT64_MAX);
	assert_in_range(sum.dropped, n / 100, UINT64_MAX);
	assert_in_range(sum.confirmed, THREADS, UINT64_MAX);
	assert_in_range(sum.full, 1, UINT64_MAX);
	assert_in_range(sum.naive, 1, UINT64_MAX);
}

static void test_threads(void **state)
{
	(void)state;
	check(3000000, 0);
}

static void test_threads_that_pause(void **state)
{
	(void)state;
	check(500000, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_threads_that_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
