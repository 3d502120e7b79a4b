/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What limpet.yaml(5) describes and limpetd can or cannot do yet. Keys and words
 * of the schema cite a feature; the table in config_support.c says of each
 * whether it is there.
 */
#ifndef LIMPET_CORE_CONFIG_SUPPORT_H
#define LIMPET_CORE_CONFIG_SUPPORT_H

#include <stdbool.h>

enum config_feature {
	CONFIG_FEATURE_BASE = 0, /* what does not name a feature */
	CONFIG_FEATURE_CHECK_HTTPS,
	CONFIG_FEATURE_CHECK_EXEC,
	CONFIG_FEATURE_CHECK_VIA_VIP,
	CONFIG_FEATURE_HASH_RING,
	CONFIG_FEATURE_HASH_MODULO,
	CONFIG_FEATURE_BACKUPS,
	CONFIG_FEATURE_ALL_DOWN_DROP,
	CONFIG_FEATURE_SLOW_START,
	CONFIG_FEATURE_FORWARD_SNAT,
	CONFIG_FEATURE_RESET,
	CONFIG_FEATURE_GROUP,
	CONFIG_FEATURE_PROXIES,
	CONFIG_FEATURE_TRACK_ALWAYS,
	CONFIG_FEATURE_TRACK_NEVER,
	CONFIG_FEATURES
};

bool config_supports(enum config_feature feature);

#endif
