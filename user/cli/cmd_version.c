// SPDX-License-Identifier: GPL-2.0
/* limpet version: of this program and of the agent that runs */
#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"

static int print_json(struct cli *cli, json_t *agent)
{
	json_t *both = json_pack("{s:s, s:O?}", "limpet", LIMPET_VERSION, "limpetd", agent);
	int rc;

	if (!both)
		return cli_fail(cli, "version", "out of memory");
	rc = cli_print_json(cli, both);
	json_decref(both);
	return rc;
}

static int print_text(struct cli *cli, const json_t *agent)
{
	struct cli_table table;

	cli_view_fields(&table);
	cli_table_cell(&table, CLI_STRONG, "limpet");
	cli_table_cell(&table, CLI_PLAIN, "%s", LIMPET_VERSION);
	if (agent) {
		cli_table_cell(&table, CLI_STRONG, "limpetd");
		cli_table_cell(&table, CLI_PLAIN, "%s (ABI %s, pid %s)",
			       cli_json_text(agent, "version"), cli_json_int(agent, "abi").text,
			       cli_json_int(agent, "pid").text);
	}
	return cli_view_table(cli, &table);
}

/* Without an agent, half of the answer is printed and the other half is an error. */
static int version_run(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "GET", .segments = { "version" } };
	json_t *agent = NULL;
	int rc;

	(void)args;
	rc = cli_call(cli, &request, &agent);
	if (cli->json ? print_json(cli, agent) : print_text(cli, agent))
		rc = CLI_FAILED;
	json_decref(agent);
	return rc;
}

int cmd_version(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command command = { .name = "version", .run = version_run };

	return cli_command_run(cli, &command, argv[0], argc - 1, argv + 1);
}
