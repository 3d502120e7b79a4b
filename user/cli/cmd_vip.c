// SPDX-License-Identifier: GPL-2.0
/* limpet vip list|show NAME */
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"

static int show_list(struct cli *cli, const json_t *answer)
{
	json_t *vips;

	if (cli_view_array(cli, answer, "vips", &vips))
		return CLI_FAILED;
	return cli_view_vips(cli, vips, CLI_ROWS_ALL);
}

static void field_text(struct cli_table *table, const json_t *vip, const char *key)
{
	cli_table_cell(table, CLI_STRONG, "%s", key);
	cli_cell_text(table, vip, key);
}

static void field_list(struct cli_table *table, const json_t *vip, const char *key)
{
	cli_table_cell(table, CLI_STRONG, "%s", key);
	cli_cell_list(table, vip, key, ", ", CLI_ROWS_ALL - 1);
}

static void field_affinity(struct cli_table *table, const json_t *vip)
{
	const json_t *affinity = json_object_get(vip, "affinity");
	const char *mode = cli_json_text(affinity, "mode");
	char timeout[CLI_NUMBER_TEXT];

	cli_table_cell(table, CLI_STRONG, "affinity");
	if (!strcmp(mode, "source"))
		cli_table_cell(
			table, CLI_PLAIN,
			"source: one client is a /%s of IPv4 or a /%s of IPv6, "
			"remembered for %s",
			cli_json_int(affinity, "mask").text, cli_json_int(affinity, "mask6").text,
			cli_format_duration(cli_json_number(affinity, "timeout_s"), timeout));
	else
		cli_table_cell(table, CLI_PLAIN, "%s", mode);
}

static int show_one(struct cli *cli, const json_t *vip)
{
	struct cli_table table;

	cli_view_fields(&table);
	cli_table_cell(&table, CLI_STRONG, "vip");
	cli_table_cell(&table, CLI_PLAIN, "%s (number %s)", cli_json_text(vip, "name"),
		       cli_json_int(vip, "number").text);
	field_list(&table, vip, "addresses");
	field_text(&table, vip, "protocol");
	field_list(&table, vip, "ports");
	field_text(&table, vip, "pool");
	field_text(&table, vip, "forward");
	field_affinity(&table, vip);
	field_text(&table, vip, "ping");
	cli_table_cell(&table, CLI_STRONG, "packets");
	cli_cell_int(&table, vip, "packets");
	cli_table_cell(&table, CLI_STRONG, "bytes");
	cli_cell_bytes(&table, vip, "bytes");
	return cli_view_table(cli, &table);
}

static int vip_list(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "GET", .segments = { "vips" } };

	(void)args;
	return cli_show(cli, &request, show_list);
}

static int vip_show(struct cli *cli, char **args)
{
	struct cli_request request = { .method = "GET", .segments = { "vips", args[0] } };

	return cli_show(cli, &request, show_one);
}

int cmd_vip(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{ .name = "list", .run = vip_list },
		{ .name = "show", .args = { "NAME" }, .run = vip_show },
	};

	return cli_command_find(cli, commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
