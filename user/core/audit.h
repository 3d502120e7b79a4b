/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the sampled audit says (DESIGN section 6, bpf/audit.h): the datapath follows
 * one connection and one client in LP_AUDIT_SAMPLE, chosen by a keyed hash; from
 * what it sees, estimates with their error. Over dp.h, with time as an argument.
 *
 * Statistics. Of x things each is sampled with probability 1/N, independently of
 * what becomes of it (the hash knows neither backend nor fate): binomial thinning.
 * From n seen, n * N is an unbiased estimate of x. Its variance is x * (N - 1),
 * estimated by n * N * (N - 1), so that with 95% confidence the truth is within
 *
 *	1.96 * sqrt(n * (1 - 1/N)) * N
 *
 * of the estimate: 100 seen of 6,400 are 6,400 +- 1,245, 10,000 seen of 640,000 are
 * 640,000 +- 12,446. For n = 0 that formula says nothing; what is certain is that x
 * things are all missed with probability (1 - 1/N)^x < exp(-x/N), which is below 5%
 * from x = 3N on (the rule of three). So 0 +- 192 means: fewer than 192, with 95%
 * confidence. From one to some ten seen the normal approximation is rough: the interval
 * has the truth in 80 to 95 of 100 cases.
 */
#ifndef LIMPET_CORE_AUDIT_H
#define LIMPET_CORE_AUDIT_H

#include <limpet/abi.h>
#include <stddef.h>
#include <stdint.h>

#include "core/prefix.h"
#include "dp/dp.h"

/* How many there are if `sampled` were seen, and the half-width of its 95% interval. */
uint64_t audit_estimate(uint64_t sampled);
double audit_error(uint64_t sampled);

/* --- what lives now ------------------------------------------------------------- */

/* Sampled connections that live: not silent for longer than is promised, on a backend
 * whose life goes on. */
struct audit_scan {
	uint32_t *by_backend; /* by number */
	uint32_t n_backends;
	uint32_t connections; /* of all backends */
};

/* Reads the audit table, 131,072 places. `now` is seconds of CLOCK_MONOTONIC. On
 * success *scan is the caller's. -ENOMEM. */
int audit_scan(const struct dp *dp, uint32_t now, struct audit_scan *scan);
uint32_t audit_scan_backend(const struct audit_scan *scan, uint32_t backend);
void audit_scan_free(struct audit_scan *scan);

/*
 * Calls `visit` for each sampled connection that lives, and for each sampled client
 * (LP_RECORD_CLIENT in its flags) that has not been idle for its timeout and whose
 * backend's life goes on.
 */
void audit_visit(const struct dp *dp, uint32_t now,
		 void (*visit)(void *arg, const struct lp_record *record,
			       const struct lp_record_info *info),
		 void *arg);

/* A client as its VIP counts clients, and its sampled connections that live. */
struct audit_source {
	struct config_prefix client;
	uint32_t vip;
	uint32_t connections;
};

/*
 * The (at most) *n sources with the most connections, the largest first; *n becomes
 * how many there are, *total the connections of all sources. `clients` says by VIP
 * number (n_clients of them) what counts as one client. -ENOMEM.
 */
int audit_heavy(const struct dp *dp, uint32_t now, const struct prefix_client *clients,
		size_t n_clients, struct audit_source *top, size_t *n, uint32_t *total);

/* --- the ledger --------------------------------------------------------------------- */

#define AUDIT_LEDGER 256

/* What was seen to go wrong while a pool was in a generation. Sampled: not yet times
 * LP_AUDIT_SAMPLE. */
struct audit_entry {
	char pool[LP_NAME_MAX];
	uint32_t generation; /* 0: before this agent started to look */
	uint64_t broken, lost, moved;
	uint64_t first_at, last_at; /* seconds since the epoch; 0: before that */
};

/* The last AUDIT_LEDGER entries; the oldest makes room. All zero is an empty one. */
struct audit_ledger {
	struct audit_entry ring[AUDIT_LEDGER];
	size_t next, n;
	struct lp_audit_counter *seen; /* by pool number: what is written down already */
	uint32_t n_seen;
};

/*
 * Writes down what has happened since the last call, for each pool's present
 * generation: to be called once a second, and before each change so that nothing is
 * blamed on it that happened before. `wall` is seconds since the epoch. -ENOMEM.
 */
int audit_tick(struct audit_ledger *ledger, struct dp *dp, uint64_t wall);

/* Entry i, from 0, the newest first; NULL beyond the last. */
const struct audit_entry *audit_entry(const struct audit_ledger *ledger, size_t i);

void audit_ledger_free(struct audit_ledger *ledger);

#endif
