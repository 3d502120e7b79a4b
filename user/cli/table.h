/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text tables: cells are added one after the other, row by row, and printed
 * once all widths are known. Running out of memory is remembered and told by
 * cli_table_print(), so that adding needs no checks.
 */
#ifndef LIMPET_CLI_TABLE_H
#define LIMPET_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cli_style { CLI_PLAIN, CLI_STRONG, CLI_GOOD, CLI_BAD, CLI_WARN };

struct cli_column {
	const char *name;
	bool right; /* numbers: aligned to the right */
};

struct cli_cell; /* table.c */

struct cli_table {
	const struct cli_column *columns; /* the caller's, outlives the table */
	size_t n_columns;
	bool headless;       /* without the line of names */
	unsigned int indent; /* columns of space in front of each line */
	struct cli_cell *cells;
	size_t n_cells, room;
	int error; /* -ENOMEM, or 0 */
};

/* An empty table. Nothing to free until the first cell. */
void cli_table_init(struct cli_table *table, const struct cli_column *columns, size_t n_columns);

/*
 * Adds the next cell. Control bytes of the text become '?' (O3); width is that
 * of UTF-8 code points.
 */
void cli_table_cell(struct cli_table *table, enum cli_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Rows so far; an unfinished one counts. */
size_t cli_table_rows(const struct cli_table *table);

/*
 * Prints names and rows, columns two spaces apart, no spaces at line ends.
 * -ENOMEM if a cell is missing; nothing is printed then.
 */
int cli_table_print(const struct cli_table *table, FILE *out, bool colour);

/* Frees the cells; the table is empty again. */
void cli_table_free(struct cli_table *table);

/* Prints text in a style, control bytes as '?'. */
void cli_style_print(FILE *out, bool colour, enum cli_style style, const char *text);

#endif
