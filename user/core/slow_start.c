// SPDX-License-Identifier: GPL-2.0
#include "core/slow_start.h"

#include <limpet/hash.h>
#include <math.h>
#include <string.h>

uint8_t slow_start_part(uint32_t came_up, double seconds, uint32_t now)
{
	double elapsed = (double)(now - came_up);

	if (elapsed >= seconds)
		return SLOW_START_WHOLE;
	return (uint8_t)(1 + floor(elapsed * SLOW_START_STEPS / seconds));
}

/* Slots in an order of no meaning: those of one backend lie in no pattern in it. */
bool slow_start_takes(uint8_t part, uint32_t slot)
{
	uint64_t rank = lp_mix64(0x9e3779b97f4a7c15ull * (slot + 1)) >> 48;

	return rank * SLOW_START_WHOLE < (uint64_t)part << 16;
}

/* Has it served for so long that it carries what others do not yet? */
static bool is_seasoned(const struct runtime_backend *backend, uint32_t now)
{
	return backend->came_up && runtime_serves(backend) &&
	       now - backend->came_up >= backend->slow_start;
}

/* Backends are sorted by pool: the end of the pool that begins at `begin`. */
static size_t pool_end(const struct runtime *runtime, size_t begin)
{
	size_t end = begin;

	while (end < runtime->n_backends &&
	       !strcmp(runtime->backends[end].pool, runtime->backends[begin].pool))
		end++;
	return end;
}

/* Never less than it has: a slow start that was made longer takes no slot back. */
static uint8_t next_part(const struct runtime_backend *backend, uint32_t now)
{
	uint8_t part = SLOW_START_WHOLE;

	if (backend->ramps)
		part = slow_start_part(backend->came_up, backend->slow_start, now);
	return part > backend->part ? part : backend->part;
}

static void follow_backend(struct runtime_backend *backend, bool seasoned, uint32_t now)
{
	if (!runtime_serves(backend)) {
		backend->came_up = 0;
		backend->ramps = false;
	} else if (!backend->came_up) {
		backend->came_up = now ? now : 1; /* 0 means that it does not serve */
		backend->ramps = seasoned;
		backend->part = 0;
	}
	backend->part = next_part(backend, now);
	backend->ramps = backend->part < SLOW_START_WHOLE;
}

void slow_start_follow(struct runtime *runtime, uint32_t now)
{
	for (size_t begin = 0, end; begin < runtime->n_backends; begin = end) {
		bool seasoned = false;

		end = pool_end(runtime, begin);
		for (size_t i = begin; i < end; i++)
			seasoned |= is_seasoned(&runtime->backends[i], now);
		for (size_t i = begin; i < end; i++)
			follow_backend(&runtime->backends[i], seasoned, now);
	}
}

bool slow_start_due(const struct runtime *runtime, uint32_t now)
{
	for (size_t i = 0; i < runtime->n_backends; i++) {
		const struct runtime_backend *backend = &runtime->backends[i];

		if (backend->ramps &&
		    slow_start_part(backend->came_up, backend->slow_start, now) > backend->part)
			return true;
	}
	return false;
}

uint32_t slow_start_left(const struct runtime_backend *backend, uint32_t now)
{
	double left = backend->slow_start - (double)(now - backend->came_up);

	return backend->ramps && left > 0 ? (uint32_t)ceil(left) : 0;
}
