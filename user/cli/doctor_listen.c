// SPDX-License-Identifier: GPL-2.0
/* limpet doctor: what limpetd says. */
#include <stdio.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/doctor_facts.h"
#include "net/net.h"

static const json_t *find_named(const json_t *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (!strcmp(cli_json_text(item, "name"), name))
			return item;
	return NULL;
}

/* The same with a good guess where it is: of 10,000 backends, none has to be searched. */
static const json_t *find_at(const json_t *list, size_t at, const char *name)
{
	const json_t *item = json_array_get(list, at);

	return item && !strcmp(cli_json_text(item, "name"), name) ? item : find_named(list, name);
}

static void listen_interfaces(struct doctor_facts *facts, const json_t *list)
{
	for (size_t i = 0; i < facts->config->n_interfaces; i++) {
		const json_t *item = find_named(list, facts->config->interfaces[i].name);

		if (item)
			facts->interfaces[i].attached = json_is_true(
								json_object_get(item, "attached"))
								? DOCTOR_YES
								: DOCTOR_NO;
	}
}

/*
 * limpetd remembers that a neighbour has not answered; the kernel, which asks for a
 * managed one again and again, is about to ask most of the time.
 */
static void listen_backend(struct doctor_backend *backend, const json_t *item)
{
	const char *state = cli_json_text(json_object_get(item, "next_hop"), "state");

	if (backend->way == DOCTOR_WAY_RESOLVING &&
	    !strcmp(state, net_state_name(NET_NEIGHBOUR_FAILED)))
		backend->way = DOCTOR_WAY_NEIGHBOUR;
}

static void listen_pools(struct doctor_facts *facts, const json_t *pools)
{
	struct doctor_backend *backend = facts->backends;

	for (size_t i = 0; i < facts->config->n_pools; i++) {
		const struct config_pool *pool = &facts->config->pools[i];
		const json_t *list = json_object_get(find_named(pools, pool->name), "backends");

		for (size_t j = 0; j < pool->n_backends; j++, backend++)
			listen_backend(backend, find_at(list, j, pool->backends[j].name));
	}
}

static uint64_t count_of(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static void read_entries(const json_t *json, struct doctor_entries *entries)
{
	const json_t *busiest = json_object_get(json, "busiest");

	*entries = (struct doctor_entries) {
		.capacity = count_of(json, "capacity"),
		.used = count_of(json, "used"),
		.ports_used = count_of(busiest, "used"),
		.ports = count_of(busiest, "ports"),
	};
	if (entries->ports)
		snprintf(entries->busiest, sizeof(entries->busiest), "%s, from %s",
			 text_of(busiest, "backend"), text_of(busiest, "address"));
}

void doctor_listen(struct doctor_facts *facts, const json_t *status)
{
	const json_t *records = json_object_get(status, "records");

	facts->running = true;
	facts->records = (struct doctor_records) {
		.capacity = count_of(records, "capacity"),
		.used = count_of(records, "connections") + count_of(records, "clients"),
		.full = count_of(records, "full"),
	};
	read_entries(json_object_get(status, "entries"), &facts->entries);
	listen_interfaces(facts, json_object_get(status, "interfaces"));
	listen_pools(facts, json_object_get(status, "pools"));
}
