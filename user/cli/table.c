// SPDX-License-Identifier: GPL-2.0
#include "cli/table.h"

#include "cli/format.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* spaces between columns */

struct cli_cell {
	char *text; /* the table's, but for the names of columns */
	size_t width;
	enum cli_style style;
};

/* ECMA-48 (ISO 6429) SGR parameters: the eight basic colours, that any terminal has. */
static const char *const codes[] = {
	[CLI_STRONG] = "1",
	[CLI_GOOD] = "32",
	[CLI_BAD] = "1;31",
	[CLI_WARN] = "33",
};

/* Code points of UTF-8: all bytes but those that continue one. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_styled(FILE *out, bool colour, enum cli_style style, const char *text)
{
	if (colour && style != CLI_PLAIN && *text)
		fprintf(out, "\033[%sm%s\033[0m", codes[style], text);
	else
		fputs(text, out);
}

void cli_style_print(FILE *out, bool colour, enum cli_style style, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return;
	cli_format_safe(copy, "");
	print_styled(out, colour, style, copy);
	free(copy);
}

void cli_table_init(struct cli_table *table, const struct cli_column *columns, size_t n_columns)
{
	*table = (struct cli_table) { .columns = columns, .n_columns = n_columns };
}

static int make_room(struct cli_table *table)
{
	size_t room = table->room ? 2 * table->room : 16 * table->n_columns;
	struct cli_cell *cells;

	if (table->n_cells < table->room)
		return 0;
	cells = reallocarray(table->cells, room, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	table->cells = cells;
	table->room = room;
	return 0;
}

void cli_table_cell(struct cli_table *table, enum cli_style style, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	if (table->error)
		return;
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0 || make_room(table)) {
		if (len >= 0)
			free(text);
		table->error = -ENOMEM;
		return;
	}
	cli_format_safe(text, "");
	table->cells[table->n_cells++] = (struct cli_cell) { .text = text,
							     .width = text_width(text),
							     .style = style };
}

size_t cli_table_rows(const struct cli_table *table)
{
	return (table->n_cells + table->n_columns - 1) / table->n_columns;
}

static size_t column_width(const struct cli_table *table, size_t column)
{
	size_t width = table->headless ? 0 : text_width(table->columns[column].name);

	for (size_t i = column; i < table->n_cells; i += table->n_columns) {
		if (table->cells[i].width > width)
			width = table->cells[i].width;
	}
	return width;
}

/*
 * Where in a line we are. Spaces are owed until something follows them, so that
 * no line ends with any.
 */
struct pen {
	FILE *out;
	bool colour;
	size_t owed;
};

static void put_cell(struct pen *pen, bool right, size_t width, const struct cli_cell *cell)
{
	size_t pad = width - cell->width;

	if (right)
		pen->owed += pad;
	if (cell->width) {
		fprintf(pen->out, "%*s", (int)pen->owed, "");
		print_styled(pen->out, pen->colour, cell->style, cell->text);
		pen->owed = 0;
	}
	pen->owed += GAP + (right ? 0 : pad);
}

static void print_names(const struct cli_table *table, const size_t *widths, struct pen *pen)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		const char *name = table->columns[i].name;
		struct cli_cell cell = { .text = (char *)(uintptr_t)name,
					 .width = text_width(name),
					 .style = CLI_STRONG };

		put_cell(pen, table->columns[i].right, widths[i], &cell);
	}
	fputc('\n', pen->out);
}

static void print_row(const struct cli_table *table, size_t row, const size_t *widths,
		      struct pen *pen)
{
	size_t first = row * table->n_columns;

	for (size_t i = 0; i < table->n_columns && first + i < table->n_cells; i++)
		put_cell(pen, table->columns[i].right, widths[i], &table->cells[first + i]);
	fputc('\n', pen->out);
}

int cli_table_print(const struct cli_table *table, FILE *out, bool colour)
{
	struct pen pen = { .out = out, .colour = colour };
	size_t *widths;

	if (table->error)
		return table->error;
	widths = calloc(table->n_columns, sizeof(*widths));
	if (!widths)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = column_width(table, i);
	if (!table->headless) {
		pen.owed = table->indent;
		print_names(table, widths, &pen);
	}
	for (size_t i = 0; i < cli_table_rows(table); i++) {
		pen.owed = table->indent;
		print_row(table, i, widths, &pen);
	}
	free(widths);
	return 0;
}

void cli_table_free(struct cli_table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	cli_table_init(table, table->columns, table->n_columns);
}
