/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which backend would answer this packet, and why: the walk of bpf/, step by
 * step, over the maps that packets see.
 */
#ifndef LIMPET_AGENT_EXPLAIN_H
#define LIMPET_AGENT_EXPLAIN_H

#include <jansson.h>

#include "agent/agent.h"

/* As they stand in the request; NULL for what was left out. */
struct explain_query {
	const char *vip; /* a VIP's name, or one of its addresses */
	const char *port;
	const char *source;
	const char *source_port;
};

/*
 * The explanation of docs/api.md in *out (a new reference), or -EINVAL or
 * -ENOENT with words.
 */
int explain(struct agent *agent, const struct explain_query *query, json_t **out,
	    struct lp_err *err);

#endif
