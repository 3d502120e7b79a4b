/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One target: its timer, its check in flight, its state. Never more than one
 * check at a time, so one timer serves for both the next start and the deadline
 * of the check in flight.
 */
#ifndef LIMPET_HEALTH_TARGET_H
#define LIMPET_HEALTH_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "health/exec.h"
#include "health/health.h"
#include "health/http.h"

/* What all targets share; outlives their being stopped. */
struct target_env {
	uv_loop_t *loop;
	struct http *http;
	struct exec *exec;
	struct tls_roots_set roots;
	health_changed_fn changed;
	health_note_fn note; /* may be NULL */
	void *arg;
	uint64_t seed; /* of the schedules */
};

struct target;

/* Copies `spec`. 0 or -ENOMEM. */
int target_new(struct target_env *env, const struct health_target *spec, struct target **out);

/* Frees a target that was never started; sets *target to NULL. */
void target_free(struct target **target);

/* Begins to check. */
void target_start(struct target *target);

/* Ends the check in flight and frees the target on the loop; sets *target to NULL.
 * Nothing is called any more. May be called from the changed callback. */
void target_stop(struct target **target);

/* health_set_way() for one target; `why_not` outlives it. */
void target_set_way(struct target *target, const char *why_not);

uint32_t target_backend(const struct target *target);
const struct health_status *target_status(const struct target *target);
const struct flaps *target_flaps(const struct target *target);

/* Whether `spec` is what the target does already. */
bool target_is(const struct target *target, const struct health_target *spec);

#endif
