/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exec checks: a program whose exit status is the verdict, 0 for good, and whose
 * first line of output, on whichever of its two streams, is the words.
 *
 *   - Bounded: EXEC_OUTPUT_MAX bytes of output, then it is killed. Its time is
 *     its owner's, who cancels: then its whole process group is killed.
 *   - What it leaves running in its process group is killed when it ends.
 *   - At most EXEC_CHILDREN_MAX at a time, those that were killed and do not
 *     die (they hang in the kernel) among them.
 *   - A program that cannot be run says nothing about a backend.
 */
#ifndef LIMPET_HEALTH_EXEC_H
#define LIMPET_HEALTH_EXEC_H

#include <uv.h>

#include "health/exec_request.h"
#include "health/probe.h"
#include "lib/err.h"

#define EXEC_OUTPUT_MAX   (64u << 10) /* bytes */
#define EXEC_CHILDREN_MAX 512u

struct exec;
struct exec_spawner;

/* 0 or -ENOMEM. */
int exec_open(uv_loop_t *loop, struct exec **out);

/* Who starts programs from now on (exec_spawner.h); must outlive it. NULL, as at
 * first: the process itself. */
void exec_set_spawner(struct exec *exec, struct exec_spawner *spawner);

/*
 * All probes must have been cancelled. Closes its handles on the loop, and what
 * was killed and has not ended is not waited for; sets *exec to NULL.
 */
void exec_close(struct exec **exec);

/*
 * Runs the program of a request, which must outlive the probe. 0, or -errno of what
 * could not be done (-EBUSY: EXEC_CHILDREN_MAX are running): then there is no
 * probe and *out is untouched.
 */
int exec_probe_start(struct exec *exec, const struct exec_request *request, probe_done_fn done,
		     void *arg, struct probe **out);

/* Would the configured program run? Words that quote what is wrong with it or its user. */
int exec_verify(const struct config_check *check, struct lp_err *err);

#endif
