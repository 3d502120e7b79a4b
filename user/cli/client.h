/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Client of the API (docs/api.md): one HTTP request over the agent's unix
 * socket, JSON in both directions, through libcurl.
 */
#ifndef LIMPET_CLI_CLIENT_H
#define LIMPET_CLI_CLIENT_H

#include <jansson.h>
#include <stddef.h>

#include "cli/cli.h"
#include "lib/err.h"

#define CLI_SEGMENTS_MAX 3
#define CLI_QUERY_MAX    4

/* What all requests of a run have in common. */
struct cli_client {
	const char *socket;
	long timeout_ms;   /* of the whole request */
	size_t answer_max; /* bytes */
};

struct cli_query {
	const char *name, *value;
};

struct cli_request {
	const char *method;                         /* "GET" or "POST" */
	const char *segments[CLI_SEGMENTS_MAX + 1]; /* of the path below /v1, any text, NULL last */
	struct cli_query query[CLI_QUERY_MAX + 1];  /* any text, {NULL} last */
	const json_t *body;                         /* of a POST, or NULL */
};

/*
 * Makes the request. On success *answer is a JSON object, the caller's to
 * json_decref(). On failure *answer is untouched and err says what is wrong and
 * what to do; the words of an API error are passed on as they are.
 *
 * -ENOENT, -EACCES, -ECONNREFUSED and others of connect(2): nobody to talk to;
 * -ETIMEDOUT; -EMSGSIZE: more than answer_max bytes; -EPROTO: this is not the
 * API; -EREMOTEIO: the API refused, err has its reason; -ENOMEM.
 */
int cli_client_request(const struct cli_client *client, const struct cli_request *request,
		       json_t **answer, struct lp_err *err);

/*
 * For verbs: the request with the limits of limpet(8), errors printed. Returns
 * CLI_DONE or CLI_FAILED.
 */
int cli_call(struct cli *cli, const struct cli_request *request, json_t **answer);

/*
 * What most verbs are: the request, and its answer shown by `show`, or as JSON.
 * Returns an exit code.
 */
int cli_show(struct cli *cli, const struct cli_request *request,
	     int (*show)(struct cli *cli, const json_t *answer));

/*
 * Prints an answer as JSON (O2) and returns CLI_DONE; CLI_FAILED if the output
 * fails.
 */
int cli_print_json(struct cli *cli, const json_t *answer);

#endif
