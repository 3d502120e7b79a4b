// SPDX-License-Identifier: GPL-2.0
/* "200-299,301,404": the HTTP status codes that a check takes for health. */
#include "core/config_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"

#define EXPECT_ALLOWED "HTTP status codes 100 to 599, like 200-299,304"

static int compare_ranges(const void *a, const void *b)
{
	const struct config_status_range *x = a, *y = b;

	return (int)x->first - (int)y->first;
}

static size_t count_parts(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == ',';
	return n;
}

/* Parses one part, which ends at a comma or at the end. */
static int parse_part(const char *text, size_t len, struct config_status_range *range)
{
	char part[sizeof("100-599")];
	uint32_t first, last;
	int ret;

	if (len >= sizeof(part))
		return -EINVAL;
	memcpy(part, text, len);
	part[len] = '\0';
	ret = lp_parse_range(part, 100, 599, &first, &last);
	if (ret)
		return ret;
	*range = (struct config_status_range) { .first = (uint16_t)first, .last = (uint16_t)last };
	return 0;
}

static int parse_parts(const struct config_reader *reader, const struct config_node *node,
		       struct config_check *check)
{
	const char *part = node->text;
	size_t len;

	for (;; part += len + 1) {
		len = strcspn(part, ",");
		if (parse_part(part, len, &check->expect[check->n_expect]))
			return config_fail(
				reader, node,
				"%s: not a list of status codes; allowed: " EXPECT_ALLOWED,
				CONFIG_QUOTE(node->text));
		check->n_expect++;
		if (!part[len])
			return 0;
	}
}

int config_read_expect(const struct config_reader *reader, const struct config_node *node,
		       const struct config_field *field, void *to)
{
	struct config_check *check = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, EXPECT_ALLOWED);
	if (ret)
		return ret;
	check->expect = calloc(count_parts(node->text), sizeof(*check->expect));
	if (!check->expect)
		return config_fail_memory(reader);
	ret = parse_parts(reader, node, check);
	if (ret)
		return ret;
	qsort(check->expect, check->n_expect, sizeof(*check->expect), compare_ranges);
	for (size_t i = 1; i < check->n_expect; i++) {
		if (check->expect[i].first <= check->expect[i - 1].last)
			return config_fail(reader, node, "%s: %u is there twice",
					   CONFIG_QUOTE(node->text), check->expect[i].first);
	}
	return 0;
}
