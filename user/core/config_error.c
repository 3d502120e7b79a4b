// SPDX-License-Identifier: GPL-2.0
#include "core/config_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/config_yaml.h"

#define EXCERPT_BYTES 100 /* of a line, at most */
#define EXCERPT_LEAD  60  /* before the caret, at most */
#define PATH_BYTES    400
#define MESSAGE_BYTES 960

struct place {
	size_t line, column; /* from 1; columns in characters */
	size_t from, to;     /* bytes of the line, without its end */
};

/* First byte of a UTF-8 character, or a byte that is none. */
static bool begins_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

static size_t count_characters(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += begins_character(text[i]);
	return n;
}

/* The byte after the line end at `i`, or `i` if there is none (YAML 1.2.2, production 28). */
static size_t skip_line_end(const struct config_source *source, size_t i)
{
	if (source->text[i] == '\n')
		return i + 1;
	if (source->text[i] != '\r')
		return i;
	return i + 1 < source->len && source->text[i + 1] == '\n' ? i + 2 : i + 1;
}

static size_t line_end(const struct config_source *source, size_t i)
{
	while (i < source->len && source->text[i] != '\n' && source->text[i] != '\r')
		i++;
	return i;
}

static size_t text_begin(const struct config_source *source)
{
	return source->len >= 3 && !memcmp(source->text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

static struct place find_place(const struct config_source *source, size_t at)
{
	struct place place = { .line = 1, .from = text_begin(source) };

	for (size_t i = place.from; i < at && i < source->len;) {
		size_t next = skip_line_end(source, i);

		if (next == i) {
			i++;
			continue;
		}
		if (next > at)
			break;
		i = next;
		/* The end of the text is no line: errors there are on the last one. */
		if (i == source->len)
			break;
		place.line++;
		place.from = i;
	}
	place.to = line_end(source, place.from);
	if (at > place.to)
		at = place.to;
	place.column = at <= place.from
			       ? 1
			       : count_characters(source->text + place.from, at - place.from) + 1;
	return place;
}

size_t config_position(const struct config_source *source, size_t line, size_t column)
{
	size_t i = text_begin(source);

	while (line > 1 && i < source->len) {
		i = line_end(source, i);
		if (i < source->len)
			i = skip_line_end(source, i);
		line--;
	}
	while (column > 1 && i < source->len && source->text[i] != '\n' &&
	       source->text[i] != '\r') {
		do
			i++;
		while (i < source->len && !begins_character(source->text[i]));
		column--;
	}
	return i;
}

/* A window of the line around the error, whole characters only. */
static struct place cut_window(const struct config_source *source, struct place place, size_t at)
{
	if (at > place.from + EXCERPT_LEAD) {
		place.from = at - EXCERPT_LEAD;
		while (place.from < at && !begins_character(source->text[place.from]))
			place.from++;
	}
	if (place.to > place.from + EXCERPT_BYTES) {
		place.to = place.from + EXCERPT_BYTES;
		while (place.to > place.from && !begins_character(source->text[place.to]))
			place.to--;
	}
	return place;
}

/* The line as it may be shown: no control characters, and of a text that is not UTF-8, no more
 * than ASCII. */
static void copy_visible(char *to, const char *from, size_t len)
{
	bool utf8 = config_utf8_valid(from, len) == len;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)from[i];

		if (c == '\t')
			to[i] = ' ';
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			to[i] = '?';
		else
			to[i] = (char)c;
	}
	to[len] = '\0';
}

/* "  12 | text" and the caret below it; nothing for a line that is empty. */
static void format_excerpt(char *buf, size_t size, const struct config_source *source, size_t at,
			   size_t end)
{
	struct place line = find_place(source, at);
	struct place part = cut_window(source, line, at);
	const char *before = part.from > line.from ? "..." : "";
	char visible[EXCERPT_BYTES + 1], mark[EXCERPT_BYTES + 1];
	size_t pad, width;

	if (at > part.to)
		at = part.to;
	if (at < part.from)
		at = part.from;
	if (end > part.to)
		end = part.to;
	copy_visible(visible, source->text + part.from, part.to - part.from);
	pad = count_characters(source->text + part.from, at - part.from) + strlen(before);
	width = end > at ? count_characters(source->text + at, end - at) : 1;
	memset(mark, '~', width);
	mark[0] = '^';
	mark[width] = '\0';
	snprintf(buf, size, "\n  %zu | %s%s%s\n  %*s | %*s%s", line.line, before, visible,
		 part.to < line.to ? "..." : "", snprintf(NULL, 0, "%zu", line.line), "", (int)pad,
		 "", mark);
}

static int fail_at(const struct config_source *source, size_t at, size_t end, struct lp_err *err,
		   const char *path, const char *fmt, va_list ap)
{
	char message[MESSAGE_BYTES], excerpt[4 * EXCERPT_BYTES] = "";
	struct place place;

	if (!err)
		return -EINVAL;
	if (at > source->len)
		at = source->len;
	place = find_place(source, at);
	vsnprintf(message, sizeof(message), fmt, ap);
	if (place.to > place.from)
		format_excerpt(excerpt, sizeof(excerpt), source, at, end);
	return lp_err(err, -EINVAL, "%s:%zu:%zu: %s%s%s%s", source->name, place.line, place.column,
		      path, *path ? ": " : "", message, excerpt);
}

int config_fail_text(const struct config_source *source, size_t at, size_t end, struct lp_err *err,
		     const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = fail_at(source, at, end, err, "", fmt, ap);
	va_end(ap);
	return ret;
}

static void path_append(char *path, const char *dot, const char *key)
{
	struct config_quoted quoted;
	size_t len = strlen(path), key_len;

	/* As quoted, but without the quotes: cut and free of control characters. */
	config_quote(&quoted, key);
	key_len = strlen(quoted.text) - 2;
	snprintf(path + len, PATH_BYTES - len, "%s%.*s", *path ? dot : "", (int)key_len,
		 quoted.text + 1);
}

/* Path of a node into `path` (PATH_BYTES). Recursion is bounded by CONFIG_DEPTH_MAX. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static void format_path(char *path, const struct config_node *node)
{
	size_t len;

	if (!node->parent) {
		*path = '\0';
		return;
	}
	format_path(path, node->parent);
	len = strlen(path);
	if (node->key)
		path_append(path, ".", node->key->text);
	else
		snprintf(path + len, PATH_BYTES - len, "[%zu]", node->index);
}

int config_fail(const struct config_reader *reader, const struct config_node *node, const char *fmt,
		...)
{
	char path[PATH_BYTES];
	va_list ap;
	int ret;

	format_path(path, node);
	va_start(ap, fmt);
	ret = fail_at(reader->source, node->at, node->end, reader->err, path, fmt, ap);
	va_end(ap);
	return ret;
}

int config_fail_missing(const struct config_reader *reader, const struct config_node *map,
			const char *key, const char *fmt, ...)
{
	const struct config_node *place = map->key ? map->key : map;
	char path[PATH_BYTES];
	va_list ap;
	int ret;

	format_path(path, map);
	path_append(path, ".", key);
	va_start(ap, fmt);
	ret = fail_at(reader->source, place->at, place->end, reader->err, path, fmt, ap);
	va_end(ap);
	return ret;
}

int config_fail_memory(const struct config_reader *reader)
{
	return lp_err(reader->err, -ENOMEM, "%s: out of memory", reader->source->name);
}

size_t config_line(const struct config_reader *reader, const struct config_node *node)
{
	return find_place(reader->source, node->at).line;
}
