/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the datapath should hold, computed from configuration and runtime. Pure:
 * the same input gives the same bytes (P6).
 */
#ifndef LIMPET_CORE_DESIRED_H
#define LIMPET_CORE_DESIRED_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/policy.h"
#include "core/runtime.h"
#include "core/snat.h"
#include "core/vip_table.h"
#include "dp/dp.h"
#include "lib/err.h"

/*
 * Digest of all that a pool's slot table depends on: seed, hash, members with
 * weight, number, and who of them is used. Equal digests, equal tables.
 */
struct desired_pool {
	uint32_t number;
	uint64_t digest;
	bool tracked;    /* some VIP of it remembers */
	bool resets;     /* some VIP of it that remembers resets the clients of dead backends */
	uint32_t hold;   /* seconds that a slot is moving: the longest timeout of its VIPs */
	bool built;      /* false: the digest is the one that was given as known */
	uint16_t *table; /* LP_SLOTS backend numbers; NULL unless built */
};

struct desired {
	struct desired_pool *pools;
	size_t n_pools;
	struct vip_table *vips;       /* NULL: not asked for */
	struct lp_proxy_key *proxies; /* sorted, without the half; with `vips` only */
	size_t n_proxies;
	struct policy_key *policy; /* the same: sorted, of half 0, with `vips` only */
	size_t n_policy;
	struct snat_list *snats; /* the same: in the order of the configuration */
	size_t n_snats;
};

/* Digests of the tables that the datapath holds, by pool number; 0: not known. */
struct desired_known {
	const uint64_t *digest;
	size_t n;
};

/*
 * Computes it, and notes in `runtime` who is in use (core/pool_choice.h); call
 * slow_start_follow() before it. Pools whose digest is the known one are not built again. With
 * `with_vips`, the VIP table is built too. Numbers must have been assigned
 * (runtime_assign()). On success *out is the caller's. -ENOMEM, -ENOSPC,
 * -EINVAL with words.
 */
int desired_make(const struct config *config, struct runtime *runtime, const struct dp_size *size,
		 const struct lp_hash_key *key, const struct desired_known *known, bool with_vips,
		 struct desired **out, struct lp_err *err);

/*
 * Writes the digests of `desired`, once it is in the datapath, into digest[n],
 * and 0 for all other pools: a pool that is gone has no table any more.
 */
void desired_remember(const struct desired *desired, uint64_t *digest, size_t n);

void desired_free(struct desired **desired);

/*
 * Capacities that this configuration needs, with as many numbers again for what
 * it may replace at once. -ENOMEM, -ENOSPC with words.
 */
int desired_size(const struct config *config, struct dp_size *size, struct lp_err *err);

/* The same with room to grow: what a new datapath should have. */
void desired_roomy(struct dp_size *size);

#endif
