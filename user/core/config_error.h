/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Words for what is wrong in a configuration file: place, key path, message,
 * and the line itself with a caret (the form is in config.h). The first error
 * ends the reading, so every function returns a negative errno to hand on.
 */
#ifndef LIMPET_CORE_CONFIG_ERROR_H
#define LIMPET_CORE_CONFIG_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

struct config_node;

/* A text and what people call it. Nothing in it is owned. */
struct config_source {
	const char *name;
	const char *text; /* not zero-terminated */
	size_t len;
};

/* Where errors go while a text is read. */
struct config_reader {
	const struct config_source *source;
	struct lp_err *err;
};

/* Fails with -EINVAL at bytes at..end of the source; no key path. */
int config_fail_text(const struct config_source *source, size_t at, size_t end, struct lp_err *err,
		     const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Fails with -EINVAL at a node, with the path of its keys. */
int config_fail(const struct config_reader *reader, const struct config_node *node, const char *fmt,
		...) __attribute__((format(printf, 3, 4)));

/* The same for a key that a map should have: path of the key, place of the map. */
int config_fail_missing(const struct config_reader *reader, const struct config_node *map,
			const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* -ENOMEM, in words. */
int config_fail_memory(const struct config_reader *reader);

/* Line of a node, from 1, for messages that name a second place. */
size_t config_line(const struct config_reader *reader, const struct config_node *node);

/* Position (byte) of line and column, both from 1, columns in characters. */
size_t config_position(const struct config_source *source, size_t line, size_t column);

/* A text in double quotes: cut when long, control characters escaped. */
struct config_quoted {
	char text[272];
};
const char *config_quote(struct config_quoted *quoted, const char *text);
#define CONFIG_QUOTE(text) config_quote(&(struct config_quoted) { { 0 } }, text)

/* A list of words, "a, b, c", which ends in "..." where room or patience ends. */
struct config_list {
	char text[512];
	size_t len, n;
};
void config_list_add(struct config_list *list, const char *word);

/*
 * The candidate that somebody probably meant: at most two letters wrong, left
 * out, doubled or swapped, and at most a third of the word.
 */
struct config_nearest {
	const char *word; /* what was written */
	const char *best; /* NULL: nothing near */
	size_t distance;
};
void config_nearest_offer(struct config_nearest *nearest, const char *candidate);

/* " (did you mean "x"?)" or nothing. */
const char *config_nearest_hint(const struct config_nearest *nearest, struct config_quoted *buf);

#endif
