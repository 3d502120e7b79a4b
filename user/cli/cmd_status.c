// SPDX-License-Identifier: GPL-2.0
/* limpet status: all on one page, for somebody who has just been woken. */
#include <limpet/reasons.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"

static void head(struct cli *cli, const json_t *status)
{
	char uptime[CLI_NUMBER_TEXT];

	cli_view_line(cli, CLI_STRONG, "limpetd %s, up %s, generation %s, %s",
		      cli_json_text(status, "version"),
		      cli_format_duration(cli_json_number(status, "uptime_s"), uptime),
		      cli_json_int(status, "generation").text, cli_json_text(status, "config"));
}

/* Numbers of backends by state; a state that this program does not know is "other". */
struct census {
	size_t up, drain, offline, down, other, no_way;
};

static void count_backend(struct census *census, const json_t *backend)
{
	const char *state = cli_json_text(backend, "state");
	const json_t *hop = json_object_get(backend, "next_hop");

	if (!strcmp(state, "up"))
		census->up++;
	else if (!strcmp(state, "drain"))
		census->drain++;
	else if (!strcmp(state, "offline"))
		census->offline++;
	else if (!strcmp(state, "down"))
		census->down++;
	else
		census->other++;
	if (strcmp(cli_json_text(hop, "state"), "ok") != 0)
		census->no_way++;
}

static void count_backends(struct census *census, const json_t *pools)
{
	const json_t *pool, *backend;
	size_t i, j;

	json_array_foreach (pools, i, pool) {
		json_array_foreach (json_object_get(pool, "backends"), j, backend)
			count_backend(census, backend);
	}
}

static void put_count(struct cli *cli, enum cli_style style, size_t n, const char *what)
{
	char text[64];

	if (!n)
		return;
	snprintf(text, sizeof(text), ", %zu %s", n, what);
	cli_style_print(cli->out, cli->colour, style, text);
}

static void summary(struct cli *cli, const json_t *vips, const json_t *pools)
{
	size_t n_vips = json_array_size(vips), n_pools = json_array_size(pools);
	struct census census = { 0 };

	count_backends(&census, pools);
	fprintf(cli->out, "%zu VIP%s, %zu pool%s, backends: %zu up", n_vips, n_vips == 1 ? "" : "s",
		n_pools, n_pools == 1 ? "" : "s", census.up);
	put_count(cli, CLI_WARN, census.drain, "drain");
	put_count(cli, CLI_WARN, census.offline, "offline");
	put_count(cli, CLI_BAD, census.down, "down");
	put_count(cli, CLI_PLAIN, census.other, "other");
	put_count(cli, CLI_BAD, census.no_way, "without a next hop");
	fputc('\n', cli->out);
}

/* "broken connections 0, clients moved 0": the promises, as they are kept. */
static void promises(struct cli *cli, const json_t *audit)
{
	static const struct {
		const char *key, *name;
	} numbers[] = { { "broken", "broken connections" }, { "moved", ", clients moved" } };
	char text[CLI_NUMBER_TEXT];

	if (!json_is_object(audit))
		return; /* an agent without it */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct cli_number number = cli_json_int(audit, numbers[i].key);
		bool zero = cli_json_number(audit, numbers[i].key) == 0;

		fprintf(cli->out, "%s ", numbers[i].name);
		cli_style_print(cli->out, cli->colour, zero ? CLI_GOOD : CLI_BAD,
				zero ? number.text
				     : cli_view_estimate(audit, numbers[i].key, text));
	}
	cli_view_line(cli, CLI_PLAIN, ", of %s connections (1 in %s is followed)",
		      cli_view_estimate(audit, "opened", text), cli_json_int(audit, "sample").text);
}

/* "records 1200 of 2097152, 40 slots moving for 29m yet, 3 residual". */
static void memory(struct cli *cli, const json_t *records)
{
	double used = cli_json_number(records, "connections") + cli_json_number(records, "clients");
	double full = cli_json_number(records, "full");
	char hold[CLI_NUMBER_TEXT];

	if (!json_is_object(records))
		return;
	fprintf(cli->out, "records %.0f of %s, %s slots moving",
		used >= 0 && used < 1e15 ? used : 0, cli_json_int(records, "capacity").text,
		cli_json_int(records, "moving_slots").text);
	if (cli_json_number(records, "moving_slots") > 0)
		fprintf(cli->out, " for %s yet",
			cli_format_duration(cli_json_number(records, "hold_s"), hold));
	fprintf(cli->out, ", %s residual", cli_json_int(records, "residual_slots").text);
	if (full > 0)
		cli_style_print(cli->out, cli->colour, CLI_BAD, ", some found no room");
	fputc('\n', cli->out);
}

/* "translated 1200 of 1048576, fewest ports left: web/fe1 from 10.1.0.1, 900 of 36280 used". */
static void translated(struct cli *cli, const json_t *entries)
{
	const json_t *busiest = json_object_get(entries, "busiest");

	if (!(cli_json_number(entries, "used") > 0)) /* nor is it there */
		return;
	fprintf(cli->out, "translated %s of %s", cli_json_int(entries, "used").text,
		cli_json_int(entries, "capacity").text);
	if (json_is_object(busiest))
		fprintf(cli->out, ", fewest ports left: %s from %s, %s of %s used",
			cli_json_text(busiest, "backend"), cli_json_text(busiest, "address"),
			cli_json_int(busiest, "used").text, cli_json_int(busiest, "ports").text);
	fputc('\n', cli->out);
}

/* "checks of 40 backends, at most 1.2ms late, verdicts in the datapath within 3.1ms" */
static void checks(struct cli *cli, const json_t *health)
{
	char late[CLI_NUMBER_TEXT], verdict[CLI_NUMBER_TEXT];

	if (!(cli_json_number(health, "targets") > 0))
		return; /* no checks, or an agent without them */
	fprintf(cli->out, "checks of %s backends, at most %s late",
		cli_json_int(health, "targets").text,
		cli_format_duration(cli_json_number(health, "late_max_s"), late));
	if (cli_json_number(health, "verdicts") > 0)
		fprintf(cli->out, ", verdicts in the datapath within %s",
			cli_format_duration(cli_json_number(health, "verdict_max_s"), verdict));
	fputc('\n', cli->out);
}

static const char *reason_text(const char *name)
{
#define TEXT(symbol, reason, class, text) { reason, text },
	static const struct {
		const char *name, *text;
	} reasons[] = { LP_REASONS(TEXT) };
#undef TEXT

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!strcmp(reasons[i].name, name))
			return reasons[i].text;
	}
	return ""; /* of a newer agent */
}

/* Names say their class (reasons.h), those of a newer agent as well. */
static int drops(struct cli *cli, json_t *reasons)
{
	static const struct cli_column columns[] = {
		{ "DROPPED", false },
		{ "PACKETS", true },
		{ "BECAUSE", false },
	};
	struct cli_table table;
	const char *name;
	json_t *packets;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_object_foreach (reasons, name, packets) {
		if (strncmp(name, "drop_", 5) != 0 || json_integer_value(packets) == 0)
			continue;
		cli_table_cell(&table, CLI_BAD, "%s", name);
		cli_table_cell(&table, CLI_BAD, "%" JSON_INTEGER_FORMAT,
			       json_integer_value(packets));
		cli_table_cell(&table, CLI_PLAIN, "%s", reason_text(name));
	}
	if (!cli_table_rows(&table))
		return CLI_DONE;
	fputc('\n', cli->out);
	return cli_view_table(cli, &table);
}

static int show_pools(struct cli *cli, const json_t *pools)
{
	const json_t *pool;
	int rc = CLI_DONE;
	size_t i;

	json_array_foreach (pools, i, pool) {
		fputc('\n', cli->out);
		rc = cli_view_pool(cli, pool, CLI_ROWS_STATUS);
		if (rc)
			break;
	}
	return rc;
}

static int show(struct cli *cli, const json_t *status)
{
	json_t *interfaces, *vips, *pools;

	if (cli_view_array(cli, status, "interfaces", &interfaces) ||
	    cli_view_array(cli, status, "vips", &vips) ||
	    cli_view_array(cli, status, "pools", &pools))
		return CLI_FAILED;
	head(cli, status);
	summary(cli, vips, pools);
	promises(cli, json_object_get(status, "audit"));
	memory(cli, json_object_get(status, "records"));
	translated(cli, json_object_get(status, "entries"));
	checks(cli, json_object_get(status, "health"));
	fputc('\n', cli->out);
	if (cli_view_interfaces(cli, interfaces))
		return CLI_FAILED;
	if (json_array_size(vips)) {
		fputc('\n', cli->out);
		if (cli_view_vips(cli, vips, CLI_ROWS_STATUS))
			return CLI_FAILED;
	}
	if (show_pools(cli, pools))
		return CLI_FAILED;
	return drops(cli, json_object_get(status, "reasons"));
}

static int status_run(struct cli *cli, char **args)
{
	static const struct cli_request request = { .method = "GET", .segments = { "status" } };

	(void)args;
	return cli_show(cli, &request, show);
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command command = { .name = "status", .run = status_run };

	return cli_command_run(cli, &command, argv[0], argc - 1, argv + 1);
}
