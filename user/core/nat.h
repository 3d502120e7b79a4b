/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replies of VIPs with forward nat: from which address and port of a backend they come,
 * and what they become (abi.h: LP_VIP_REPLY). Pure.
 *
 * A backend's port serves one address and port of one VIP; where it serves several, the
 * packet alone does not say which, and nat_check() names them.
 */
#ifndef LIMPET_CORE_NAT_H
#define LIMPET_CORE_NAT_H

#include <limpet/abi.h>
#include <stddef.h>

#include "core/config.h"
#include "core/runtime.h"
#include "core/vip_table.h"

/* What makes a backend's ports ambiguous: two faces that meet. */
struct nat_conflict {
	struct lp_addr backend;
	uint16_t port;                  /* host byte order; 0: any that nothing else names */
	const struct config_vip *a, *b; /* a may be b, with two addresses */
};

/* Is there one? The first by address, protocol and port. -ENOMEM; 1: *out says which; 0. */
int nat_check(const struct config *config, struct nat_conflict *out);

/*
 * Rules for the VIP table, one for each port, range or `any` from which replies come.
 * `runtime` NULL: only to count, of the configuration's backends. Backends that leave have
 * theirs for as long as they are known. On success *out is the caller's to free(). -ENOMEM.
 */
int nat_rules(const struct config *config, const struct runtime *runtime, struct vip_rule **out,
	      size_t *n);

#endif
