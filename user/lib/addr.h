/* SPDX-License-Identifier: GPL-2.0 */
/*
 * IPv4 and IPv6 addresses in user space: struct lp_addr (network byte order,
 * IPv4 as IPv4-mapped IPv6), parsed strictly and printed by RFC 5952.
 */
#ifndef LIMPET_LIB_ADDR_H
#define LIMPET_LIB_ADDR_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>

#define LP_ADDR_TEXT 48 /* bytes for lp_addr_format(), terminating zero included */

/*
 * Parses "192.0.2.1" or "2001:db8::1": the whole string, no zone, no prefix, no
 * spaces. IPv4-mapped IPv6 text is refused: its IPv4 form is the one to use.
 * Returns 0, or -EINVAL and leaves *addr untouched.
 */
int lp_addr_parse(const char *text, struct lp_addr *addr);

/* Writes the address into `text` (LP_ADDR_TEXT bytes) and returns text. */
const char *lp_addr_format(const struct lp_addr *addr, char *text);

bool lp_addr_is_v6(const struct lp_addr *addr);
bool lp_addr_equal(const struct lp_addr *a, const struct lp_addr *b);

/* Total order, by bytes: IPv4 (mapped) and IPv6 in one order. */
int lp_addr_compare(const struct lp_addr *a, const struct lp_addr *b);

/*
 * Mask with `bits` leading ones: of an IPv4 address (0 to 32, in w[3], the rest
 * ones) or of an IPv6 address (0 to 128).
 */
void lp_addr_mask(struct lp_addr *mask, unsigned int bits, bool v6);

#endif
