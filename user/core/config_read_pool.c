// SPDX-License-Identifier: GPL-2.0
#include "core/config_read.h"

#include <stdlib.h>

static const struct config_field backend_fields[] = {
	{ .key = "name",
	  .read = config_read_name,
	  .offset = offsetof(struct config_backend, name),
	  .required = true },
	{ .key = "address",
	  .read = config_read_address,
	  .offset = offsetof(struct config_backend, address),
	  .required = true },
	{ .key = "weight",
	  .read = config_read_u32,
	  .offset = offsetof(struct config_backend, weight),
	  .max = CONFIG_WEIGHT_MAX },
	{ .key = "backup",
	  .read = config_read_bool,
	  .offset = offsetof(struct config_backend, backup) },
};
static const struct config_schema backend_schema = { "a map with name, address and weight",
						     backend_fields, CONFIG_COUNT(backend_fields) };

static int read_backend(const struct config_reader *reader, const struct config_node *node,
			struct config_backend *backend)
{
	backend->weight = 100;
	return config_read_map(reader, node, &backend_schema, backend);
}

/* Names and addresses: once in a pool. */
static int check_unique_backends(const struct config_reader *reader, const struct config_node *node,
				 const struct config_pool *pool)
{
	struct config_index names = { 0 }, addresses = { 0 };
	int ret;

	if (config_index_open(&names, pool->n_backends, config_compare_text) ||
	    config_index_open(&addresses, pool->n_backends, config_compare_address)) {
		ret = config_fail_memory(reader);
		goto out;
	}
	for (const struct config_node *item = node->first; item; item = item->next) {
		const struct config_backend *backend = &pool->backends[item->index];

		config_index_add(&names, backend->name, config_node_get(item, "name"));
		config_index_add(&addresses, &backend->address, config_node_get(item, "address"));
	}
	ret = config_check_unique(reader, &names, "backend");
	if (!ret)
		ret = config_check_unique(reader, &addresses, "backend address");
out:
	config_index_close(&addresses);
	config_index_close(&names);
	return ret;
}

/* Somebody has to answer when all is well. */
static int check_weights(const struct config_reader *reader, const struct config_node *node,
			 const struct config_pool *pool)
{
	bool backups = false;

	for (size_t i = 0; i < pool->n_backends; i++) {
		if (pool->backends[i].weight && !pool->backends[i].backup)
			return 0;
		backups |= pool->backends[i].weight && pool->backends[i].backup;
	}
	if (backups)
		return config_fail(reader, node,
				   "every backend with a weight above 0 is a backup; allowed: one "
				   "or more that are not");
	return config_fail(reader, node,
			   "every backend has weight 0; allowed: one or more above 0");
}

/* `to` is the struct config_pool. */
static int read_backends(const struct config_reader *reader, const struct config_node *node,
			 const struct config_field *field, void *to)
{
	struct config_pool *pool = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_LIST, "a list of backends, one or more");
	if (ret)
		return ret;
	if (!node->n)
		return config_fail(reader, node, "no backends; allowed: one or more");
	pool->backends = calloc(node->n, sizeof(*pool->backends));
	if (!pool->backends)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next) {
		ret = read_backend(reader, item, &pool->backends[pool->n_backends++]);
		if (ret)
			return ret;
	}
	ret = check_unique_backends(reader, node, pool);
	return ret ? ret : check_weights(reader, node, pool);
}

static const struct config_word hashes[] = {
	{ "maglev", CONFIG_HASH_MAGLEV },
	{ "rendezvous", CONFIG_HASH_RENDEZVOUS },
	{ "ring", CONFIG_HASH_RING },
	{ "modulo", CONFIG_HASH_MODULO },
};
static const struct config_words hash_words = { "hash", hashes, CONFIG_COUNT(hashes) };

static const struct config_word all_down[] = {
	{ "all", CONFIG_ALL_DOWN_ALL },
	{ "drop", CONFIG_ALL_DOWN_DROP },
};
static const struct config_words all_down_words = { "behaviour", all_down, CONFIG_COUNT(all_down) };

static const struct config_field pool_fields[] = {
	{ .key = "hash",
	  .read = config_read_word,
	  .offset = offsetof(struct config_pool, hash),
	  .words = &hash_words },
	{ .key = "check", .read = config_read_name, .offset = offsetof(struct config_pool, check) },
	{ .key = "min_up",
	  .read = config_read_u32,
	  .offset = offsetof(struct config_pool, min_up),
	  .max = CONFIG_BACKENDS_MAX },
	{ .key = "on_all_down",
	  .read = config_read_word,
	  .offset = offsetof(struct config_pool, on_all_down),
	  .words = &all_down_words },
	{ .key = "drain_timeout",
	  .read = config_read_duration,
	  .offset = offsetof(struct config_pool, drain_timeout),
	  .min = 1 },
	{ .key = "slow_start",
	  .read = config_read_duration,
	  .offset = offsetof(struct config_pool, slow_start) },
	{ .key = "backends",
	  .read = read_backends,
	  .offset = 0, /* the pool itself */
	  .required = true },
};
static const struct config_schema pool_schema = { "a map with the keys of a pool", pool_fields,
						  CONFIG_COUNT(pool_fields) };

static int read_pool(const struct config_reader *reader, const struct config_node *node,
		     struct config_pool *pool)
{
	*pool = (struct config_pool) {
		.hash = CONFIG_HASH_MAGLEV,
		.min_up = 1,
		.on_all_down = CONFIG_ALL_DOWN_ALL,
		.drain_timeout = 600,
	};
	return config_read_map(reader, node, &pool_schema, pool);
}

int config_read_pools(const struct config_reader *reader, const struct config_node *node,
		      const struct config_field *field, void *to)
{
	struct config *config = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_MAP, "a map of pools by name");
	if (ret || !node->n)
		return ret;
	config->pools = calloc(node->n, sizeof(*config->pools));
	if (!config->pools)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item && !ret; item = item->next) {
		struct config_pool *pool = &config->pools[config->n_pools++];

		ret = config_check_name(reader, item->key);
		if (!ret)
			ret = read_pool(reader, item, pool);
		if (!ret)
			ret = config_store_text(reader, item->key->text, &pool->name);
	}
	return ret;
}
