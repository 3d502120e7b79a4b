/* SPDX-License-Identifier: GPL-2.0 */
/* Values of two configuration texts side by side, for core/config_diff.c only. */
#ifndef LIMPET_CORE_CONFIG_DIFF_VALUE_H
#define LIMPET_CORE_CONFIG_DIFF_VALUE_H

#include <stdbool.h>

#include "core/config_yaml.h"

/* Do the two mean the same? NULL: not written. Lists are sets, but for the words of a
 * command. */
bool config_values_same(const struct config_node *old, const struct config_node *new);

/*
 * "idle_timeout: 30m -> 10m", of lists "ports: +443 -80". Texts are the caller's; NULL
 * for want of memory.
 */
char *config_values_describe(const char *path, const char *key, const struct config_node *old,
			     const struct config_node *new);

/* All keys of a thing that is new: "address: 10.0.0.1, weight: 5". */
char *config_value_keys(const struct config_node *thing);

#endif
