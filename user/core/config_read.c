// SPDX-License-Identifier: GPL-2.0
#include "core/config_read.h"

static const struct config_field root_fields[] = {
	{ .key = "seed",
	  .read = config_read_text,
	  .offset = offsetof(struct config, seed),
	  .required = true },
	{ .key = "interfaces", .read = config_read_interfaces, .required = true },
	{ .key = "checks", .read = config_read_checks },
	{ .key = "pools", .read = config_read_pools },
	{ .key = "vips", .read = config_read_vips },
};

static const struct config_schema root_schema = {
	"a map with seed, interfaces, checks, pools, vips", root_fields, CONFIG_COUNT(root_fields)
};

int config_read(const struct config_reader *reader, const struct config_node *root,
		struct config *config)
{
	return config_read_map(reader, root, &root_schema, config);
}

int config_check_unique(const struct config_reader *reader, struct config_index *index,
			const char *what)
{
	const struct config_entry *first, *second;

	config_index_sort(index);
	if (!config_index_duplicate(index, &first, &second))
		return 0;
	return config_fail(reader, second->node, "%s: this %s is already there, at line %zu",
			   CONFIG_QUOTE(second->node->text), what,
			   config_line(reader, first->node));
}
