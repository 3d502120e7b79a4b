// SPDX-License-Identifier: GPL-2.0
/* limpet records [--vip V] [--source PREFIX] [--limit N] | flush ...: what is remembered */
#include <stdio.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/view.h"
#include "lib/parse.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     100000 /* a table is laid out in memory */
#define PAGE_MAX      10000  /* of one request: docs/api.md */

/* Which records are meant; NULL: all. */
struct selection {
	const char *vip, *source;
};

static int check_source(struct cli *cli, const char *path, const char *source)
{
	struct lp_addr addr;
	unsigned int bits;

	if (source && lp_parse_prefix(source, &addr, &bits))
		return cli_usage(cli, path,
				 "--source \"%s\" is not an address or a prefix, like 10.0.0.0/8",
				 source);
	return CLI_DONE;
}

/* The cursor of an answer's rest; 0 if there is none. */
static json_int_t next_of(const json_t *answer)
{
	return json_integer_value(json_object_get(answer, "next"));
}

/* --- listing ------------------------------------------------------------------------------- */

static struct cli_query *put_query(struct cli_query *query, const char *name, const char *value)
{
	if (!value)
		return query;
	*query = (struct cli_query) { name, value };
	return query + 1;
}

static int get_page(struct cli *cli, const struct selection *selection, size_t limit,
		    json_int_t cursor, json_t **answer)
{
	struct cli_request request = { .method = "GET", .segments = { "records" } };
	struct cli_query *query = request.query;
	char limit_text[24], cursor_text[24];

	snprintf(limit_text, sizeof(limit_text), "%zu", limit < PAGE_MAX ? limit : PAGE_MAX);
	snprintf(cursor_text, sizeof(cursor_text), "%" JSON_INTEGER_FORMAT, cursor);
	query = put_query(query, "vip", selection->vip);
	query = put_query(query, "source", selection->source);
	query = put_query(query, "limit", limit_text);
	put_query(query, "cursor", cursor ? cursor_text : NULL);
	return cli_call(cli, &request, answer);
}

/* Moves a page's records into `all`, and says in *cursor where the next one begins: a
 * place behind `cursor`, or 0. */
static int take_page(struct cli *cli, const json_t *page, json_t *all, json_int_t *cursor)
{
	json_int_t next = next_of(page);
	json_t *records;

	if (cli_view_array(cli, page, "records", &records))
		return CLI_FAILED;
	if (json_array_extend(all, records))
		return cli_fail(cli, "records", "out of memory");
	/* A cursor that does not go on would be asked for for ever. */
	*cursor = next > *cursor ? next : 0;
	return CLI_DONE;
}

/* Page after page, until there are `limit` or there are no more. */
static int get_all(struct cli *cli, const struct selection *selection, size_t limit, json_t *all,
		   json_int_t *cursor)
{
	int rc;

	do {
		json_t *page = NULL;

		rc = get_page(cli, selection, limit - json_array_size(all), *cursor, &page);
		if (!rc)
			rc = take_page(cli, page, all, cursor);
		json_decref(page);
	} while (!rc && *cursor && json_array_size(all) < limit);
	return rc;
}

static void expiry_cell(struct cli_table *table, const json_t *record)
{
	if (cli_json_number(record, "expires_in_s") <= 0)
		cli_table_cell(table, CLI_PLAIN, "expired");
	else
		cli_cell_duration(table, record, "expires_in_s");
}

static void marks_cell(struct cli_table *table, const json_t *record)
{
	const char *mark = "unconfirmed";

	if (json_is_true(json_object_get(record, "opening")))
		mark = "half-open";
	else if (json_is_true(json_object_get(record, "confirmed")))
		mark = "confirmed";
	cli_table_cell(table, CLI_PLAIN, "%s%s%s", mark,
		       json_is_true(json_object_get(record, "differs")) ? ", differs" : "",
		       json_is_false(json_object_get(record, "valid")) ? ", void" : "");
}

static int show_records(struct cli *cli, const json_t *records)
{
	static const struct cli_column columns[] = {
		{ "KIND", false },    { "SOURCE", false }, { "VIP", false },   { "PORT", true },
		{ "BACKEND", false }, { "SLOT", true },    { "STATE", false }, { "AGE", true },
		{ "EXPIRES", true },  { "MARKS", false },
	};
	struct cli_table table;
	const json_t *record;
	size_t i;

	cli_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (records, i, record) {
		cli_cell_text(&table, record, "kind");
		cli_cell_endpoint(&table, record, "source", "source_port");
		cli_cell_text(&table, record, "vip");
		cli_cell_int(&table, record, "port");
		cli_cell_text(&table, record, "backend");
		cli_cell_int(&table, record, "slot");
		cli_cell_text(&table, record, "state");
		cli_cell_duration(&table, record, "age_s");
		expiry_cell(&table, record);
		marks_cell(&table, record);
	}
	return cli_view_table(cli, &table);
}

static int show_list(struct cli *cli, json_t *all, json_int_t cursor)
{
	json_t *document;
	int rc;

	if (!cli->json) {
		rc = show_records(cli, all);
		if (!rc && cursor)
			cli_view_line(cli, CLI_PLAIN,
				      "the first %zu; there may be more: limpet records --limit N",
				      json_array_size(all));
		return rc;
	}
	document = json_pack("{s:O, s:o}", "records", all, "next",
			     cursor ? json_integer(cursor) : json_null());
	if (!document)
		return cli_fail(cli, "records", "out of memory");
	rc = cli_print_json(cli, document);
	json_decref(document);
	return rc;
}

/* args: --vip, --source, --limit */
static int records_run(struct cli *cli, char **args)
{
	const struct selection selection = { args[0], args[1] };
	uint32_t limit = LIMIT_DEFAULT;
	json_int_t cursor = 0;
	json_t *all;
	int rc;

	if (check_source(cli, "records", selection.source))
		return CLI_WRONG_USAGE;
	if (args[2] && lp_parse_u32(args[2], 1, LIMIT_MAX, &limit))
		return cli_usage(cli, "records", "--limit \"%s\" is not a number (1 to %d)",
				 args[2], LIMIT_MAX);
	all = json_array();
	if (!all)
		return cli_fail(cli, "records", "out of memory");
	rc = get_all(cli, &selection, limit, all, &cursor);
	if (!rc)
		rc = show_list(cli, all, cursor);
	json_decref(all);
	return rc;
}

/* --- flushing ----------------------------------------------------------------------------------
 */

static json_t *make_body(const struct selection *selection, json_int_t cursor)
{
	json_t *body = json_object();

	if (selection->vip)
		json_object_set_new(body, "vip", json_string(selection->vip));
	if (selection->source)
		json_object_set_new(body, "source", json_string(selection->source));
	if (!selection->vip && !selection->source)
		json_object_set_new(body, "all", json_true());
	if (cursor)
		json_object_set_new(body, "cursor", json_integer(cursor));
	return body;
}

/* One step; adds to *dropped, and moves *cursor on. */
static int flush_step(struct cli *cli, const struct selection *selection, json_int_t *dropped,
		      json_int_t *cursor)
{
	json_t *body = make_body(selection, *cursor), *answer = NULL;
	const struct cli_request request = {
		.method = "POST",
		.segments = { "records", "flush" },
		.body = body,
	};
	json_int_t next;
	int rc;

	if (!body)
		return cli_fail(cli, "records", "out of memory");
	rc = cli_call(cli, &request, &answer);
	json_decref(body);
	if (rc)
		return rc;
	next = next_of(answer);
	*dropped += json_integer_value(json_object_get(answer, "dropped"));
	*cursor = next > *cursor ? next : 0;
	json_decref(answer);
	return CLI_DONE;
}

static int show_dropped(struct cli *cli, json_int_t dropped)
{
	json_t *document;
	int rc;

	if (!cli->json) {
		cli_view_line(cli, CLI_PLAIN, "%" JSON_INTEGER_FORMAT " record%s dropped", dropped,
			      dropped == 1 ? "" : "s");
		return CLI_DONE;
	}
	document = json_pack("{s:I}", "dropped", dropped);
	if (!document)
		return cli_fail(cli, "records", "out of memory");
	rc = cli_print_json(cli, document);
	json_decref(document);
	return rc;
}

/* args: --vip, --source, --all */
static int flush_run(struct cli *cli, char **args)
{
	const struct selection selection = { args[0], args[1] };
	json_int_t dropped = 0, cursor = 0;
	int rc = CLI_DONE;

	if (!args[2] && !selection.vip && !selection.source)
		return cli_usage(cli, "records flush",
				 "which records is missing: --vip, --source or --all");
	if (args[2] && (selection.vip || selection.source))
		return cli_usage(cli, "records flush", "--all, or --vip and --source: say which");
	if (check_source(cli, "records flush", selection.source))
		return CLI_WRONG_USAGE;
	do
		rc = flush_step(cli, &selection, &dropped, &cursor);
	while (!rc && cursor);
	return rc ? rc : show_dropped(cli, dropped);
}

int cmd_records(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command list = {
		.name = "records",
		.options = { { "--vip", false }, { "--source", false }, { "--limit", false } },
		.run = records_run,
	};
	static const struct cli_command flush = {
		.name = "flush",
		.options = { { "--vip", false }, { "--source", false }, { "--all", true } },
		.run = flush_run,
	};

	if (argc > 1 && !strcmp(argv[1], "flush"))
		return cli_command_run(cli, &flush, "records flush", argc - 2, argv + 2);
	return cli_command_run(cli, &list, argv[0], argc - 1, argv + 1);
}
