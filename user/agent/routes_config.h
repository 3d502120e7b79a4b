/* SPDX-License-Identifier: GPL-2.0 */
/* The paths /v1/config/... of docs/api.md, for routes.c. Each returns the HTTP status. */
#ifndef LIMPET_AGENT_ROUTES_CONFIG_H
#define LIMPET_AGENT_ROUTES_CONFIG_H

#include "agent/routes.h"

unsigned int routes_config_desired(struct agent *agent, const struct request *request,
				   json_t **body);
unsigned int routes_config_diff(struct agent *agent, const struct request *request, json_t **body);
unsigned int routes_config_plan(struct agent *agent, const struct request *request, json_t **body);
unsigned int routes_config_apply(struct agent *agent, const struct request *request, json_t **body);

#endif
