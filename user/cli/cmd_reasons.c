// SPDX-License-Identifier: GPL-2.0
/* limpet reasons: packets by verdict (P9) */
#include <strings.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"

static void reason_row(struct cli_table *table, const json_t *reason)
{
	const char *class = cli_json_text(reason, "class");
	bool bad = !strcasecmp(class, "drop") && cli_json_number(reason, "packets") > 0;

	cli_table_cell(table, bad ? CLI_BAD : CLI_PLAIN, "%s", cli_json_text(reason, "name"));
	cli_table_cell(table, CLI_PLAIN, "%s", class);
	cli_cell_int(table, reason, "packets");
	cli_cell_text(table, reason, "text");
}

static int show(struct cli *cli, const json_t *answer)
{
	static const struct cli_column columns[] = {
		{ "VERDICT", false },
		{ "CLASS", false },
		{ "PACKETS", true },
		{ "MEANING", false },
	};
	struct cli_table table;
	const json_t *reason;
	json_t *reasons;
	size_t i;

	if (cli_view_array(cli, answer, "reasons", &reasons))
		return CLI_FAILED;
	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (reasons, i, reason)
		reason_row(&table, reason);
	return cli_view_table(cli, &table);
}

static int reasons_run(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "GET", .segments = { "reasons" } };

	(void)args;
	return cli_show(cli, &request, show);
}

int cmd_reasons(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command command = { .name = "reasons", .run = reasons_run };

	return cli_command_run(cli, &command, argv[0], argc - 1, argv + 1);
}
