/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Strict parsers for what people write: the whole string or an error. No signs,
 * no spaces, no leading zeros (010 is eight to some and ten to others), no
 * hexadecimal. All of them return 0, -EINVAL (not of the form) or -ERANGE (of
 * the form, but too small or too large), and leave their results untouched on
 * failure.
 */
#ifndef LIMPET_LIB_PARSE_H
#define LIMPET_LIB_PARSE_H

#include <limpet/abi.h>
#include <stdint.h>

/* "0", "42": a decimal number from min to max. */
int lp_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);
int lp_parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *out);

/* "443": a port, 1 to 65535, host byte order. */
int lp_parse_port(const char *text, uint16_t *port);

/*
 * "443" or "5088-5089": ports first to last, inclusive, host byte order. A range
 * that ends before it begins is -ERANGE.
 */
int lp_parse_port_range(const char *text, uint16_t *first, uint16_t *last);

/*
 * "200-399": numbers from min to max, first to last, inclusive; "200" is the
 * same as "200-200". As above.
 */
int lp_parse_range(const char *text, uint32_t min, uint32_t max, uint32_t *first, uint32_t *last);

/* "250ms", "2s", "30m", "1h", "7d": a whole number and a unit; seconds. */
#define LP_DURATION_UNITS "ms, s, m, h, d"
int lp_parse_duration(const char *text, double *seconds);

/* "5%", "0.25%", "100%": a share, 0 to 1; at most four digits after the point. */
int lp_parse_percent(const char *text, double *share);

/*
 * "10.0.0.0/8", "2001:db8::/32"; without a length, the address alone (/32 or
 * /128). `bits` counts from the address's own beginning. Bits set to the right
 * of the prefix are -ERANGE, like a length that is too long.
 */
int lp_parse_prefix(const char *text, struct lp_addr *addr, unsigned int *bits);

#endif
