// SPDX-License-Identifier: GPL-2.0
#include "core/config_build.h"

#include <libfyaml.h>
#include <string.h>

#include "core/config_index.h"

/* Keys come before values: the value of a key has the key's place if it has none. */
static void set_place(struct config_builder *builder, struct config_node *node,
		      struct fy_event *event)
{
	const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);

	if (start && end) {
		node->at = start->input_pos;
		node->end = end->input_pos;
	} else if (builder->key) {
		node->at = builder->key->at;
		node->end = builder->key->end;
	} else if (builder->open) {
		node->at = builder->open->at;
		node->end = builder->open->end;
	}
}

static int fail_here(struct config_builder *builder, struct fy_event *event, const char *message)
{
	struct config_node place = { 0 };

	set_place(builder, &place, event);
	return config_fail_text(builder->reader->source, place.at, place.end, builder->reader->err,
				"%s", message);
}

static int fail_at_token(struct config_builder *builder, struct fy_token *token,
			 const char *message)
{
	const struct fy_mark *start = fy_token_start_mark(token), *end = fy_token_end_mark(token);

	return config_fail_text(builder->reader->source, start ? start->input_pos : 0,
				end ? end->input_pos : 0, builder->reader->err, "%s", message);
}

static int new_node(struct config_builder *builder, struct fy_event *event,
		    enum config_node_type type, struct config_node **out)
{
	struct config_node *node;

	if (builder->tree->n_nodes >= CONFIG_NODES_MAX)
		return fail_here(builder, event, "too many values in one file");
	node = config_tree_alloc(builder->tree, sizeof(*node));
	if (!node)
		return config_fail_memory(builder->reader);
	builder->tree->n_nodes++;
	node->type = type;
	node->text = "";
	set_place(builder, node, event);
	*out = node;
	return 0;
}

/* Puts a finished node where it belongs: the key, or the next value, of what is open. */
static void attach(struct config_builder *builder, struct config_node *node)
{
	struct config_node *open = builder->open;

	node->parent = open;
	if (!open) {
		builder->tree->root = node;
		return;
	}
	if (open->type == CONFIG_NODE_MAP && !builder->key) {
		node->key = node;
		builder->key = node;
		return;
	}
	node->key = builder->key;
	builder->key = NULL;
	node->index = open->n++;
	if (open->last)
		open->last->next = node;
	else
		open->first = node;
	open->last = node;
}

static bool expects_key(const struct config_builder *builder)
{
	return builder->open && builder->open->type == CONFIG_NODE_MAP && !builder->key;
}

/* The marks of a quoted scalar leave its quotes out. */
static void include_quotes(const struct config_source *source, struct config_node *node)
{
	if (node->at && node->end < source->len) {
		node->at--;
		node->end++;
	}
}

static bool is_null_word(const char *text)
{
	return !*text || !strcmp(text, "~") || !strcmp(text, "null");
}

static int set_text(struct config_builder *builder, struct config_node *node,
		    struct fy_event *event)
{
	size_t len = 0;
	const char *text = fy_token_get_text(event->scalar.value, &len);
	char *copy;

	if (!text && len)
		return config_fail_memory(builder->reader);
	if (len && memchr(text, '\0', len))
		return fail_here(builder, event, "a zero character in a text");
	copy = config_tree_alloc(builder->tree, len + 1);
	if (!copy)
		return config_fail_memory(builder->reader);
	if (len)
		memcpy(copy, text, len);
	node->text = copy;
	return 0;
}

static int add_scalar(struct config_builder *builder, struct fy_event *event)
{
	enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
	struct config_node *node;
	int ret;

	ret = new_node(builder, event, CONFIG_NODE_SCALAR, &node);
	if (ret)
		return ret;
	/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): ret was 0 */
	ret = set_text(builder, node, event);
	if (ret)
		return ret;
	if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
		include_quotes(builder->reader->source, node);
	node->null = style == FYSS_PLAIN && is_null_word(node->text);
	if (expects_key(builder) && node->null)
		return fail_here(builder, event, "a key is missing here");
	attach(builder, node);
	return 0;
}

static int open_container(struct config_builder *builder, struct fy_event *event,
			  enum config_node_type type)
{
	struct config_node *node;
	int ret;

	if (expects_key(builder))
		return fail_here(builder, event, "a key must be a plain word");
	if (builder->depth >= CONFIG_DEPTH_MAX)
		return fail_here(builder, event, "maps and lists are nested too deeply");
	ret = new_node(builder, event, type, &node);
	if (ret)
		return ret;
	/* In block style it begins at its first item; its key says better what it is. */
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): ret was 0 */
	if (node->at == node->end && builder->key) {
		node->at = builder->key->at;
		node->end = builder->key->end;
	}
	attach(builder, node);
	builder->depth++;
	builder->open = node;
	return 0;
}

/* Refuses a key that stands twice in a map. */
static int check_duplicate_keys(const struct config_builder *builder, const struct config_node *map)
{
	const struct config_entry *first, *second;
	struct config_index index;
	int ret = 0;

	if (config_index_open(&index, map->n, config_compare_text))
		return config_fail_memory(builder->reader);
	for (const struct config_node *node = map->first; node; node = node->next)
		config_index_add(&index, node->key->text, node->key);
	config_index_sort(&index);
	if (config_index_duplicate(&index, &first, &second))
		ret = config_fail(builder->reader, second->node,
				  "this key is already there, at line %zu",
				  config_line(builder->reader, first->node));
	config_index_close(&index);
	return ret;
}

static int close_container(struct config_builder *builder)
{
	struct config_node *node = builder->open;

	builder->open = node->parent;
	builder->depth--;
	/* A container is never a key, so the key that was set is used up. */
	builder->key = NULL;
	return node->type == CONFIG_NODE_MAP ? check_duplicate_keys(builder, node) : 0;
}

static int open_document(struct config_builder *builder, struct fy_event *event)
{
	if (builder->documents++)
		return fail_here(builder, event, "a second document begins here; one is allowed");
	return 0;
}

/* Anchors and tags, which any node may carry. */
static int refuse_properties(struct config_builder *builder, struct fy_event *event)
{
	struct fy_token *anchor = fy_event_get_anchor_token(event);
	struct fy_token *tag = fy_event_get_tag_token(event);

	if (event->type == FYET_ALIAS)
		return fail_here(builder, event, "anchors and aliases are not allowed");
	if (anchor)
		return fail_at_token(builder, anchor, "anchors and aliases are not allowed");
	if (tag)
		return fail_at_token(builder, tag, "tags are not allowed");
	return 0;
}

static int handle_node(struct config_builder *builder, struct fy_event *event)
{
	int ret = refuse_properties(builder, event);

	if (ret)
		return ret;
	switch (event->type) {
	case FYET_SCALAR:
		return add_scalar(builder, event);
	case FYET_SEQUENCE_START:
		return open_container(builder, event, CONFIG_NODE_LIST);
	default:
		return open_container(builder, event, CONFIG_NODE_MAP);
	}
}

int config_build(struct config_builder *builder, struct fy_event *event)
{
	switch (event->type) {
	case FYET_DOCUMENT_START:
		return open_document(builder, event);
	case FYET_ALIAS:
	case FYET_SCALAR:
	case FYET_SEQUENCE_START:
	case FYET_MAPPING_START:
		return handle_node(builder, event);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		return close_container(builder);
	default:
		return 0;
	}
}
