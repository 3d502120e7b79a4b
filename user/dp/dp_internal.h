/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two implementations of dp.h share: the maps as arrays in memory
 * (mmapped or from the heap), and what differs between them.
 */
#ifndef LIMPET_DP_DP_INTERNAL_H
#define LIMPET_DP_DP_INTERNAL_H

#include "dp/dp.h"

/*
 * All arrays: X(name, element type, number of elements, where), of struct dp_size
 * s and c CPUs. TABLES: in the one element of the map `tables`, in this order,
 * each at a multiple of the page size (abi.h: LP_TABLES); OWN: a map of its own.
 */
#define DP_MAPS(X)                                                                                 \
	X(control, struct lp_control, 1, TABLES)                                                   \
	X(vip_index, struct lp_vip_index, 2 * s->index, TABLES)                                    \
	X(vips, struct lp_vip, 2 * s->places, TABLES)                                              \
	X(vip_ranges, struct lp_range, 2 * s->ranges, TABLES)                                      \
	X(guard, struct lp_guard, 2, TABLES)                                                       \
	X(fast_index, struct lp_fast_index, 4 * LP_FAST_BUCKETS, TABLES)                           \
	X(fast4, struct lp_fast_key, 2 * (s->places + LP_FAST_WINDOW), TABLES)                     \
	X(fast6, struct lp_fast_key, 2 * (s->places + LP_FAST_WINDOW), TABLES)                     \
	X(fast_profiles, struct lp_fast_profile, 2 * (s->places + LP_FAST_WINDOW), TABLES)         \
	X(fast_nats, struct lp_fast_nat, 4 * (s->places + LP_FAST_WINDOW), TABLES)                 \
	X(pools, struct lp_pool, 2 * s->pools, TABLES)                                             \
	X(backends, struct lp_backend, s->backends, TABLES)                                        \
	X(vip_counts, __u64, c * s->vips, TABLES)                                                  \
	X(backend_counts, __u64, c * s->backends * LP_SENT_WAYS, TABLES)                           \
	X(reason_counters, struct lp_reason_counters, c, TABLES)                                   \
	X(audit_seen, __u64, 2 * LP_AUDIT_SEEN_WORDS, TABLES)                                      \
	X(slots, struct lp_slot_line, s->tables *LP_TABLE_LINES, TABLES)                           \
	X(settled, __u16, (size_t)s->tables *LP_SLOTS, TABLES)                                     \
	X(snat_guard, struct lp_guard, 1, TABLES)                                                  \
	X(slot_times, struct lp_slot_times, s->tables *LP_TABLE_LINES, OWN)                        \
	X(vip_totals, struct lp_counter, (c + 1) * s->vips, OWN)                                   \
	X(backend_totals, struct lp_counter, (c + 1) * s->backends * LP_SENT_WAYS, OWN)            \
	X(records, struct lp_bucket, s->buckets, OWN)                                              \
	X(record_info, struct lp_info_bucket, s->buckets, OWN)                                     \
	X(audit, struct lp_bucket, LP_AUDIT_BUCKETS, OWN)                                          \
	X(audit_info, struct lp_info_bucket, LP_AUDIT_BUCKETS, OWN)                                \
	X(audit_counters, struct lp_audit_counter, c * s->pools, OWN)                              \
	X(record_counters, struct lp_record_counters, c, OWN)                                      \
	X(entries, struct lp_entries, s->entries, OWN)                                             \
	X(returns, struct lp_returns, s->entries, OWN)                                             \
	X(snat_lists, struct lp_snat_list, s->entries > 1 ? 2 * s->vips : 1, OWN)                  \
	X(vip_meta, struct lp_vip_meta, s->vips, OWN)                                              \
	X(pool_meta, struct lp_pool_meta, s->pools, OWN)                                           \
	X(group_meta, struct lp_group_meta, s->vips, OWN)                                          \
	X(backend_meta, struct lp_backend_meta, s->backends, OWN)                                  \
	X(fragments, struct lp_bucket, LP_FRAGMENT_BUCKETS, OWN)                                   \
	X(fragment_info, struct lp_fragment_bucket, LP_FRAGMENT_BUCKETS, OWN)

struct dp_maps {
#define DP_MAP_POINTER(name, type, count, where) type *name;
	DP_MAPS(DP_MAP_POINTER)
#undef DP_MAP_POINTER
};

enum dp_map_number {
#define DP_MAP_NUMBER(name, type, count, where) DP_MAP_##name,
	DP_MAPS(DP_MAP_NUMBER)
#undef DP_MAP_NUMBER
		DP_MAP_COUNT
};

struct dp_ops {
	void (*sync)(struct dp *dp);
	int (*attach)(struct dp *dp, unsigned int ifindex, const char *name, enum dp_xdp_mode mode,
		      struct lp_err *err);
	int (*detach)(struct dp *dp, const char *name, struct lp_err *err);
	size_t (*interfaces)(const struct dp *dp, struct dp_interface *interfaces, size_t n);
	int (*proxy_add)(struct dp *dp, const struct lp_proxy_key *key);
	int (*proxies_clear)(struct dp *dp, unsigned int half);
	int (*policy_add)(struct dp *dp, const struct lp_policy_key *key, enum lp_policy answer);
	int (*policy_clear)(struct dp *dp, unsigned int half);
	/* NULL: no packets, and none that are held */
	int (*held_fd)(const struct dp *dp);
	void (*held_take)(struct dp *dp, dp_held_fn *fn, void *arg);
	int (*held_send)(struct dp *dp, const struct lp_held *held);
	int (*publish)(struct dp *dp, struct lp_err *err);
	void (*close)(struct dp *dp);
};

/*
 * Times are epochs, which rise with each dp_sync(): what a flip put out of
 * packets' reach in the present epoch may still be looked at.
 */
struct dp {
	const struct dp_ops *ops;
	struct dp_size size;
	uint32_t cpus;
	struct dp_maps maps;
	uint64_t epoch;        /* from 1 */
	uint64_t half_left[2]; /* epoch in which packets were sent away from it */
	uint64_t *table_left;  /* [size.tables] */
	uint64_t last_left;    /* of any table */
	uint64_t *hop_left;    /* [size.backends]: the inactive hop */
	uint64_t written;      /* a half or a table, to which packets may be sent next (D2) */
	bool in_order;         /* loads of this machine do not overtake each other */
};

/* Sets up the parts of *dp that both share; without entries there is a bucket of them all the
 * same, because maps are never empty. -ENOMEM. */
int dp_init(struct dp *dp, const struct dp_ops *ops, const struct dp_size *size, uint32_t cpus);
void dp_fini(struct dp *dp);

/* Adds what a backend was sent one way, by all CPUs. */
void dp_add_sent(const struct dp *dp, uint32_t backend, enum lp_sent way, struct lp_counter *sum);

/* Writes the capacities into the control block. */
void dp_control_init(struct dp *dp);

#endif
