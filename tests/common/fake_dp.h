/* SPDX-License-Identifier: GPL-2.0 */
/* A small datapath in memory, for tests that fill its tables by hand. To be included
 * after cmocka.h. */
#ifndef LIMPET_TESTS_FAKE_DP_H
#define LIMPET_TESTS_FAKE_DP_H

#include "dp/dp_internal.h"
#include "lib/addr.h"

/* Of 4 pools and 8 backends, with as many buckets of records; NULL if it cannot be had. */
static inline struct dp *fake_dp_open(uint32_t buckets)
{
	const struct dp_size size = { .vips = 8,
				      .pools = 4,
				      .backends = 8,
				      .tables = 4,
				      .index = 64,
				      .places = 64,
				      .ranges = 64,
				      .buckets = buckets };
	struct dp *dp;

	return dp_fake_open(&size, &dp) ? NULL : dp;
}

/* Backend `number` belongs to the pool and lives. */
static inline void fake_dp_backend(struct dp *dp, uint32_t number, uint32_t pool,
				   uint16_t incarnation)
{
	dp->maps.backends[number].pool = pool;
	dp->maps.backends[number].state = (struct lp_backend_state) { .flags = LP_BACKEND_ALIVE,
								      .incarnation = incarnation };
}

/* cmocka's teardown, of a state that is the datapath. */
static inline int fake_dp_teardown(void **state)
{
	struct dp *dp = *state;

	dp_close(&dp);
	return 0;
}

static inline struct lp_addr addr(const char *text)
{
	struct lp_addr out;

	assert_int_equal(lp_addr_parse(text, &out), 0);
	return out;
}

#endif
