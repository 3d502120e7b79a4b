// SPDX-License-Identifier: GPL-2.0
/* limpet reload: limpetd reads its configuration file again */
#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"

static int show(struct cli *cli, const json_t *answer)
{
	struct cli_number generation = cli_json_int(answer, "generation");
	const json_t *change;
	json_t *changes;
	size_t i, n;

	if (cli_view_array(cli, answer, "changes", &changes))
		return CLI_FAILED;
	n = json_array_size(changes);
	if (!n) {
		cli_view_line(cli, CLI_PLAIN, "generation %s, nothing changed", generation.text);
		return CLI_DONE;
	}
	cli_view_line(cli, CLI_PLAIN, "generation %s, %zu change%s:", generation.text, n,
		      n == 1 ? "" : "s");
	json_array_foreach (changes, i, change) {
		const char *text = json_string_value(change);

		cli_view_line(cli, CLI_PLAIN, "  %s", text ? text : "-");
	}
	return CLI_DONE;
}

static int reload_run(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "POST", .segments = { "reload" } };

	(void)args;
	return cli_show(cli, &request, show);
}

int cmd_reload(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command command = { .name = "reload", .run = reload_run };

	return cli_command_run(cli, &command, argv[0], argc - 1, argv + 1);
}
