/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What limpetd gives up (capabilities(7)), in two steps:
 *
 *	privileges_begin()   before it reads its configuration: all that it never
 *	                     needs, among it what overrules the modes of files, so that
 *	                     a reload finds what the start found
 *	privileges_settle()  when it is running: what only a start needs
 *
 * Capabilities that limpetd was not given are not missed here; what it cannot do
 * without is dp/preflight.h's. Bits of the sets are those of <linux/capability.h>.
 */
#ifndef LIMPET_AGENT_PRIVILEGES_H
#define LIMPET_AGENT_PRIVILEGES_H

#include <stdint.h>

/* What is left of `permitted` at each step. Pure. */
uint64_t privileges_at_start(uint64_t permitted);
uint64_t privileges_in_service(uint64_t permitted);

/*
 * Makes permitted and effective sets privileges_at_start() of what they are, empties
 * the inheritable and ambient sets and, as far as it may, the bounding set. 0 or -errno.
 */
int privileges_begin(void);

/* The same with privileges_in_service(). */
int privileges_settle(void);

#endif
