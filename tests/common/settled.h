/* SPDX-License-Identifier: GPL-2.0 */
/* A slot table in which everything is settled, for tests that want no more. */
#ifndef LIMPET_TESTS_SETTLED_H
#define LIMPET_TESTS_SETTLED_H

#include <errno.h>
#include <stdlib.h>

#include "dp/dp.h"

/* backends[LP_SLOTS]: numbers. As dp_slots_write(); -ENOMEM. */
static inline int settled_write(struct dp *dp, uint32_t table, const uint16_t *backends)
{
	struct lp_slot *slots = calloc(LP_SLOTS, sizeof(*slots));
	uint32_t *since = calloc(LP_SLOTS, sizeof(*since));
	int ret = -ENOMEM;

	if (slots && since) {
		for (uint32_t i = 0; i < LP_SLOTS; i++)
			slots[i].cur = backends[i];
		ret = dp_slots_write(dp, table, slots, since);
	}
	free(slots);
	free(since);
	return ret;
}

#endif
