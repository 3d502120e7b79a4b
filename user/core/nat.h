/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replies of VIPs with forward nat: from which address and port of a backend they come,
 * and what they become (abi.h: LP_VIP_REPLY). Pure.
 *
 * A backend's port that serves one address and port of one VIP needs no memory. Where it
 * serves several, the packet alone does not say whose reply it is: then all connections of
 * these VIPs have entries (LP_VIP_ENTRIES).
 */
#ifndef LIMPET_CORE_NAT_H
#define LIMPET_CORE_NAT_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"
#include "core/runtime.h"
#include "core/vip_table.h"

/*
 * Whose connections need entries: out[i] for config->vips[i]. On success *out is the
 * caller's to free(). -ENOMEM.
 */
int nat_ambiguous(const struct config *config, bool **out);

/*
 * Rules for the VIP table, one for each port, range or `any` from which replies come.
 * `runtime` NULL: only to count, of the configuration's backends. Backends that leave have
 * theirs for as long as they are known. On success *out is the caller's to free(). -ENOMEM.
 */
int nat_rules(const struct config *config, const struct runtime *runtime, struct vip_rule **out,
	      size_t *n);

#endif
