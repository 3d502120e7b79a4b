// SPDX-License-Identifier: GPL-2.0
/* limpet backend drain|offline|enable POOL/BACKEND [--deadline DURATION] */
#include <stdlib.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"
#include "lib/parse.h"

#define DEADLINE_MAX_S (365 * 86400.0)

/* ", about 640 +-98 connections, until 10m from now": what it waits for. */
static void show_wait(struct cli *cli, const json_t *backend)
{
	double deadline = cli_json_number(backend, "deadline_at");
	char text[CLI_NUMBER_TEXT], until[CLI_NUMBER_TEXT];

	if (json_is_integer(json_object_get(backend, "connections")))
		fprintf(cli->out, ", %s connections",
			cli_view_estimate(backend, "connections", text));
	if (deadline > 0)
		fprintf(cli->out, ", deadline in %s",
			cli_format_duration(cli_view_until(deadline), until));
}

/* "front-end/fe1: drain"; of one that stays out of use, why. */
static int show(struct cli *cli, const json_t *backend)
{
	const char *state = cli_json_text(backend, "state");
	const char *last = cli_json_text(json_object_get(backend, "check"), "last");
	char *head = NULL;

	if (asprintf(&head, "%s/%s: %s", cli_json_text(backend, "pool"),
		     cli_json_text(backend, "name"), state) < 0)
		return cli_fail(cli, "backend", "out of memory");
	cli_style_print(cli->out, cli->colour, cli_style_state(state), head);
	free(head);
	if (!strcmp(state, "down") && strcmp(last, "-") != 0) {
		fputs(", ", cli->out);
		cli_style_print(cli->out, cli->colour, CLI_PLAIN, last);
	} else if (!strcmp(state, "drain") || !strcmp(state, "offline")) {
		show_wait(cli, backend);
	}
	fputc('\n', cli->out);
	return CLI_DONE;
}

static int post(struct cli *cli, const char *action, const char *pool, const char *backend,
		double deadline_s)
{
	json_t *body = json_pack("{s:s}", "action", action);
	struct cli_request request = {
		.method = "POST",
		.segments = { "backends", pool, backend },
		.body = body,
	};
	int rc;

	if (!body)
		return cli_fail(cli, "backend", "out of memory");
	if (deadline_s > 0)
		json_object_set_new(body, "deadline_s", json_real(deadline_s));
	rc = cli_show(cli, &request, show);
	json_decref(body);
	return rc;
}

/* *seconds is 0 if no deadline was given: then limpetd takes the pool's drain_timeout. */
static int parse_deadline(struct cli *cli, const char *path, const char *text, double *seconds)
{
	*seconds = 0;
	if (!text)
		return CLI_DONE;
	if (lp_parse_duration(text, seconds))
		return cli_usage(cli, path,
				 "--deadline \"%s\" is not a duration, like 10m (units: "
				 "%s)",
				 text, LP_DURATION_UNITS);
	if (*seconds <= 0 || *seconds > DEADLINE_MAX_S)
		return cli_usage(cli, path, "--deadline \"%s\": must be above 0, up to 365d", text);
	return CLI_DONE;
}

static int act(struct cli *cli, const char *action, const char *path, const char *target,
	       const char *deadline)
{
	const char *slash = strchr(target, '/');
	double seconds;
	char *pool;
	int rc;

	if (!slash || slash == target || !slash[1] || strchr(slash + 1, '/'))
		return cli_usage(cli, path, "\"%s\" is not of the form POOL/BACKEND", target);
	rc = parse_deadline(cli, path, deadline, &seconds);
	if (rc)
		return rc;
	pool = strndup(target, (size_t)(slash - target));
	if (!pool)
		return cli_fail(cli, path, "out of memory");
	rc = post(cli, action, pool, slash + 1, seconds);
	free(pool);
	return rc;
}

static int backend_drain(struct cli *cli, char **args)
{
	return act(cli, "drain", "backend drain", args[0], args[1]);
}

static int backend_offline(struct cli *cli, char **args)
{
	return act(cli, "offline", "backend offline", args[0], args[1]);
}

static int backend_enable(struct cli *cli, char **args)
{
	return act(cli, "enable", "backend enable", args[0], NULL);
}

int cmd_backend(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{ .name = "drain",
		  .args = { "POOL/BACKEND" },
		  .options = { { "--deadline", false } },
		  .run = backend_drain },
		{ .name = "offline",
		  .args = { "POOL/BACKEND" },
		  .options = { { "--deadline", false } },
		  .run = backend_offline },
		{ .name = "enable", .args = { "POOL/BACKEND" }, .run = backend_enable },
		{ .name = "weight" },
	};

	return cli_command_find(cli, commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
