// SPDX-License-Identifier: GPL-2.0
/* limpet interface list */
#include "cli/client.h"
#include "cli/view.h"

static int show_list(struct cli *cli, const json_t *answer)
{
	json_t *interfaces;

	if (cli_view_array(cli, answer, "interfaces", &interfaces))
		return CLI_FAILED;
	return cli_view_interfaces(cli, interfaces);
}

static int interface_list(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "GET", .segments = { "interfaces" } };

	(void)args;
	return cli_show(cli, &request, show_list);
}

int cmd_interface(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{ .name = "list", .run = interface_list },
	};

	return cli_command_find(cli, commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
