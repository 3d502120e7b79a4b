// SPDX-License-Identifier: GPL-2.0
/* O5: whose client gets a RST. */
#include "oracle_internal.h"

#include <netinet/in.h>

#define NOT UINT32_MAX /* it does not reset */

static void follow(uint32_t *since, bool resets, bool doubt, uint32_t now)
{
	if (!resets)
		*since = NOT;
	else if (*since == NOT || doubt)
		*since = now;
}

void oracle_take_resets(struct oracle *oracle, bool cut)
{
	bool doubt = cut && oracle->resets != oracle->spec.reset;
	bool pools[SPEC_POOLS] = { false };

	/* After a cut it is one or the other until the next agent has said. */
	oracle->resets = cut ? oracle->resets | oracle->spec.reset : oracle->spec.reset;
	for (unsigned int i = 0; i < SPEC_VIPS; i++) {
		bool resets = spec_resets(&oracle->spec, i);

		follow(&oracle->resets_since[i], resets, doubt, oracle->now);
		/* One that is not there does not count. */
		if (i != VIP_QUIC || oracle->spec.mixed)
			pools[spec_vip_kinds[i].pool] |= resets;
	}
	for (unsigned int i = 0; i < SPEC_POOLS; i++)
		follow(&oracle->pool_since[i], pools[i], doubt, oracle->now);
}

void oracle_note_life(struct oracle_backend *backend, bool alive, uint32_t now)
{
	if (alive || backend->ended == backend->life)
		return;
	backend->ended = backend->life;
	backend->ended_at = now;
}

bool oracle_may_reset(const struct oracle *oracle, unsigned int vip)
{
	return (oracle->resets >> vip & 1) && spec_vip_kinds[vip].protocol == IPPROTO_TCP;
}

bool oracle_must_reset(const struct oracle *oracle, const struct oracle_flow *flow,
		       unsigned int vip, uint64_t ms)
{
	const struct oracle_backend *backend = &oracle->backends[flow->backend];
	uint32_t limit = flow->limit;

	if (!flow->open || !flow->backend || flow->life > backend->ended)
		return false;
	if (!flow->established && limit > LP_HALF_OPEN_S)
		limit = LP_HALF_OPEN_S;
	return ms - flow->seen <= limit * 1000ull &&
	       oracle->resets_since[vip] < backend->ended_at &&
	       oracle->pool_since[spec_vip_kinds[vip].pool] < backend->ended_at;
}
