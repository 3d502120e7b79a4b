// SPDX-License-Identifier: GPL-2.0
/* Which check a pool has, and where it goes. */
#include "core/config_check.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/addr.h"

/* --- via: vip ----------------------------------------------------------------------- */

static bool has_port(const struct config_vip *vip, uint16_t port)
{
	for (size_t i = 0; i < vip->n_ports; i++) {
		const struct config_port_range *range = &vip->ports[i];

		if (!range->first || (range->first <= port && port <= range->last))
			return true;
	}
	return false;
}

/* The least of its addresses of a family (P6), or NULL. */
static const struct lp_addr *address_of(const struct config_vip *vip, bool v6)
{
	const struct lp_addr *least = NULL;

	for (size_t i = 0; i < vip->n_addresses; i++) {
		const struct lp_addr *address = &vip->addresses[i];

		if (lp_addr_is_v6(address) == v6 && (!least || lp_addr_compare(address, least) < 0))
			least = address;
	}
	return least;
}

static bool can_carry(const struct config_vip *vip, const struct config_pool *pool,
		      const struct config_pool_use *use)
{
	/* nat and snat go to the backend's own address, as a direct check does. */
	return !strcmp(vip->pool, pool->name) && vip->protocol == IPPROTO_TCP &&
	       vip->forward != LP_FORWARD_NAT && vip->forward != LP_FORWARD_SNAT &&
	       has_port(vip, pool->check_port) && (!use->backend[0] || address_of(vip, false)) &&
	       (!use->backend[1] || address_of(vip, true));
}

static void set_via(struct config_pool *pool, const struct config_pool_use *use,
		    const struct config_vip *vip)
{
	for (int v6 = 0; v6 < 2; v6++)
		if (use->backend[v6])
			pool->via[v6] = *address_of(vip, v6);
	pool->via_forward = vip->forward;
}

static int check_via(const struct config_checker *checker, const struct config_node *node,
		     struct config_pool *pool, const struct config_pool_use *use)
{
	const struct config *config = checker->config;
	const struct config_vip *first = NULL;

	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];

		if (can_carry(vip, pool, use) && (!first || strcmp(vip->name, first->name) < 0))
			first = vip;
	}
	if (!first)
		return config_fail(checker->reader, node,
				   "%s: this check goes via vip, and no TCP VIP of the pool with "
				   "forward dsr, ipip or gue has port %u and an address of each "
				   "family of the pool's backends",
				   CONFIG_QUOTE(node->text), pool->check_port);
	set_via(pool, use, first);
	return 0;
}

/* --- all checks ----------------------------------------------------------------------- */

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
	if (pool->check_port && checker->config->checks[check->i].via == CONFIG_VIA_VIP)
		return check_via(checker, node, pool, use);
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
