/* SPDX-License-Identifier: GPL-2.0 */
/* A history, or what is left of it, through the world and the model side by side. */
#ifndef LIMPET_TESTS_MODEL_REPLAY_H
#define LIMPET_TESTS_MODEL_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "oracle.h"
#include "world.h"

struct replay_options {
	const bool *off; /* by step: left out; NULL: none */
	bool goes_on;    /* counts what is wrong instead of stopping at it */
	bool any_packet; /* struct oracle */
	FILE *describe;  /* what the world holds when something is wrong; may be NULL */
};

struct replay_result {
	bool failed;
	size_t step; /* where it failed */
	uint32_t got;
	struct oracle_complaint complaint;
	struct oracle_counts counts;
};

/* 0 if the world could be asked, whatever it said; -errno with words otherwise. */
int replay(struct world *world, const struct history *history, const struct replay_options *options,
	   struct replay_result *result, struct lp_err *err);

#endif
