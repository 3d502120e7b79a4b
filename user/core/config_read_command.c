// SPDX-License-Identifier: GPL-2.0
/* The command of an exec check: a program and its arguments, which no shell reads. */
#include "core/config_read.h"

#include <stdlib.h>
#include <string.h>

#define COMMAND_ALLOWED                                                                            \
	"a list of a program, by its absolute path, and its arguments, like "                      \
	"[/usr/local/lib/check-db, --fast]"
#define WORD_MAX 4096u /* bytes of one argument */

static int read_word(const struct config_reader *reader, const struct config_node *node, char **to)
{
	int ret = config_want(reader, node, CONFIG_NODE_SCALAR, "a text");

	if (ret)
		return ret;
	if (!node->index && (node->text[0] != '/' || strlen(node->text) > CONFIG_PATH_MAX))
		return config_fail(
			reader, node,
			"%s: not the absolute path of a program; allowed: " COMMAND_ALLOWED,
			CONFIG_QUOTE(node->text));
	if (strlen(node->text) > WORD_MAX)
		return config_fail(reader, node, "%s: too long; allowed: %u bytes",
				   CONFIG_QUOTE(node->text), WORD_MAX);
	return config_store_text(reader, node->text, to);
}

int config_read_command(const struct config_reader *reader, const struct config_node *node,
			const struct config_field *field, void *to)
{
	struct config_check *check = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_LIST, COMMAND_ALLOWED);
	if (ret)
		return ret;
	if (!node->n)
		return config_fail(reader, node, "no program; allowed: " COMMAND_ALLOWED);
	if (node->n > CONFIG_COMMAND_MAX)
		return config_fail(reader, node, "%zu words; allowed: at most %u", node->n,
				   CONFIG_COMMAND_MAX);
	check->command = calloc(node->n + 1, sizeof(*check->command));
	if (!check->command)
		return config_fail_memory(reader);
	check->n_command = node->n;
	for (const struct config_node *item = node->first; item && !ret; item = item->next)
		ret = read_word(reader, item, &check->command[item->index]);
	return ret;
}
