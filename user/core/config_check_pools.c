// SPDX-License-Identifier: GPL-2.0
/* Which check a pool has, and where it goes. */
#include "core/config_check.h"

static int check_pool_check(const struct config_checker *checker, const struct config_node *node,
			    struct config_pool *pool, const struct config_pool_use *use)
{
	const struct config_entry *check;

	check = config_index_find(&checker->check_names, pool->check);
	if (!check)
		return config_fail_no_such(checker->reader, node, "check", &checker->check_names);
	pool->check_port = checker->config->checks[check->i].port;
	if (!pool->check_port && use->used && !use->several)
		pool->check_port = use->port;
	/* A program that is no client of a port need not be told one. */
	if (pool->check_port || checker->config->checks[check->i].type == CONFIG_CHECK_EXEC)
		return 0;
	return config_fail(checker->reader, node,
			   "%s: this check (line %zu) has no port, and %s; set checks.%s.port",
			   CONFIG_QUOTE(node->text), config_line(checker->reader, check->node),
			   use->used ? "the pool's VIPs have more than one"
				     : "no VIP uses the pool to take it from",
			   pool->check);
}

int config_check_pool_checks(const struct config_checker *checker)
{
	config_for_each(node, checker->pools)
	{
		struct config_pool *pool = &checker->config->pools[node->index];
		int ret;

		if (!pool->check)
			continue;
		ret = check_pool_check(checker, config_node_get(node, "check"), pool,
				       &checker->uses[node->index]);
		if (ret)
			return ret;
	}
	return 0;
}
