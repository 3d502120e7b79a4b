/* SPDX-License-Identifier: GPL-2.0 */
/*
 * YAML text to a tree of nodes that know their place in the text.
 *
 * libfyaml's event parser reads; the tree is ours, because its own documents
 * keep no place for maps and lists, search maps linearly, and resolve aliases,
 * with which a small file can describe a huge document. What a configuration
 * does not need is refused: aliases and anchors, tags, several documents,
 * directives of unknown kinds, keys that are not plain words, nesting deeper
 * than CONFIG_DEPTH_MAX. Duplicate keys are found here.
 */
#ifndef LIMPET_CORE_CONFIG_YAML_H
#define LIMPET_CORE_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config_error.h"

#define CONFIG_DEPTH_MAX 16
#define CONFIG_NODES_MAX (4u << 20) /* bounds the memory that a text can ask for */

enum config_node_type { CONFIG_NODE_SCALAR, CONFIG_NODE_LIST, CONFIG_NODE_MAP };

struct config_node {
	enum config_node_type type;
	bool null;        /* a scalar that is empty, ~ or null, and not quoted */
	size_t at, end;   /* bytes in the source, quotes included; of maps and lists, their
			     beginning, or their key where they begin on a line of
			     their own */
	const char *text; /* of a scalar, unescaped; "" of others */
	struct config_node *parent;
	struct config_node *key;                 /* of a value in a map; a key is its own key */
	struct config_node *first, *last, *next; /* values, in order of the file */
	size_t n;                                /* of them */
	size_t index;                            /* among its parent's */
};

struct config_tree {
	struct config_node *root; /* NULL: the text is empty */
	struct config_chunk *chunks;
	size_t n_nodes;
};

/* Parses the reader's source. On success *out is the caller's. */
int config_tree_parse(const struct config_reader *reader, struct config_tree **out);

/* Frees and sets *tree to NULL. */
void config_tree_free(struct config_tree **tree);

/* The value of `key` in a map, or NULL; NULL for a NULL map. */
const struct config_node *config_node_get(const struct config_node *map, const char *key);

/* The value number i of a map or list, which has it. */
const struct config_node *config_node_child(const struct config_node *node, size_t i);

/* Bytes from the beginning that are valid UTF-8 (RFC 3629). */
size_t config_utf8_valid(const char *text, size_t len);

#endif
