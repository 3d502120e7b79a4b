/* SPDX-License-Identifier: GPL-2.0 */
/* Gathers the facts of core/doctor.h: from this host, and from limpetd's status. */
#ifndef LIMPET_CLI_DOCTOR_FACTS_H
#define LIMPET_CLI_DOCTOR_FACTS_H

#include <jansson.h>

#include "core/doctor.h"
#include "lib/err.h"

/*
 * What this host says, in the current network namespace: `pid` is limpetd's, whose
 * rights are looked at, or 0 for this process. With a pid of 0 neighbours that the
 * kernel does not know are asked for, which may take some seconds.
 */
int doctor_look(struct doctor_facts *facts, int pid, struct lp_err *err);

/* What limpetd says: its status document (docs/api.md). Only what is there counts. */
void doctor_listen(struct doctor_facts *facts, const json_t *status);

#endif
