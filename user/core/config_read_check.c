// SPDX-License-Identifier: GPL-2.0
#include "core/config_read.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX    1000u /* of rise and fall */
#define HTTP_PATH_MAX 1024u /* characters of a path */

/* A check and what its keys say that the model has no place for yet. */
struct check_values {
	struct config_check check;
	unsigned int via;
	bool verify;
};

static const struct config_word types[] = {
	{ "tcp", CONFIG_CHECK_TCP, CONFIG_FEATURE_BASE },
	{ "http", CONFIG_CHECK_HTTP, CONFIG_FEATURE_BASE },
	{ "https", 0, CONFIG_FEATURE_CHECK_HTTPS },
	{ "exec", 0, CONFIG_FEATURE_CHECK_EXEC },
};
static const struct config_words type_words = { "check type", types, CONFIG_COUNT(types) };

static const struct config_word ways[] = {
	{ "direct", 0, CONFIG_FEATURE_BASE },
	{ "vip", 1, CONFIG_FEATURE_CHECK_VIA_VIP },
};
static const struct config_words via_words = { "way to the backend", ways, CONFIG_COUNT(ways) };

/* The path of an HTTP request as it stands in the request line (RFC 9112 section 3.2.1). */
static int read_path(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	static const char *const allowed = "printable ASCII without spaces that begins with /";
	const char *text = node->text;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed);
	if (ret)
		return ret;
	while (*text > ' ' && *text <= '~' && *text != '#')
		text++;
	if (node->text[0] != '/' || *text)
		return config_fail(reader, node, "%s: not a path; allowed: %s",
				   CONFIG_QUOTE(node->text), allowed);
	if (strlen(node->text) > HTTP_PATH_MAX)
		return config_fail(reader, node, "%s: too long; allowed: %u characters",
				   CONFIG_QUOTE(node->text), HTTP_PATH_MAX);
	return config_store_text(reader, node->text, to);
}

/* What goes into a Host header: letters, digits and what addresses and ports need. */
static int read_host(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	static const char *const allowed = "a host name, 1 to 253 of A-Z a-z 0-9 . - _ : [ ]";
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed);
	if (ret)
		return ret;
	if (!config_text_is(node->text, CONFIG_ALNUM ".-_:[]", 253))
		return config_fail(reader, node, "%s: not a host name; allowed: %s",
				   CONFIG_QUOTE(node->text), allowed);
	return config_store_text(reader, node->text, to);
}

#define CHECK_FIELD(member) .offset = offsetof(struct check_values, check.member)

static const struct config_field fields[] = {
	{ .key = "type", .read = config_read_word, CHECK_FIELD(type), .words = &type_words },
	{ .key = "port", .read = config_read_port, CHECK_FIELD(port) },
	{ .key = "path", .read = read_path, CHECK_FIELD(path) },
	{ .key = "host", .read = read_host, CHECK_FIELD(host) },
	{ .key = "expect", .read = config_read_expect, .offset = 0 },
	{ .key = "verify",
	  .read = config_read_bool,
	  .offset = offsetof(struct check_values, verify) },
	{ .key = "via",
	  .read = config_read_word,
	  .offset = offsetof(struct check_values, via),
	  .words = &via_words },
	{ .key = "interval", .read = config_read_duration, CHECK_FIELD(interval), .min = 1 },
	{ .key = "timeout", .read = config_read_duration, CHECK_FIELD(timeout), .min = 1 },
	{ .key = "rise", .read = config_read_u32, CHECK_FIELD(rise), .min = 1, .max = ROUNDS_MAX },
	{ .key = "fall", .read = config_read_u32, CHECK_FIELD(fall), .min = 1, .max = ROUNDS_MAX },
};
_Static_assert(!offsetof(struct check_values, check), "config_read_expect() wants the check");
static const struct config_schema schema = { "a map with the keys of a check", fields,
					     CONFIG_COUNT(fields) };

static int fail_other_type(const struct config_reader *reader, const struct config_node *value,
			   const char *type)
{
	return config_fail(reader, value, "%s: only for checks of type %s",
			   CONFIG_QUOTE(value->text), type);
}

/* Keys that only some types of checks understand. */
static int check_type_keys(const struct config_reader *reader, const struct config_node *node,
			   enum config_check_type type)
{
	static const char *const http_keys[] = { "path", "host", "expect" };
	const struct config_node *value;

	for (size_t i = 0; i < CONFIG_COUNT(http_keys) && type != CONFIG_CHECK_HTTP; i++) {
		value = config_node_get(node, http_keys[i]);
		if (value)
			return fail_other_type(reader, value, "http");
	}
	/* There is no https yet: config_support.h. */
	value = config_node_get(node, "verify");
	if (value)
		return fail_other_type(reader, value, "https, which is not supported yet");
	return 0;
}

static int check_times(const struct config_reader *reader, const struct config_node *node,
		       const struct config_check *check)
{
	const struct config_node *timeout = config_node_get(node, "timeout");
	const struct config_node *interval = config_node_get(node, "interval");

	if (check->timeout <= check->interval)
		return 0;
	/* The defaults fit each other, so one of the two is there. */
	return config_fail(reader, timeout ? timeout : interval,
			   "timeout %s is longer than interval %s; allowed: at most the interval",
			   timeout ? timeout->text : "1s (the default)",
			   interval ? interval->text : "2s (the default)");
}

static int set_default_texts(const struct config_reader *reader, struct config_check *check)
{
	int ret = 0;

	if (!check->path)
		ret = config_store_text(reader, "/", &check->path);
	if (ret || check->expect)
		return ret;
	check->expect = calloc(1, sizeof(*check->expect));
	if (!check->expect)
		return config_fail_memory(reader);
	check->expect[0] = (struct config_status_range) { .first = 200, .last = 399 };
	check->n_expect = 1;
	return 0;
}

static int read_check(const struct config_reader *reader, const struct config_node *node,
		      struct config_check *check)
{
	struct check_values values = { .check = {
					       .type = CONFIG_CHECK_TCP,
					       .interval = 2,
					       .timeout = 1,
					       .rise = 2,
					       .fall = 3,
				       } };
	int ret;

	ret = config_read_map(reader, node, &schema, &values);
	*check = values.check;
	if (!ret)
		ret = check_type_keys(reader, node, check->type);
	if (!ret)
		ret = check_times(reader, node, check);
	return ret ? ret : set_default_texts(reader, check);
}

int config_read_checks(const struct config_reader *reader, const struct config_node *node,
		       const struct config_field *field, void *to)
{
	struct config *config = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_MAP, "a map of checks by name");
	if (ret || !node->n)
		return ret;
	config->checks = calloc(node->n, sizeof(*config->checks));
	if (!config->checks)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item && !ret; item = item->next) {
		struct config_check *check = &config->checks[config->n_checks++];

		ret = config_check_name(reader, item->key);
		if (!ret)
			ret = read_check(reader, item, check);
		if (!ret)
			ret = config_store_text(reader, item->key->text, &check->name);
	}
	return ret;
}
