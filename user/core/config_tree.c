// SPDX-License-Identifier: GPL-2.0
/* The memory of a tree, and finding in it. */
#include "core/config_yaml.h"

#include <stdlib.h>
#include <string.h>

#include "core/config_build.h"

#define CHUNK_BYTES 65536u

/* Memory of a tree: nodes and texts, freed together. */
struct config_chunk {
	struct config_chunk *next;
	size_t size, used;
	_Alignas(max_align_t) char bytes[];
};

static struct config_chunk *add_chunk(struct config_tree *tree, size_t size)
{
	struct config_chunk *chunk = malloc(sizeof(*chunk) + size);

	if (!chunk)
		return NULL;
	chunk->size = size;
	chunk->used = 0;
	chunk->next = tree->chunks;
	tree->chunks = chunk;
	return chunk;
}

void *config_tree_alloc(struct config_tree *tree, size_t size)
{
	struct config_chunk *chunk = tree->chunks;
	void *memory;

	size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (!chunk || chunk->size - chunk->used < size)
		chunk = add_chunk(tree, size > CHUNK_BYTES ? size : CHUNK_BYTES);
	if (!chunk)
		return NULL;
	memory = chunk->bytes + chunk->used;
	chunk->used += size;
	memset(memory, 0, size);
	return memory;
}

void config_tree_free(struct config_tree **tree)
{
	if (!*tree)
		return;
	while ((*tree)->chunks) {
		struct config_chunk *next = (*tree)->chunks->next;

		free((*tree)->chunks);
		(*tree)->chunks = next;
	}
	free(*tree);
	*tree = NULL;
}

const struct config_node *config_node_get(const struct config_node *map, const char *key)
{
	for (const struct config_node *node = map ? map->first : NULL; node; node = node->next) {
		if (node->key && !strcmp(node->key->text, key))
			return node;
	}
	return NULL;
}

const struct config_node *config_node_child(const struct config_node *node, size_t i)
{
	const struct config_node *child = node->first;

	while (i--)
		child = child->next;
	return child;
}
