// SPDX-License-Identifier: GPL-2.0
/* limpet pool list|show NAME */
#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"

#define CERTIFICATE_DAYS 14 /* fewer are worth a look */

static void usable_cell(struct cli_table *table, const json_t *pool, size_t n)
{
	double usable = cli_json_number(pool, "usable");
	enum cli_style style = CLI_GOOD;

	if (usable < (double)n)
		style = usable > 0 ? CLI_WARN : CLI_BAD;
	cli_table_cell(table, style, "%s", cli_json_int(pool, "usable").text);
}

static int show_list(struct cli *cli, const json_t *answer)
{
	static const struct cli_column columns[] = {
		{ "POOL", false },  { "HASH", false },    { "CHECK", false },
		{ "USABLE", true }, { "BACKENDS", true }, { "GENERATION", true },
	};
	struct cli_table table;
	const json_t *pool;
	json_t *pools;
	size_t i, n;

	if (cli_view_array(cli, answer, "pools", &pools))
		return CLI_FAILED;
	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (pools, i, pool) {
		n = json_array_size(json_object_get(pool, "backends"));
		cli_cell_text(&table, pool, "name");
		cli_cell_text(&table, pool, "hash");
		cli_cell_text(&table, pool, "check");
		usable_cell(&table, pool, n);
		cli_table_cell(&table, CLI_PLAIN, "%zu", n);
		cli_cell_int(&table, pool, "generation");
	}
	return cli_view_table(cli, &table);
}

/* What becomes of the weights, and where packets go. */
static int show_slots(struct cli *cli, const json_t *backends)
{
	static const struct cli_column columns[] = {
		{ "BACKEND", false }, { "NUMBER", true }, { "SLOTS", true },
		{ "SHARE", true },    { "DUE", true },    { "PACKETS", true },
		{ "BYTES", true },    { "BY", false },    { "MAC", false },
	};
	struct cli_table table;
	const json_t *backend, *hop;
	size_t i;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	table.indent = 2;
	json_array_foreach (backends, i, backend) {
		hop = json_object_get(backend, "next_hop");
		cli_cell_text(&table, backend, "name");
		cli_cell_int(&table, backend, "number");
		cli_cell_int(&table, backend, "slots");
		cli_cell_share(&table, backend, "share");
		cli_cell_share(&table, backend, "weight_share");
		cli_cell_int(&table, backend, "packets");
		cli_cell_bytes(&table, backend, "bytes");
		cli_cell_text(&table, hop, "interface");
		cli_cell_text(&table, hop, "mac");
	}
	return cli_view_table(cli, &table);
}

/* Of the last good check; there is none yet if it is 0. */
static void latency_cell(struct cli_table *table, const json_t *check)
{
	if (cli_json_number(check, "latency_s") > 0)
		cli_cell_duration(table, check, "latency_s");
	else
		cli_table_cell(table, CLI_PLAIN, "-");
}

/* "in 12 days" by the API's whole days, of https only. */
static void certificate_cell(struct cli_table *table, const json_t *check)
{
	double days = cli_json_number(check, "certificate_days");
	enum cli_style style = days < 0 ? CLI_BAD : days < CERTIFICATE_DAYS ? CLI_WARN : CLI_PLAIN;

	if (days >= 0)
		cli_table_cell(table, style, "%.0f days", days);
	else if (days < 0)
		cli_table_cell(table, style, "expired");
	else
		cli_table_cell(table, CLI_PLAIN, "-");
}

static void check_row(struct cli_table *table, const json_t *backend, const json_t *check,
		      bool certificates)
{
	cli_cell_text(table, backend, "name");
	cli_cell_int(table, check, "checks");
	cli_cell_int(table, check, "failures");
	cli_cell_int(table, check, "flaps");
	cli_cell_int(table, check, "flaps_1h");
	cli_cell_int(table, check, "streak");
	latency_cell(table, check);
	cli_cell_duration(table, check, "late_s");
	if (certificates)
		certificate_cell(table, check);
	cli_cell_ago(table, check, "last_at");
	cli_cell_text(table, check, "last");
}

static bool has_certificates(const json_t *backends)
{
	const json_t *backend;
	size_t i;

	json_array_foreach (backends, i, backend)
		if (json_is_integer(
			    json_object_get(json_object_get(backend, "check"), "certificate_days")))
			return true;
	return false;
}

static int show_checks(struct cli *cli, const json_t *backends)
{
	static const struct cli_column columns[] = {
		{ "BACKEND", false }, { "CHECKS", true }, { "FAILURES", true }, { "FLAPS", true },
		{ "IN 1H", true },    { "STREAK", true }, { "LATENCY", true },  { "LATE", true },
		{ "AGO", true },      { "LAST", false },
	};
	static const struct cli_column with_certificates[] = {
		{ "BACKEND", false }, { "CHECKS", true }, { "FAILURES", true },
		{ "FLAPS", true },    { "IN 1H", true },  { "STREAK", true },
		{ "LATENCY", true },  { "LATE", true },   { "CERTIFICATE", true },
		{ "AGO", true },      { "LAST", false },
	};
	bool certificates = has_certificates(backends);
	struct cli_table table;
	const json_t *backend, *check;
	size_t i;

	if (certificates)
		cli_table_init(&table, with_certificates,
			       sizeof(with_certificates) / sizeof(with_certificates[0]));
	else
		cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	table.indent = 2;
	json_array_foreach (backends, i, backend) {
		check = json_object_get(backend, "check");
		if (json_is_object(check))
			check_row(&table, backend, check, certificates);
	}
	if (!cli_table_rows(&table))
		return CLI_DONE;
	fputc('\n', cli->out);
	return cli_view_table(cli, &table);
}

static void transition_row(struct cli_table *table, const json_t *backend, const json_t *transition)
{
	cli_cell_text(table, backend, "name");
	cli_cell_ago(table, transition, "at");
	cli_table_cell(table, cli_style_state(cli_json_text(transition, "state")), "%s",
		       cli_json_text(transition, "state"));
	cli_cell_text(table, transition, "why");
}

/* When backends went up and down, and why; the last times of each. */
static int show_transitions(struct cli *cli, const json_t *backends)
{
	static const struct cli_column columns[] = {
		{ "BACKEND", false }, { "AGO", true }, { "BECAME", false }, { "WHY", false }
	};
	const json_t *backend, *transition;
	struct cli_table table;
	size_t i, j;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	table.indent = 2;
	json_array_foreach (backends, i, backend) {
		json_array_foreach (
			json_object_get(json_object_get(backend, "check"), "transitions"), j,
			transition)
			transition_row(&table, backend, transition);
	}
	if (!cli_table_rows(&table))
		return CLI_DONE;
	fputc('\n', cli->out);
	return cli_view_table(cli, &table);
}

/* "b2: 640 connections, 1,200 of them 5m ago: at that rate none in 9m" */
static void show_drain(struct cli *cli, const json_t *backend)
{
	const json_t *basis = json_object_get(backend, "eta_basis");
	double eta = cli_json_number(backend, "eta_s");
	char over[CLI_NUMBER_TEXT], left[CLI_NUMBER_TEXT];

	fprintf(cli->out, "  %s: %s connections, %s of them %s ago", cli_json_text(backend, "name"),
		cli_json_int(basis, "last").text, cli_json_int(basis, "first").text,
		cli_format_duration(cli_json_number(basis, "over_s"), over));
	if (eta >= 0)
		fprintf(cli->out, ": at that rate none in %s", cli_format_duration(eta, left));
	fputc('\n', cli->out);
}

static void show_drains(struct cli *cli, const json_t *backends)
{
	const json_t *backend;
	bool any = false;
	size_t i;

	json_array_foreach (backends, i, backend) {
		if (!json_is_object(json_object_get(backend, "eta_basis")))
			continue;
		if (!any)
			fputc('\n', cli->out);
		any = true;
		show_drain(cli, backend);
	}
}

static int show_one(struct cli *cli, const json_t *pool)
{
	json_t *backends;

	if (cli_view_array(cli, pool, "backends", &backends) ||
	    cli_view_pool(cli, pool, CLI_ROWS_ALL))
		return CLI_FAILED;
	if (!json_array_size(backends))
		return CLI_DONE;
	show_drains(cli, backends);
	fputc('\n', cli->out);
	if (show_slots(cli, backends))
		return CLI_FAILED;
	if (show_checks(cli, backends))
		return CLI_FAILED;
	return show_transitions(cli, backends);
}

static int pool_list(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "GET", .segments = { "pools" } };

	(void)args;
	return cli_show(cli, &request, show_list);
}

static int pool_show(struct cli *cli, char **args)
{
	struct cli_request request = { .method = "GET", .segments = { "pools", args[0] } };

	return cli_show(cli, &request, show_one);
}

int cmd_pool(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command commands[] = {
		{ .name = "list", .run = pool_list },
		{ .name = "show", .args = { "NAME" }, .run = pool_show },
	};

	return cli_command_find(cli, commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}
