// SPDX-License-Identifier: GPL-2.0
#include "core/config_support.h"

/* The one place to change when a feature arrives; what the feature's keys set
 * then has to reach struct config. */
static const bool supported[CONFIG_FEATURES] = {
	[CONFIG_FEATURE_BASE] = true,        [CONFIG_FEATURE_CHECK_HTTPS] = true,
	[CONFIG_FEATURE_CHECK_EXEC] = true,  [CONFIG_FEATURE_CHECK_VIA_VIP] = true,
	[CONFIG_FEATURE_HASH_RING] = true,   [CONFIG_FEATURE_HASH_MODULO] = true,
	[CONFIG_FEATURE_BACKUPS] = true,     [CONFIG_FEATURE_ALL_DOWN_DROP] = true,
	[CONFIG_FEATURE_SLOW_START] = true,  [CONFIG_FEATURE_FORWARD_SNAT] = true,
	[CONFIG_FEATURE_RESET] = true,       [CONFIG_FEATURE_GROUP] = true,
	[CONFIG_FEATURE_PROXIES] = true,     [CONFIG_FEATURE_TRACK_ALWAYS] = true,
	[CONFIG_FEATURE_TRACK_NEVER] = true,
};

bool config_supports(enum config_feature feature)
{
	return supported[feature];
}
