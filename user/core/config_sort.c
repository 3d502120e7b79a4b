// SPDX-License-Identifier: GPL-2.0
/* The order of everything in a model, which is not the order of the file (P6). */
#include "core/config_read.h"

#include <stdlib.h>
#include <string.h>

/* A comparison of two objects by their names. */
#define COMPARE_NAMES(type)                                                                        \
	static int compare_##type##s(const void *a, const void *b)                                 \
	{                                                                                          \
		const struct config_##type *x = a, *y = b;                                         \
                                                                                                   \
		return strcmp(x->name, y->name);                                                   \
	}

COMPARE_NAMES(interface)
COMPARE_NAMES(check)
COMPARE_NAMES(pool)
COMPARE_NAMES(backend)
COMPARE_NAMES(vip)

/* Ranges do not overlap, so their beginnings are enough. */
static int compare_ports(const void *a, const void *b)
{
	const struct config_port_range *x = a, *y = b;

	return (int)x->first - (int)y->first;
}

/* qsort() wants a pointer even where there is nothing. */
static void sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	if (n)
		qsort(items, n, size, compare);
}

static void sort_prefixes(struct config_prefixes *prefixes)
{
	sort(prefixes->items, prefixes->n, sizeof(*prefixes->items), config_compare_prefix);
}

/* Of pointers to text. */
static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_vip(struct config_vip *vip)
{
	sort(vip->interfaces, vip->n_interfaces, sizeof(*vip->interfaces), compare_names);
	sort_prefixes(&vip->allow);
	sort_prefixes(&vip->deny);
	sort(vip->addresses, vip->n_addresses, sizeof(*vip->addresses), config_compare_address);
	sort(vip->snat_addresses, vip->n_snat_addresses, sizeof(*vip->snat_addresses),
	     config_compare_address);
	sort(vip->ports, vip->n_ports, sizeof(*vip->ports), compare_ports);
	sort(vip->proxies, vip->n_proxies, sizeof(*vip->proxies), config_compare_prefix);
}

void config_sort(struct config *config)
{
	sort(config->interfaces, config->n_interfaces, sizeof(*config->interfaces),
	     compare_interfaces);
	for (size_t i = 0; i < config->n_interfaces; i++) {
		sort_prefixes(&config->interfaces[i].reject_sources);
		sort_prefixes(&config->interfaces[i].allow_hairpin);
	}
	sort(config->checks, config->n_checks, sizeof(*config->checks), compare_checks);
	sort(config->pools, config->n_pools, sizeof(*config->pools), compare_pools);
	sort(config->vips, config->n_vips, sizeof(*config->vips), compare_vips);
	for (size_t i = 0; i < config->n_pools; i++)
		sort(config->pools[i].backends, config->pools[i].n_backends,
		     sizeof(*config->pools[i].backends), compare_backends);
	for (size_t i = 0; i < config->n_vips; i++)
		sort_vip(&config->vips[i]);
}
