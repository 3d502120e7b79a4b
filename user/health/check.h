/* SPDX-License-Identifier: GPL-2.0 */
/* A copy of a configured check that a target keeps. */
#ifndef LIMPET_HEALTH_CHECK_H
#define LIMPET_HEALTH_CHECK_H

#include <stdbool.h>

#include "core/config.h"

/* Copies all of it. 0, or -ENOMEM with *to untouched. */
int health_check_copy(struct config_check *to, const struct config_check *from);

/* Frees what copy made and zeroes it; can be called twice. */
void health_check_fini(struct config_check *check);

/* Whether both ask and judge alike; their names and ports are not looked at (the
 * port that counts is the target's). */
bool health_check_equal(const struct config_check *a, const struct config_check *b);

#endif
