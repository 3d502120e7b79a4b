// SPDX-License-Identifier: GPL-2.0
/* The ways: to backends, and the VIPs' addresses, which should not be this host's. */
#include <string.h>

#include "core/doctor_internal.h"
#include "lib/addr.h"

/* What and fix have the backends' names and the first one's address between their parts. */
static const struct {
	enum doctor_severity severity;
	const char *check, *what[2], *why, *fix[2];
} ways[DOCTOR_WAYS] = {
	[DOCTOR_WAY_NO_ROUTE] = { DOCTOR_PROBLEM,
				  "route",
				  { "no route to ", "" },
				  "its clients go to other backends, or are dropped "
				  "(drop_no_next_hop) if there are none",
				  { "ip route get ", "; then ip route add ..." } },
	[DOCTOR_WAY_LOCAL] = { DOCTOR_PROBLEM,
			       "route",
			       { "this host itself has the address of ", "" },
			       "a balancer cannot send packets to itself through a network",
			       { "ip address show to ", "; then ip address delete ..." } },
	[DOCTOR_WAY_RESOLVING] = { DOCTOR_WARNING,
				   "neighbour",
				   { "nobody has answered yet on the way to ", "" },
				   "without a MAC address nothing can be sent there",
				   { "ip route get ",
				     " and ip neighbour show; again in a few seconds" } },
	[DOCTOR_WAY_NEIGHBOUR] = { DOCTOR_PROBLEM,
				   "neighbour",
				   { "the neighbour on the way to ", " does not answer" },
				   "without a MAC address nothing can be sent there: its clients go to "
				   "other backends, or are dropped (drop_no_next_hop)",
				   { "ping ",
				     "; is it on, and in this VLAN? ip neighbour show nud failed" } },
	[DOCTOR_WAY_LINK] = { DOCTOR_PROBLEM,
			      "route",
			      { "the interface to ", " is down" },
			      "nothing can be sent there",
			      { "ip route get ", "; then ip link set dev ... up" } },
	[DOCTOR_WAY_ETHERNET] = { DOCTOR_PROBLEM,
				  "route",
				  { "the way to ", " leaves by an interface that is no Ethernet" },
				  "XDP writes Ethernet headers: tunnels and the like cannot be used",
				  { "ip route get ",
				    "; then a route over an Ethernet interface" } },
	[DOCTOR_WAY_TAGS] = { DOCTOR_PROBLEM,
			      "route",
			      { "the way to ", " has more than two VLAN tags" },
			      "limpet writes two at most",
			      { "ip route get ", "; then fewer VLAN devices" } },
	[DOCTOR_WAY_SOURCE] = { DOCTOR_PROBLEM,
				"route",
				{ "this host has no address to send from to ", "" },
				"a tunnel needs an outer source address",
				{ "ip route get ",
				  "; then ip address add ... to that interface" } },
};

/* All backends with this way as one finding: with 10,000 of them, one wants to read on. */
static void judge_way(const struct doctor_facts *facts, enum doctor_way way,
		      struct doctor_report *report)
{
	const struct doctor_backend *backend = facts->backends;
	char address[LP_ADDR_TEXT] = "";
	struct doctor_names names = { 0 };
	struct doctor_finding *finding;

	for (size_t i = 0; i < facts->config->n_pools; i++) {
		const struct config_pool *pool = &facts->config->pools[i];

		for (size_t j = 0; j < pool->n_backends; j++, backend++) {
			if (backend->way != way)
				continue;
			if (!*address)
				lp_addr_format(&pool->backends[j].address, address);
			doctor_names_add(&names, "%s/%s", pool->name, pool->backends[j].name);
		}
	}
	if (!names.n)
		return;
	finding = doctor_find(report, ways[way].severity, ways[way].check, "%s%s%s",
			      ways[way].what[0], doctor_names_end(&names), ways[way].what[1]);
	doctor_why(finding, "%s", ways[way].why);
	doctor_fix(finding, "%s%s%s", ways[way].fix[0], address, ways[way].fix[1]);
}

static void judge_backends(const struct doctor_facts *facts, struct doctor_report *report)
{
	size_t before = report->n, n = 0;

	for (int way = DOCTOR_WAY_OK + 1; way < DOCTOR_WAYS; way++)
		judge_way(facts, (enum doctor_way)way, report);
	for (size_t i = 0; i < facts->config->n_pools; i++)
		n += facts->config->pools[i].n_backends;
	if (report->n == before)
		doctor_find(report, DOCTOR_OK, "neighbour", "the way to all %zu backend%s is known",
			    n, n == 1 ? "" : "s");
}

/* In the order of the configuration, as facts->local is. */
static void name_local(const struct doctor_facts *facts, struct doctor_names *names)
{
	const struct lp_addr *local = facts->local, *end = local + facts->n_local;
	char text[LP_ADDR_TEXT];

	for (size_t i = 0; i < facts->config->n_vips; i++) {
		const struct config_vip *vip = &facts->config->vips[i];

		for (size_t j = 0; j < vip->n_addresses && local < end; j++) {
			if (!lp_addr_equal(&vip->addresses[j], local))
				continue;
			local++;
			doctor_names_add(names, "%s (%s)", vip->name,
					 lp_addr_format(&vip->addresses[j], text));
		}
	}
}

static void judge_vips(const struct doctor_facts *facts, struct doctor_report *report)
{
	struct doctor_names names = { 0 };
	struct doctor_finding *finding;
	char text[LP_ADDR_TEXT];

	if (!facts->n_local) {
		doctor_find(report, DOCTOR_OK, "vip_local", "no VIP is an address of this host");
		return;
	}
	name_local(facts, &names);
	finding = doctor_find(report, DOCTOR_WARNING, "vip_local",
			      "this host itself has the address of VIP %s",
			      doctor_names_end(&names));
	doctor_why(finding,
		   "their other ports, ping and ICMP errors are answered by this host, checks "
		   "and requests from here go to itself, and a moment without XDP resets "
		   "connections");
	lp_addr_format(&facts->local[0], text);
	doctor_fix(
		finding,
		"ip address delete %s/%d dev ... (ip address show to %s); and on the router, ip route "
		"add %s via this host",
		text, lp_addr_is_v6(&facts->local[0]) ? 128 : 32, text, text);
}

void doctor_judge_ways(const struct doctor_facts *facts, struct doctor_report *report)
{
	judge_backends(facts, report);
	judge_vips(facts, report);
}
