/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What several verbs show: tables of interfaces, VIPs and pools from the API's
 * documents (docs/api.md). All of them return an exit code.
 */
#ifndef LIMPET_CLI_VIEW_H
#define LIMPET_CLI_VIEW_H

#include <jansson.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/table.h"

#define CLI_ROWS_ALL    SIZE_MAX
#define CLI_ROWS_STATUS 20 /* rows of one table that leave room for the others on a screen */

/*
 * The array `key` of an answer. CLI_FAILED, with words, if there is none;
 * *array belongs to the answer.
 */
int cli_view_array(struct cli *cli, const json_t *answer, const char *key, json_t **array);

/* Prints the table and frees it. */
int cli_view_table(struct cli *cli, struct cli_table *table);

/* An estimate of the sampled audit and its error, KEY and KEY_error of the object, into
 * text[CLI_NUMBER_TEXT]: "6400 ±1245", of nothing seen "<192". Returns text. */
const char *cli_view_estimate(const json_t *object, const char *key, char *text);

/* Seconds from now to `at`, seconds since the epoch; 0 if it has passed. */
double cli_view_until(double at);

/* Begins a table of names and values without a heading. */
void cli_view_fields(struct cli_table *table);

/* Prints one line in a style. */
void cli_view_line(struct cli *cli, enum cli_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

int cli_view_interfaces(struct cli *cli, const json_t *interfaces);

/* At most `rows` VIPs, and how many more there are. */
int cli_view_vips(struct cli *cli, const json_t *vips, size_t rows);

/*
 * A pool and its backends. Of more than `rows` backends, only those in trouble,
 * and how many more there are.
 */
int cli_view_pool(struct cli *cli, const json_t *pool, size_t rows);

/* The changes of a plan, or between two configurations, a line each; nothing of none. */
int cli_view_changes(struct cli *cli, const json_t *changes);

/* What a configuration would change (POST /v1/config/plan). */
int cli_view_plan(struct cli *cli, const json_t *plan);

/*
 * Does a backend need somebody's attention: is it not up, or is the way to it
 * not known?
 */
bool cli_view_in_trouble(const json_t *backend);

#endif
