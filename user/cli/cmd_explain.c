// SPDX-License-Identifier: GPL-2.0
/* limpet explain VIP[:PORT] SOURCE[:PORT]: which backend, and why */
#include <stdio.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/target.h"
#include "cli/view.h"

/* An address and a port as people write them; `port` may be missing or null. */
static void field_end(struct cli_table *table, const char *name, const json_t *answer,
		      const char *address_key, const char *port_key)
{
	const char *address = cli_json_text(answer, address_key);
	bool brackets = strchr(address, ':');
	const json_t *port = json_object_get(answer, port_key);

	cli_table_cell(table, CLI_STRONG, "%s", name);
	if (json_is_integer(port))
		cli_table_cell(table, CLI_PLAIN, "%s%s%s:%" JSON_INTEGER_FORMAT,
			       brackets ? "[" : "", address, brackets ? "]" : "",
			       json_integer_value(port));
	else
		cli_table_cell(table, CLI_PLAIN, "%s", address);
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

static void field_slot(struct cli_table *table, const json_t *answer)
{
	cli_table_cell(table, CLI_STRONG, "slot");
	cli_table_cell(table, CLI_PLAIN, "%s, %s, of pool %s, generation %s",
		       cli_json_int(answer, "slot").text, cli_json_text(answer, "slot_state"),
		       cli_json_text(answer, "pool"), cli_json_int(answer, "generation").text);
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
	field_text(&table, answer, "affinity");
	field_text(&table, answer, "key");
	field_text(&table, answer, "hash");
	field_slot(&table, answer);
	field_backend(&table, answer);
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
