// SPDX-License-Identifier: GPL-2.0
/*
 * limpet config plan FILE [--max-moved N%]
 * limpet config apply FILE [--max-moved N%] [--planned ID]
 *
 * Applying is planning, and then putting in force that plan and no other: limpetd
 * refuses if anything has changed in between.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"
#include "lib/file.h"
#include "lib/parse.h"

/* The request's body, or NULL with *rc set to an exit code. */
static json_t *make_body(struct cli *cli, const char *path, const char *file, const char *max_moved,
			 int *rc)
{
	double share = -1;
	struct lp_err err;
	json_t *body;
	char *text;
	size_t len;

	if (max_moved && lp_parse_percent(max_moved, &share)) {
		*rc = cli_usage(cli, path, "--max-moved \"%s\" is not a share, like 5%% or 0.5%%",
				max_moved);
		return NULL;
	}
	if (file_read(file, &text, &len, &err)) {
		*rc = cli_fail(cli, path, "%s", err.text);
		return NULL;
	}
	body = json_pack("{s:s, s:s#}", "file", file, "text", text, len);
	free(text);
	if (!body)
		*rc = cli_fail(cli, path, "%s: not UTF-8 text", file);
	else if (share >= 0)
		json_object_set_new(body, "max_moved", json_real(share));
	return body;
}

static int post(struct cli *cli, const char *action, const json_t *body, json_t **answer)
{
	const struct cli_request request = {
		.method = "POST",
		.segments = { "config", action },
		.body = body,
	};

	return cli_call(cli, &request, answer);
}

/* Why limpetd would refuse to apply it; NULL if it would not. */
static const char *refusal(const json_t *plan)
{
	const char *text = json_string_value(json_object_get(plan, "refused"));

	return text && *text ? text : NULL;
}

/* Says it if the limit is not kept. */
static int check_limit(struct cli *cli, const char *path, const json_t *plan)
{
	const char *refused = refusal(plan);
	char *text;
	int rc;

	if (!refused)
		return CLI_DONE;
	text = strdup(refused);
	if (!text)
		return cli_fail(cli, path, "out of memory");
	rc = cli_fail(cli, path, "%s: nothing was changed", cli_format_safe(text, ""));
	free(text);
	return rc;
}

static int show_plan(struct cli *cli, const json_t *plan)
{
	return cli->json ? cli_print_json(cli, plan) : cli_view_plan(cli, plan);
}

int cmd_config_plan(struct cli *cli, char **args)
{
	json_t *plan = NULL, *body;
	int rc = CLI_DONE;

	body = make_body(cli, "config plan", args[0], args[1], &rc);
	if (!body)
		return rc;
	rc = post(cli, "plan", body, &plan);
	if (!rc)
		rc = show_plan(cli, plan);
	if (!rc && !cli->json)
		cli_view_line(cli, CLI_PLAIN,
			      "Nothing was changed. To apply exactly this: --planned %s",
			      cli_json_text(plan, "plan"));
	if (!rc)
		rc = check_limit(cli, "config plan", plan);
	json_decref(plan);
	json_decref(body);
	return rc;
}

static void show_applied(struct cli *cli, const json_t *answer)
{
	cli_view_line(cli, CLI_GOOD, "In force: generation %s",
		      cli_json_int(answer, "generation").text);
	if (json_is_false(json_object_get(answer, "saved")))
		cli_view_line(cli, CLI_WARN,
			      "limpetd's own file says something else: a reload or a restart goes "
			      "back to it (limpet config show --diff).");
}

/* The plan has been printed, unless it is JSON: then it is part of the answer. */
static int apply(struct cli *cli, json_t *body, const json_t *plan, const char *planned)
{
	json_t *answer = NULL;
	int rc;

	json_object_set_new(body, "plan",
			    json_string(planned ? planned : cli_json_text(plan, "plan")));
	rc = post(cli, "apply", body, &answer);
	if (rc)
		return rc;
	if (cli->json)
		rc = cli_print_json(cli, answer);
	else
		show_applied(cli, answer);
	json_decref(answer);
	return rc;
}

int cmd_config_apply(struct cli *cli, char **args)
{
	json_t *plan = NULL, *body;
	int rc = CLI_DONE;

	body = make_body(cli, "config apply", args[0], args[1], &rc);
	if (!body)
		return rc;
	rc = post(cli, "plan", body, &plan);
	if (!rc && (!cli->json || refusal(plan)))
		rc = show_plan(cli, plan);
	if (!rc)
		rc = check_limit(cli, "config apply", plan);
	if (!rc)
		rc = apply(cli, body, plan, args[2]);
	json_decref(plan);
	json_decref(body);
	return rc;
}
