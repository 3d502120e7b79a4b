/* SPDX-License-Identifier: GPL-2.0 */
/* An operator's decisions about a backend: drain, offline, enable, weight. */
#ifndef LIMPET_AGENT_DECIDE_H
#define LIMPET_AGENT_DECIDE_H

#include <jansson.h>

#include "agent/agent.h"

/*
 * POST /v1/backends/POOL/NAME: `target` is POOL/NAME, `text` the request's body
 * (docs/api.md). Carries the decision out; returns the HTTP status, and in *body (a new
 * reference) the backend, or what is wrong.
 */
unsigned int decide(struct agent *agent, const char *target, const char *text, json_t **body);

#endif
