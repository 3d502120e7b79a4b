// SPDX-License-Identifier: GPL-2.0
/* limpet audit: what the sampled audit has seen. Are promises kept, and who is a crowd? */
#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"

static void estimate_cell(struct cli_table *table, const json_t *object, const char *key)
{
	char text[CLI_NUMBER_TEXT];

	cli_table_cell(table, CLI_PLAIN, "%s", cli_view_estimate(object, key, text));
}

/* What should be zero: an alarm if it is not. */
static void alarm_cell(struct cli_table *table, const json_t *object, const char *key)
{
	double value = cli_json_number(object, key);
	char text[CLI_NUMBER_TEXT];

	cli_table_cell(table, value > 0 ? CLI_BAD : CLI_GOOD, "%s",
		       cli_view_estimate(object, key, text));
}

static int show_pools(struct cli *cli, const json_t *pools)
{
	static const struct cli_column columns[] = {
		{ "POOL", false },  { "GENERATION", true }, { "OPENED", true },
		{ "BROKEN", true }, { "LOST", true },       { "CLIENTS MOVED", true },
		{ "LIVING", true },
	};
	struct cli_table table;
	const json_t *pool;
	size_t i;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (pools, i, pool) {
		cli_cell_text(&table, pool, "pool");
		cli_cell_int(&table, pool, "generation");
		estimate_cell(&table, pool, "opened");
		alarm_cell(&table, pool, "broken");
		estimate_cell(&table, pool, "lost");
		alarm_cell(&table, pool, "moved");
		estimate_cell(&table, pool, "connections");
	}
	return cli_view_table(cli, &table);
}

/* An entry of before the agent started has neither generation nor time. */
static int show_ledger(struct cli *cli, const json_t *ledger)
{
	static const struct cli_column columns[] = {
		{ "POOL", false }, { "GENERATION", true },    { "BROKEN", true },
		{ "LOST", true },  { "CLIENTS MOVED", true }, { "FIRST", true },
		{ "LAST", true },  { "CHANGE", false },
	};
	struct cli_table table;
	const json_t *entry;
	size_t i;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (ledger, i, entry) {
		bool before = json_is_null(json_object_get(entry, "generation"));

		cli_cell_text(&table, entry, "pool");
		cli_cell_int(&table, entry, "generation");
		alarm_cell(&table, entry, "broken");
		estimate_cell(&table, entry, "lost");
		alarm_cell(&table, entry, "moved");
		cli_cell_ago(&table, entry, "first_at");
		cli_cell_ago(&table, entry, "last_at");
		cli_table_cell(&table, CLI_PLAIN, "%s",
			       before ? "before limpetd started" : cli_json_text(entry, "change"));
	}
	return cli_view_table(cli, &table);
}

static int show_sources(struct cli *cli, const json_t *sources)
{
	static const struct cli_column columns[] = {
		{ "SOURCE", false }, { "VIP", false },   { "LIVING", true },
		{ "SHARE", true },   { "PROXY", false },
	};
	struct cli_table table;
	const json_t *source;
	size_t i;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (sources, i, source) {
		bool proxy = json_is_true(json_object_get(source, "proxy"));

		cli_cell_text(&table, source, "source");
		cli_cell_text(&table, source, "vip");
		estimate_cell(&table, source, "connections");
		cli_cell_share(&table, source, "share");
		cli_table_cell(&table, CLI_PLAIN, "%s", proxy ? "yes" : "no");
	}
	return cli_view_table(cli, &table);
}

static int section(struct cli *cli, const char *title, const json_t *list,
		   int (*show_list)(struct cli *cli, const json_t *list))
{
	bool none = !json_array_size(list);

	fputc('\n', cli->out);
	cli_view_line(cli, CLI_STRONG, "%s%s", title, none ? ": none" : "");
	return none ? CLI_DONE : show_list(cli, list);
}

static int show(struct cli *cli, const json_t *answer)
{
	json_t *pools, *ledger, *sources;

	if (cli_view_array(cli, answer, "pools", &pools) ||
	    cli_view_array(cli, answer, "ledger", &ledger) ||
	    cli_view_array(cli, answer, "heavy_sources", &sources))
		return CLI_FAILED;
	cli_view_line(cli, CLI_PLAIN,
		      "One connection and one client in %s is followed; numbers are estimates.",
		      cli_json_int(answer, "sample").text);
	fputc('\n', cli->out);
	if (show_pools(cli, pools) ||
	    section(cli, "Connections that went elsewhere, by generation", ledger, show_ledger))
		return CLI_FAILED;
	return section(cli, "Sources with the most connections", sources, show_sources);
}

static int audit_run(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "GET", .segments = { "audit" } };

	(void)args;
	return cli_show(cli, &request, show);
}

int cmd_audit(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command command = { .name = "audit", .run = audit_run };

	return cli_command_run(cli, &command, argv[0], argc - 1, argv + 1);
}
