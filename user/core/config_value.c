// SPDX-License-Identifier: GPL-2.0
/* Read functions for single values and plain lists of them (config_schema.h). */
#include "core/config_schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "lib/parse.h"

#define NAME_ALLOWED "1 to 63 of A-Z a-z 0-9 . _ -"

int config_store_text(const struct config_reader *reader, const char *text, char **to)
{
	char *copy = strdup(text);

	if (!copy)
		return config_fail_memory(reader);
	free(*to);
	*to = copy;
	return 0;
}

bool config_text_is(const char *text, const char *set, size_t max)
{
	size_t len = strspn(text, set);

	return len >= 1 && len <= max && !text[len];
}

static bool is_dots(const char *text)
{
	return !strcmp(text, ".") || !strcmp(text, "..");
}

int config_check_name(const struct config_reader *reader, const struct config_node *node)
{
	/* Names become part of URLs and file names, where dots alone are special. */
	if (config_text_is(node->text, CONFIG_ALNUM "._-", LP_NAME_MAX - 1) && !is_dots(node->text))
		return 0;
	return config_fail(reader, node, "%s: not a name; allowed: " NAME_ALLOWED,
			   CONFIG_QUOTE(node->text));
}

int config_check_interface_name(const struct config_reader *reader, const struct config_node *node)
{
	size_t len = strlen(node->text);
	bool valid = len >= 1 && len < 16 && !is_dots(node->text);
	int ret;

	ret = config_want(reader, node, CONFIG_NODE_SCALAR, "an interface's name");
	if (ret)
		return ret;

	/* As the kernel's dev_valid_name(), and ASCII only. */
	for (size_t i = 0; i < len && valid; i++) {
		char c = node->text[i];

		valid = c > ' ' && c <= '~' && c != '/' && c != ':';
	}
	if (valid)
		return 0;
	return config_fail(
		reader, node,
		"%s: not an interface's name; allowed: 1 to 15 characters, no / : or space",
		CONFIG_QUOTE(node->text));
}

int config_read_text(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, "a text");
	if (ret)
		return ret;
	if (!*node->text)
		return config_fail(reader, node,
				   "\"\": empty; allowed: a text of 1 character or more");
	return config_store_text(reader, node->text, to);
}

int config_read_name(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, "a name");
	if (!ret)
		ret = config_check_name(reader, node);
	return ret ? ret : config_store_text(reader, node->text, to);
}

int config_read_u32(const struct config_reader *reader, const struct config_node *node,
		    const struct config_field *field, void *to)
{
	char allowed[64];
	int ret;

	snprintf(allowed, sizeof(allowed), "a whole number from %u to %u", field->min, field->max);
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed);
	if (ret)
		return ret;
	ret = lp_parse_u32(node->text, field->min, field->max, to);
	if (ret)
		return config_fail(reader, node, "%s: %s; allowed: %s", CONFIG_QUOTE(node->text),
				   ret == -ERANGE ? "out of range" : "not a number", allowed);
	return 0;
}

int config_read_port(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	const struct config_field port = { .key = field->key, .min = 1, .max = UINT16_MAX };
	uint32_t value;
	int ret;

	ret = config_read_u32(reader, node, &port, &value);
	if (ret)
		return ret;
	*(uint16_t *)to = (uint16_t)value;
	return 0;
}

int config_read_bool(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, "true, false");
	if (ret)
		return ret;
	if (strcmp(node->text, "true") && strcmp(node->text, "false"))
		return config_fail(reader, node, "%s: not a truth value; allowed: true, false",
				   CONFIG_QUOTE(node->text));
	*(bool *)to = !strcmp(node->text, "true");
	return 0;
}

/* For "allowed:". */
static void list_words(struct config_list *list, const struct config_words *words)
{
	for (size_t i = 0; i < words->n; i++)
		config_list_add(list, words->words[i].text);
}

static const struct config_word *find_word(const struct config_words *words, const char *text)
{
	for (size_t i = 0; i < words->n; i++) {
		if (!strcmp(words->words[i].text, text))
			return &words->words[i];
	}
	return NULL;
}

int config_read_word(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	const struct config_words *words = field->words;
	struct config_list allowed = { .n = 0 };
	const struct config_word *word;
	int ret;

	list_words(&allowed, words);
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed.text);
	if (ret)
		return ret;
	word = find_word(words, node->text);
	if (!word)
		return config_fail(reader, node, "%s: no such %s; allowed: %s",
				   CONFIG_QUOTE(node->text), words->what, allowed.text);
	*(unsigned int *)to = word->value;
	return 0;
}

int config_read_duration(const struct config_reader *reader, const struct config_node *node,
			 const struct config_field *field, void *to)
{
	static const char *const allowed = "a whole number and a unit (" LP_DURATION_UNITS
					   "), like 30s";
	double seconds;
	int ret;

	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed);
	if (ret)
		return ret;
	ret = lp_parse_duration(node->text, &seconds);
	if (ret == -EINVAL)
		return config_fail(reader, node, "%s: not a duration; allowed: %s",
				   CONFIG_QUOTE(node->text), allowed);
	if (ret || seconds > CONFIG_DURATION_MAX || (field->min && seconds <= 0))
		return config_fail(reader, node, "%s: out of range; allowed: %s to 365d",
				   CONFIG_QUOTE(node->text), field->min ? "1ms" : "0s");
	*(double *)to = seconds;
	return 0;
}
