/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A balancer whose clock is an argument: the real datapath, the agent's engine over it, and
 * the real walk with the model's clock (tests/model/model.bpf.c) in the place of the
 * kernel's. Hours pass as fast as packets and sweeps can be made.
 *
 * One pool "p" of backends "b1" to "bN" behind one VIP with `tcp` affinity, defaults
 * otherwise.
 */
#ifndef LIMPET_BENCH_CLOCKED_H
#define LIMPET_BENCH_CLOCKED_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct clocked;

/* With so many backends. After limpet_mount(). -errno with words in err. */
int clocked_open(uint32_t backends, struct clocked **out, struct lp_err *err);
void clocked_close(struct clocked **clocked);

/* A reload: so many backends from now on. */
int clocked_reload(struct clocked *clocked, uint32_t backends, struct lp_err *err);

/* A second passes, for packets and for the agent. */
int clocked_tick(struct clocked *clocked, struct lp_err *err);
uint32_t clocked_now(const struct clocked *clocked);

enum clocked_packet { CLOCKED_SYN, CLOCKED_ACK, CLOCKED_FIN };

/* A packet of connection number `connection` (2^32 of them): the number of the backend that
 * it went to, 0: none, or -errno. */
int clocked_packet(struct clocked *clocked, uint32_t connection, enum clocked_packet kind);

/* What the datapath holds. */
struct clocked_counts {
	uint32_t records;          /* in the table, living or not */
	uint32_t moving, residual; /* slots */
	uint32_t slots;            /* of the pool */
};
void clocked_count(const struct clocked *clocked, struct clocked_counts *counts);

/* Seconds that a slot is held after a change. */
uint32_t clocked_hold(const struct clocked *clocked);

#endif
