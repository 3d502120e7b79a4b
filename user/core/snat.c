// SPDX-License-Identifier: GPL-2.0
#include "core/snat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/nat.h"

/* 1,048,576 entries of both kinds, in 120 MiB. */
#define SNAT_BUCKETS (1u << 17)
/* For nat alone: clients and servers in one network, 65,536 entries in 7.5 MiB. */
#define HAIRPIN_BUCKETS (1u << 13)

int snat_make(const struct config *config, const struct runtime *runtime, struct snat_list **out,
	      size_t *n)
{
	struct snat_list *lists = calloc(config->n_vips + 1, sizeof(*lists));
	size_t at = 0;

	if (!lists)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		struct snat_list *list = &lists[at];

		if (!vip->n_snat_addresses)
			continue;
		list->vip = runtime_vip(runtime, vip->name);
		list->list.n = (uint32_t)vip->n_snat_addresses;
		for (size_t j = 0; j < vip->n_snat_addresses; j++)
			list->list.addr[j] = vip->snat_addresses[j];
		at++;
	}
	*out = lists;
	*n = at;
	return 0;
}

static bool uses(const struct config *config, enum lp_forward forward)
{
	for (size_t i = 0; i < config->n_vips; i++)
		if (config->vips[i].forward == forward)
			return true;
	return false;
}

/* All connections of such a VIP have entries. */
static int any_ambiguous(const struct config *config, bool *any)
{
	bool *ambiguous;
	int ret = nat_ambiguous(config, &ambiguous);

	if (ret)
		return ret;
	*any = false;
	for (size_t i = 0; i < config->n_vips; i++)
		*any |= ambiguous[i];
	free(ambiguous);
	return 0;
}

int snat_size(const struct config *config, uint32_t *buckets)
{
	bool all = false;
	int ret = any_ambiguous(config, &all);

	if (ret)
		return ret;
	if (all || uses(config, LP_FORWARD_SNAT))
		*buckets = SNAT_BUCKETS;
	else
		*buckets = uses(config, LP_FORWARD_NAT) ? HAIRPIN_BUCKETS : 0;
	return 0;
}
