// SPDX-License-Identifier: GPL-2.0
/*
 * limpet backend drain|offline|enable POOL/BACKEND [--deadline DURATION]
 * limpet backend weight POOL/BACKEND N|config [--for DURATION]
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"
#include "lib/parse.h"

#define SECONDS_MAX (365 * 86400.0)
#define WEIGHT_MAX  65535u

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

/* ", weight 50 for 1h": where it is not the configuration's. */
static void show_weight(struct cli *cli, const json_t *backend)
{
	double until = cli_json_number(backend, "weight_until_at");
	char left[CLI_NUMBER_TEXT];

	if (!json_is_true(json_object_get(backend, "weight_set")))
		return;
	fprintf(cli->out, ", weight %s instead of %s", cli_json_int(backend, "weight").text,
		cli_json_int(backend, "config_weight").text);
	if (until > 0)
		fprintf(cli->out, " for %s", cli_format_duration(cli_view_until(until), left));
}

static void show_slow_start(struct cli *cli, const json_t *backend)
{
	const json_t *slow = json_object_get(backend, "slow_start");
	char left[CLI_NUMBER_TEXT];

	if (json_is_object(slow))
		fprintf(cli->out, ", slow start for %s",
			cli_format_duration(cli_json_number(slow, "left_s"), left));
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
	show_weight(cli, backend);
	show_slow_start(cli, backend);
	fputc('\n', cli->out);
	return CLI_DONE;
}

/* Takes `body`, which may be NULL. */
static int post(struct cli *cli, const char *pool, const char *backend, json_t *body)
{
	struct cli_request request = {
		.method = "POST",
		.segments = { "backends", pool, backend },
		.body = body,
	};
	int rc;

	if (!body)
		return cli_fail(cli, "backend", "out of memory");
	rc = cli_show(cli, &request, show);
	json_decref(body);
	return rc;
}

/* *seconds is 0 if the option was not given. */
static int parse_seconds(struct cli *cli, const char *path, const char *option, const char *text,
			 double *seconds)
{
	*seconds = 0;
	if (!text)
		return CLI_DONE;
	if (lp_parse_duration(text, seconds))
		return cli_usage(cli, path,
				 "%s \"%s\" is not a duration, like 10m (units: "
				 "%s)",
				 option, text, LP_DURATION_UNITS);
	if (*seconds <= 0 || *seconds > SECONDS_MAX)
		return cli_usage(cli, path, "%s \"%s\": must be above 0, up to 365d", option, text);
	return CLI_DONE;
}

/* Takes `body`, which may be NULL; `target` is POOL/BACKEND. */
static int post_target(struct cli *cli, const char *path, const char *target, json_t *body)
{
	const char *slash = strchr(target, '/');
	char *pool;
	int rc;

	if (!slash || slash == target || !slash[1] || strchr(slash + 1, '/')) {
		json_decref(body);
		return cli_usage(cli, path, "\"%s\" is not of the form POOL/BACKEND", target);
	}
	pool = strndup(target, (size_t)(slash - target));
	if (!pool) {
		json_decref(body);
		return cli_fail(cli, path, "out of memory");
	}
	rc = post(cli, pool, slash + 1, body);
	free(pool);
	return rc;
}

/* Without a deadline limpetd takes the pool's drain_timeout. */
static int act(struct cli *cli, const char *action, const char *path, const char *target,
	       const char *deadline)
{
	double seconds;
	json_t *body;
	int rc = parse_seconds(cli, path, "--deadline", deadline, &seconds);

	if (rc)
		return rc;
	body = json_pack("{s:s}", "action", action);
	if (body && seconds > 0)
		json_object_set_new(body, "deadline_s", json_real(seconds));
	return post_target(cli, path, target, body);
}

static int weigh(struct cli *cli, const char *target, const char *text, const char *lasts)
{
	static const char path[] = "backend weight";
	bool of_config = !strcmp(text, "config");
	uint32_t weight = 0;
	double seconds;
	json_t *body;
	int rc = parse_seconds(cli, path, "--for", lasts, &seconds);

	if (rc)
		return rc;
	if (!of_config && lp_parse_u32(text, 0, WEIGHT_MAX, &weight))
		return cli_usage(cli, path, "\"%s\" is not a weight: 0 to %u, or \"config\"", text,
				 WEIGHT_MAX);
	if (of_config && lasts)
		return cli_usage(cli, path,
				 "--for \"%s\": the configuration's weight is not for a time",
				 lasts);
	body = json_pack("{s:s, s:o}", "action", "weight", "weight",
			 of_config ? json_null() : json_integer(weight));
	if (body && seconds > 0)
		json_object_set_new(body, "for_s", json_real(seconds));
	return post_target(cli, path, target, body);
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

static int backend_weight(struct cli *cli, char **args)
{
	return weigh(cli, args[0], args[1], args[2]);
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
		{ .name = "weight",
		  .args = { "POOL/BACKEND", "N" },
		  .options = { { "--for", false } },
		  .run = backend_weight },
	};

	return cli_command_find(cli, commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
