// SPDX-License-Identifier: GPL-2.0
#include "core/config_schema.h"

#include <string.h>

static const char *const type_names[] = {
	[CONFIG_NODE_SCALAR] = "one value",
	[CONFIG_NODE_LIST] = "a list",
	[CONFIG_NODE_MAP] = "a map",
};

int config_want(const struct config_reader *reader, const struct config_node *node,
		enum config_node_type type, const char *allowed)
{
	if (node->null && type == CONFIG_NODE_SCALAR)
		return config_fail(reader, node, "no value; allowed: %s", allowed);
	if (node->type == type || node->null)
		return 0;
	if (node->type == CONFIG_NODE_SCALAR)
		return config_fail(reader, node, "%s: not %s; allowed: %s",
				   CONFIG_QUOTE(node->text), type_names[type], allowed);
	return config_fail(reader, node, "%s, not %s; allowed: %s", type_names[node->type],
			   type_names[type], allowed);
}

static int fail_unknown_key(const struct config_reader *reader, const struct config_node *key,
			    const struct config_schema *schema)
{
	struct config_nearest nearest = { .word = key->text };
	struct config_list list = { .n = 0 };
	struct config_quoted hint;

	for (size_t i = 0; i < schema->n; i++) {
		config_nearest_offer(&nearest, schema->fields[i].key);
		config_list_add(&list, schema->fields[i].key);
	}
	return config_fail(reader, key, "unknown key%s; allowed: %s",
			   config_nearest_hint(&nearest, &hint), list.text);
}

static const struct config_field *find_field(const struct config_schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->n; i++) {
		if (!strcmp(schema->fields[i].key, key))
			return &schema->fields[i];
	}
	return NULL;
}

static int check_required(const struct config_reader *reader, const struct config_node *map,
			  const struct config_schema *schema)
{
	for (size_t i = 0; i < schema->n; i++) {
		const struct config_field *field = &schema->fields[i];

		if (field->required && !config_node_get(map, field->key))
			return config_fail_missing(reader, map, field->key,
						   "this key is required and missing");
	}
	return 0;
}

int config_read_map(const struct config_reader *reader, const struct config_node *node,
		    const struct config_schema *schema, void *object)
{
	int ret;

	ret = config_want(reader, node, CONFIG_NODE_MAP, schema->what);
	for (const struct config_node *value = node->first; value && !ret; value = value->next) {
		const struct config_field *field = find_field(schema, value->key->text);

		if (!field)
			return fail_unknown_key(reader, value->key, schema);
		ret = field->read(reader, value, field, (char *)object + field->offset);
	}
	return ret ? ret : check_required(reader, node, schema);
}
