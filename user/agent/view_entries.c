// SPDX-License-Identifier: GPL-2.0
/* Entries of translated connections: what the counting of core/entries.h says of them. */
#include "agent/view.h"

#include <arpa/inet.h>

#include "core/entries.h"
#include "lib/addr.h"
#include "lib/log.h"

static const struct runtime_backend *backend_of(const struct agent *agent, uint32_t number)
{
	const struct runtime *runtime = &agent->engine.runtime;

	for (size_t i = 0; i < runtime->n_backends; i++)
		if (runtime->backends[i].number == number)
			return &runtime->backends[i];
	return NULL;
}

/* "POOL/NAME" */
static void name_of(const struct agent *agent, uint32_t number, char text[2 * LP_NAME_MAX])
{
	const struct runtime_backend *backend = backend_of(agent, number);

	snprintf(text, (size_t)2 * LP_NAME_MAX, "%s/%s", backend ? backend->pool : "?",
		 backend ? backend->name : "?");
}

static json_t *view_busiest(const struct agent *agent, const struct entries_use *use)
{
	char address[LP_ADDR_TEXT], name[2 * LP_NAME_MAX];

	if (!use->backend)
		return json_null();
	name_of(agent, use->backend, name);
	return json_pack("{s:s, s:i, s:s, s:I, s:I}", "backend", name, "port", ntohs(use->port),
			 "address", lp_addr_format(&use->addr, address), "used",
			 (json_int_t)use->used, "ports", (json_int_t)use->ports);
}

json_t *view_entries(const struct agent *agent)
{
	const struct entries_counts *last = &agent->engine.entries.last;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "capacity",
			 (json_int_t)entries_capacity(agent->dp), "used",
			 (json_int_t)entries_used(last), "established",
			 (json_int_t)last->established, "opening", (json_int_t)last->opening,
			 "closing", (json_int_t)last->closing, "busiest",
			 view_busiest(agent, &last->busiest));
}

void view_entries_warn(struct agent *agent)
{
	struct entries *entries = &agent->engine.entries;
	const struct entries_use *busiest = &entries->last.busiest;
	char address[LP_ADDR_TEXT], name[2 * LP_NAME_MAX];

	if (entries_warn_places(entries, agent->dp))
		lp_warning(
			"entries=%u of=%llu why=\"translated connections are running out of room\"",
			entries_used(&entries->last),
			(unsigned long long)entries_capacity(agent->dp));
	if (!entries_warn_ports(entries))
		return;
	name_of(agent, busiest->backend, name);
	lp_warning("backend=%s port=%u address=%s ports=%u of=%u why=\"ports of this address are "
		   "running out: more snat_addresses, or more backends\"",
		   name, ntohs(busiest->port), lp_addr_format(&busiest->addr, address),
		   busiest->used, busiest->ports);
}
