/* SPDX-License-Identifier: GPL-2.0 */
/* What the judges of doctor_*.c share. */
#ifndef LIMPET_CORE_DOCTOR_INTERNAL_H
#define LIMPET_CORE_DOCTOR_INTERNAL_H

#include "core/doctor.h"

/*
 * Adds a finding and says what is; doctor_why() and doctor_fix() complete it. The
 * place is valid until the next one; one that nobody reads if memory has run out.
 */
struct doctor_finding *doctor_find(struct doctor_report *report, enum doctor_severity severity,
				   const char *check, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void doctor_why(struct doctor_finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void doctor_fix(struct doctor_finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "web/b1, web/b2, web/b3 and 7 more": names of what a finding is about. */
struct doctor_names {
	char text[160];
	size_t n;
};
void doctor_names_add(struct doctor_names *names, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Writes the "and N more". Returns its text. */
const char *doctor_names_end(struct doctor_names *names);

/* Does a VIP forward in this way? With pool, only VIPs that use this pool. */
bool doctor_uses(const struct config *config, enum lp_forward forward, const char *pool);

/* The judges. */
void doctor_judge_host(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_judge_interfaces(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_judge_ways(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_judge_mtu(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_judge_return(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_judge_room(const struct doctor_facts *facts, struct doctor_report *report);

#endif
