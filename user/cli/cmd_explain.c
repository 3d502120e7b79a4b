// SPDX-License-Identifier: GPL-2.0
/* limpet explain VIP[:PORT] SOURCE[:PORT]: which backend, and why */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/target.h"
#include "cli/view.h"

static void field_end(struct cli_table *table, const char *name, const json_t *answer,
		      const char *address_key, const char *port_key)
{
	cli_table_cell(table, CLI_STRONG, "%s", name);
	cli_cell_endpoint(table, answer, address_key, port_key);
}

static void field_text(struct cli_table *table, const json_t *answer, const char *key)
{
	cli_table_cell(table, CLI_STRONG, "%s", key);
	cli_cell_text(table, answer, key);
}

static void field_backend(struct cli_table *table, const json_t *answer)
{
	const char *backend = cli_json_text(answer, "backend");

	cli_table_cell(table, CLI_STRONG, "backend");
	if (!strcmp(backend, "-"))
		cli_table_cell(table, CLI_BAD, "none");
	else
		cli_table_cell(table, CLI_PLAIN, "%s, %s", backend,
			       cli_json_text(answer, "backend_address"));
}

static void field_next_hop(struct cli_table *table, const json_t *answer)
{
	const json_t *hop = json_object_get(answer, "next_hop");
	const char *state = cli_json_text(hop, "state");

	cli_table_cell(table, CLI_STRONG, "next hop");
	if (!json_is_object(hop))
		cli_table_cell(table, CLI_PLAIN, "-");
	else if (!strcmp(state, "ok"))
		cli_table_cell(table, CLI_PLAIN, "ok, %s by %s", cli_json_text(hop, "mac"),
			       cli_json_text(hop, "interface"));
	else
		cli_table_cell(table, CLI_BAD, "%s", state);
}

static void field_verdict(struct cli_table *table, const json_t *answer)
{
	const char *verdict = cli_json_text(answer, "verdict");
	bool drop = !strncmp(verdict, "drop_", 5);

	cli_table_cell(table, CLI_STRONG, "verdict");
	cli_table_cell(table, drop ? CLI_BAD : CLI_PLAIN, "%s", verdict);
}

/* "40764, moving for 9s, of pool web, generation 2": one that is settled is so for good. */
static void field_slot(struct cli_table *table, const json_t *answer)
{
	const char *state = cli_json_text(answer, "slot_state");
	char since[CLI_NUMBER_TEXT];
	bool timed;

	cli_format_duration(cli_json_number(answer, "slot_since_s"), since);
	timed = strcmp(state, "settled") != 0 && strcmp(since, "-") != 0;
	cli_table_cell(table, CLI_STRONG, "slot");
	cli_table_cell(table, CLI_PLAIN, "%s, %s%s%s, of pool %s, generation %s",
		       cli_json_int(answer, "slot").text, state, timed ? " for " : "",
		       timed ? since : "", cli_json_text(answer, "pool"),
		       cli_json_int(answer, "generation").text);
}

/* Who keeps the connections of before, while a slot moves. */
static void field_previous(struct cli_table *table, const json_t *answer)
{
	const char *previous = cli_json_text(answer, "previous");

	if (!strcmp(previous, "-"))
		return;
	cli_table_cell(table, CLI_STRONG, "previous");
	cli_table_cell(table, CLI_WARN, "%s", previous);
}

static void record_cell(struct cli_table *table, const json_t *record)
{
	const char *why = cli_json_text(record, "why_not");
	double left = cli_json_number(record, "expires_in_s");
	char age[CLI_NUMBER_TEXT], expires[CLI_NUMBER_TEXT];
	bool confirmed = json_is_true(json_object_get(record, "confirmed"));

	cli_format_duration(cli_json_number(record, "age_s"), age);
	cli_format_duration(left, expires);
	cli_table_cell(table, CLI_PLAIN, "%s: %s, %s, made %s ago, %s%s%s%s",
		       cli_json_text(record, "kind"), cli_json_text(record, "backend"),
		       confirmed ? "confirmed" : "unconfirmed", age,
		       left <= 0 ? "expired" : "expires in ", left <= 0 ? "" : expires,
		       strcmp(why, "-") ? "; not asked: " : "", strcmp(why, "-") ? why : "");
}

/* The one that decides, and the client's if that is another. */
static void field_records(struct cli_table *table, const json_t *answer)
{
	const json_t *record = json_object_get(answer, "record");
	const json_t *client = json_object_get(answer, "client_record");

	if (!record)
		return; /* an agent without them */
	cli_table_cell(table, CLI_STRONG, "record");
	if (json_is_object(record))
		record_cell(table, record);
	else
		cli_table_cell(table, CLI_PLAIN, "none");
	if (!json_is_object(client) || strcmp(cli_json_text(record, "kind"), "connection") != 0)
		return;
	cli_table_cell(table, CLI_STRONG, "record");
	record_cell(table, client);
}

/* Where packets go, when a SYN and the others do not go to the same one. */
static void field_answers(struct cli_table *table, const json_t *answer)
{
	const char *opening = cli_json_text(answer, "opening");
	const char *established = cli_json_text(answer, "established");

	if (json_is_true(json_object_get(answer, "established_reset")))
		established = "nobody: its client is told by a TCP RST";
	if (!strcmp(opening, established))
		return;
	cli_table_cell(table, CLI_STRONG, "opening");
	cli_table_cell(table, CLI_PLAIN, "%s", opening);
	cli_table_cell(table, CLI_STRONG, "established");
	cli_table_cell(table, CLI_PLAIN, "%s", established);
}

static void field_change(struct cli_table *table, const json_t *answer)
{
	const json_t *change = json_object_get(answer, "last_change");
	double at = cli_json_number(change, "at");
	char ago[CLI_NUMBER_TEXT];

	if (!json_is_object(change))
		return;
	cli_table_cell(table, CLI_STRONG, "moved by");
	cli_table_cell(table, CLI_PLAIN, "%s, %s ago, generation %s", cli_json_text(change, "text"),
		       cli_format_duration(difftime(time(NULL), 0) - at, ago),
		       cli_json_int(change, "generation").text);
}

static void field_affinity(struct cli_table *table, const json_t *answer)
{
	bool proxy = json_is_true(json_object_get(answer, "proxy"));

	cli_table_cell(table, CLI_STRONG, "affinity");
	cli_table_cell(table, CLI_PLAIN, "%s%s", cli_json_text(answer, "affinity"),
		       proxy ? ", because the source is a proxy" : "");
}

static int show(struct cli *cli, const json_t *answer)
{
	struct cli_table table;

	cli_view_line(cli, CLI_PLAIN, "%s", cli_json_text(answer, "text"));
	fputc('\n', cli->out);
	cli_view_fields(&table);
	field_text(&table, answer, "vip");
	field_end(&table, "address", answer, "address", "port");
	field_text(&table, answer, "protocol");
	field_end(&table, "source", answer, "source", "source_port");
	field_affinity(&table, answer);
	field_text(&table, answer, "key");
	field_text(&table, answer, "hash");
	field_slot(&table, answer);
	field_previous(&table, answer);
	field_change(&table, answer);
	field_records(&table, answer);
	field_backend(&table, answer);
	field_answers(&table, answer);
	field_text(&table, answer, "forward");
	field_next_hop(&table, answer);
	field_verdict(&table, answer);
	return cli_view_table(cli, &table);
}

static void add_port(struct cli_query *query, const char *name, uint16_t port, char *text,
		     size_t size)
{
	if (!port)
		return;
	snprintf(text, size, "%u", port);
	while (query->name)
		query++;
	*query = (struct cli_query) { name, text };
}

static int explain_run(struct cli *cli, char **args)
{
	struct cli_target vip, source;
	char port[8], source_port[8];
	struct cli_request request = {
		.method = "GET",
		.segments = { "explain" },
		.query = { { "vip", vip.host }, { "source", source.host } },
	};
	struct lp_err err;

	if (cli_target_parse(args[0], true, &vip, &err) ||
	    cli_target_parse(args[1], false, &source, &err))
		return cli_usage(cli, "explain", "%s", err.text);
	add_port(request.query, "port", vip.port, port, sizeof(port));
	add_port(request.query, "source_port", source.port, source_port, sizeof(source_port));
	return cli_show(cli, &request, show);
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command command = {
		.name = "explain",
		.args = { "VIP[:PORT]", "SOURCE[:PORT]" },
		.run = explain_run,
	};

	return cli_command_run(cli, &command, argv[0], argc - 1, argv + 1);
}
