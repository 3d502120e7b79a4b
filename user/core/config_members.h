/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which pools have the same members: names, addresses, weights and kinds of
 * backends, in any order, and the same rules for who of them is used. Such pools
 * differ in name and in how their backends are looked after.
 */
#ifndef LIMPET_CORE_CONFIG_MEMBERS_H
#define LIMPET_CORE_CONFIG_MEMBERS_H

#include "core/config.h"

struct config_pool_members {
	const struct config_pool *pool;
	const struct config_backend **backends; /* by name */
	size_t class;                           /* the same for pools with the same members */
};

/* Nothing in it outlives the config, which must stay as it is. */
struct config_members {
	struct config_pool_members *pools; /* in the order of the config */
	const struct config_backend **backends;
};

/* -ENOMEM. */
int config_members_open(struct config_members *members, const struct config *config);
void config_members_close(struct config_members *members);

/*
 * Says where two pools that are not of one class differ: in the hash, or in the
 * first such backend by name.
 */
struct config_difference {
	char text[320];
};
const char *config_members_explain(const struct config_pool_members *a,
				   const struct config_pool_members *b,
				   struct config_difference *buf);

#endif
