/* SPDX-License-Identifier: GPL-2.0 */
/* The API of docs/api.md: HTTP with JSON on a unix socket, served by
 * libmicrohttpd on the agent's loop. */
#ifndef LIMPET_AGENT_API_H
#define LIMPET_AGENT_API_H

#include "agent/agent.h"

struct api;

/*
 * Listens on RUN_DIR/api.sock (mode 0660). A socket that a dead agent left is
 * replaced; the caller holds the run directory's lock.
 */
int api_open(struct agent *agent, struct api **out, struct lp_err *err);

/* Closes its handles on the loop and removes the socket; sets *api to NULL. */
void api_close(struct api **api);

#endif
