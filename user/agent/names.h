/* SPDX-License-Identifier: GPL-2.0 */
/* From numbers in the datapath to what they are the numbers of, for answers that name
 * many of them. Borrows from the agent: good until its configuration changes. */
#ifndef LIMPET_AGENT_NAMES_H
#define LIMPET_AGENT_NAMES_H

#include <stdint.h>

#include "agent/agent.h"
#include "core/prefix.h"

struct names {
	const struct runtime_backend **backends; /* by number; NULL: no such backend */
	const struct config_vip **vips;          /* by number; NULL: no such VIP */
	struct prefix_client *clients;           /* by VIP number */
	uint32_t n_backends, n_vips;
};

/* -ENOMEM. On success *names is the caller's. */
int names_open(struct names *names, const struct agent *agent);
void names_close(struct names *names);

/* Names; NULL if there is no such thing (any more). */
const char *names_backend(const struct names *names, uint32_t number);
const char *names_vip(const struct names *names, uint32_t number);

#endif
