// SPDX-License-Identifier: GPL-2.0
/*
 * Entries (bpf/entry.h): tuples are claimed, held, given up and taken over; and many threads
 * claim few tuples for far more connections. What must hold at any moment: whoever has
 * claimed a tuple and confirmed it is whom replies of that tuple are for, until it expires.
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

#define PAUSING "../../bpf/entry.h"
#include "common/pausing.h"

#define NOW 1000u

static struct lp_record_word word_of(uint8_t flags, uint32_t expires)
{
	return (struct lp_record_word) { .backend = 7, .flags = flags, .expires = expires };
}

static struct lp_return client_of(uint32_t number)
{
	return (struct lp_return) { .client = { .w = { 0, 0, 0, number } }, .client_port = 9 };
}

static enum entry_claim claim(struct lp_returns *returns, uint64_t fingerprint, uint32_t client,
			      uint8_t flags, uint32_t now, int how)
{
	struct lp_record_word word = word_of(flags, now + 60);
	struct lp_return of = client_of(client);

	return entry_claim(returns, fingerprint, &word, &of, now, how);
}

/* Whose replies of the tuple are; 0: nobody's. */
static uint32_t owner(const struct lp_returns *returns, uint64_t fingerprint, uint32_t now)
{
	struct lp_record_word word;
	struct lp_return of;

	if (entry_return(returns, fingerprint, now, &word, &of) >= LP_WAYS)
		return 0;
	return of.client.w[3];
}

static void test_a_tuple_has_one_owner(void **state)
{
	struct lp_returns returns = { 0 };

	(void)state;
	assert_int_equal(claim(&returns, 100, 1, LP_RECORD_OPENING, NOW, 0), ENTRY_CLAIMED);
	assert_int_equal(owner(&returns, 100, NOW), 1);
	assert_int_equal(claim(&returns, 100, 1, LP_RECORD_OPENING, NOW, 0), ENTRY_OWN);
	assert_int_equal(claim(&returns, 100, 2, LP_RECORD_OPENING, NOW, 0), ENTRY_TAKEN);
	assert_int_equal(claim(&returns, 101, 2, LP_RECORD_OPENING, NOW, 0), ENTRY_CLAIMED);
	assert_int_equal(owner(&returns, 100, NOW), 1);
	assert_int_equal(owner(&returns, 101, NOW), 2);
	assert_int_equal(owner(&returns, 102, NOW), 0);
}

static void test_what_has_expired_is_free(void **state)
{
	struct lp_returns returns = { 0 };

	(void)state;
	claim(&returns, 100, 1, LP_RECORD_CONFIRMED, NOW, 0);
	assert_int_equal(owner(&returns, 100, NOW + 59), 1);
	assert_int_equal(owner(&returns, 100, NOW + 60), 0);
	assert_int_equal(claim(&returns, 100, 2, 0, NOW + 60, 0), ENTRY_CLAIMED);
	assert_int_equal(owner(&returns, 100, NOW + 60), 2);
}

static void test_force_takes_what_is_not_confirmed(void **state)
{
	struct lp_returns returns = { 0 };

	(void)state;
	claim(&returns, 100, 1, LP_RECORD_OPENING, NOW, 0);
	claim(&returns, 101, 1, LP_RECORD_CONFIRMED, NOW, 0);
	assert_int_equal(claim(&returns, 100, 2, LP_RECORD_OPENING, NOW, ENTRY_FORCE),
			 ENTRY_CLAIMED);
	assert_int_equal(claim(&returns, 101, 2, LP_RECORD_OPENING, NOW, ENTRY_FORCE), ENTRY_TAKEN);
	assert_int_equal(owner(&returns, 100, NOW), 2);
	assert_int_equal(owner(&returns, 101, NOW), 1);
}

static void test_a_connection_that_begins_anew(void **state)
{
	struct lp_record_word word = word_of(LP_RECORD_OPENING, NOW + 60);
	struct lp_returns returns = { 0 };
	struct lp_return of = client_of(1);

	(void)state;
	claim(&returns, 100, 1, LP_RECORD_CONFIRMED | LP_ENTRY_CLOSING, NOW, 0);
	assert_int_equal(claim(&returns, 100, 2, LP_RECORD_OPENING, NOW, ENTRY_ANEW), ENTRY_TAKEN);
	assert_int_equal(entry_claim(&returns, 100, &word, &of, NOW, ENTRY_ANEW), ENTRY_CLAIMED);
	assert_int_equal(entry_return(&returns, 100, NOW, &word, &of) < LP_WAYS, true);
	assert_int_equal(word.flags & LP_RECORD_FLAGS, LP_RECORD_OPENING);
}

static void test_a_full_bucket(void **state)
{
	struct lp_returns returns = { 0 };

	(void)state;
	for (uint32_t i = 0; i < LP_WAYS; i++)
		assert_int_equal(claim(&returns, 100 + i, 1, LP_RECORD_CONFIRMED, NOW, 0),
				 ENTRY_CLAIMED);
	assert_int_equal(claim(&returns, 200, 2, LP_RECORD_OPENING, NOW, ENTRY_FORCE), ENTRY_FULL);
	for (uint32_t i = 0; i < LP_WAYS; i++)
		assert_int_equal(owner(&returns, 100 + i, NOW), 1);
}

/* --- threads --------------------------------------------------------------------------- */

#define THREADS 6u
#define TUPLES  3u
#define ROUNDS  40000u

static struct lp_returns shared;
static uint32_t clock_now;

struct worker {
	pthread_t thread;
	uint32_t number;
	uint64_t claimed, stolen, taken;
};

static uint32_t now(void)
{
	return __atomic_load_n(&clock_now, __ATOMIC_RELAXED);
}

/* Has it for a while, confirmed: nobody else may be seen to have it. */
static void hold(struct worker *worker, uint64_t fingerprint, uint32_t until)
{
	for (int i = 0; i < 20; i++) {
		uint32_t whose = owner(&shared, fingerprint, until - 1);

		if (whose != worker->number)
			worker->stolen++;
		pause_sometimes();
	}
}

/* Gives it up: the word says nothing any more. */
static void give_up(uint64_t fingerprint)
{
	struct lp_record_word word;
	struct lp_return of;
	unsigned int at = entry_return(&shared, fingerprint, 0, &word, &of);

	if (at < LP_WAYS)
		record_change(&shared.index, at, word, record_dropped(word));
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	uint64_t random = worker->number;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t at = now();
		uint64_t fingerprint;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		fingerprint = 1000 + (random >> 33) % TUPLES;
		if (claim(&shared, fingerprint, worker->number, LP_RECORD_CONFIRMED, at,
			  ENTRY_FORCE) != ENTRY_CLAIMED) {
			worker->taken++;
			continue;
		}
		worker->claimed++;
		hold(worker, fingerprint, at + 60);
		give_up(fingerprint);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct worker workers[THREADS] = { 0 };
	uint64_t claimed = 0, taken = 0;

	(void)state;
	memset(&shared, 0, sizeof(shared));
	clock_now = NOW;
	pause_every = 16;
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i].number = i + 1;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].stolen, 0);
		claimed += workers[i].claimed;
		taken += workers[i].taken;
	}
	pause_every = 0;
	/* They have met, and not all in vain. */
	assert_true(claimed > THREADS && taken > THREADS);
	for (uint32_t i = 0; i < TUPLES; i++)
		assert_int_equal(owner(&shared, 1000 + i, NOW), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tuple_has_one_owner),
		cmocka_unit_test(test_what_has_expired_is_free),
		cmocka_unit_test(test_force_takes_what_is_not_confirmed),
		cmocka_unit_test(test_a_connection_that_begins_anew),
		cmocka_unit_test(test_a_full_bucket),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
