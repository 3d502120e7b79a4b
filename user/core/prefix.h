/* SPDX-License-Identifier: GPL-2.0 */
/* Address prefixes: which addresses they hold, and which client an address is. Pure. */
#ifndef LIMPET_CORE_PREFIX_H
#define LIMPET_CORE_PREFIX_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "lib/addr.h"

#define PREFIX_TEXT (LP_ADDR_TEXT + 4) /* bytes for prefix_format() */

/* What of a source counts as one client of a VIP: config_vip.mask and mask6. */
struct prefix_client {
	uint8_t mask, mask6;
};

/* The first `bits` bits of an address, counted from its own beginning; the rest is 0. */
struct config_prefix prefix_of(const struct lp_addr *addr, unsigned int bits);

/* The client that a source is; `client` NULL: nobody knows, and the whole address counts. */
struct config_prefix prefix_of_client(const struct lp_addr *source,
				      const struct prefix_client *client);

/* Is the address in it? IPv4 addresses are in IPv4 prefixes only, and IPv6 likewise. */
bool prefix_holds(const struct config_prefix *prefix, const struct lp_addr *addr);

/* Is there an address that is in both? */
bool prefix_meets(const struct config_prefix *a, const struct config_prefix *b);

/* Is the source one that hides a crowd (config_vip.proxies)? */
bool prefix_is_proxy(const struct config_vip *vip, const struct lp_addr *source);

/* "10.0.0.0/8" into text[PREFIX_TEXT]; returns text. */
const char *prefix_format(const struct config_prefix *prefix, char *text);

#endif
