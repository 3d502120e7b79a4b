// SPDX-License-Identifier: GPL-2.0
/*
 * Which share of all the clients that there could be a VIP would send elsewhere: from slot
 * tables alone, whoever is there.
 */
#include <string.h>

#include "core/forecast_world.h"
#include "lib/addr.h"

/* Servers by slots; slots of nobody are server 0. */
static void count_servers(const struct forecast_world *world, const struct forecast_table *table,
			  uint32_t *slots)
{
	memset(slots, 0, (world->n_backends + 1) * sizeof(*slots));
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		slots[forecast_server(world, forecast_cur(table, i))]++;
}

/*
 * With another hash a client's slots before and after have nothing to do with each other:
 * it stays by chance, with the probability that both have the same server.
 */
static double share_rehashed(const struct forecast_world *world, const struct forecast_table *old,
			     const struct forecast_table *new)
{
	double stays = 0;

	count_servers(world, old, world->before);
	count_servers(world, new, world->after);
	for (uint32_t i = 1; i <= world->n_backends; i++)
		stays += (double)world->before[i] / LP_SLOTS * world->after[i] / LP_SLOTS;
	return 1 - stays;
}

static double share_other_pool(const struct forecast_world *world, const struct forecast_table *old,
			       const struct forecast_table *new)
{
	uint32_t moved = 0;

	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		uint32_t after = forecast_server(world, forecast_cur(new, i));

		moved += !after || after != forecast_server(world, forecast_cur(old, i));
	}
	return (double)moved / LP_SLOTS;
}

/* Between two VIPs, for clients of one family. */
static double share_between(const struct forecast_world *world, const struct config_vip *old,
			    const struct config_vip *new, bool v6)
{
	const struct forecast_input *input = world->input;
	uint32_t from = runtime_pool(input->now, old->table_pool);
	uint32_t to = runtime_pool(input->next, new->table_pool);
	struct forecast_table before = forecast_running(world, from);
	struct forecast_table after = forecast_next(world, to);

	if (!before.running)
		return 0; /* nobody answered before */
	if (!forecast_same_key(world, old, new, v6))
		return share_rehashed(world, &before, &after);
	if (from != to)
		return share_other_pool(world, &before, &after);
	return (double)forecast_moved(world, from) / LP_SLOTS;
}

/* What is left of the ports of a range at one address, and of whom; the first that
 * answers stands for all. */
static double share_of_range(const struct forecast_world *world, const struct config_vip *old,
			     const struct lp_addr *addr, const struct config_port_range *range)
{
	uint32_t first = range->first ? range->first : 1;
	uint32_t last = range->first ? range->last : UINT16_MAX, gone = 0;
	const struct config_vip *heir = NULL;

	for (uint32_t port = first; port <= last; port++) {
		const struct config_vip *vip = forecast_at(world, old, addr, (uint16_t)port);

		gone += !vip;
		heir = heir ? heir : vip;
	}
	if (!heir)
		return 1;
	return ((double)gone + (double)(last - first + 1 - gone) *
				       share_between(world, old, heir, lp_addr_is_v6(addr))) /
	       (last - first + 1);
}

/* Is the range there as it was, at an address of the VIP of the same name? */
static bool is_untouched(const struct forecast_world *world, const struct config_vip *old,
			 const struct lp_addr *addr, const struct config_port_range *range)
{
	const struct config_vip *new = config_vip_find(world->input->coming, old->name);

	if (!new || new->protocol != old->protocol || !forecast_has(new, addr))
		return false;
	for (size_t i = 0; i < new->n_ports; i++)
		if (new->ports[i].first == range->first &&new->ports[i].last == range->last)
			return true;
	return false;
}

/* All addresses and ports of a VIP count alike. */
double forecast_share(const struct forecast_world *world, const struct config_vip *old)
{
	const struct config_vip *same = config_vip_find(world->input->coming, old->name);
	double sum = 0, of_family[2] = { -1, -1 };

	for (size_t i = 0; i < old->n_addresses; i++) {
		const struct lp_addr *addr = &old->addresses[i];
		bool v6 = lp_addr_is_v6(addr);

		for (size_t j = 0; j < old->n_ports; j++) {
			if (!is_untouched(world, old, addr, &old->ports[j])) {
				sum += share_of_range(world, old, addr, &old->ports[j]);
				continue;
			}
			if (of_family[v6] < 0)
				of_family[v6] = share_between(world, old, same, v6);
			sum += of_family[v6];
		}
	}
	return sum / (double)(old->n_addresses * old->n_ports);
}
