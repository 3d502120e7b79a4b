// SPDX-License-Identifier: GPL-2.0
/* limpet backend drain|enable POOL/BACKEND */
#include <stdlib.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"

/* "front-end/fe1: drain"; of one that stays out of use, why. */
static int show(struct cli *cli, const json_t *backend)
{
	const char *state = cli_json_text(backend, "state");
	const char *last = cli_json_text(json_object_get(backend, "check"), "last");
	bool why = !strcmp(state, "down") && strcmp(last, "-") != 0;

	cli_view_line(cli, cli_style_state(state), "%s/%s: %s%s%s", cli_json_text(backend, "pool"),
		      cli_json_text(backend, "name"), state, why ? ", " : "", why ? last : "");
	return CLI_DONE;
}

static int post(struct cli *cli, const char *action, const char *pool, const char *backend)
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
	rc = cli_show(cli, &request, show);
	json_decref(body);
	return rc;
}

static int act(struct cli *cli, const char *action, const char *path, const char *target)
{
	const char *slash = strchr(target, '/');
	char *pool;
	int rc;

	if (!slash || slash == target || !slash[1] || strchr(slash + 1, '/'))
		return cli_usage(cli, path, "\"%s\" is not of the form POOL/BACKEND", target);
	pool = strndup(target, (size_t)(slash - target));
	if (!pool)
		return cli_fail(cli, path, "out of memory");
	rc = post(cli, action, pool, slash + 1);
	free(pool);
	return rc;
}

static int backend_drain(struct cli *cli, char **args)
{
	return act(cli, "drain", "backend drain", args[0]);
}

static int backend_enable(struct cli *cli, char **args)
{
	return act(cli, "enable", "backend enable", args[0]);
}

/*
 * --deadline is to come. Refused as such, and before anything is done: a drain
 * without the deadline that was asked for is another drain.
 */
static const char *find_deadline(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--deadline") || !strncmp(argv[i], "--deadline=", 11))
			return argv[i];
	}
	return NULL;
}

int cmd_backend(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{ .name = "drain", .args = { "POOL/BACKEND" }, .run = backend_drain },
		{ .name = "enable", .args = { "POOL/BACKEND" }, .run = backend_enable },
		{ .name = "offline" },
		{ .name = "weight" },
	};

	if (find_deadline(argc, argv))
		return cli_fail(cli, "backend", "\"%s\": not supported yet",
				find_deadline(argc, argv));
	return cli_command_find(cli, commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
