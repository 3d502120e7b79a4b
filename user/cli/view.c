// SPDX-License-Identifier: GPL-2.0
#include "cli/view.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "cli/cell.h"

#define ERROR_MAX 1e9 /* of what fits into a cell beside its number */

int cli_view_array(struct cli *cli, const json_t *answer, const char *key, json_t **array)
{
	json_t *value = json_object_get(answer, key);

	if (!json_is_array(value))
		return cli_fail(cli, "",
				"no \"%s\" in limpetd's answer: is it of the same version? "
				"(limpet version)",
				key);
	*array = value;
	return CLI_DONE;
}

int cli_view_table(struct cli *cli, struct cli_table *table)
{
	int rc = cli_table_print(table, cli->out, cli->colour);

	cli_table_free(table);
	return rc ? cli_fail(cli, "", "out of memory") : CLI_DONE;
}

const char *cli_view_estimate(const json_t *object, const char *key, char *text)
{
	const json_t *value = json_object_get(object, key);
	char error_key[32];
	double error;

	snprintf(error_key, sizeof(error_key), "%s_error", key);
	error = cli_json_number(object, error_key);
	if (!json_is_integer(value))
		snprintf(text, CLI_NUMBER_TEXT, "-");
	else if (!(error >= 0 && error < ERROR_MAX))
		snprintf(text, CLI_NUMBER_TEXT, "%s", cli_json_int(object, key).text);
	else if (!json_integer_value(value))
		snprintf(text, CLI_NUMBER_TEXT, "<%u", (unsigned int)error);
	else
		snprintf(text, CLI_NUMBER_TEXT, "%.16s ±%u", cli_json_int(object, key).text,
			 (unsigned int)error);
	return text;
}

double cli_view_until(double at)
{
	double left = at - difftime(time(NULL), 0);

	return left > 0 ? left : 0;
}

void cli_view_fields(struct cli_table *table)
{
	static const struct cli_column columns[] = { { "", false }, { "", false } };

	cli_table_init(table, columns, 2);
	table->headless = true;
}

void cli_view_line(struct cli *cli, enum cli_style style, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	cli_style_print(cli->out, cli->colour, style, text ? text : "out of memory");
	fputc('\n', cli->out);
	free(text);
}
