/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Health checks: concurrent, jittered, bounded, on the agent's libuv loop. TCP
 * checks are bare connects, HTTP checks go through libcurl's multi interface;
 * nothing blocks.
 */
#ifndef LIMPET_HEALTH_HEALTH_H
#define LIMPET_HEALTH_HEALTH_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/config.h"
#include "lib/err.h"

struct health;

/* What is to be checked: one target for each backend of a pool with a check. */
struct health_target {
	uint32_t backend; /* number, the key of the target */
	struct lp_addr address;
	uint16_t port;                    /* host byte order */
	const struct config_check *check; /* copied */
	bool initially_up;                /* state until `rise` or `fall` results say otherwise */
};

/*
 * Called on the loop when a target's state changes: `rise` good results in a
 * row after down, `fall` bad ones in a row after up. `why` tells the last
 * result in words ("connection refused", "HTTP 503, expected 200-399",
 * "timed out after 1s"); valid during the call. health_set() and health_close()
 * may be called from here.
 */
typedef void (*health_changed_fn)(void *arg, uint32_t backend, bool up, const char *why);

int health_open(uv_loop_t *loop, health_changed_fn changed, void *arg, struct health **out,
		struct lp_err *err);

/* Stops all checks, closes its handles on the loop; sets *health to NULL. */
void health_close(struct health **health);

/*
 * Makes the set of targets what is given. Targets with an unchanged address,
 * port and check go on undisturbed with their state and history; others start
 * with initially_up. First checks are spread over one interval. Of several
 * targets for one backend the first counts.
 * -ENOMEM: nothing changed.
 */
int health_set(struct health *health, const struct health_target *targets, size_t n);

/*
 * A check that this machine could not make (out of descriptors, of local ports,
 * of memory, or its own firewall forbade it) is in `last` and last_at_s ("not
 * checked: too many open files") and counts for nothing else.
 */
struct health_status {
	bool up;
	char last[128];      /* last result in words: "HTTP 200 in 3 ms", "connection refused" */
	uint64_t last_at_s;  /* when: seconds since the epoch; 0: not yet */
	uint64_t since_s;    /* of `up`, seconds since the epoch; 0: since the start */
	unsigned int streak; /* results in a row that speak against `up` */
	uint64_t checks, failures, flaps;
	double latency_s; /* of the last good check */
	double late_s;    /* how much later than planned the last check started */
};

/* -ENOENT if the backend has no check. */
int health_status(const struct health *health, uint32_t backend, struct health_status *status);

#endif
