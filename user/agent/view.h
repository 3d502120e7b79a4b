/* SPDX-License-Identifier: GPL-2.0 */
/* The agent's state as the JSON documents of docs/api.md. New references; NULL
 * when memory runs out. */
#ifndef LIMPET_AGENT_VIEW_H
#define LIMPET_AGENT_VIEW_H

#include <jansson.h>

#include "agent/agent.h"
#include "agent/preview.h"

json_t *view_version(const struct agent *agent);
json_t *view_status(struct agent *agent);
json_t *view_vips(struct agent *agent);
json_t *view_vip(struct agent *agent, const struct config_vip *vip);
json_t *view_pools(struct agent *agent);
json_t *view_pool(struct agent *agent, const struct config_pool *pool);
json_t *view_backend(struct agent *agent, const struct config_pool *pool, const char *name);
json_t *view_audit(struct agent *agent, size_t heavy); /* so many heavy sources at most */
json_t *view_audit_totals(struct agent *agent);
json_t *view_check(const struct agent *agent, uint32_t number); /* of a backend; null: none */
json_t *view_health(const struct agent *agent);
json_t *view_entries(const struct agent *agent);
json_t *view_interfaces(struct agent *agent);
json_t *view_reasons(const struct agent *agent);
json_t *view_config(const struct agent *agent);
json_t *view_changes(const struct config_diff *diff);
json_t *view_preview(const struct preview *preview, uint64_t generation);
json_t *view_drift(const struct agent *agent, const struct config_diff *diff);
json_t *view_next_hop(struct agent *agent, const struct runtime_backend *backend);

/* Once a second: tells the log when entries, or the ports of an address, begin to run out. */
void view_entries_warn(struct agent *agent);

/* "snat" and so on, as in the configuration. */
const char *view_forward(enum lp_forward forward);
const char *view_affinity(enum lp_affinity affinity);

#endif
