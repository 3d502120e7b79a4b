/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Health checks: concurrent, jittered, bounded, on the agent's libuv loop. TCP
 * checks are bare connects, HTTP and HTTPS checks go through libcurl's multi
 * interface, exec checks are processes; nothing blocks.
 */
#ifndef LIMPET_HEALTH_HEALTH_H
#define LIMPET_HEALTH_HEALTH_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/config.h"
#include "health/flaps.h"
#include "lib/err.h"

struct exec_spawner;
struct health;

/* What is to be checked: one target for each backend of a pool with a check. */
struct health_target {
	uint32_t backend; /* number, the key of the target */
	struct lp_addr address;
	uint16_t port;                    /* host byte order */
	uint32_t mark;                    /* of the sockets of its checks (SO_MARK); 0: none */
	const char *pool, *name;          /* for exec checks; NULL: unknown. Copied. */
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

/*
 * Called on the loop with what deserves a line in the log although no state
 * changes: "certificate expires in 5 days" (once a day), "not checked: too many
 * open files" (when it begins). Nothing of health.h may be called from here but
 * queries.
 */
typedef void (*health_note_fn)(void *arg, uint32_t backend, const char *text);

/* `arg` is that of health_open(). NULL: notes go nowhere. */
void health_set_note(struct health *health, health_note_fn note);

/* Who starts the programs of exec checks (exec_spawner.h); must outlive it. NULL, as
 * at first: the process itself. */
void health_set_spawner(struct health *health, struct exec_spawner *spawner);

/*
 * What can be known of a check before it is made: whether its user, its program
 * and its file of trusted roots are there. -EINVAL with words that quote it.
 */
int health_verify(const struct config_check *check, struct lp_err *err);

/* Stops all checks, closes its handles on the loop; sets *health to NULL. */
void health_close(struct health **health);

/*
 * Makes the set of targets what is given. Targets with an unchanged address,
 * port and check go on undisturbed with their state and history; others start
 * with initially_up. First checks are spread over one interval. Files of trusted
 * roots that have changed are read again. Of several
 * targets for one backend the first counts.
 * -ENOMEM: nothing changed.
 */
int health_set(struct health *health, const struct health_target *targets, size_t n);

/*
 * Says whether this machine has a way to the backend: NULL, as at first, or why not
 * ("link down"; not copied, must stay). A check that fails although there is none, or
 * while there was none for a moment, says nothing about the backend: it counts as one that
 * could not be made. One that succeeds counts all the same. Of no effect on a backend
 * that is no target.
 */
void health_set_way(struct health *health, uint32_t backend, const char *why_not);

/*
 * A check that this machine could not make (out of descriptors, of local ports,
 * of memory, without a way to the backend, or its own firewall forbade it) is in `last` and
 * last_at_s ("not checked: too many open files") and counts for nothing else.
 */
enum health_result {
	HEALTH_NO_RESULT, /* nothing yet */
	HEALTH_GOOD,
	HEALTH_BAD,
	HEALTH_NOT_CHECKED,
};

struct health_status {
	bool up;
	enum health_result result; /* the last one, which `last` puts in words */
	char last[128];      /* last result in words: "HTTP 200 in 3 ms", "connection refused" */
	uint64_t last_at_s;  /* when: seconds since the epoch; 0: not yet */
	uint64_t since_s;    /* of `up`, seconds since the epoch; 0: since the start */
	unsigned int streak; /* results in a row that speak against `up` */
	uint64_t checks, failures, flaps;
	uint64_t not_made;          /* checks that this machine could not make */
	unsigned int flaps_recent;  /* in the last FLAPS_WINDOW_MINUTES */
	double latency_s;           /* of the last good check */
	double late_s;              /* how much later than planned the last check started */
	double late_max_s;          /* the same of all */
	uint64_t certificate_end_s; /* https: of the last certificate, since the epoch; 0: none */
};

/* -ENOENT if the backend has no check. */
int health_status(const struct health *health, uint32_t backend, struct health_status *status);

/* The last times that the backend went up or down, newest first, at most `max`; how many. */
size_t health_flaps(const struct health *health, uint32_t backend, struct flap *out, size_t max);

/* How late checks are, of each target's last one, in seconds. */
struct health_lateness {
	size_t targets; /* that have been checked */
	double median, p99, max;
};

/* 0, or -ENOMEM with *lateness untouched. */
int health_lateness(const struct health *health, struct health_lateness *lateness);

#endif
