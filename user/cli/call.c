// SPDX-License-Identifier: GPL-2.0
/* What verbs make of the client: its limits, and where errors and JSON go. */
#include "cli/client.h"
#include "cli/format.h"

#define TIMEOUT_MS 30000L
/* A status of 65,535 backends, the most there can be, is 40 MB, or 65 MB if indented. */
#define ANSWER_MAX (128u << 20)

/*
 * Digits of a number that is no integer. 15 is what every decimal survives on
 * its way through a double (IEEE 754 binary64: DBL_DIG); with more, 0.003 would
 * come out as 0.0030000000000000001.
 */
#define DIGITS 15

int cli_call(struct cli *cli, const struct cli_request *request, json_t **answer)
{
	struct cli_client client = {
		.socket = cli->socket,
		.timeout_ms = TIMEOUT_MS,
		.answer_max = ANSWER_MAX,
	};
	struct lp_err err;

	if (!cli_client_request(&client, request, answer, &err))
		return CLI_DONE;
	/* The words of a wrong configuration come in lines, with its excerpt. */
	fprintf(cli->err, "%s\n", cli_format_safe(err.text, "\n\t"));
	return CLI_FAILED;
}

int cli_print_json(struct cli *cli, const json_t *answer)
{
	if (json_dumpf(answer, cli->out, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS)))
		return cli_fail(cli, "", "cannot write the output");
	fputc('\n', cli->out);
	return CLI_DONE;
}

int cli_show(struct cli *cli, const struct cli_request *request,
	     int (*show)(struct cli *cli, const json_t *answer))
{
	json_t *answer = NULL;
	int rc = cli_call(cli, request, &answer);

	if (rc)
		return rc;
	rc = cli->json ? cli_print_json(cli, answer) : show(cli, answer);
	json_decref(answer);
	return rc;
}
