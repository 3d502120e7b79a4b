/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The real thing: the kernel's datapath in namespaces of its own, the walk with
 * a clock that the test sets, and the engine driven as the agent does it
 * (user/agent/agent.c), with an agent that can be killed between any two
 * operations of a plan.
 */
#ifndef LIMPET_TESTS_MODEL_WORLD_H
#define LIMPET_TESTS_MODEL_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "history.h"
#include "lib/err.h"

struct world;

/* What a packet met. */
enum { WORLD_NOBODY = 0, WORLD_STRANGE = 1 << 16, WORLD_RESET };

/* What an operator or a check says of a backend. */
struct world_backend {
	uint32_t id;
	bool dead;
	uint8_t admin;     /* enum lp_admin */
	uint64_t deadline; /* seconds of the wall clock; 0: none */
	bool weighted;     /* an operator's weight, and its end, the same */
	uint32_t own_weight;
	uint64_t weight_until;
};

/*
 * A datapath with nothing in it. Enters new mount and network namespaces: one
 * world for each process. -errno with words.
 */
int world_open(struct world **out, struct lp_err *err);
void world_close(struct world **world);

/* As if it had just been opened; the time is `ms`, of the wall clock `wall_ms` more. */
int world_reset(struct world *world, uint32_t wall_ms, struct lp_err *err);

/* Time of packets and of the agent, ms since the history began. */
void world_now(struct world *world, uint32_t ms);
/* Seconds of the wall clock, as the agent reads it. */
uint64_t world_wall(const struct world *world);

bool world_has_agent(const struct world *world);

/*
 * The agent applies a configuration; health and operators' decisions of `n` of its
 * backends are known already, those of one that had left and been forgotten, too.
 * With `cut` it dies before the operation of that number of its plan, from 1, or
 * after the last one.
 */
int world_configure(struct world *world, const struct spec *spec,
		    const struct world_backend *backends, size_t n, unsigned int cut,
		    struct lp_err *err);
/* Health and operators' decisions of `n` backends that the configuration names. */
int world_backends(struct world *world, const struct spec *spec,
		   const struct world_backend *backends, size_t n, unsigned int cut,
		   struct lp_err *err);
int world_tick(struct world *world, struct lp_err *err);

void world_kill(struct world *world);
/* An agent starts and adopts what there is. */
int world_start(struct world *world, const struct spec *spec, struct lp_err *err);

/* What the agent makes of a backend's slow start: seconds since it began to serve. */
bool world_slow(const struct world *world, const struct spec *spec, uint32_t id, bool *ramps,
		uint32_t *served);

/* Sends a packet; where it went: an identity, WORLD_NOBODY, WORLD_RESET (a RST that its
 * sender takes has come back) or WORLD_STRANGE. */
uint32_t world_packet(struct world *world, const struct history *history, const struct step *step);

/* Records that could not be made, because the table was full. */
uint64_t world_full(const struct world *world);

/* Writes what the datapath holds about a flow: its slot, and the records of its host. */
void world_describe(struct world *world, const struct history *history, const struct flow *flow,
		    uint32_t slot, FILE *out);

#endif
