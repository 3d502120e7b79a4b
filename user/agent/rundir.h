/* SPDX-License-Identifier: GPL-2.0 */
/* The run directory: made if it is not there, locked by one limpetd at a time. */
#ifndef LIMPET_AGENT_RUNDIR_H
#define LIMPET_AGENT_RUNDIR_H

#include "lib/err.h"

/*
 * Makes `dir` (mode 0755) and takes the lock DIR/limpetd.lock, in which it
 * writes the process number. Returns the lock's file descriptor, or -errno with
 * words: -EBUSY when another limpetd has it.
 */
int rundir_open(const char *dir, struct lp_err *err);

#endif
