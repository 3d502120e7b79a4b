/* SPDX-License-Identifier: GPL-2.0 */
/* From a request to an answer: what each path of docs/api.md does. No HTTP
 * library here. */
#ifndef LIMPET_AGENT_ROUTES_H
#define LIMPET_AGENT_ROUTES_H

#include <jansson.h>

#include "agent/agent.h"

struct request {
	const char *method; /* "GET", "POST" */
	const char *path;   /* without the query */
	const char *body;   /* zero-terminated, never NULL */
	/* Argument of the query by name, or NULL. */
	const char *(*argument)(void *arg, const char *name);
	void *arg;
};

/* Answers; *body is a new reference, or NULL when memory ran out. Returns the
 * HTTP status. */
unsigned int routes_answer(struct agent *agent, const struct request *request, json_t **body);

#endif
