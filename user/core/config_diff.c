// SPDX-License-Identifier: GPL-2.0
#include "core/config_diff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config_diff_value.h"
#include "core/config_yaml.h"

/* Where in the configuration a comparison is. */
struct place {
	struct config_diff *diff;
	const char *thing;
	const char *name;
	const char *path; /* "affinity.", in front of keys; "" at the top of a thing */
};

/* One side's entry of a map, or of a list of things with names. */
struct member {
	const char *name;
	const struct config_node *node;
};

/* One thing or key that is on one side or on both; the other is NULL. */
typedef int (*pair_fn)(const struct place *place, const char *name, const struct config_node *old,
		       const struct config_node *new);

/* --- what is found ------------------------------------------------------------------ */

static int grow(struct config_diff *diff)
{
	size_t room = diff->room ? 2 * diff->room : 16;
	struct config_change *changes;

	if (diff->n < diff->room)
		return 0;
	changes = reallocarray(diff->changes, room, sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	diff->changes = changes;
	diff->room = room;
	return 0;
}

/* Takes `text`, NULL for want of memory included. */
static int add(const struct place *place, enum config_change_kind kind, char *text)
{
	struct config_change change = {
		.kind = kind,
		.thing = place->thing,
		.name = strdup(place->name),
		.text = text,
	};

	if (!change.name || !text || grow(place->diff)) {
		free(change.name);
		free(text);
		return -ENOMEM;
	}
	place->diff->changes[place->diff->n++] = change;
	return 0;
}

/* --- matching by name --------------------------------------------------------------- */

static const char *name_of(const struct config_node *node)
{
	const struct config_node *name;

	if (node->key)
		return node->key->text;
	name = node->type == CONFIG_NODE_MAP ? config_node_get(node, "name") : NULL;
	return name ? name->text : node->text;
}

static int compare_members(const void *left, const void *right)
{
	const struct member *a = left, *b = right;

	return strcmp(a->name, b->name);
}

/* The entries of a map or list by name; of a NULL one, none. */
static struct member *sorted_members(const struct config_node *node, size_t *n)
{
	const struct config_node *child = node ? node->first : NULL;
	struct member *members;

	*n = node ? node->n : 0;
	members = calloc(*n + 1, sizeof(*members));
	if (!members)
		return NULL;
	for (size_t i = 0; i < *n && child; i++, child = child->next)
		members[i] = (struct member) { name_of(child), child };
	qsort(members, *n, sizeof(*members), compare_members);
	return members;
}

static int merge(const struct place *place, const struct member *old, size_t n_old,
		 const struct member *new, size_t n_new, pair_fn pair)
{
	size_t i = 0, j = 0;
	int ret = 0;

	while ((i < n_old || j < n_new) && !ret) {
		int diff = i == n_old ? 1 : j == n_new ? -1 : strcmp(old[i].name, new[j].name);
		const struct config_node *before = diff <= 0 ? old[i].node : NULL;
		const struct config_node *after = diff >= 0 ? new[j].node : NULL;

		ret = pair(place, diff <= 0 ? old[i].name : new[j].name, before, after);
		i += diff <= 0;
		j += diff >= 0;
	}
	return ret;
}

/* Calls `pair` for each name that is in one or both of two maps or lists. */
static int each_pair(const struct place *place, const struct config_node *old,
		     const struct config_node *new, pair_fn pair)
{
	size_t n_old, n_new;
	struct member *before = sorted_members(old, &n_old);
	struct member *after = sorted_members(new, &n_new);
	int ret = -ENOMEM;

	if (before && after)
		ret = merge(place, before, n_old, after, n_new, pair);
	free(before);
	free(after);
	return ret;
}

/* --- things and their keys ---------------------------------------------------------- */

static int compare_key(const struct place *place, const char *key, const struct config_node *old,
		       const struct config_node *new);

static bool is_map(const struct config_node *node)
{
	return !node || node->type == CONFIG_NODE_MAP;
}

/* "affinity" on both sides, or on one: its keys count one by one. */
static int compare_maps(const struct place *place, const char *key, const struct config_node *old,
			const struct config_node *new)
{
	struct place below = *place;
	char *path;
	int ret;

	if (asprintf(&path, "%s%s.", place->path, key) < 0)
		return -ENOMEM;
	below.path = path;
	ret = each_pair(&below, old, new, compare_key);
	free(path);
	return ret;
}

static int compare_backend(const struct place *place, const char *name,
			   const struct config_node *old, const struct config_node *new);

/* What has a list of its own in the answer is not a key of its pool. */
static bool is_backends(const struct place *place, const char *key)
{
	return !strcmp(place->thing, "pool") && !*place->path && !strcmp(key, "backends");
}

static int compare_key(const struct place *place, const char *key, const struct config_node *old,
		       const struct config_node *new)
{
	if (is_backends(place, key))
		return each_pair(place, old, new, compare_backend);
	if (is_map(old) && is_map(new))
		return compare_maps(place, key, old, new);
	if (config_values_same(old, new))
		return 0;
	return add(place, CONFIG_CHANGED, config_values_describe(place->path, key, old, new));
}

/* A thing with a name: there, gone, or with other keys. */
static int compare_thing(const struct place *place, const char *name, const struct config_node *old,
			 const struct config_node *new)
{
	struct place here = *place;
	int ret;

	here.name = name;
	if (old && new)
		return each_pair(&here, old, new, compare_key);
	ret = add(&here, new ? CONFIG_ADDED : CONFIG_REMOVED,
		  new ? config_value_keys(new) : strdup(""));
	if (!ret && !strcmp(place->thing, "pool"))
		ret = each_pair(&here, config_node_get(old, "backends"),
				config_node_get(new, "backends"), compare_backend);
	return ret;
}

static int compare_backend(const struct place *place, const char *name,
			   const struct config_node *old, const struct config_node *new)
{
	struct place here = *place;
	char *full;
	int ret;

	if (asprintf(&full, "%s/%s", place->name, name) < 0)
		return -ENOMEM;
	here.thing = "backend";
	here.path = "";
	ret = compare_thing(&here, full, old, new);
	free(full);
	return ret;
}

/* --- all ---------------------------------------------------------------------------- */

static const struct {
	const char *key, *thing;
} sections[] = {
	{ "interfaces", "interface" },
	{ "checks", "check" },
	{ "pools", "pool" },
	{ "vips", "vip" },
};

static int compare_seed(struct config_diff *diff, const struct config_node *old,
			const struct config_node *new)
{
	const struct place place = { diff, "seed", "", "" };

	if (old && new && !strcmp(old->text, new->text))
		return 0;
	return add(&place, CONFIG_CHANGED, strdup(""));
}

static int compare_roots(struct config_diff *diff, const struct config_node *old,
			 const struct config_node *new)
{
	int ret = compare_seed(diff, config_node_get(old, "seed"), config_node_get(new, "seed"));

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !ret; i++) {
		const struct place place = { diff, sections[i].thing, "", "" };

		ret = each_pair(&place, config_node_get(old, sections[i].key),
				config_node_get(new, sections[i].key), compare_thing);
	}
	return ret;
}

/* A pool's backends are found inside it: they go behind all pools. */
static size_t rank(const char *thing)
{
	static const char *const order[] = {
		"seed", "interface", "check", "pool", "backend", "vip"
	};
	size_t i = 0;

	while (strcmp(order[i], thing) != 0)
		i++;
	return i;
}

/* Changes of one thing keep the order in which they were found: that of their keys. */
static void sort_things(struct config_diff *diff)
{
	struct config_change *sorted = diff->changes;
	struct config_change *copy = calloc(diff->n + 1, sizeof(*copy));
	size_t at = 0;

	if (!copy)
		return; /* another order is no other content */
	memcpy(copy, sorted, diff->n * sizeof(*copy));
	for (size_t thing = 0; at < diff->n; thing++)
		for (size_t i = 0; i < diff->n; i++)
			if (rank(copy[i].thing) == thing)
				sorted[at++] = copy[i];
	free(copy);
}

static int parse(const char *text, size_t len, struct config_tree **tree)
{
	const struct config_source source = { .name = "", .text = text, .len = len };
	const struct config_reader reader = { .source = &source };

	return config_tree_parse(&reader, tree);
}

int config_diff_make(const char *old, size_t old_len, const char *new, size_t new_len,
		     struct config_diff **out)
{
	struct config_tree *before = NULL, *after = NULL;
	struct config_diff *diff = calloc(1, sizeof(*diff));
	int ret = diff ? parse(old, old_len, &before) : -ENOMEM;

	if (!ret)
		ret = parse(new, new_len, &after);
	if (!ret)
		ret = compare_roots(diff, before->root, after->root);
	config_tree_free(&before);
	config_tree_free(&after);
	if (ret) {
		config_diff_free(&diff);
		return ret;
	}
	if (diff->n)
		sort_things(diff);
	*out = diff;
	return 0;
}

const char *config_change_name(enum config_change_kind kind)
{
	static const char *const names[] = {
		[CONFIG_ADDED] = "added",
		[CONFIG_REMOVED] = "removed",
		[CONFIG_CHANGED] = "changed",
	};

	return names[kind];
}

void config_diff_free(struct config_diff **diff)
{
	if (!*diff)
		return;
	for (size_t i = 0; i < (*diff)->n; i++) {
		free((*diff)->changes[i].name);
		free((*diff)->changes[i].text);
	}
	free((*diff)->changes);
	free(*diff);
	*diff = NULL;
}
