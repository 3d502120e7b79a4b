// SPDX-License-Identifier: GPL-2.0
/* The host: kernel, rights, compiler of BPF, clock, and how many limpetds there are. */
#include <stdio.h>

#include "core/doctor_internal.h"

static void judge_kernel(const struct doctor_host *host, struct doctor_report *report)
{
	struct doctor_finding *finding;

	if (!*host->trouble) {
		doctor_find(report, DOCTOR_OK, "kernel",
			    "Linux %s has what limpet needs, and limpet may use it", host->release);
		return;
	}
	finding = doctor_find(report, DOCTOR_PROBLEM, "kernel", "%s", host->trouble);
	doctor_why(finding, "limpetd does not start, or cannot follow changes");
	doctor_fix(finding,
		   "a kernel from 6.1 on with CONFIG_DEBUG_INFO_BTF; limpetd as root, or with "
		   "AmbientCapabilities=CAP_BPF CAP_PERFMON CAP_NET_ADMIN");
}

static void judge_jit(const struct doctor_host *host, struct doctor_report *report)
{
	struct doctor_finding *finding;

	if (host->jit < 0) /* the file is in the first network namespace only */
		return;
	if (host->jit) {
		doctor_find(report, DOCTOR_OK, "jit", "BPF programs are compiled");
		return;
	}
	finding = doctor_find(report, DOCTOR_WARNING, "jit",
			      "BPF programs are interpreted: net.core.bpf_jit_enable is 0");
	doctor_why(finding, "every packet costs several times as much");
	doctor_fix(finding, "sysctl -w net.core.bpf_jit_enable=1, then restart limpetd");
}

/* "101, 102": at most as many as are known. */
static void list_pids(const struct doctor_host *host, char *text, size_t size)
{
	size_t at = 0;

	text[0] = 0;
	for (size_t i = 0; i < host->n_pids && i < DOCTOR_PIDS_MAX && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%d", i ? ", " : "", host->pids[i]);
}

static void judge_agents(const struct doctor_facts *facts, struct doctor_report *report)
{
	const struct doctor_host *host = &facts->host;
	struct doctor_finding *finding;
	char pids[128];

	list_pids(host, pids, sizeof(pids));
	if (host->n_pids > 1) {
		finding = doctor_find(report, DOCTOR_WARNING, "agents",
				      "%zu limpetds run in this network namespace: pids %s",
				      host->n_pids, pids);
		doctor_why(finding, "each checks health and manages neighbours by itself, and an "
				    "interface belongs to the one that had it first");
		doctor_fix(finding, "kill -TERM the one that should not be there; packets go on");
	} else if (!facts->running && !host->n_pids) {
		finding = doctor_find(report, DOCTOR_NOTE, "agents", "limpetd does not run");
		doctor_why(finding,
			   "what it would know is not looked at; if it has run, packets go on "
			   "as they were, but nothing follows health and routes");
		doctor_fix(finding, "limpetd --config FILE");
	} else if (!facts->running) {
		finding = doctor_find(report, DOCTOR_NOTE, "agents",
				      "limpetd runs (pid %s) and was not asked", pids);
		doctor_why(finding, "this is about the file of --config only");
		doctor_fix(finding, "limpet doctor");
	} else {
		doctor_find(report, DOCTOR_OK, "agents", "one limpetd runs");
	}
}

static void judge_namespace(const struct doctor_facts *facts, struct doctor_report *report)
{
	struct doctor_finding *finding;

	if (!facts->elsewhere)
		return;
	finding = doctor_find(report, DOCTOR_WARNING, "namespace",
			      "limpetd is in another network namespace that cannot be entered");
	doctor_why(finding, "interfaces, routes and neighbours are not those of here, and were not "
			    "looked at");
	doctor_fix(finding, "run limpet doctor as root, where limpetd's /proc/PID is seen");
}

static void judge_clock(const struct doctor_host *host, struct doctor_report *report)
{
	struct doctor_finding *finding;

	if (host->clock_synced == DOCTOR_UNKNOWN)
		return;
	if (host->clock_synced == DOCTOR_YES) {
		doctor_find(report, DOCTOR_OK, "clock", "the clock is synchronised");
		return;
	}
	finding = doctor_find(report, DOCTOR_NOTE, "clock", "nobody synchronises the clock");
	doctor_why(finding,
		   "deadlines of drains are times of day, and logs of several balancers are "
		   "compared by them; affinity does not depend on it");
	doctor_fix(finding, "timedatectl set-ntp true");
}

void doctor_judge_host(const struct doctor_facts *facts, struct doctor_report *report)
{
	judge_kernel(&facts->host, report);
	judge_jit(&facts->host, report);
	judge_agents(facts, report);
	judge_namespace(facts, report);
	judge_clock(&facts->host, report);
}
