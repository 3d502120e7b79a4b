/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a scenario in JSON to a datapath that is set up so: VIP rules, slot
 * tables, pools and backends by number, as the agent would write them.
 *
 *	{"seed": text,
 *	 "rules": [{"address", "protocol", "first", "last", "vip", "pool", "forward",
 *	            "affinity", "mask": bits, "flags", "target", "rewrite",
 *	            "idle_timeout", "ping"}],
 *	 "pools": [{"pool", "table", "slots": [backend, ...], "prev"}],
 *	 "backends": [{"backend", "ifindex", "mtu", "v6": bool, "keep_tags": bool,
 *	               "tags": [[tpid, tci], ...], "dst": MAC, "src": MAC,
 *	               "saddr", "daddr", "outer_sum", "pool", "link_bits"}],
 *	 "policy": [{"vip", "ifindex", "address", "bits", "admit": bool}],
 *	 "entries": buckets, "own_ports": [first, last],
 *	 "snat": [{"vip", "addresses": [address, ...]}]}
 *
 * All keys are required but "flags" and what follows it, "prev", a backend's "pool" (for
 * records: 0 is none) and "link_bits", and "policy" and what follows it. Numbers stand as in
 * abi.h (protocol 6, forward 2); port 0 to 0 is `any`; slots are repeated until the table is
 * full, all with the same `prev`, or settled; a pool without "slots" has table 0.
 */
#ifndef LIMPET_TESTS_PROG_SCENARIO_H
#define LIMPET_TESTS_PROG_SCENARIO_H

#include <jansson.h>

#include "dp/dp.h"
#include "lib/err.h"

/*
 * Opens a datapath below pin_dir and sets it up. On success *out is the
 * caller's, to be closed and destroyed. -EINVAL for a scenario that is not one,
 * others from dp.h and vip_table.h, with words.
 */
int scenario_open(const json_t *scenario, const char *pin_dir, struct dp **out, struct lp_err *err);

/* Another slot table for a pool that is in use: {"pool", "table", "slots"}. */
int scenario_move(struct dp *dp, const json_t *pool, struct lp_err *err);

#endif
