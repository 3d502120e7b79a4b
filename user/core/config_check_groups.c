// SPDX-License-Identifier: GPL-2.0
/*
 * Affinity groups: one client has to mean one server for all VIPs of a group, so
 * they have one slot table, which is a matter of their pools' members, and agree
 * in what a client is and for how long it is remembered.
 */
#include "core/config_check.h"

#include <stdlib.h>
#include <string.h>

#include "core/config_members.h"
#include "core/config_schema.h"

/* A VIP of a group. */
struct member {
	const struct config_node *vip;
	const struct config_node *group;
	const struct config_vip *values;
	const struct config_pool_members *pool;
};

struct groups {
	const struct config_checker *checker;
	struct config_members pools;
	struct config_index names;        /* VIPs by group, those of one in the order of the file */
	const struct config_node **first; /* of each VIP: `group` of the first VIP of its group */
};

/* What all VIPs of a group have to agree in, beside the pool. */
static const struct setting {
	const char *key;
	const char *normal; /* what it is without the key */
	size_t offset, size;
} settings[] = {
	{ "timeout", "30m", offsetof(struct config_vip, affinity_timeout), sizeof(double) },
	{ "mask", "32", offsetof(struct config_vip, mask), sizeof(unsigned int) },
	{ "mask6", "64", offsetof(struct config_vip, mask6), sizeof(unsigned int) },
};

static struct member member_of(const struct groups *groups, const struct config_node *group)
{
	const struct config_checker *checker = groups->checker;
	const struct config_node *vip = group->parent->parent;
	const struct config_vip *values = &checker->config->vips[vip->index];
	const struct config_entry *pool = config_index_find(&checker->pool_names, values->pool);

	/* config_check_vips() has seen to it that the pool is there. */
	return (struct member) { vip, group, values, &groups->pools.pools[pool->i] };
}

static int check_pools(const struct config_reader *reader, const struct member *a,
		       const struct member *b)
{
	struct config_difference difference;

	if (a->pool->class == b->pool->class)
		return 0;
	return config_fail(reader, b->group,
			   "%s: VIP \"%s\" (line %zu) uses pool \"%s\", VIP \"%s\" uses pool "
			   "\"%s\", and their members differ (%s): one client could not stay on "
			   "one server",
			   CONFIG_QUOTE(b->group->text), a->vip->key->text,
			   config_line(reader, config_node_get(a->vip, "pool")), a->values->pool,
			   b->vip->key->text, b->values->pool,
			   config_members_explain(a->pool, b->pool, &difference));
}

static int fail_setting(const struct config_reader *reader, const struct setting *setting,
			const struct member *a, const struct member *b)
{
	const struct config_node *x = config_node_get(a->group->parent, setting->key);
	const struct config_node *y = config_node_get(b->group->parent, setting->key);

	return config_fail(
		reader, y ? y : b->group,
		"%s: %s is %s%s in VIP \"%s\" (line %zu) and %s%s in VIP \"%s\", both of "
		"group \"%s\"; allowed: one %s for all VIPs of a group",
		CONFIG_QUOTE(y ? y->text : b->group->text), setting->key,
		x ? x->text : setting->normal, x ? "" : " (the default)", a->vip->key->text,
		config_line(reader, x ? x : a->group), y ? y->text : setting->normal,
		y ? "" : " (the default)", b->vip->key->text, b->group->text, setting->key);
}

static int check_settings(const struct config_reader *reader, const struct member *a,
			  const struct member *b)
{
	for (size_t i = 0; i < CONFIG_COUNT(settings); i++) {
		const struct setting *setting = &settings[i];

		if (memcmp((const char *)a->values + setting->offset,
			   (const char *)b->values + setting->offset, setting->size))
			return fail_setting(reader, setting, a, b);
	}
	return 0;
}

/* Each VIP against the first of its group, so that the first error of the file is found. */
static int check_members(const struct groups *groups)
{
	const struct config_checker *checker = groups->checker;
	int ret;

	config_for_each(vip, checker->vips)
	{
		const struct config_node *first = groups->first[vip->index];
		struct member a, b;

		if (!first || first->parent->parent == vip)
			continue;
		a = member_of(groups, first);
		b = member_of(groups, config_node_get(config_node_get(vip, "affinity"), "group"));
		ret = check_pools(checker->reader, &a, &b);
		if (!ret)
			ret = check_settings(checker->reader, &a, &b);
		if (ret)
			return ret;
	}
	return 0;
}

/* Of names that are sorted: how far those of one group reach. */
static size_t group_end(const struct config_index *names, size_t begin)
{
	size_t end = begin + 1;

	while (end < names->n &&
	       !names->compare(names->entries[begin].key, names->entries[end].key))
		end++;
	return end;
}

static struct config_vip *vip_at(const struct groups *groups, size_t i)
{
	const struct config_node *vip = groups->names.entries[i].node->parent->parent;

	return &groups->checker->config->vips[vip->index];
}

static void set_first(const struct groups *groups, size_t begin, size_t end)
{
	const struct config_entry *entries = groups->names.entries;

	for (size_t i = begin; i < end; i++)
		groups->first[entries[i].node->parent->parent->index] = entries[begin].node;
}

/* A table depends on its pool's name, so one pool's table has to serve all. */
static int set_table_pools(const struct groups *groups, size_t begin, size_t end)
{
	const char *pool = vip_at(groups, begin)->pool;
	int ret = 0;

	for (size_t i = begin + 1; i < end; i++) {
		if (strcmp(vip_at(groups, i)->pool, pool) < 0)
			pool = vip_at(groups, i)->pool;
	}
	for (size_t i = begin; i < end && !ret; i++)
		ret = config_store_text(groups->checker->reader, pool,
					&vip_at(groups, i)->table_pool);
	return ret;
}

static int open_groups(struct groups *groups)
{
	const struct config *config = groups->checker->config;

	groups->first = calloc(config->n_vips + 1, sizeof(*groups->first));
	if (!groups->first || config_members_open(&groups->pools, config) ||
	    config_index_open(&groups->names, config->n_vips, config_compare_text))
		return config_fail_memory(groups->checker->reader);
	config_for_each(vip, groups->checker->vips)
	{
		const char *group = config->vips[vip->index].group;

		if (group)
			config_index_add(
				&groups->names, group,
				config_node_get(config_node_get(vip, "affinity"), "group"));
	}
	config_index_sort(&groups->names);
	return 0;
}

static void close_groups(struct groups *groups)
{
	config_index_close(&groups->names);
	config_members_close(&groups->pools);
	free(groups->first);
}

static int check_groups(const struct groups *groups)
{
	size_t n = groups->names.n;
	int ret;

	for (size_t begin = 0; begin < n; begin = group_end(&groups->names, begin))
		set_first(groups, begin, group_end(&groups->names, begin));
	ret = check_members(groups);
	for (size_t begin = 0; begin < n && !ret; begin = group_end(&groups->names, begin))
		ret = set_table_pools(groups, begin, group_end(&groups->names, begin));
	return ret;
}

/* VIPs without a group are served by their own pool. */
static int set_own_tables(const struct config_checker *checker)
{
	int ret = 0;

	for (size_t i = 0; i < checker->config->n_vips && !ret; i++) {
		struct config_vip *vip = &checker->config->vips[i];

		if (!vip->table_pool)
			ret = config_store_text(checker->reader, vip->pool, &vip->table_pool);
	}
	return ret;
}

int config_check_groups(const struct config_checker *checker)
{
	struct groups groups = { .checker = checker };
	int ret;

	ret = open_groups(&groups);
	if (!ret)
		ret = check_groups(&groups);
	close_groups(&groups);
	return ret ? ret : set_own_tables(checker);
}
