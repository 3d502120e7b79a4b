// SPDX-License-Identifier: GPL-2.0
#include "health/exec_request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/addr.h"

static bool add(struct exec_request *request, size_t i, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool add(struct exec_request *request, size_t i, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&request->environment[i], fmt, ap);
	va_end(ap);
	if (len < 0)
		request->environment[i] = NULL;
	return len >= 0;
}

static bool fill(struct exec_request *request, const struct health_target *target,
		 const struct config_check *check)
{
	char address[LP_ADDR_TEXT], port[8] = "";

	if (target->port)
		snprintf(port, sizeof(port), "%u", target->port);
	lp_addr_format(&target->address, address);
	return add(request, 0,
		   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") &&
	       add(request, 1, "LC_ALL=C") && add(request, 2, "LIMPET_ADDRESS=%s", address) &&
	       add(request, 3, "LIMPET_PORT=%s", port) &&
	       add(request, 4, "LIMPET_POOL=%s", target->pool ? target->pool : "") &&
	       add(request, 5, "LIMPET_BACKEND=%s", target->name ? target->name : "") &&
	       add(request, 6, "LIMPET_CHECK=%s", check->name ? check->name : "") &&
	       add(request, 7, "LIMPET_TIMEOUT=%g", check->timeout);
}

int exec_request_new(const struct health_target *target, const struct config_check *check,
		     struct exec_request **out)
{
	struct exec_request *request = calloc(1, sizeof(*request));
	struct lp_err err;

	if (!request)
		return -ENOMEM;
	request->argv = check->command;
	if (!fill(request, target, check)) {
		exec_request_free(&request);
		return -ENOMEM;
	}
	if (exec_user_find(check->user, &request->user, &err))
		snprintf(request->problem, sizeof(request->problem), "%.*s",
			 (int)sizeof(request->problem) - 1, err.text);
	*out = request;
	return 0;
}

void exec_request_free(struct exec_request **request)
{
	struct exec_request *r = *request;

	if (!r)
		return;
	*request = NULL;
	for (size_t i = 0; i < EXEC_ENVIRONMENT; i++)
		free(r->environment[i]);
	free(r);
}
