/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cells of tables from the API's documents. A key that is missing, null, or of
 * another type shows as "-": an agent of another version is no reason to say
 * nothing at all.
 */
#ifndef LIMPET_CLI_CELL_H
#define LIMPET_CLI_CELL_H

#include <jansson.h>

#include "cli/format.h"
#include "cli/table.h"

/* The text, or "-" for none or an empty one. Belongs to the object. */
const char *cli_json_text(const json_t *object, const char *key);

/* A number as text, to be used within one expression: cli_json_int(o, "n").text. */
struct cli_number {
	char text[CLI_NUMBER_TEXT];
};
struct cli_number cli_json_int(const json_t *object, const char *key);

/* The number as a double; a NaN if there is none. */
double cli_json_number(const json_t *object, const char *key);

void cli_cell_text(struct cli_table *table, const json_t *object, const char *key);
void cli_cell_int(struct cli_table *table, const json_t *object, const char *key);
void cli_cell_bytes(struct cli_table *table, const json_t *object, const char *key);
void cli_cell_share(struct cli_table *table, const json_t *object, const char *key);

/* An address and a port as people write them, "[2001:db8::1]:443"; without a port, the
 * address alone. */
void cli_cell_endpoint(struct cli_table *table, const json_t *object, const char *address_key,
		       const char *port_key);

/* A duration in seconds: "2m13s". */
void cli_cell_duration(struct cli_table *table, const json_t *object, const char *key);

/* A time in seconds since the epoch, as how long ago it was; 0 is never: "-". */
void cli_cell_ago(struct cli_table *table, const json_t *object, const char *key);

/*
 * Texts of an array, with `between` between them; of more than `most`, the rest
 * as "+3 more".
 */
void cli_cell_list(struct cli_table *table, const json_t *object, const char *key,
		   const char *between, size_t most);

/* Colour of a backend's state. */
enum cli_style cli_style_state(const char *state);

#endif
