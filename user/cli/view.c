// SPDX-License-Identifier: GPL-2.0
#include "cli/view.h"

#include <stdarg.h>
#include <stdlib.h>

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
