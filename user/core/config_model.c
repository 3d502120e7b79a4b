// SPDX-License-Identifier: GPL-2.0
/* Freeing of a model, and finding in it. */
#include "core/config.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Freeing copes with objects that were filled in part. */
static void free_pool(struct config_pool *pool)
{
	for (size_t i = 0; i < pool->n_backends; i++)
		free(pool->backends[i].name);
	free(pool->backends);
	free(pool->check);
	free(pool->name);
}

static void free_interface(struct config_interface *interface)
{
	free(interface->reject_sources.items);
	free(interface->allow_hairpin.items);
	free(interface->name);
}

static void free_vip(struct config_vip *vip)
{
	for (size_t i = 0; i < vip->n_interfaces; i++)
		free(vip->interfaces[i]);
	free(vip->interfaces);
	free(vip->allow.items);
	free(vip->deny.items);
	free(vip->addresses);
	free(vip->snat_addresses);
	free(vip->ports);
	free(vip->pool);
	free(vip->table_pool);
	free(vip->group);
	free(vip->proxies);
	free(vip->name);
}

static void free_check(struct config_check *check)
{
	for (size_t i = 0; i < check->n_command; i++)
		free(check->command[i]);
	free(check->command);
	free(check->user);
	free(check->ca);
	free(check->path);
	free(check->host);
	free(check->expect);
	free(check->name);
}

void config_free(struct config **config)
{
	struct config *c = *config;

	if (!c)
		return;
	for (size_t i = 0; i < c->n_interfaces; i++)
		free_interface(&c->interfaces[i]);
	for (size_t i = 0; i < c->n_checks; i++)
		free_check(&c->checks[i]);
	for (size_t i = 0; i < c->n_pools; i++)
		free_pool(&c->pools[i]);
	for (size_t i = 0; i < c->n_vips; i++)
		free_vip(&c->vips[i]);
	free(c->interfaces);
	free(c->checks);
	free(c->pools);
	free(c->vips);
	free(c->seed);
	free(c);
	*config = NULL;
}

/* The name is the first member of every object. */
_Static_assert(!offsetof(struct config_pool, name), "find() wants the name first");
_Static_assert(!offsetof(struct config_check, name), "find() wants the name first");
_Static_assert(!offsetof(struct config_vip, name), "find() wants the name first");

static int compare_name(const void *name, const void *object)
{
	return strcmp(name, *(char *const *)object);
}

static const void *find(const char *name, const void *objects, size_t n, size_t size)
{
	return n ? bsearch(name, objects, n, size, compare_name) : NULL;
}

const struct config_pool *config_pool_find(const struct config *config, const char *name)
{
	return find(name, config->pools, config->n_pools, sizeof(*config->pools));
}

const struct config_check *config_check_find(const struct config *config, const char *name)
{
	return find(name, config->checks, config->n_checks, sizeof(*config->checks));
}

const struct config_vip *config_vip_find(const struct config *config, const char *name)
{
	return find(name, config->vips, config->n_vips, sizeof(*config->vips));
}

bool config_vip_resets(const struct config_vip *vip)
{
	return vip->reset && vip->protocol == IPPROTO_TCP && vip->track != LP_TRACK_NEVER;
}
