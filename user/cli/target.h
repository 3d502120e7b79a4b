/* SPDX-License-Identifier: GPL-2.0 */
/* Ends of a flow as people write them: "web:443", "[2001:db8::10]:443". */
#ifndef LIMPET_CLI_TARGET_H
#define LIMPET_CLI_TARGET_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct cli_target {
	char host[LP_NAME_MAX]; /* a name as given, or an address in its canonical form */
	uint16_t port;          /* host byte order; 0: none given */
};

/*
 * Parses "HOST" or "HOST:PORT". HOST is an IPv4 address, an IPv6 address (in
 * brackets if a port follows), or, if `names`, the name of a VIP. -EINVAL with
 * words that quote `text`, *target untouched.
 */
int cli_target_parse(const char *text, bool names, struct cli_target *target, struct lp_err *err);

#endif
