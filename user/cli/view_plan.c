// SPDX-License-Identifier: GPL-2.0
/* What a configuration would change (view.h). */
#include <string.h>

#include "cli/cell.h"
#include "cli/view.h"

/* --- changes in words --------------------------------------------------------------- */

struct mark {
	const char *kind, *sign;
	enum cli_style style;
};

static struct mark mark_of(const char *kind)
{
	static const struct mark marks[] = {
		{ "added", "+", CLI_GOOD },
		{ "removed", "-", CLI_BAD },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (!strcmp(marks[i].kind, kind))
			return marks[i];
	return (struct mark) { kind, "~", CLI_WARN };
}

int cli_view_changes(struct cli *cli, const json_t *changes)
{
	const json_t *change;
	size_t i;

	json_array_foreach (changes, i, change) {
		const struct mark mark = mark_of(cli_json_text(change, "kind"));
		const char *name = cli_json_text(change, "name");
		const char *text = cli_json_text(change, "text");
		bool named = strcmp(name, "-") != 0, said = strcmp(text, "-") != 0;

		cli_view_line(cli, mark.style, "  %s %s%s%s%s%s", mark.sign,
			      cli_json_text(change, "thing"), named ? " " : "", named ? name : "",
			      said ? ": " : "", said ? text : "");
	}
	return CLI_DONE;
}

/* --- tables ------------------------------------------------------------------------- */

static bool is_above_zero(const json_t *object, const char *key)
{
	return cli_json_number(object, key) > 0;
}

static bool stays(const json_t *object)
{
	return !strcmp(cli_json_text(object, "change"), "stays");
}

static int show_pools(struct cli *cli, const json_t *pools)
{
	static const struct cli_column columns[] = {
		{ "POOL", false }, { "CHANGE", false }, { "SLOTS MOVED", true }, { "SHARE", true }
	};
	struct cli_table table;
	const json_t *pool;
	size_t i;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (pools, i, pool) {
		if (stays(pool) && !is_above_zero(pool, "slots_moved"))
			continue;
		cli_cell_text(&table, pool, "pool");
		cli_cell_text(&table, pool, "change");
		cli_cell_int(&table, pool, "slots_moved");
		cli_cell_share(&table, pool, "moved_share");
	}
	if (!cli_table_rows(&table))
		return CLI_DONE;
	fputc('\n', cli->out);
	return cli_view_table(cli, &table);
}

static void estimate_cell(struct cli_table *table, enum cli_style bad, const json_t *object,
			  const char *key)
{
	char text[CLI_NUMBER_TEXT];

	cli_table_cell(table, is_above_zero(object, key) ? bad : CLI_PLAIN, "%s",
		       cli_view_estimate(object, key, text));
}

static void traffic_cells(struct cli_table *table, const json_t *object)
{
	const json_t *connections = json_object_get(object, "connections");
	const json_t *clients = json_object_get(object, "clients");

	estimate_cell(table, CLI_PLAIN, connections, "live");
	estimate_cell(table, CLI_PLAIN, connections, "touched");
	estimate_cell(table, CLI_WARN, connections, "leaving");
	estimate_cell(table, CLI_BAD, connections, "broken");
	estimate_cell(table, CLI_PLAIN, clients, "live");
	estimate_cell(table, CLI_PLAIN, clients, "touched");
	estimate_cell(table, CLI_BAD, clients, "moved");
}

/* A VIP with nothing to say of it needs no line. */
static bool is_touched(const json_t *vip)
{
	const json_t *connections = json_object_get(vip, "connections");
	const json_t *clients = json_object_get(vip, "clients");

	return !stays(vip) || is_above_zero(vip, "moved_share") ||
	       is_above_zero(connections, "leaving") || is_above_zero(connections, "broken") ||
	       is_above_zero(clients, "moved");
}

static int show_vips(struct cli *cli, const json_t *vips)
{
	static const struct cli_column columns[] = {
		{ "VIP", false },    { "CHANGE", false }, { "SHARE", true },  { "LIVE", true },
		{ "TOUCHED", true }, { "LEAVING", true }, { "BROKEN", true }, { "CLIENTS", true },
		{ "TOUCHED", true }, { "MOVED", true },
	};
	struct cli_table table;
	const json_t *vip;
	size_t i;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (vips, i, vip) {
		if (!is_touched(vip))
			continue;
		cli_cell_text(&table, vip, "vip");
		cli_cell_text(&table, vip, "change");
		cli_cell_share(&table, vip, "moved_share");
		traffic_cells(&table, vip);
	}
	if (!cli_table_rows(&table))
		return CLI_DONE;
	fputc('\n', cli->out);
	return cli_view_table(cli, &table);
}

/* --- in the end --------------------------------------------------------------------- */

static void show_losses(struct cli *cli, const json_t *total)
{
	const json_t *connections = json_object_get(total, "connections");
	const json_t *clients = json_object_get(total, "clients");
	bool breaks = is_above_zero(connections, "broken");
	bool moves = is_above_zero(clients, "moved");
	char broken[CLI_NUMBER_TEXT], moved[CLI_NUMBER_TEXT];

	cli_view_line(cli, breaks || moves ? CLI_BAD : CLI_GOOD,
		      "Would break: %s connections; would move: %s clients.",
		      cli_view_estimate(connections, "broken", broken),
		      cli_view_estimate(clients, "moved", moved));
	if (is_above_zero(connections, "leaving"))
		cli_view_line(cli, CLI_WARN,
			      "%s connections stay until the drain_timeout of backends that leave.",
			      cli_view_estimate(connections, "leaving", broken));
}

static void show_notes(struct cli *cli, const json_t *plan)
{
	if (json_is_true(json_object_get(plan, "rekeyed")))
		cli_view_line(
			cli, CLI_BAD,
			"Another seed: every hash is another one, and nothing is remembered.");
	if (json_is_true(json_object_get(plan, "grows")))
		cli_view_line(cli, CLI_PLAIN,
			      "The tables grow: the program is loaded anew, packets go on.");
}

int cli_view_plan(struct cli *cli, const json_t *plan)
{
	json_t *changes, *pools, *vips;

	if (cli_view_array(cli, plan, "changes", &changes) ||
	    cli_view_array(cli, plan, "pools", &pools) || cli_view_array(cli, plan, "vips", &vips))
		return CLI_FAILED;
	if (!json_array_size(changes)) {
		cli_view_line(cli, CLI_PLAIN, "%s: nothing changes", cli_json_text(plan, "file"));
		return CLI_DONE;
	}
	cli_view_line(cli, CLI_STRONG,
		      "%s, against what is in force:", cli_json_text(plan, "file"));
	cli_view_changes(cli, changes);
	if (show_pools(cli, pools) || show_vips(cli, vips))
		return CLI_FAILED;
	fputc('\n', cli->out);
	show_losses(cli, json_object_get(plan, "total"));
	show_notes(cli, plan);
	return CLI_DONE;
}
