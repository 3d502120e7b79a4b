// SPDX-License-Identifier: GPL-2.0
/* The smaller parts of error messages: quotes, lists, near misses. */
#include "core/config_error.h"

#include <stdio.h>
#include <string.h>

#define QUOTE_BYTES 60
#define LIST_WORDS  16
#define NEAR_BYTES  64

const char *config_quote(struct config_quoted *quoted, const char *text)
{
	size_t len = strlen(text), cut = len, n = 0;

	if (cut > QUOTE_BYTES) {
		cut = QUOTE_BYTES;
		while (cut && ((unsigned char)text[cut] & 0xc0) == 0x80)
			cut--;
	}
	quoted->text[n++] = '"';
	for (size_t i = 0; i < cut; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(quoted->text + n, 5, "\\x%02x", c);
		else
			quoted->text[n++] = (char)c;
	}
	snprintf(quoted->text + n, sizeof(quoted->text) - n, "%s\"", cut < len ? "..." : "");
	return quoted->text;
}

void config_list_add(struct config_list *list, const char *word)
{
	const char *comma = list->n ? ", " : "";
	size_t left = sizeof(list->text) - list->len;

	if (list->n > LIST_WORDS)
		return;
	list->n++;
	if (list->n > LIST_WORDS || strlen(word) + sizeof(", , ...") > left) {
		list->n = LIST_WORDS + 1;
		word = "...";
	}
	list->len += (size_t)snprintf(list->text + list->len, left, "%s%s", comma, word);
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/*
 * Optimal string alignment distance: insertions, deletions, substitutions and
 * swaps of neighbours (Damerau 1964), with three rows of the usual table.
 */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][NEAR_BYTES + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= m; j++)
		above[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min3(row[j], before[j - 2] + 1, row[j]);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[m];
}

void config_nearest_offer(struct config_nearest *nearest, const char *candidate)
{
	size_t n = strlen(nearest->word), m = strlen(candidate);
	size_t limit = n / 3 < 2 ? n / 3 : 2;
	size_t d;

	/* Of short words, "gee" for "gue", one letter may be wrong. */
	if (n >= 2 && !limit)
		limit = 1;
	if (!limit || n > NEAR_BYTES || m > NEAR_BYTES)
		return;
	d = distance(nearest->word, n, candidate, m);
	if (d > limit || (nearest->best && d >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = d;
}

const char *config_nearest_hint(const struct config_nearest *nearest, struct config_quoted *buf)
{
	if (!nearest->best)
		return "";
	/* Candidates are at most NEAR_BYTES long. */
	snprintf(buf->text, sizeof(buf->text), " (did you mean \"%s\"?)", nearest->best);
	return buf->text;
}
