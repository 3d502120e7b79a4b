// SPDX-License-Identifier: GPL-2.0
/* limpet config check FILE|show */
#include <stdlib.h>
#include <string.h>

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

static int config_show(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "GET", .segments = { "config" } };

	(void)args;
	return cli_show(cli, &request, show_text);
}

int cmd_config(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{ .name = "check", .args = { "FILE" }, .run = config_check },
		{ .name = "show", .run = config_show },
		{ .name = "plan" },
		{ .name = "apply" },
	};

	return cli_command_find(cli, commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
