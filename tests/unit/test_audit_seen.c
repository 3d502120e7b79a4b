// SPDX-License-Identifier: GPL-2.0
/* What the audit thinks that it has seen (lp_audit_seen() in hash.h) it mostly has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <limpet/hash.h>

static __u64 seen[2 * LP_AUDIT_SEEN_WORDS];
static struct lp_hash_key key;

/* The hash of the n-th sampled flow, of clients of one network and one VIP. */
static __u64 next_flow(uint32_t *n)
{
	const struct lp_addr dst = { .w = { [3] = LP_HOST32(0xc6336401) } };
	__u64 hash;

	do {
		struct lp_addr src = { .w = { [3] = LP_HOST32(0x0a000000 + *n / 1000) } };

		hash = lp_hash_flow_ports(&key, &src, &dst, 1024 + (*n)++ % 1000, false);
	} while (hash >> (40 - LP_AUDIT_BITS) & (LP_AUDIT_SAMPLE - 1));
	return hash;
}

static bool has_seen(__u64 flow, __u16 backend, __u32 phase)
{
	__u64 bits, word = seen[lp_audit_seen(flow, backend, phase, &bits)];

	return (word & bits) == bits;
}

static void see(__u64 flow, __u16 backend, __u32 phase)
{
	__u64 bits, *word = &seen[lp_audit_seen(flow, backend, phase, &bits)];

	*word |= bits;
}

static int setup(void **state)
{
	(void)state;
	lp_hash_key_make(&key, "audit", 5);
	memset(seen, 0, sizeof(seen));
	return 0;
}

/* Two bits of one word, of the half of the phase. */
static void test_place(void **state)
{
	uint32_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		__u64 bits;
		uint32_t at = lp_audit_seen(next_flow(&n), (uint16_t)i, i, &bits);

		assert_in_range(__builtin_popcountll(bits), 1, 2);
		assert_int_equal(at / LP_AUDIT_SEEN_WORDS, i % 2);
	}
}

/* Of a million flows that have been seen, others are thought to have been in less than one
 * case in 50: new flows, flows on another backend, flows of the phase before last. */
static void test_few_are_mistaken(void **state)
{
	const uint32_t phase = 7, flows = 1000000 / LP_AUDIT_SAMPLE, asked = 100000;
	uint32_t wrong[3] = { 0 }, n = 0;

	(void)state;
	for (uint32_t i = 0; i < flows; i++) {
		__u64 flow = next_flow(&n);

		see(flow, (uint16_t)(i % 100), phase);
		assert_true(has_seen(flow, (uint16_t)(i % 100), phase));
	}
	for (uint32_t i = 0; i < asked; i++)
		wrong[0] += has_seen(next_flow(&n), (uint16_t)(i % 100), phase);
	n = 0;
	for (uint32_t i = 0; i < flows; i++) {
		__u64 flow = next_flow(&n);

		wrong[1] += has_seen(flow, (uint16_t)((i + 1) % 100), phase);
		wrong[2] += has_seen(flow, (uint16_t)(i % 100), phase + 2);
	}
	assert_in_range(wrong[0], 1, asked / 50);
	assert_in_range(wrong[1], 1, flows / 50);
	assert_in_range(wrong[2], 1, flows / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_place, setup),
		cmocka_unit_test_setup(test_few_are_mistaken, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
