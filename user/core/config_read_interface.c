// SPDX-License-Identifier: GPL-2.0
#include "core/config_read.h"

#include <stdlib.h>

static const struct config_word modes[] = {
	{ "auto", CONFIG_XDP_AUTO },
	{ "native", CONFIG_XDP_NATIVE },
	{ "generic", CONFIG_XDP_GENERIC },
};
static const struct config_words mode_words = { "XDP mode", modes, CONFIG_COUNT(modes) };

static int read_interface_name(const struct config_reader *reader, const struct config_node *node,
			       const struct config_field *field, void *to)
{
	int ret = config_check_interface_name(reader, node);

	(void)field;
	return ret ? ret : config_store_text(reader, node->text, to);
}

static const struct config_field fields[] = {
	{ .key = "name",
	  .read = read_interface_name,
	  .offset = offsetof(struct config_interface, name),
	  .required = true },
	{ .key = "mode",
	  .read = config_read_word,
	  .offset = offsetof(struct config_interface, mode),
	  .words = &mode_words },
	{ .key = "reject_sources",
	  .read = config_read_prefixes,
	  .offset = offsetof(struct config_interface, reject_sources) },
	{ .key = "allow_hairpin",
	  .read = config_read_prefixes,
	  .offset = offsetof(struct config_interface, allow_hairpin) },
};
static const struct config_schema schema = { "a map with name and mode", fields,
					     CONFIG_COUNT(fields) };

static int read_interface(const struct config_reader *reader, const struct config_node *node,
			  struct config_interface *interface)
{
	interface->mode = CONFIG_XDP_AUTO;
	return config_read_map(reader, node, &schema, interface);
}

static int check_unique_names(const struct config_reader *reader, const struct config_node *node,
			      const struct config *config)
{
	struct config_index index;
	int ret;

	if (config_index_open(&index, config->n_interfaces, config_compare_text))
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next)
		config_index_add(&index, config->interfaces[item->index].name,
				 config_node_get(item, "name"));
	ret = config_check_unique(reader, &index, "interface");
	config_index_close(&index);
	return ret;
}

int config_read_interfaces(const struct config_reader *reader, const struct config_node *node,
			   const struct config_field *field, void *to)
{
	struct config *config = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_LIST, "a list of interfaces, one or more");
	if (ret)
		return ret;
	if (!node->n)
		return config_fail(reader, node, "no interfaces; allowed: one or more");
	config->interfaces = calloc(node->n, sizeof(*config->interfaces));
	if (!config->interfaces)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next) {
		ret = read_interface(reader, item, &config->interfaces[config->n_interfaces++]);
		if (ret)
			return ret;
	}
	return check_unique_names(reader, node, config);
}
