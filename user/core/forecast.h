/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a configuration would do to the traffic that runs now, without doing it: which
 * slots would get another backend, and what would become of the connections and clients
 * that the sampled audit sees (core/audit.h). Reads the datapath through dp.h; changes
 * nothing, and has no other I/O.
 *
 * What is foretold is the moment of the change, once all that is new has answered: the
 * backends that come are taken for healthy, reachable (forecast_runtime()) and at the end
 * of their slow start, and those that are there for what they are now.
 *
 *   F1  What moves is told from what breaks. A slot that gets another backend breaks
 *       nothing: connections and clients of it stay where they are (P1, P2), and
 *       only those who come after that go elsewhere.
 *   F2  What cannot be known is taken for the worse: a connection of a VIP of which an
 *       address goes away counts as broken, although its address may be another.
 */
#ifndef LIMPET_CORE_FORECAST_H
#define LIMPET_CORE_FORECAST_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/desired.h"
#include "core/runtime.h"
#include "dp/dp.h"

/* What is compared. Nothing is owned. */
struct forecast_input {
	const struct dp *dp; /* what runs */
	const struct config *running, *coming;
	const struct runtime *now;     /* as it is */
	const struct runtime *next;    /* of forecast_runtime() */
	const struct desired *desired; /* of `coming` and `next`; VIPs are not needed */
	const struct lp_hash_key *key; /* of the coming seed */
	uint32_t mono;                 /* seconds of CLOCK_MONOTONIC */
};

/* Sampled things: not yet times LP_AUDIT_SAMPLE. Each is in `all`, and in at most one
 * of `leaving` and `lost`. */
struct forecast_count {
	uint32_t all;     /* that live now */
	uint32_t moved;   /* whose slot gets another backend, or whose VIP another answer */
	uint32_t leaving; /* stay until the deadline of their backend, which leaves */
	uint32_t lost;    /* connections that break; clients whose next connection goes
			     to another server, or nowhere */
};

struct forecast_counts {
	struct forecast_count connections, clients;
};

enum forecast_change { FORECAST_STAYS, FORECAST_COMES, FORECAST_GOES };

struct forecast_pool {
	const char *name; /* of `running` or `coming` */
	enum forecast_change change;
	uint32_t slots_moved; /* of LP_SLOTS; 0 of a pool that comes or goes */
	struct forecast_counts counts;
};

struct forecast_vip {
	const char *name;
	enum forecast_change change;
	/* Of all the clients that there could be, how many get another server, or none:
	 * 0 to 1. Of one that comes, 0. */
	double moved_share;
	struct forecast_counts counts;
};

struct forecast {
	struct forecast_pool *pools; /* sorted by name */
	size_t n_pools;
	struct forecast_vip *vips; /* sorted by name */
	size_t n_vips;
	struct forecast_counts total;
	const struct forecast_vip *worst; /* with the largest moved_share; NULL: all are 0 */
};

/*
 * The runtime after `coming` has been applied: a copy of `now` with its numbers given
 * out, the backends that are new reachable, and those that it does not name leaving.
 * `wall` is seconds since the epoch. On success *next is the caller's, and wants to go
 * through desired_make(), which marks pools without anybody. -ENOMEM, -ENOSPC.
 */
int forecast_runtime(const struct runtime *now, const struct config *coming,
		     const struct dp_size *size, uint64_t wall, struct runtime *next);

/* On success *out is the caller's; it borrows names from the configurations. -ENOMEM. */
int forecast_make(const struct forecast_input *input, struct forecast **out);

/* Frees and sets *forecast to NULL; a NULL *forecast is fine. */
void forecast_free(struct forecast **forecast);

#endif
