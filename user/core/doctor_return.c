// SPDX-License-Identifier: GPL-2.0
/* The way back, where replies come through this host: nat and snat. */
#include "core/doctor_internal.h"

/* Backends of pools that nat VIPs use: those behind a router, and the others. */
static void gather(const struct doctor_facts *facts, struct doctor_names *behind,
		   struct doctor_names *beside)
{
	const struct doctor_backend *backend = facts->backends;

	for (size_t i = 0; i < facts->config->n_pools; i++) {
		const struct config_pool *pool = &facts->config->pools[i];
		bool nat = doctor_uses(facts->config, LP_FORWARD_NAT, pool->name);

		for (size_t j = 0; j < pool->n_backends; j++, backend++) {
			if (nat && backend->way == DOCTOR_WAY_OK)
				doctor_names_add(backend->on_link ? beside : behind, "%s/%s",
						 pool->name, pool->backends[j].name);
		}
	}
}

static void judge_gateway(const struct doctor_facts *facts, struct doctor_report *report)
{
	struct doctor_names behind = { 0 }, beside = { 0 };
	struct doctor_finding *finding;

	gather(facts, &behind, &beside);
	if (behind.n) {
		finding = doctor_find(
			report, DOCTOR_WARNING, "return",
			"nat to %s, behind a router: that cannot have this host as its "
			"gateway by itself",
			doctor_names_end(&behind));
		doctor_why(finding,
			   "replies have to come back through this host; if they do not, clients "
			   "get them from an address that they never asked, and drop them");
		doctor_fix(finding, "a route for clients to this host on each router between; or "
				    "\"forward: snat\"");
	}
	if (beside.n) {
		finding = doctor_find(
			report, DOCTOR_NOTE, "return",
			"nat to %s: whether replies come back to this host cannot be seen "
			"from here",
			doctor_names_end(&beside));
		doctor_why(finding,
			   "only the backends know their gateway; a client gets nothing if it is "
			   "another host. Clients in the backends' own subnet, and backends that "
			   "call their VIP, get nothing in any case: their replies do not pass "
			   "here (forward: nat needs the source translated for that, which is "
			   "not supported yet)");
		doctor_fix(finding,
			   "on each: ip route get CLIENT has to name an address of this host; if "
			   "not, ip route replace default via BALANCER");
	}
}

static void judge_forwarding(const char *name, int value, struct doctor_report *report)
{
	struct doctor_finding *finding;

	if (value < 0)
		return;
	if (value) {
		doctor_find(report, DOCTOR_OK, "forwarding", "%s is on", name);
		return;
	}
	finding = doctor_find(report, DOCTOR_PROBLEM, "forwarding", "%s is 0", name);
	doctor_why(finding,
		   "this host is the backends' gateway: what XDP leaves to the stack, fragments "
		   "and the backends' own connections, goes nowhere");
	doctor_fix(finding, "sysctl -w %s=1", name);
}

void doctor_judge_return(const struct doctor_facts *facts, struct doctor_report *report)
{
	bool nat = doctor_uses(facts->config, LP_FORWARD_NAT, NULL);

	if (!nat) {
		doctor_find(report, DOCTOR_OK, "forwarding",
			    "no VIP needs this host as a router of replies");
		return;
	}
	judge_forwarding("net.ipv4.ip_forward", facts->host.forward4, report);
	judge_forwarding("net.ipv6.conf.all.forwarding", facts->host.forward6, report);
	judge_gateway(facts, report);
}
