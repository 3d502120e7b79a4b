// SPDX-License-Identifier: GPL-2.0
/* The rules of dp.h over memory, and what a host must have. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/capability.h>

#include <limpet/count.h>
#include <limpet/hash.h>

#include "common/settled.h"
#include "dp/dp_internal.h"
#include "dp/preflight.h"

static const struct dp_size size = { .vips = 8,
				     .pools = 8,
				     .backends = 8,
				     .tables = 8,
				     .index = 8,
				     .places = 8,
				     .ranges = 8,
				     .buckets = 8 };

static struct dp *open_fake(void)
{
	struct dp *dp = NULL;

	assert_int_equal(dp_fake_open(&size, &dp), 0);
	return dp;
}

static uint16_t *table_of(uint16_t backend)
{
	uint16_t *table = malloc(LP_SLOTS * sizeof(*table));

	assert_non_null(table);
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		table[i] = backend;
	return table;
}

/* D1: a table that packets use cannot be written; after a flip it can. */
static void test_table_in_use(void **state)
{
	uint16_t *one = table_of(1), *two = table_of(2);
	struct dp *dp = open_fake();

	(void)state;
	assert_int_equal(settled_write(dp, 1, one), 0);
	assert_int_equal(dp_pool_flip(dp, 3, (struct lp_pool) { .table = 1, .generation = 1 }), 0);
	assert_int_equal(settled_write(dp, 1, two), -EBUSY);
	assert_int_equal(dp_slots(dp, 1)[5].cur, 1);
	assert_int_equal(settled_write(dp, 2, two), 0);
	assert_int_equal(dp_pool_flip(dp, 3, (struct lp_pool) { .table = 2, .generation = 2 }), 0);
	assert_int_equal(settled_write(dp, 1, two), 0);
	assert_int_equal(dp_slots(dp, 1)[5].cur, 2);
	assert_int_equal(dp_slots(dp, 1)[5].prev, LP_SLOT_SETTLED);
	dp_close(&dp);
	free(one);
	free(two);
}

static void test_half_in_use(void **state)
{
	struct lp_vip_index index[8] = { { .displacement = 7 } };
	struct lp_vip places[8] = { { .vip = 9 } };
	const struct dp_vip_table table = { .salt = 5, .index = index, .places = places };
	struct dp *dp = open_fake();

	(void)state;
	assert_int_equal(dp_vip_table_write(dp, 0, &table), -EBUSY);
	assert_int_equal(dp_pool_write(dp, 0, 1, (struct lp_pool) { .table = 1 }), -EBUSY);
	assert_int_equal(dp_vip_table_write(dp, 1, &table), 0);
	assert_int_equal(dp_control(dp)->active, 0);
	assert_int_equal(dp_flip(dp, 1, 4), 0);
	assert_int_equal(dp_control(dp)->active, 1);
	assert_int_equal(dp_control(dp)->generation, 4);
	assert_int_equal(dp_control(dp)->salt[1], 5);
	assert_int_equal(dp_vips(dp, 1)[0].vip, 9);
	assert_int_equal(dp_vip_table_write(dp, 1, &table), -EBUSY);
	dp_close(&dp);
}

static void test_backend_in_use(void **state)
{
	const struct lp_backend first = { .pool = 3, .state = { .incarnation = 1 } };
	const struct lp_hop hop = { .ifindex = 4 };
	uint16_t *table = table_of(2);
	struct dp *dp = open_fake();

	(void)state;
	assert_int_equal(dp_backend_write(dp, 2, &first), 0);
	assert_int_equal(settled_write(dp, 1, table), 0);
	assert_int_equal(dp_pool_flip(dp, 3, (struct lp_pool) { .table = 1 }), 0);
	assert_int_equal(dp_backend_write(dp, 2, &first), -EBUSY);
	assert_int_equal(dp_backend_flip(dp, 2, &hop), 0);
	assert_int_equal(LP_HOP(dp_backend(dp, 2))->ifindex, 4);
	assert_int_equal(dp_backend(dp, 2)->hop[0].ifindex, 0);
	dp_close(&dp);
	free(table);
}

/* Packets take one hop or the other, whole, whichever of them is written. */
static void test_hop_flips(void **state)
{
	const struct lp_backend first = { .hop = { { .ifindex = 1, .flags = LP_HOP_V6 } } };
	struct dp *dp = open_fake();

	(void)state;
	assert_int_equal(dp_backend_write(dp, 2, &first), 0);
	for (uint32_t i = 2; i < 8; i++) {
		struct lp_hop hop = { .ifindex = i, .flags = i & 2 ? LP_HOP_V6 : 0 };
		const struct lp_hop *was = LP_HOP(dp_backend(dp, 2));

		assert_int_equal(dp_backend_flip(dp, 2, &hop), 0);
		assert_ptr_not_equal(LP_HOP(dp_backend(dp, 2)), was);
		assert_int_equal(was->ifindex, i - 1);
		assert_true(dp_hop_is(LP_HOP(dp_backend(dp, 2)), &hop));
	}
	dp_close(&dp);
}

static void test_ranges_refused(void **state)
{
	uint16_t *table = table_of(1);
	struct dp *dp = open_fake();
	const struct lp_backend backend = { 0 };
	const struct lp_hop hop = { 0 };

	(void)state;
	assert_int_equal(settled_write(dp, 0, table), -ERANGE);
	assert_int_equal(settled_write(dp, size.tables, table), -ERANGE);
	assert_int_equal(dp_pool_flip(dp, 0, (struct lp_pool) { .table = 1 }), -ERANGE);
	assert_int_equal(dp_pool_flip(dp, size.pools, (struct lp_pool) { .table = 1 }), -ERANGE);
	assert_int_equal(dp_pool_flip(dp, 1, (struct lp_pool) { .table = size.tables }), -ERANGE);
	assert_int_equal(dp_backend_write(dp, 0, &backend), -ERANGE);
	assert_int_equal(dp_backend_write(dp, size.backends, &backend), -ERANGE);
	assert_int_equal(dp_backend_flip(dp, size.backends, &hop), -ERANGE);
	assert_int_equal(dp_flip(dp, 2, 1), -ERANGE);
	dp_close(&dp);
	free(table);
}

/* --- preflight ----------------------------------------------------------------------- */

#define ALL_CAPS ((1ull << CAP_BPF) | (1ull << CAP_PERFMON) | (1ull << CAP_NET_ADMIN))

static void expect_refusal(const struct preflight *facts, int code, const char *words)
{
	struct lp_err err = { "" };

	assert_int_equal(preflight_check(facts, &err), code);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void test_old_kernel(void **state)
{
	const struct preflight old = { .release = "5.15.0-91-generic",
				       .btf = true,
				       .capabilities = ALL_CAPS };
	const struct preflight older = { .release = "6.0.19",
					 .btf = true,
					 .capabilities = ALL_CAPS };
	const struct preflight odd = { .release = "plan9", .btf = true, .capabilities = ALL_CAPS };

	(void)state;
	expect_refusal(&old, -ENOSYS,
		       "kernel 5.15.0-91-generic is too old: limpet needs Linux 6.1 or later");
	expect_refusal(&older, -ENOSYS, "kernel 6.0.19 is too old");
	expect_refusal(&odd, -ENOSYS, "kernel release \"plan9\" is not a version");
}

static void test_no_btf(void **state)
{
	const struct preflight facts = { .release = "6.1.0-18-amd64",
					 .btf = false,
					 .capabilities = ALL_CAPS };

	(void)state;
	expect_refusal(&facts, -ENOTSUP, "CONFIG_DEBUG_INFO_BTF=y");
}

static void test_missing_capabilities(void **state)
{
	const struct preflight none = { .release = "6.1.0", .btf = true };
	const struct preflight no_net = { .release = "6.1.0",
					  .btf = true,
					  .capabilities = 1ull << CAP_SYS_ADMIN };

	(void)state;
	expect_refusal(&none, -EPERM, "missing capabilities: CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN;");
	expect_refusal(&no_net, -EPERM, "missing capabilities: CAP_NET_ADMIN;");
}

static void test_good_hosts(void **state)
{
	const struct preflight facts[] = {
		{ "6.1.0-18-amd64", true, ALL_CAPS },
		{ "6.18.44", true, ALL_CAPS },
		{ "7.0.0-rc1", true, (1ull << CAP_SYS_ADMIN) | (1ull << CAP_NET_ADMIN) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		assert_int_equal(preflight_check(&facts[i], NULL), 0);
}

static __u64 *sent_count(struct dp *dp, uint32_t cpu, uint32_t backend, enum lp_sent way)
{
	return &dp->maps.backend_counts[(cpu * size.backends + backend) * LP_SENT_WAYS + way];
}

/* Counters are sums over CPUs, and of what datapaths before this one counted. */
static void test_counters(void **state)
{
	struct dp *dp = open_fake();
	uint64_t reasons[LP_REASON_COUNT];
	struct lp_counter sum;

	(void)state;
	dp->maps.vip_counts[3] = 5 * lp_count_of(60);
	dp->maps.vip_counts[size.vips + 3] = 100 * lp_count_of(60);
	dp->maps.vip_totals[dp->cpus * size.vips + 3] = (struct lp_counter) { 1ull << 33,
									      1ull << 50 };
	*sent_count(dp, 0, 5, LP_SENT_BACK) = 7 * lp_count_of(100);
	*sent_count(dp, 1, 5, LP_SENT_ON) = 2 * lp_count_of(200);
	*sent_count(dp, 1, 6, LP_SENT_BACK) = 1030 * lp_count_of(60);
	dp->maps.reason_counters[0].packets[LP_FORWARD_REDIRECT] = 2;
	dp->maps.reason_counters[1].packets[LP_DROP_TTL] = 37;
	dp_vip_counter(dp, 3, &sum);
	assert_int_equal(sum.packets, (1ull << 33) + 105);
	assert_int_equal(sum.bytes, (1ull << 50) + 6300);
	dp_backend_counter(dp, 5, &sum);
	assert_int_equal(sum.packets, 9);
	assert_int_equal(sum.bytes, 1100);
	dp_backend_counter(dp, 3, &sum);
	assert_int_equal(sum.packets, 0);
	dp_reasons(dp, reasons);
	assert_int_equal(reasons[LP_FORWARD_TX], 1037);
	assert_int_equal(reasons[LP_FORWARD_REDIRECT], 2);
	assert_int_equal(reasons[LP_DROP_TTL], 37);
	dp_close(&dp);
}

/* A phase begins with nothing seen by the audit, and what was seen in the last one stays till its
 * half's turn. */
static void test_phase(void **state)
{
	struct dp *dp = open_fake();
	uint32_t phase = dp_control(dp)->phase;
	__u64 bits[2], *word[2];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		word[i] = &dp->maps.audit_seen[lp_audit_seen(1234567, 8, phase + i, &bits[i])];
		*word[i] = bits[i];
	}
	dp_phase(dp);
	assert_int_equal(dp_control(dp)->phase, phase + 1);
	assert_int_equal(*word[0], bits[0]);
	assert_int_equal(*word[1], 0);
	dp_phase(dp);
	assert_int_equal(*word[0], 0);
	dp_close(&dp);
}

static int syncs;

static void count_sync(struct dp *dp)
{
	(void)dp;
	syncs++;
}

/*
 * D2: where loads overtake each other what was written is waited for before packets are sent
 * there, once for all that was.
 */
static void test_weak_order(void **state)
{
	struct dp *dp = open_fake();
	struct dp_ops ops = *dp->ops;
	uint16_t *table = table_of(1);

	(void)state;
	ops.sync = count_sync;
	dp->ops = &ops;
	for (int in_order = 0; in_order < 2; in_order++) {
		uint32_t at = 1 + 2 * (uint32_t)in_order;

		syncs = 0;
		dp->in_order = in_order;
		assert_int_equal(settled_write(dp, at, table), 0);
		assert_int_equal(settled_write(dp, at + 1, table), 0);
		assert_int_equal(dp_pool_flip(dp, 3, (struct lp_pool) { .table = at }), 0);
		assert_int_equal(dp_pool_flip(dp, 4, (struct lp_pool) { .table = at + 1 }), 0);
		assert_int_equal(syncs, !in_order);
	}
	syncs = 0;
	dp->in_order = false;
	assert_int_equal(dp_pool_write(dp, 1, 3, (struct lp_pool) { .table = 3 }), 0);
	assert_int_equal(dp_flip(dp, 1, 2), 0);
	assert_int_equal(syncs, 1);
	dp_close(&dp);
	free(table);
}

/* `settled` says what the slots say, and a packet's mark is not overwritten. */
static void test_settled(void **state)
{
	uint16_t *one = table_of(1);
	struct lp_slot slot = { .cur = 1, .prev = LP_SLOT_SETTLED },
		       moving = { .cur = 2, .prev = 1 };
	struct dp *dp = open_fake();
	const __u16 *settled = dp->maps.settled + 2 * LP_SLOTS;

	(void)state;
	assert_int_equal(settled_write(dp, 2, one), 0);
	assert_int_equal(settled[77], 1);
	assert_int_equal(dp_slot_change(dp, 2, 77, slot, moving, 5), 0);
	assert_int_equal(settled[77], 0);
	assert_int_equal(settled[78], 1);
	slot.cur = 2;
	assert_int_equal(dp_slot_change(dp, 2, 77, moving, slot, 6), 0);
	assert_int_equal(settled[77], 2);
	assert_int_equal(dp_slot_change(dp, 2, 77, moving, slot, 6), -EAGAIN);
	assert_int_equal(settled[77], 2);
	dp_close(&dp);
	free(one);
}

/* The datapath knows which hops are plain; nobody has to write them again for that. */
static void test_plain_hops(void **state)
{
	const struct lp_backend backend = { .pool = 3, .hop = { { .ifindex = 4 } } };
	const struct lp_hop tagged = { .ifindex = 4, .tags = 1 }, gone = { .flags = LP_HOP_V6 };
	struct dp *dp = open_fake();

	(void)state;
	assert_int_equal(dp_backend_write(dp, 2, &backend), 0);
	assert_int_equal(dp_backend(dp, 2)->hop[0].flags, LP_HOP_PLAIN);
	assert_true(dp_hop_is(&dp_backend(dp, 2)->hop[0], &backend.hop[0]));
	assert_false(dp_hop_is(&dp_backend(dp, 2)->hop[0], &tagged));
	assert_int_equal(dp_backend_flip(dp, 2, &tagged), 0);
	assert_int_equal(dp_backend(dp, 2)->hop[1].flags, 0);
	assert_int_equal(dp_backend_flip(dp, 2, &gone), 0);
	assert_int_equal(dp_backend(dp, 2)->hop[0].flags, LP_HOP_V6);
	dp_close(&dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_in_use),
		cmocka_unit_test(test_half_in_use),
		cmocka_unit_test(test_backend_in_use),
		cmocka_unit_test(test_ranges_refused),
		cmocka_unit_test(test_old_kernel),
		cmocka_unit_test(test_no_btf),
		cmocka_unit_test(test_missing_capabilities),
		cmocka_unit_test(test_good_hosts),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_phase),
		cmocka_unit_test(test_hop_flips),
		cmocka_unit_test(test_weak_order),
		cmocka_unit_test(test_settled),
		cmocka_unit_test(test_plain_hops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
