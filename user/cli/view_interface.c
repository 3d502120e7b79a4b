// SPDX-License-Identifier: GPL-2.0
#include "cli/view.h"

#include <string.h>

#include "cli/cell.h"

static void state_cell(struct cli_table *table, const json_t *interface)
{
	const char *other = cli_json_text(interface, "renamed_to");

	if (strcmp(other, "-") != 0)
		cli_table_cell(table, CLI_WARN, "renamed to %s", other);
	else if (!json_is_true(json_object_get(interface, "attached")))
		cli_table_cell(table, CLI_BAD, "not attached");
	else if (!json_is_true(json_object_get(interface, "up")))
		cli_table_cell(table, CLI_BAD, "link down");
	else
		cli_table_cell(table, CLI_GOOD, "up");
}

int cli_view_interfaces(struct cli *cli, const json_t *interfaces)
{
	static const struct cli_column columns[] = {
		{ "INTERFACE", false }, { "STATE", false }, { "XDP", false },
		{ "MTU", true },        { "MAC", false },
	};
	struct cli_table table;
	const json_t *interface;
	size_t i;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (interfaces, i, interface) {
		cli_cell_text(&table, interface, "name");
		state_cell(&table, interface);
		cli_cell_text(&table, interface, "mode");
		cli_cell_int(&table, interface, "mtu");
		cli_cell_text(&table, interface, "mac");
	}
	return cli_view_table(cli, &table);
}
