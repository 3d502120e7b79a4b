/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What only several objects of a configuration together can show: references,
 * addresses and ports that are in each other's way, the port of a check.
 */
#ifndef LIMPET_CORE_CONFIG_CHECK_H
#define LIMPET_CORE_CONFIG_CHECK_H

#include "core/config.h"
#include "core/config_index.h"
#include "core/config_yaml.h"

/* What the VIPs that use a pool, and the pool's backends, mean for each other. */
struct config_pool_use {
	bool used;
	bool several;                         /* no port that all its VIPs have as their only one */
	uint16_t port;                        /* that port */
	const struct config_node *backend[2]; /* address of its first backend in IPv4, in IPv6 */
};

struct config_checker {
	const struct config_reader *reader;
	struct config *config;                           /* in the order of the file */
	const struct config_node *checks, *pools, *vips; /* NULL: not in the file */
	struct config_index check_names, pool_names, vip_addresses;
	struct config_pool_use *uses; /* of each pool */
};

/* All of it; sets check_port of pools and table_pool of VIPs. */
int config_check(const struct config_reader *reader, const struct config_node *root,
		 struct config *config);

/* Ports of one address and protocol that overlap, or are too many for the datapath. */
int config_check_ports(const struct config_checker *checker);

/* VIPs name interfaces that are there, and no prefix is both allowed and denied. */
int config_check_policy(const struct config_checker *checker);

/* VIPs that share an address say the same of pings. */
int config_check_ping(const struct config_checker *checker);

/* Addresses that sources become are of the VIP's family, and neither a VIP's nor a backend's.
 * Needs VIPs with the pools that they name. */
int config_check_snat(const struct config_checker *checker);

/* VIPs of one group can share client records; sets table_pool of all VIPs. Needs their pools. */
int config_check_groups(const struct config_checker *checker);

/* Pools' checks exist and know their port. */
int config_check_pool_checks(const struct config_checker *checker);

/* Fails at a name that is not in the index. */
int config_fail_no_such(const struct config_reader *reader, const struct config_node *node,
			const char *what, const struct config_index *names);

/* For each value of a map or list, which may be NULL. */
#define config_for_each(item, node)                                                                \
	for (const struct config_node *item = (node) ? (node)->first : NULL; item;                 \
	     item = item->next)

#endif
