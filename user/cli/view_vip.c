// SPDX-License-Identifier: GPL-2.0
#include "cli/view.h"

#include <string.h>

#include "cli/cell.h"

/* In one cell: one address of each family, and a web server's ports. */
#define ADDRESSES_MOST 2
#define PORTS_MOST     3

/* "source /32 /64 30m": who counts as one client, and how long it is remembered. */
static void affinity_cell(struct cli_table *table, const json_t *vip)
{
	const json_t *affinity = json_object_get(vip, "affinity");
	const char *mode = cli_json_text(affinity, "mode");
	char timeout[CLI_NUMBER_TEXT];

	if (strcmp(mode, "source") != 0) {
		cli_table_cell(table, CLI_PLAIN, "%s", mode);
		return;
	}
	cli_format_duration(cli_json_number(affinity, "timeout_s"), timeout);
	cli_table_cell(table, CLI_PLAIN, "%s /%s /%s %s", mode, cli_json_int(affinity, "mask").text,
		       cli_json_int(affinity, "mask6").text, timeout);
}

static void vip_row(struct cli_table *table, const json_t *vip)
{
	cli_cell_text(table, vip, "name");
	cli_cell_list(table, vip, "addresses", ",", ADDRESSES_MOST);
	cli_cell_text(table, vip, "protocol");
	cli_cell_list(table, vip, "ports", ",", PORTS_MOST);
	cli_cell_text(table, vip, "forward");
	affinity_cell(table, vip);
	cli_cell_text(table, vip, "pool");
	cli_cell_int(table, vip, "packets");
	cli_cell_bytes(table, vip, "bytes");
}

int cli_view_vips(struct cli *cli, const json_t *vips, size_t rows)
{
	static const struct cli_column columns[] = {
		{ "VIP", false },   { "ADDRESSES", false }, { "PROTO", false },
		{ "PORTS", false }, { "FORWARD", false },   { "AFFINITY", false },
		{ "POOL", false },  { "PACKETS", true },    { "BYTES", true },
	};
	size_t n = json_array_size(vips);
	struct cli_table table;
	int rc;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < n && i < rows; i++)
		vip_row(&table, json_array_get(vips, i));
	rc = cli_view_table(cli, &table);
	if (!rc && n > rows)
		cli_view_line(cli, CLI_PLAIN, "and %zu more: limpet vip list", n - rows);
	return rc;
}
