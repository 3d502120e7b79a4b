/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is wrong with a text before it is YAML: too large, not UTF-8, control
 * characters. libfyaml sees only texts that pass.
 */
#ifndef LIMPET_CORE_CONFIG_SCAN_H
#define LIMPET_CORE_CONFIG_SCAN_H

#include "core/config_error.h"

int config_scan(const struct config_reader *reader);

#endif
