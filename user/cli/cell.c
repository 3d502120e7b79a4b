// SPDX-License-Identifier: GPL-2.0
#include "cli/cell.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *cli_json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && *text ? text : "-";
}

struct cli_number cli_json_int(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	struct cli_number number = { "-" };

	if (json_is_integer(value))
		snprintf(number.text, sizeof(number.text), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
	return number;
}

double cli_json_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

void cli_cell_text(struct cli_table *table, const json_t *object, const char *key)
{
	cli_table_cell(table, CLI_PLAIN, "%s", cli_json_text(object, key));
}

void cli_cell_int(struct cli_table *table, const json_t *object, const char *key)
{
	cli_table_cell(table, CLI_PLAIN, "%s", cli_json_int(object, key).text);
}

void cli_cell_endpoint(struct cli_table *table, const json_t *object, const char *address_key,
		       const char *port_key)
{
	const char *address = cli_json_text(object, address_key);
	const json_t *port = json_object_get(object, port_key);
	bool brackets = strchr(address, ':');

	if (json_is_integer(port))
		cli_table_cell(table, CLI_PLAIN, "%s%s%s:%" JSON_INTEGER_FORMAT,
			       brackets ? "[" : "", address, brackets ? "]" : "",
			       json_integer_value(port));
	else
		cli_table_cell(table, CLI_PLAIN, "%s", address);
}

void cli_cell_bytes(struct cli_table *table, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	char text[CLI_NUMBER_TEXT];

	if (json_is_integer(value) && json_integer_value(value) >= 0)
		cli_table_cell(table, CLI_PLAIN, "%s",
			       cli_format_bytes((uint64_t)json_integer_value(value), text));
	else
		cli_table_cell(table, CLI_PLAIN, "-");
}

void cli_cell_share(struct cli_table *table, const json_t *object, const char *key)
{
	char text[CLI_NUMBER_TEXT];

	cli_table_cell(table, CLI_PLAIN, "%s",
		       cli_format_share(cli_json_number(object, key), text));
}

void cli_cell_duration(struct cli_table *table, const json_t *object, const char *key)
{
	char text[CLI_NUMBER_TEXT];

	cli_table_cell(table, CLI_PLAIN, "%s",
		       cli_format_duration(cli_json_number(object, key), text));
}

void cli_cell_ago(struct cli_table *table, const json_t *object, const char *key)
{
	double at = cli_json_number(object, key);
	double age = difftime(time(NULL), 0) - at;
	char text[CLI_NUMBER_TEXT];

	/* A clock that was set back makes no check come from the future. */
	if (age < 0)
		age = 0;
	cli_table_cell(table, CLI_PLAIN, "%s", cli_format_duration(at > 0 ? age : NAN, text));
}

static void put_list(FILE *out, const json_t *list, const char *between, size_t most)
{
	size_t n = json_array_size(list);

	/* "+1 more" is as long as the one that it stands for. */
	if (n <= most + 1)
		most = n;
	for (size_t i = 0; i < most; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		fprintf(out, "%s%s", i ? between : "", text ? text : "-");
	}
	if (n > most)
		fprintf(out, "%s+%zu more", between, n - most);
	if (!n)
		fputs("-", out);
}

void cli_cell_list(struct cli_table *table, const json_t *object, const char *key,
		   const char *between, size_t most)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out)
		put_list(out, json_object_get(object, key), between, most);
	if (out && fclose(out) == 0)
		cli_table_cell(table, CLI_PLAIN, "%s", text);
	else
		cli_table_cell(table, CLI_PLAIN, "-");
	free(text);
}

enum cli_style cli_style_state(const char *state)
{
	if (!strcmp(state, "up"))
		return CLI_GOOD;
	if (!strcmp(state, "down"))
		return CLI_BAD;
	if (!strcmp(state, "drain") || !strcmp(state, "offline"))
		return CLI_WARN;
	return CLI_PLAIN;
}
