// SPDX-License-Identifier: GPL-2.0
#include "core/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/doctor_internal.h"

#define NAMES_SHOWN 4

/* --- facts ------------------------------------------------------------------------- */

static size_t count_backends(const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].n_backends;
	return n;
}

static size_t count_addresses(const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_vips; i++)
		n += config->vips[i].n_addresses;
	return n;
}

int doctor_facts_init(struct doctor_facts *facts, const struct config *config)
{
	struct doctor_facts new = { .config = config };

	if (config) {
		new.interfaces = calloc(config->n_interfaces + 1, sizeof(*new.interfaces));
		new.backends = calloc(count_backends(config) + 1, sizeof(*new.backends));
		new.local = calloc(count_addresses(config) + 1, sizeof(*new.local));
		if (!new.interfaces || !new.backends || !new.local) {
			doctor_facts_fini(&new);
			return -ENOMEM;
		}
	}
	*facts = new;
	return 0;
}

void doctor_facts_fini(struct doctor_facts *facts)
{
	free(facts->interfaces);
	free(facts->backends);
	free(facts->local);
	*facts = (struct doctor_facts) { 0 };
}

/* --- findings ------------------------------------------------------------------------ */

static bool make_room(struct doctor_report *report)
{
	size_t room = report->room ? 2 * report->room : 32;
	struct doctor_finding *more;

	if (report->n < report->room)
		return true;
	more = reallocarray(report->findings, room, sizeof(*more));
	if (!more) {
		report->error = -ENOMEM;
		return false;
	}
	report->findings = more;
	report->room = room;
	return true;
}

struct doctor_finding *doctor_find(struct doctor_report *report, enum doctor_severity severity,
				   const char *check, const char *fmt, ...)
{
	static struct doctor_finding nobodys;
	struct doctor_finding *finding = make_room(report) ? &report->findings[report->n++]
							   : &nobodys;
	va_list ap;

	*finding = (struct doctor_finding) { .severity = severity, .check = check };
	va_start(ap, fmt);
	vsnprintf(finding->what, sizeof(finding->what), fmt, ap);
	va_end(ap);
	return finding;
}

void doctor_why(struct doctor_finding *finding, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(finding->why, sizeof(finding->why), fmt, ap);
	va_end(ap);
}

void doctor_fix(struct doctor_finding *finding, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(finding->fix, sizeof(finding->fix), fmt, ap);
	va_end(ap);
}

void doctor_names_add(struct doctor_names *names, const char *fmt, ...)
{
	size_t len = strlen(names->text);
	va_list ap;

	if (names->n++ >= NAMES_SHOWN)
		return;
	if (len) {
		snprintf(names->text + len, sizeof(names->text) - len, ", ");
		len = strlen(names->text);
	}
	va_start(ap, fmt);
	vsnprintf(names->text + len, sizeof(names->text) - len, fmt, ap);
	va_end(ap);
}

const char *doctor_names_end(struct doctor_names *names)
{
	static const size_t tail = sizeof(" and 18446744073709551615 more");
	size_t len = strlen(names->text);

	if (names->n <= NAMES_SHOWN)
		return names->text;
	if (len > sizeof(names->text) - tail)
		len = sizeof(names->text) - tail;
	snprintf(names->text + len, sizeof(names->text) - len, " and %zu more",
		 names->n - NAMES_SHOWN);
	names->n = NAMES_SHOWN;
	return names->text;
}

bool doctor_uses(const struct config *config, enum lp_forward forward, const char *pool)
{
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];

		if (vip->forward == forward && (!pool || !strcmp(vip->pool, pool)))
			return true;
	}
	return false;
}

/* --- all ------------------------------------------------------------------------------ */

/* The worst first; stable, because findings of one severity keep their order. */
static void sort(struct doctor_report *report)
{
	for (size_t i = 1; i < report->n; i++) {
		struct doctor_finding finding = report->findings[i];
		size_t at = i;

		while (at && report->findings[at - 1].severity < finding.severity) {
			report->findings[at] = report->findings[at - 1];
			at--;
		}
		report->findings[at] = finding;
	}
}

int doctor_judge(const struct doctor_facts *facts, struct doctor_report *report)
{
	*report = (struct doctor_report) { 0 };
	doctor_judge_host(facts, report);
	if (facts->config && !facts->elsewhere) {
		doctor_judge_interfaces(facts, report);
		doctor_judge_ways(facts, report);
		doctor_judge_mtu(facts, report);
		doctor_judge_return(facts, report);
	}
	if (facts->config)
		doctor_judge_room(facts, report);
	sort(report);
	return report->error;
}

void doctor_report_fini(struct doctor_report *report)
{
	free(report->findings);
	*report = (struct doctor_report) { 0 };
}

size_t doctor_count(const struct doctor_report *report, enum doctor_severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < report->n; i++)
		n += report->findings[i].severity == severity;
	return n;
}

const char *doctor_severity_name(enum doctor_severity severity)
{
	static const char *const names[] = {
		[DOCTOR_OK] = "ok",
		[DOCTOR_NOTE] = "note",
		[DOCTOR_WARNING] = "warning",
		[DOCTOR_PROBLEM] = "problem",
	};

	return names[severity];
}
