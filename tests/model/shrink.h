/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a history that shows a difference to the shortest part of it that still
 * shows one: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating
 * failure-inducing input", IEEE TSE 28(2), 2002) over events, ticks and the
 * packets that are left.
 */
#ifndef LIMPET_TESTS_MODEL_SHRINK_H
#define LIMPET_TESTS_MODEL_SHRINK_H

#include "replay.h"

/*
 * `result` is that of the whole history and becomes that of the part; off[] gets
 * the steps that are not needed. -errno with words.
 */
int shrink(struct world *world, const struct history *history, const struct replay_options *options,
	   struct replay_result *result, bool *off, struct lp_err *err);

#endif
