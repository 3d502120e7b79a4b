/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Health checks in the agent: what is to be checked, and the way of a verdict into
 * the datapath.
 *
 * A verdict is carried out at once. Those that follow it closely (a switch dies, and
 * with it a rack) are carried out together, at the end of the loop's iteration in
 * which the first of them came: a change of the datapath costs milliseconds, and a
 * hundred of them one by one would hold up the checks of all others.
 */
#ifndef LIMPET_AGENT_CHECKS_H
#define LIMPET_AGENT_CHECKS_H

#include <stdint.h>
#include <uv.h>

#include "core/config.h"
#include "lib/err.h"

struct agent;

struct checks {
	uv_check_t settle;    /* runs while verdicts wait: after the sockets, before the timers */
	uv_idle_t hurry;      /* and meanwhile the loop does not sleep */
	unsigned int waiting; /* verdicts */
	uint64_t done_ns;     /* when verdicts were carried out last, on the clock of uv_hrtime() */
	uint64_t first_ns;    /* when the first of them came, on the clock of uv_hrtime() */
	uint64_t verdicts;    /* that are in the datapath */
	double last_s, max_s; /* from a verdict until it was in the datapath */
};

/* First of all; cannot fail. */
void checks_init(struct agent *agent);

int checks_open(struct agent *agent, struct lp_err *err);

/* Also after a failed open. Closes its handles on the loop. */
void checks_close(struct agent *agent);

/*
 * Are the programs, users and files there that the checks of `config` name, which is of
 * the file called `file`? While a
 * configuration is in force one that is wrong is refused (-EINVAL, with words);
 * at the start, when not to balance at all would be worse, it is a warning.
 */
int checks_verify(const struct agent *agent, const char *file, const struct config *config,
		  struct lp_err *err);

/* Checks what the configuration in force says. On failure the checks before go on. */
int checks_set(struct agent *agent, struct lp_err *err);

#endif
