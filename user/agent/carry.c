// SPDX-License-Identifier: GPL-2.0
#include "agent/carry.h"

#include <string.h>

#include "agent/agent.h"
#include "dp/via.h"
#include "lib/addr.h"
#include "lib/log.h"

static bool goes_via_vip(const struct config *config, const struct config_pool *pool)
{
	return pool->check && config_check_find(config, pool->check)->via == CONFIG_VIA_VIP;
}

static bool has_any(const struct config *config)
{
	for (size_t i = 0; i < config->n_pools; i++)
		if (goes_via_vip(config, &config->pools[i]))
			return true;
	return false;
}

uint32_t carry_mark(const struct config_check *check, const struct runtime_backend *backend)
{
	if (check->via != CONFIG_VIA_VIP)
		return 0;
	return LP_PROBE_MARK << LP_PROBE_MARK_SHIFT | backend->number;
}

/* Of one backend: its way as it is now, and the programs where it begins. */
static int follow(struct agent *agent, const struct config_pool *pool,
		  const struct runtime_backend *backend, struct lp_err *err)
{
	struct lp_probe_way way;
	int ret = 0;

	memset(&way, 0, sizeof(way)); /* it is compared byte for byte */
	way.backend = backend->address;
	way.vip = pool->via[lp_addr_is_v6(&backend->address)];
	way.forward = pool->via_forward;
	memcpy(&way.hop, &backend->hop, sizeof(way.hop));
	if (way.hop.ifindex)
		ret = via_attach(agent->via, way.hop.ifindex, err);
	if (ret)
		return ret;
	ret = via_set(agent->via, backend->number, &way);
	return ret ? lp_err(err, ret, "writing the way: %s", strerror(-ret)) : 0;
}

static void follow_pool(struct agent *agent, const struct config_pool *pool)
{
	struct lp_err err;

	for (size_t i = 0; i < pool->n_backends; i++) {
		const struct runtime_backend *backend = runtime_backend(
			&agent->engine.runtime, pool->name, pool->backends[i].name);

		if (follow(agent, pool, backend, &err))
			lp_error("check of %s/%s via vip: %s", backend->pool, backend->name,
				 err.text);
	}
}

void carry_follow(struct agent *agent)
{
	if (!agent->via)
		return;
	for (size_t i = 0; i < agent->config->n_pools; i++)
		if (goes_via_vip(agent->config, &agent->config->pools[i]))
			follow_pool(agent, &agent->config->pools[i]);
}

/* Ways that nobody takes any more. */
static void forget(struct agent *agent)
{
	const struct runtime *runtime = &agent->engine.runtime;

	for (size_t i = 0; i < runtime->n_backends; i++) {
		const struct runtime_backend *backend = &runtime->backends[i];
		const struct config_pool *pool = config_pool_find(agent->config, backend->pool);

		if (!backend->wanted || !pool || !goes_via_vip(agent->config, pool))
			via_set(agent->via, backend->number, NULL);
	}
}

/* On the interfaces of the configuration, by which backends are reached, mostly. */
static void clean(struct agent *agent)
{
	struct net_link link;

	for (size_t i = 0; i < agent->config->n_interfaces; i++)
		if (!net_link(agent->net, agent->config->interfaces[i].name, &link))
			via_clean(link.ifindex);
}

int carry_set(struct agent *agent, struct lp_err *err)
{
	int ret = 0;

	if (!has_any(agent->config)) {
		carry_close(agent);
		clean(agent);
		return 0;
	}
	if (!agent->via)
		ret = via_open(&agent->via, err);
	if (ret)
		return ret;
	forget(agent);
	carry_follow(agent);
	return 0;
}

void carry_close(struct agent *agent)
{
	via_close(&agent->via);
}
