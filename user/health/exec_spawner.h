/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process of limpetd's that does nothing but start programs of checks. It is forked
 * before limpetd gives up what only this takes (CAP_SETUID, CAP_SETGID, execve(2) and
 * the system calls that a program may want), and has nothing else: no datapath, no
 * network, no configuration.
 *
 *   - A request (argv, environment, user) comes as one datagram, with the descriptors
 *     that the program gets as its output; the answer is its pid and a pidfd.
 *   - Programs are limpetd's own children (CLONE_PARENT), which waits for them, and
 *     with which they die.
 *   - It ends with limpetd.
 */
#ifndef LIMPET_HEALTH_EXEC_SPAWNER_H
#define LIMPET_HEALTH_EXEC_SPAWNER_H

#include <sys/types.h>

#include "health/exec_request.h"

struct exec_spawner {
	int fd;    /* to it; -1: it is not there any more */
	pid_t pid; /* limpetd's child, never waited for: it ends after limpetd */
};

/*
 * Forks it, before any thread is made and anything is opened that it should not
 * have. It goes by the name "limpetd-spawner". 0 or -errno.
 */
int exec_spawner_start(struct exec_spawner *spawner);

/*
 * Starts the program of a request with `output` as its output and error, and `failed`
 * as exec_child.h has it. 0, or -errno with *pid and *pidfd untouched: -E2BIG for a
 * request too long for a datagram, -EOWNERDEAD when the spawner has died.
 */
int exec_spawner_run(struct exec_spawner *spawner, const struct exec_request *request, int output,
		     int failed, pid_t *pid, int *pidfd);

/* Lets it end. Can be called twice. */
void exec_spawner_stop(struct exec_spawner *spawner);

#endif
