// SPDX-License-Identifier: GPL-2.0
/*
 * Any text: config_parse() either gives a model that keeps config.h's promises,
 * or an error that names the file, and leaves *out alone.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "lib/addr.h"

#define NAME "fuzz.yaml"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/*
 * libfyaml 0.7.12 forgets the buffer of a long quoted scalar in which it finds an
 * error. Our own use of it (parsers and diagnostics that are not given back) is
 * watched by the unit tests under ASan, without this.
 */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* The name is the first member of every object. */
static void check_names(const void *objects, size_t n, size_t size)
{
	const char *before = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *name = *(char *const *)((const char *)objects + i * size);

		require(name && *name && strlen(name) < LP_NAME_MAX);
		require(!before || strcmp(before, name) < 0);
		before = name;
	}
}

static void check_duration(double seconds)
{
	require(seconds > 0 && seconds <= CONFIG_DURATION_MAX);
}

static void check_check(const struct config_check *check)
{
	require(check->path && check->path[0] == '/');
	require(check->n_expect > 0 && check->rise > 0 && check->fall > 0);
	for (size_t i = 0; i < check->n_expect; i++) {
		const struct config_status_range *range = &check->expect[i];

		require(range->first >= 100 && range->first <= range->last && range->last <= 599);
		require(!i || range->first > check->expect[i - 1].last);
	}
	require((check->type == CONFIG_CHECK_EXEC) == (check->n_command > 0));
	require(!check->n_command || check->command[0][0] == '/');
	for (size_t i = 0; i < check->n_command; i++)
		require(check->command[i]);
	require(!check->n_command || !check->command[check->n_command]);
	require(check->type == CONFIG_CHECK_HTTPS || (!check->verify && !check->ca));
	require(!check->ca || (check->verify && check->ca[0] == '/'));
	require(check->expiry_warning >= 0 && check->expiry_warning <= CONFIG_DURATION_MAX);
	require(check->type != CONFIG_CHECK_EXEC || check->via == CONFIG_VIA_DIRECT);
	check_duration(check->timeout);
	require(check->timeout <= check->interval && check->interval <= CONFIG_DURATION_MAX);
}

/* Where its checks go: to a port, unless they are programs; via vip, to an address of
 * the family of each backend. */
static void check_pool_check(const struct config *config, const struct config_pool *pool)
{
	const struct config_check *check = NULL;

	if (pool->check) {
		check = config_check_find(config, pool->check);
		require(check);
	}
	require(check || !pool->check_port);
	require(!check || pool->check_port || check->type == CONFIG_CHECK_EXEC);
	if (!check || check->via == CONFIG_VIA_DIRECT)
		return;
	require(pool->via_forward != LP_FORWARD_NONE);
	for (size_t i = 0; i < pool->n_backends; i++) {
		bool v6 = lp_addr_is_v6(&pool->backends[i].address);
		const struct lp_addr *via = &pool->via[v6];

		require(via->d[0] || via->d[1]);
		require(lp_addr_is_v6(via) == v6);
	}
}

static void check_pool(const struct config *config, const struct config_pool *pool)
{
	uint64_t weight = 0;

	check_names(pool->backends, pool->n_backends, sizeof(*pool->backends));
	for (size_t i = 0; i < pool->n_backends; i++) {
		require(pool->backends[i].weight <= CONFIG_WEIGHT_MAX);
		weight += pool->backends[i].weight;
	}
	require(weight > 0);
	require(pool->hash >= CONFIG_HASH_MAGLEV && pool->hash <= CONFIG_HASH_MODULO);
	check_pool_check(config, pool);
	check_duration(pool->drain_timeout);
}

static void check_ports(const struct config_vip *vip)
{
	require(vip->n_ports > 0);
	for (size_t i = 0; i < vip->n_ports; i++) {
		const struct config_port_range *range = &vip->ports[i];

		require(range->first <= range->last);
		require(!range->first == !range->last);
		require(!i || range->first > vip->ports[i - 1].last);
	}
}

static int compare_prefixes(const struct config_prefix *a, const struct config_prefix *b)
{
	int order = lp_addr_compare(&a->addr, &b->addr);

	return order ? order : (a->bits > b->bits) - (a->bits < b->bits);
}

static void check_proxies(const struct config_vip *vip)
{
	require(vip->n_proxies <= CONFIG_PROXIES_MAX);
	for (size_t i = 0; i < vip->n_proxies; i++) {
		const struct config_prefix *prefix = &vip->proxies[i];
		bool v6 = lp_addr_is_v6(&prefix->addr);
		struct lp_addr mask;

		require(prefix->bits <= (v6 ? 128 : 32));
		lp_addr_mask(&mask, prefix->bits, v6);
		for (size_t j = 0; j < sizeof(mask.b); j++)
			require(!(prefix->addr.b[j] & ~mask.b[j]));
		require(!i || compare_prefixes(&vip->proxies[i - 1], prefix) < 0);
	}
}

/* Backends are sorted by name, so the same members are the same lists. */
static void check_same_members(const struct config_pool *a, const struct config_pool *b)
{
	require(a->hash == b->hash && a->n_backends == b->n_backends);
	for (size_t i = 0; i < a->n_backends; i++) {
		require(!strcmp(a->backends[i].name, b->backends[i].name));
		require(lp_addr_equal(&a->backends[i].address, &b->backends[i].address));
		require(a->backends[i].weight == b->backends[i].weight);
	}
}

static void check_group(const struct config *config, const struct config_vip *vip)
{
	const char *table = vip->pool;

	require(*vip->group && strlen(vip->group) < LP_NAME_MAX);
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *other = &config->vips[i];

		if (!other->group || strcmp(other->group, vip->group))
			continue;
		check_same_members(config_pool_find(config, vip->pool),
				   config_pool_find(config, other->pool));
		require(other->affinity == LP_AFFINITY_SOURCE);
		require(other->mask == vip->mask && other->mask6 == vip->mask6);
		require(other->affinity_timeout >= vip->affinity_timeout);
		if (strcmp(other->pool, table) < 0)
			table = other->pool;
	}
	require(!strcmp(vip->table_pool, table));
}

static void check_affinity(const struct config *config, const struct config_vip *vip)
{
	require(vip->affinity == LP_AFFINITY_SOURCE || vip->affinity == LP_AFFINITY_TCP);
	require(vip->affinity == LP_AFFINITY_SOURCE || (!vip->group && !vip->n_proxies));
	require(vip->mask <= 32 && vip->mask6 <= 128);
	require(vip->track >= LP_TRACK_NEEDED && vip->track <= LP_TRACK_NEVER);
	check_duration(vip->affinity_timeout);
	check_proxies(vip);
	if (vip->group)
		check_group(config, vip);
	else
		require(!strcmp(vip->table_pool, vip->pool));
}

static void check_prefixes(const struct config_prefixes *prefixes)
{
	require(prefixes->n <= CONFIG_PREFIXES_MAX);
	for (size_t i = 1; i < prefixes->n; i++)
		require(compare_prefixes(&prefixes->items[i - 1], &prefixes->items[i]) < 0);
}

/* A VIP answers on interfaces that are there, and decides of each prefix one way. */
static void check_policy(const struct config *config, const struct config_vip *vip)
{
	check_prefixes(&vip->allow);
	check_prefixes(&vip->deny);
	for (size_t i = 0; i < vip->allow.n; i++)
		for (size_t j = 0; j < vip->deny.n; j++)
			require(compare_prefixes(&vip->allow.items[i], &vip->deny.items[j]));
	for (size_t i = 0; i < vip->n_interfaces; i++) {
		bool found = false;

		for (size_t j = 0; j < config->n_interfaces; j++)
			found |= !strcmp(vip->interfaces[i], config->interfaces[j].name);
		require(found);
		require(!i || strcmp(vip->interfaces[i - 1], vip->interfaces[i]) < 0);
	}
}

static void check_vip(const struct config *config, const struct config_vip *vip)
{
	require(vip->n_addresses > 0);
	for (size_t i = 1; i < vip->n_addresses; i++)
		require(lp_addr_compare(&vip->addresses[i - 1], &vip->addresses[i]) < 0);
	check_ports(vip);
	require(config_pool_find(config, vip->pool));
	require(vip->protocol == IPPROTO_TCP || vip->protocol == IPPROTO_UDP);
	require(vip->forward >= LP_FORWARD_DSR && vip->forward <= LP_FORWARD_SNAT);
	require(vip->n_snat_addresses <= LP_SNAT_ADDRESSES_MAX);
	for (size_t i = 1; i < vip->n_snat_addresses; i++)
		require(lp_addr_compare(&vip->snat_addresses[i - 1], &vip->snat_addresses[i]) < 0);
	check_duration(vip->idle_timeout);
	check_affinity(config, vip);
	check_policy(config, vip);
}

static void check_config(const struct config *config)
{
	require(config->seed && *config->seed && config->n_interfaces > 0);
	check_names(config->interfaces, config->n_interfaces, sizeof(*config->interfaces));
	check_names(config->checks, config->n_checks, sizeof(*config->checks));
	check_names(config->pools, config->n_pools, sizeof(*config->pools));
	check_names(config->vips, config->n_vips, sizeof(*config->vips));
	for (size_t i = 0; i < config->n_interfaces; i++) {
		check_prefixes(&config->interfaces[i].reject_sources);
		check_prefixes(&config->interfaces[i].allow_hairpin);
	}
	for (size_t i = 0; i < config->n_checks; i++)
		check_check(&config->checks[i]);
	for (size_t i = 0; i < config->n_pools; i++)
		check_pool(config, &config->pools[i]);
	for (size_t i = 0; i < config->n_vips; i++)
		check_vip(config, &config->vips[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	struct lp_err err = { "" };
	int ret;

	ret = config_parse(NAME, (const char *)data, size, &config, &err);
	require(!ret == !!config);
	if (ret)
		require(!strncmp(err.text, NAME ":", strlen(NAME ":")) &&
			strlen(err.text) > strlen(NAME ":1:1: "));
	else
		check_config(config);
	config_free(&config);
	return 0;
}
