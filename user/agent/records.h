/* SPDX-License-Identifier: GPL-2.0 */
/* What limpet remembers of connections and clients: listing and flushing, in pages
 * that hold the agent up for some milliseconds at most. */
#ifndef LIMPET_AGENT_RECORDS_H
#define LIMPET_AGENT_RECORDS_H

#include <jansson.h>

#include "agent/agent.h"

/* As they stand in the request; NULL for what was left out. */
struct records_query {
	const char *vip;
	const char *source; /* a prefix, or an address */
	const char *limit;
	const char *cursor;
};

/* A page of records in *out (a new reference), or -EINVAL, -ENOENT or -ENOMEM with words. */
int records_list(struct agent *agent, const struct records_query *query, json_t **out,
		 struct lp_err *err);

/* Drops the records that `text`, the request's body, means, a step of the table at a time. */
int records_flush(struct agent *agent, const char *text, json_t **out, struct lp_err *err);

#endif
