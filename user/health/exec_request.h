/* SPDX-License-Identifier: GPL-2.0 */
/* What an exec check runs, as whom, and with which environment: made once a target. */
#ifndef LIMPET_HEALTH_EXEC_REQUEST_H
#define LIMPET_HEALTH_EXEC_REQUEST_H

#include "health/exec_user.h"
#include "health/health.h"
#include "health/probe.h"

/*
 * The environment is nothing but
 *
 *	PATH             /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
 *	LC_ALL           C
 *	LIMPET_ADDRESS   of the backend
 *	LIMPET_PORT      where the check goes; empty if none is configured
 *	LIMPET_POOL, LIMPET_BACKEND, LIMPET_CHECK    names
 *	LIMPET_TIMEOUT   seconds, after which the program is killed
 */
#define EXEC_ENVIRONMENT 8

struct exec_request {
	char *const *argv; /* not owned: the check's command */
	char *environment[EXEC_ENVIRONMENT + 1];
	struct exec_user user;
	char problem[PROBE_WORDS]; /* the user that was not found; empty: none */
};

/*
 * For a target whose check is `check`, which must outlive the request. 0, or
 * -ENOMEM with *out untouched. A user who is not there is told by `problem`.
 */
int exec_request_new(const struct health_target *target, const struct config_check *check,
		     struct exec_request **out);

/* Frees and sets *request to NULL. */
void exec_request_free(struct exec_request **request);

#endif
