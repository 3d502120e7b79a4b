/* SPDX-License-Identifier: GPL-2.0 */
/* From libfyaml's events, one after the other, to a tree (config_yaml.h). */
#ifndef LIMPET_CORE_CONFIG_BUILD_H
#define LIMPET_CORE_CONFIG_BUILD_H

#include "core/config_yaml.h"

struct fy_event;

struct config_builder {
	const struct config_reader *reader;
	struct config_tree *tree;
	struct config_node *open; /* map or list that is being filled */
	struct config_node *key;  /* of the value that comes next */
	unsigned int depth, documents;
};

/* Adds what an event says. Fails at what a configuration may not have. */
int config_build(struct config_builder *builder, struct fy_event *event);

/* Zeroed memory that lives as long as the tree; NULL: there is none. */
void *config_tree_alloc(struct config_tree *tree, size_t size);

#endif
