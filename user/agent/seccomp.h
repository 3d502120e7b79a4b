/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filter of system calls (seccomp(2)) that limpetd puts on itself, all of its
 * threads, when it is running: what its own code and its libraries need is allowed,
 * everything else is refused with EPERM, and told to the kernel's audit log. It runs
 * no programs: those of checks are started by a process outside
 * (health/exec_spawner.h).
 *
 * Refused, not killed: a library of tomorrow may try a system call that nobody here
 * thought of, and a load balancer that goes on without it is worth more than one
 * that ends.
 */
#ifndef LIMPET_AGENT_SECCOMP_H
#define LIMPET_AGENT_SECCOMP_H

#include "lib/err.h"

/*
 * For good: there is no way back, for this process and its children. Sets no_new_privs.
 * 0, or -errno with words if the kernel cannot (-EINVAL, -ENOSYS).
 */
int seccomp_begin(struct lp_err *err);

#endif
