/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ways of checks with `via: vip` (bpf/probe.bpf.c): two programs at the
 * interfaces by which backends are reached, and a table of ways.
 *
 * They are tc programs on clsact, because links for that (tcx) are there from Linux
 * 6.6 on only. They live as long as their interface: closing takes them off, and
 * those of an agent that was killed do nothing, as nobody's packets have the mark
 * then, until the next agent replaces them or takes them off. Nothing is pinned.
 */
#ifndef LIMPET_DP_VIA_H
#define LIMPET_DP_VIA_H

#include <limpet/probe.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct via;

/* Loads the programs. -errno, with words. */
int via_open(struct via **out, struct lp_err *err);

/* Takes the programs off all interfaces, and sets *via to NULL; NULL is fine. */
void via_close(struct via **via);

/* Attaches to the interface, unless it is attached there. -errno, with words. */
int via_attach(struct via *via, unsigned int ifindex, struct lp_err *err);

/* Takes off an interface what an agent before left there; nothing if it left none. */
void via_clean(unsigned int ifindex);

/*
 * Writes the way of a backend's checks; NULL: it has none. Nothing is done if it is
 * what was written last. -errno.
 */
int via_set(struct via *via, uint32_t backend, const struct lp_probe_way *way);

#endif
