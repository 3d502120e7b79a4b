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

/* Records are of connections that are held there although their slot is not there. */
static void connections_cell(struct cli_table *table, const json_t *backend)
{
	char text[CLI_NUMBER_TEXT];

	cli_table_cell(table, CLI_PLAIN, "%s", cli_view_estimate(backend, "connections", text));
}

/* "~4m, 9m30s": when it will probably be empty, and when it has to be. */
static void left_cell(struct cli_table *table, const json_t *backend)
{
	double deadline = cli_json_number(backend, "deadline_at");
	double eta = cli_json_number(backend, "eta_s");
	char left[CLI_NUMBER_TEXT], expected[CLI_NUMBER_TEXT];

	if (!(deadline > 0)) {
		cli_table_cell(table, CLI_PLAIN, "-");
		return;
	}
	if (json_is_true(json_object_get(backend, "expired"))) {
		cli_table_cell(table, CLI_PLAIN, "over");
		return;
	}
	cli_format_duration(cli_view_until(deadline), left);
	cli_format_duration(eta, expected);
	if (eta >= 0 && eta < cli_view_until(deadline))
		cli_table_cell(table, CLI_PLAIN, "~%s, %s", expected, left);
	else
		cli_table_cell(table, CLI_PLAIN, "%s", left);
}

/* "50 (100 in 9m)": an operator's, and what comes after it; "100, 29%" in a slow start. */
static void weight_cell(struct cli_table *table, const json_t *backend)
{
	double until = cli_json_number(backend, "weight_until_at");
	double part = cli_json_number(json_object_get(backend, "slow_start"), "part");
	const struct cli_number weight = cli_json_int(backend, "weight");
	char left[CLI_NUMBER_TEXT];

	if (json_is_true(json_object_get(backend, "weight_set")) && until > 0)
		cli_table_cell(table, CLI_WARN, "%s (%s in %s)", weight.text,
			       cli_json_int(backend, "config_weight").text,
			       cli_format_duration(cli_view_until(until), left));
	else if (json_is_true(json_object_get(backend, "weight_set")))
		cli_table_cell(table, CLI_WARN, "%s (set)", weight.text);
	else if (part > 0)
		cli_table_cell(table, CLI_PLAIN, "%s, %.0f%%", weight.text, 100 * part);
	else
		cli_table_cell(table, CLI_PLAIN, "%s", weight.text);
}

/* The last result, and how often the state changed lately where it did more than once. */
static void check_cell(struct cli_table *table, const json_t *check)
{
	const char *last = cli_json_text(check, "last");

	if (cli_json_number(check, "flaps_1h") > 1)
		cli_table_cell(table, CLI_WARN, "%s (%s flaps in 1h)", last,
			       cli_json_int(check, "flaps_1h").text);
	else
		cli_table_cell(table, CLI_PLAIN, "%s", last);
}

static void backend_row(struct cli_table *table, const json_t *backend, bool drains)
{
	bool leaving = json_is_true(json_object_get(backend, "leaving"));

	bool backup = json_is_true(json_object_get(backend, "backup"));

	cli_table_cell(table, CLI_PLAIN, "%s%s%s", cli_json_text(backend, "name"),
		       backup ? " (backup)" : "", leaving ? " (leaving)" : "");
	cli_cell_text(table, backend, "address");
	state_cell(table, backend);
	cli_cell_duration(table, backend, "since_s");
	weight_cell(table, backend);
	cli_cell_share(table, backend, "share");
	connections_cell(table, backend);
	if (drains) {
		cli_cell_int(table, backend, "records");
		left_cell(table, backend);
	}
	cli_cell_int(table, backend, "packets");
	next_hop_cell(table, backend);
	check_cell(table, json_object_get(backend, "check"));
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

static bool has_drains(const json_t *backends)
{
	const json_t *backend;
	size_t i;

	json_array_foreach (backends, i, backend)
		if (cli_json_number(backend, "deadline_at") > 0)
			return true;
	return false;
}

static size_t add_rows(struct cli_table *table, const json_t *backends, size_t rows, bool drains)
{
	bool all = json_array_size(backends) <= rows;
	const json_t *backend;
	size_t i, shown = 0;

	json_array_foreach (backends, i, backend) {
		if (shown == rows)
			break;
		if (!all && !cli_view_in_trouble(backend))
			continue;
		backend_row(table, backend, drains);
		shown++;
	}
	return shown;
}

int cli_view_pool(struct cli *cli, const json_t *pool, size_t rows)
{
	static const struct cli_column columns[] = {
		{ "BACKEND", false },    { "ADDRESS", false }, { "STATE", false },
		{ "SINCE", true },       { "WEIGHT", true },   { "SHARE", true },
		{ "CONNECTIONS", true }, { "PACKETS", true },  { "NEXT HOP", false },
		{ "CHECK", false },
	};
	static const struct cli_column with_drains[] = {
		{ "BACKEND", false },    { "ADDRESS", false },  { "STATE", false },
		{ "SINCE", true },       { "WEIGHT", true },    { "SHARE", true },
		{ "CONNECTIONS", true }, { "RECORDS", true },   { "LEFT", true },
		{ "PACKETS", true },     { "NEXT HOP", false }, { "CHECK", false },
	};
	const json_t *backends = json_object_get(pool, "backends");
	size_t n = json_array_size(backends), shown;
	bool drains = has_drains(backends);
	struct cli_table table;
	int rc = CLI_DONE;

	heading(cli, pool);
	if (drains)
		cli_table_init(&table, with_drains, sizeof(with_drains) / sizeof(with_drains[0]));
	else
		cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	table.indent = INDENT;
	shown = add_rows(&table, backends, rows, drains);
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
