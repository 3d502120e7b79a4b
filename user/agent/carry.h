/* SPDX-License-Identifier: GPL-2.0 */
/* The ways of checks with `via: vip`: kept as the configuration and next hops are. */
#ifndef LIMPET_AGENT_CARRY_H
#define LIMPET_AGENT_CARRY_H

#include "core/config.h"
#include "core/runtime.h"
#include "lib/err.h"

struct agent;

/*
 * Before the checks of the configuration in force begin: loads the programs if it
 * has such a check, and takes them off if it has none, what an agent before left
 * included.
 */
int carry_set(struct agent *agent, struct lp_err *err);

/* After next hops may have changed. What fails is logged; those checks time out. */
void carry_follow(struct agent *agent);

/* The mark for the sockets of a backend's check; 0 unless it goes via vip. */
uint32_t carry_mark(const struct config_check *check, const struct runtime_backend *backend);

void carry_close(struct agent *agent);

#endif
