/* SPDX-License-Identifier: GPL-2.0 */
/* For tests that bring configurations into force over the datapath in memory. To be
 * included after cmocka.h. */
#ifndef LIMPET_TESTS_CONFIG_DP_H
#define LIMPET_TESTS_CONFIG_DP_H

#include <limpet/hash.h>
#include <string.h>

#include "core/config.h"
#include "dp/dp.h"

/* A configuration that has to be right; the caller's to free. */
static inline struct config *parse(const char *text)
{
	struct config *config = NULL;
	struct lp_err err;

	if (config_parse("test.yaml", text, strlen(text), &config, &err))
		fail_msg("%s\n%s", err.text, text);
	return config;
}

#define CONFIG_DP_POOLS 8u

/* Of `scale` times 16 VIPs, CONFIG_DP_POOLS pools and 32 backends; *key is that of the seed "s". */
static inline struct dp *config_dp_open(uint32_t scale, struct lp_hash_key *key)
{
	const struct dp_size size = { .vips = 16 * scale,
				      .pools = CONFIG_DP_POOLS * scale,
				      .backends = 32 * scale,
				      .tables = 12 * scale,
				      .index = 64,
				      .places = 256,
				      .ranges = 64,
				      .buckets = 64 };
	struct dp *dp;

	assert_int_equal(dp_fake_open(&size, &dp), 0);
	lp_hash_key_make(key, "s", 1);
	return dp;
}

#endif
