// SPDX-License-Identifier: GPL-2.0
/* limpet config check FILE|show; plan and apply are in cmd_config_plan.c */
#include <stdlib.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/format.h"
#include "cli/view.h"
#include "core/config.h"

static size_t count_backends(const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].n_backends;
	return n;
}

static int print_counts_json(struct cli *cli, const char *file, const struct config *config)
{
	json_t *json = json_pack("{s:s, s:I, s:I, s:I}", "file", file, "vips",
				 (json_int_t)config->n_vips, "pools", (json_int_t)config->n_pools,
				 "backends", (json_int_t)count_backends(config));
	int rc;

	if (!json)
		return cli_fail(cli, "config check", "\"%s\" cannot be written as JSON", file);
	rc = cli_print_json(cli, json);
	json_decref(json);
	return rc;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static int print_counts(struct cli *cli, const char *file, const struct config *config)
{
	size_t backends = count_backends(config);

	cli_view_line(cli, CLI_PLAIN, "%s: ok: %zu VIP%s, %zu pool%s, %zu backend%s", file,
		      config->n_vips, plural(config->n_vips), config->n_pools,
		      plural(config->n_pools), backends, plural(backends));
	return CLI_DONE;
}

/* Offline: needs no agent, only what limpetd itself reads its file with. */
static int config_check(struct cli *cli, char **args)
{
	struct config *config = NULL;
	struct lp_err err;
	int rc;

	if (config_load(args[0], &config, &err)) {
		fprintf(cli->err, "%s\n", cli_format_safe(err.text, "\n\t"));
		return CLI_FAILED;
	}
	if (cli->json)
		rc = print_counts_json(cli, args[0], config);
	else
		rc = print_counts(cli, args[0], config);
	config_free(&config);
	return rc;
}

static int show_text(struct cli *cli, const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "text"));
	char *copy;

	if (!text)
		return cli_fail(cli, "config show", "no \"text\" in limpetd's answer");
	copy = strdup(text);
	if (!copy)
		return cli_fail(cli, "config show", "out of memory");
	fputs(cli_format_safe(copy, "\n\t\r"), cli->out);
	if (*copy && copy[strlen(copy) - 1] != '\n')
		fputc('\n', cli->out);
	free(copy);
	return CLI_DONE;
}

/* A backend that is not simply up: "web/b1: drain, an operator's decision". */
static void show_departure(struct cli *cli, const json_t *departure)
{
	double deadline = cli_json_number(departure, "deadline_at");
	const char *state = cli_json_text(departure, "state");
	char until[CLI_NUMBER_TEXT] = "-";

	if (deadline > 0)
		cli_format_duration(cli_view_until(deadline), until);
	cli_view_line(cli, cli_style_state(state), "  %s/%s: %s, %s%s%s",
		      cli_json_text(departure, "pool"), cli_json_text(departure, "backend"), state,
		      cli_json_text(departure, "why"), deadline > 0 ? "; deadline in " : "",
		      deadline > 0 ? until : "");
}

static int show_diff(struct cli *cli, const json_t *answer)
{
	const json_t *departure;
	json_t *changes, *departures;
	size_t i;

	if (cli_view_array(cli, answer, "changes", &changes) ||
	    cli_view_array(cli, answer, "departures", &departures))
		return CLI_FAILED;
	cli_view_line(cli, CLI_STRONG, "From what is in force (%s) to %s:%s",
		      cli_json_text(answer, "running"), cli_json_text(answer, "desired"),
		      json_array_size(changes) ? "" : " no difference");
	cli_view_changes(cli, changes);
	cli_view_line(cli, CLI_STRONG, "Backends that are not simply up:%s",
		      json_array_size(departures) ? "" : " none");
	json_array_foreach (departures, i, departure)
		show_departure(cli, departure);
	return CLI_DONE;
}

static int config_show(struct cli *cli, char **args)
{
	static const struct cli_request running = { .method = "GET", .segments = { "config" } };
	static const struct cli_request desired = { .method = "GET",
						    .segments = { "config", "desired" } };
	static const struct cli_request diff = { .method = "GET",
						 .segments = { "config", "diff" } };

	if (!!args[0] + !!args[1] + !!args[2] > 1)
		return cli_usage(cli, "config show",
				 "only one of --running, --desired and --diff at a time");
	if (args[2])
		return cli_show(cli, &diff, show_diff);
	return cli_show(cli, args[1] ? &desired : &running, show_text);
}

int cmd_config(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{ .name = "check", .args = { "FILE" }, .run = config_check },
		{ .name = "plan",
		  .args = { "FILE" },
		  .options = { { "--max-moved", false } },
		  .run = cmd_config_plan },
		{ .name = "apply",
		  .args = { "FILE" },
		  .options = { { "--max-moved", false }, { "--planned", false } },
		  .run = cmd_config_apply },
		{ .name = "show",
		  .options = { { "--running", true }, { "--desired", true }, { "--diff", true } },
		  .run = config_show },
	};

	return cli_command_find(cli, commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
