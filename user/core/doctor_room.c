// SPDX-License-Identifier: GPL-2.0
/* Room: what cannot grow, and how much of it is used. */
#include <limpet/abi.h>

#include "core/doctor_internal.h"

/* Part of the room from which on it is said. */
#define NEARLY 0.8

static void judge_records(const struct doctor_records *records, struct doctor_report *report)
{
	double used = records->capacity ? (double)records->used / (double)records->capacity : 0;
	struct doctor_finding *finding;

	if (!records->capacity)
		return;
	if (!records->full && used < NEARLY) {
		doctor_find(report, DOCTOR_OK, "records", "%llu of %llu records are used",
			    (unsigned long long)records->used,
			    (unsigned long long)records->capacity);
		return;
	}
	finding = doctor_find(
		report, DOCTOR_WARNING, "records",
		"%llu of %llu records are used, and %llu have found no room since the "
		"datapath was made",
		(unsigned long long)records->used, (unsigned long long)records->capacity,
		(unsigned long long)records->full);
	doctor_why(finding,
		   "connections and clients that cannot be remembered go where their slot is now");
	doctor_fix(finding,
		   "shorter idle_timeout and affinity timeout; tcp affinity or proxies: where "
		   "clients are many; fewer changes at once");
}

static bool nearly(uint64_t used, uint64_t most)
{
	return (double)used >= NEARLY * (double)most;
}

static void judge_places(const struct doctor_entries *entries, struct doctor_report *report)
{
	struct doctor_finding *finding;

	finding = doctor_find(
		report, nearly(entries->used, entries->capacity) ? DOCTOR_WARNING : DOCTOR_OK,
		"entries", "%llu of %llu entries of translated connections are used",
		(unsigned long long)entries->used, (unsigned long long)entries->capacity);
	if (!nearly(entries->used, entries->capacity))
		return;
	doctor_why(finding, "new connections that find no room are dropped (drop_snat_entries)");
	doctor_fix(finding,
		   "shorter idle_timeout of the VIPs with forward snat, or a tunnel or dsr "
		   "where it is possible");
}

static void judge_ports(const struct doctor_entries *entries, struct doctor_report *report)
{
	struct doctor_finding *finding;

	if (!entries->ports || !nearly(entries->ports_used, entries->ports))
		return;
	finding = doctor_find(report, DOCTOR_WARNING, "ports", "%s: %llu of %llu ports are used",
			      entries->busiest, (unsigned long long)entries->ports_used,
			      (unsigned long long)entries->ports);
	doctor_why(finding, "new connections that find no port are dropped (drop_snat_ports)");
	doctor_fix(finding, "more snat_addresses: of the VIP, each with ports of its own; or more "
			    "backends");
}

static void judge_entries(const struct doctor_entries *entries, struct doctor_report *report)
{
	if (!entries->capacity)
		return;
	judge_places(entries, report);
	judge_ports(entries, report);
}

static void judge_limit(const char *what, const char *where, uint64_t n, uint64_t most,
			struct doctor_report *report)
{
	struct doctor_finding *finding;

	if ((double)n < NEARLY * (double)most)
		return;
	finding = doctor_find(report, n > most ? DOCTOR_PROBLEM : DOCTOR_WARNING, "room",
			      "%llu %s, and %llu is the most", (unsigned long long)n, what,
			      (unsigned long long)most);
	doctor_why(finding, "a configuration with more is refused (%s)", where);
	doctor_fix(finding, "another balancer for some of them");
}

/* Each pool has two slot tables in the worst moment, all in one map (abi.h). */
static uint64_t pools_max(void)
{
	/* `slots` and `settled`. */
	return LP_TABLES_BYTES_MAX / (2ull * LP_SLOTS * (sizeof(struct lp_slot) + sizeof(__u16)));
}

void doctor_judge_room(const struct doctor_facts *facts, struct doctor_report *report)
{
	size_t before = report->n, backends = 0;

	for (size_t i = 0; i < facts->config->n_pools; i++)
		backends += facts->config->pools[i].n_backends;
	judge_limit("backends", "16 bits in a slot", backends, LP_BACKENDS_MAX - 1, report);
	judge_limit("pools", "their slot tables are in one map", facts->config->n_pools,
		    pools_max(), report);
	if (report->n == before)
		doctor_find(report, DOCTOR_OK, "room",
			    "%zu backends in %zu pools leave room for more", backends,
			    facts->config->n_pools);
	judge_records(&facts->records, report);
	judge_entries(&facts->entries, report);
}
