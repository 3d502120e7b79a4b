// SPDX-License-Identifier: GPL-2.0
#include "core/config_read.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX     1000u          /* of rise and fall */
#define HTTP_PATH_MAX  1024u          /* characters of a path */
#define EXPIRY_WARNING (14 * 86400.0) /* seconds */

static const struct config_word types[] = {
	{ "tcp", CONFIG_CHECK_TCP },
	{ "http", CONFIG_CHECK_HTTP },
	{ "https", CONFIG_CHECK_HTTPS },
	{ "exec", CONFIG_CHECK_EXEC },
};
static const struct config_words type_words = { "check type", types, CONFIG_COUNT(types) };

static const struct config_word ways[] = {
	{ "direct", CONFIG_VIA_DIRECT },
	{ "vip", CONFIG_VIA_VIP },
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

/* A file that limpetd reads: where it runs from must not matter. */
static int read_file_path(const struct config_reader *reader, const struct config_node *node,
			  const struct config_field *field, void *to)
{
	static const char *const allowed = "the absolute path of a file";
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed);
	if (ret)
		return ret;
	if (node->text[0] != '/' || strlen(node->text) > CONFIG_PATH_MAX)
		return config_fail(reader, node, "%s: not a path; allowed: %s",
				   CONFIG_QUOTE(node->text), allowed);
	return config_store_text(reader, node->text, to);
}

/* Names as useradd(8) takes them. Whether there is such a user is not looked at here. */
static int read_user(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	static const char *const allowed = "a user's name, 1 to 32 of A-Z a-z 0-9 . _ -";
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed);
	if (ret)
		return ret;
	if (!config_text_is(node->text, CONFIG_ALNUM "._-", 32))
		return config_fail(reader, node, "%s: not a user's name; allowed: %s",
				   CONFIG_QUOTE(node->text), allowed);
	return config_store_text(reader, node->text, to);
}

#define CHECK_FIELD(member) .offset = offsetof(struct config_check, member)

static const struct config_field fields[] = {
	{ .key = "type", .read = config_read_word, CHECK_FIELD(type), .words = &type_words },
	{ .key = "port", .read = config_read_port, CHECK_FIELD(port) },
	{ .key = "path", .read = read_path, CHECK_FIELD(path) },
	{ .key = "host", .read = read_host, CHECK_FIELD(host) },
	{ .key = "expect", .read = config_read_expect, .offset = 0 },
	{ .key = "verify", .read = config_read_bool, CHECK_FIELD(verify) },
	{ .key = "ca", .read = read_file_path, CHECK_FIELD(ca) },
	{ .key = "expiry_warning", .read = config_read_duration, CHECK_FIELD(expiry_warning) },
	{ .key = "command", .read = config_read_command, .offset = 0 },
	{ .key = "user", .read = read_user, CHECK_FIELD(user) },
	{ .key = "via", .read = config_read_word, CHECK_FIELD(via), .words = &via_words },
	{ .key = "interval", .read = config_read_duration, CHECK_FIELD(interval), .min = 1 },
	{ .key = "timeout", .read = config_read_duration, CHECK_FIELD(timeout), .min = 1 },
	{ .key = "rise", .read = config_read_u32, CHECK_FIELD(rise), .min = 1, .max = ROUNDS_MAX },
	{ .key = "fall", .read = config_read_u32, CHECK_FIELD(fall), .min = 1, .max = ROUNDS_MAX },
};
static const struct config_schema schema = { "a map with the keys of a check", fields,
					     CONFIG_COUNT(fields) };

/* Keys that only some types of checks understand. */
static const struct {
	const char *key;
	unsigned int types; /* 1 << type of each */
	const char *allowed;
} type_keys[] = {
	{ "path", 1 << CONFIG_CHECK_HTTP | 1 << CONFIG_CHECK_HTTPS, "http and https" },
	{ "host", 1 << CONFIG_CHECK_HTTP | 1 << CONFIG_CHECK_HTTPS, "http and https" },
	{ "expect", 1 << CONFIG_CHECK_HTTP | 1 << CONFIG_CHECK_HTTPS, "http and https" },
	{ "verify", 1 << CONFIG_CHECK_HTTPS, "https" },
	{ "ca", 1 << CONFIG_CHECK_HTTPS, "https" },
	{ "expiry_warning", 1 << CONFIG_CHECK_HTTPS, "https" },
	{ "command", 1 << CONFIG_CHECK_EXEC, "exec" },
	{ "user", 1 << CONFIG_CHECK_EXEC, "exec" },
};

static int fail_other_type(const struct config_reader *reader, const struct config_node *value,
			   const char *allowed)
{
	bool quote = value->type == CONFIG_NODE_SCALAR;

	return config_fail(reader, value, "%s%sonly for checks of type %s",
			   quote ? CONFIG_QUOTE(value->text) : "", quote ? ": " : "", allowed);
}

static int check_type_keys(const struct config_reader *reader, const struct config_node *node,
			   enum config_check_type type)
{
	for (size_t i = 0; i < CONFIG_COUNT(type_keys); i++) {
		const struct config_node *value = config_node_get(node, type_keys[i].key);

		if (value && !(type_keys[i].types & 1u << type))
			return fail_other_type(reader, value, type_keys[i].allowed);
	}
	if (type == CONFIG_CHECK_EXEC && !config_node_get(node, "command"))
		return config_fail_missing(reader, node, "command",
					   "checks of type exec need this key");
	return 0;
}

/* Roots that nobody asks would be a check that seems to verify. */
static int check_ca(const struct config_reader *reader, const struct config_node *node,
		    const struct config_check *check)
{
	const struct config_node *ca = config_node_get(node, "ca");

	if (!ca || check->verify)
		return 0;
	return config_fail(reader, ca, "%s: only with verify: true", CONFIG_QUOTE(ca->text));
}

/* What a program sends nobody marks. */
static int check_via(const struct config_reader *reader, const struct config_node *node,
		     const struct config_check *check)
{
	const struct config_node *via = config_node_get(node, "via");

	if (check->type != CONFIG_CHECK_EXEC || check->via == CONFIG_VIA_DIRECT)
		return 0;
	return config_fail(reader, via, "%s: only for checks of type tcp, http and https",
			   CONFIG_QUOTE(via->text));
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
	int ret;

	*check = (struct config_check) {
		.type = CONFIG_CHECK_TCP,
		.interval = 2,
		.timeout = 1,
		.rise = 2,
		.fall = 3,
		.expiry_warning = EXPIRY_WARNING,
	};
	ret = config_read_map(reader, node, &schema, check);
	if (!ret)
		ret = check_type_keys(reader, node, check->type);
	if (!ret)
		ret = check_ca(reader, node, check);
	if (!ret)
		ret = check_via(reader, node, check);
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
