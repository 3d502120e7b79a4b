// SPDX-License-Identifier: GPL-2.0
#include "cli/view.h"

#include <string.h>

#include "cli/cell.h"

#define INDENT 2 /* backends below their pool */

static const char *next_hop_state(const json_t *backend)
{
	return cli_json_text(json_object_get(backend, "next_hop"), "state");
}

bool cli_view_in_trouble(const json_t *backend)
{
	return strcmp(cli_json_text(backend, "state"), "up") != 0 ||
	       strcmp(next_hop_state(backend), "ok") != 0;
}

/* A draining backend that is ill as well loses its clients: the worse news. */
static void state_cell(struct cli_table *table, const json_t *backend)
{
	const char *state = cli_json_text(backend, "state");
	bool ill = json_is_false(json_object_get(backend, "healthy"));

	if (ill && strcmp(state, "down") != 0)
		cli_table_cell(table, CLI_BAD, "%s, down", state);
	else
		cli_table_cell(table, cli_style_state(state), "%s", state);
}

static void next_hop_cell(struct cli_table *table, const json_t *backend)
{
	const char *state = next_hop_state(backend);
	const char *interface = cli_json_text(json_object_get(backend, "next_hop"), "interface");

	if (!strcmp(state, "ok"))
		cli_table_cell(table, CLI_PLAIN, "%s", state);
	else if (!strcmp(interface, "-"))
		cli_table_cell(table, CLI_BAD, "%s", state);
	else
		cli_table_cell(table, CLI_BAD, "%s (%s)", state, interface);
}

static void backend_row(struct cli_table *table, const json_t *backend)
{
	cli_cell_text(table, backend, "name");
	cli_cell_text(table, backend, "address");
	state_cell(table, backend);
	cli_cell_duration(table, backend, "since_s");
	cli_cell_int(table, backend, "weight");
	cli_cell_share(table, backend, "share");
	cli_cell_int(table, backend, "packets");
	next_hop_cell(table, backend);
	cli_cell_text(table, json_object_get(backend, "check"), "last");
}

static void heading(struct cli *cli, const json_t *pool)
{
	size_t n = json_array_size(json_object_get(pool, "backends"));
	double usable = cli_json_number(pool, "usable");
	const char *check = cli_json_text(pool, "check");
	bool checked = strcmp(check, "-") != 0;
	enum cli_style style = CLI_STRONG;

	if (usable < (double)n)
		style = usable > 0 ? CLI_WARN : CLI_BAD;
	cli_view_line(cli, style, "Pool %s: %s of %zu backends usable, %s, %s%s, generation %s",
		      cli_json_text(pool, "name"), cli_json_int(pool, "usable").text, n,
		      cli_json_text(pool, "hash"), checked ? "check " : "no check",
		      checked ? check : "", cli_json_int(pool, "generation").text);
}

static size_t count_trouble(const json_t *backends)
{
	const json_t *backend;
	size_t i, n = 0;

	json_array_foreach (backends, i, backend)
		n += cli_view_in_trouble(backend);
	return n;
}

static size_t add_rows(struct cli_table *table, const json_t *backends, size_t rows)
{
	bool all = json_array_size(backends) <= rows;
	const json_t *backend;
	size_t i, shown = 0;

	json_array_foreach (backends, i, backend) {
		if (shown == rows)
			break;
		if (!all && !cli_view_in_trouble(backend))
			continue;
		backend_row(table, backend);
		shown++;
	}
	return shown;
}

int cli_view_pool(struct cli *cli, const json_t *pool, size_t rows)
{
	static const struct cli_column columns[] = {
		{ "BACKEND", false }, { "ADDRESS", false },  { "STATE", false },
		{ "SINCE", true },    { "WEIGHT", true },    { "SHARE", true },
		{ "PACKETS", true },  { "NEXT HOP", false }, { "CHECK", false },
	};
	const json_t *backends = json_object_get(pool, "backends");
	size_t n = json_array_size(backends), shown;
	struct cli_table table;
	int rc = CLI_DONE;

	heading(cli, pool);
	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	table.indent = INDENT;
	shown = add_rows(&table, backends, rows);
	if (shown)
		rc = cli_view_table(cli, &table);
	if (!rc && shown < n)
		cli_view_line(cli, CLI_PLAIN,
			      "%*sand %zu more, %zu of them in trouble: "
			      "limpet pool show %s",
			      INDENT, "", n - shown, count_trouble(backends) - shown,
			      cli_json_text(pool, "name"));
	return rc;
}
