/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program in a process group of its own, without a shell.
 *
 *   - It has nothing of limpetd's: no descriptor but /dev/null and a pipe (its
 *     output and error), default signals, the working directory /, the
 *     environment and user of the request, no capabilities, no new privileges, and
 *     as many open files as any login.
 *   - It dies with limpetd.
 *   - A pidfd tells of its end: pids are used again, descriptors are not.
 */
#ifndef LIMPET_HEALTH_EXEC_CHILD_H
#define LIMPET_HEALTH_EXEC_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "health/exec_request.h"

struct exec_spawner;

struct exec_child {
	pid_t pid;  /* of the process and of its group, until it is reaped */
	int pidfd;  /* readable when the process has ended */
	int output; /* what it writes, not blocking */
	int failed; /* at end of file: it runs; an int in it: the errno with which it could
		       not be run. Not blocking. */
};

/*
 * Starts it, by the spawner if there is one (exec_spawner.h), or by itself with NULL.
 * Does not wait for it to get as far as the program, which may lie on
 * a file system that hangs. 0, or -errno with *child untouched
 * (-EUSERS: no more processes are allowed).
 */
int exec_child_start(struct exec_spawner *spawner, const struct exec_request *request,
		     struct exec_child *child);

/*
 * The half of it that runs in whoever can fork: `parent` is the process with which it
 * dies, of which it is a child if it is the caller, or by `sibling` if it is the
 * caller's parent. `output` and `failed` stay the caller's. 0, or -errno as above.
 */
int exec_child_fork(const struct exec_request *request, pid_t parent, bool sibling, int output,
		    int failed, pid_t *pid, int *pidfd);

/* Kills all of its group, if it was not reaped. */
void exec_child_kill(const struct exec_child *child);

/*
 * After pidfd became readable: kills what is left of the group and reaps it. Its
 * wait status as of waitpid(2), or -errno.
 */
int exec_child_reap(struct exec_child *child, int *status);

#endif
