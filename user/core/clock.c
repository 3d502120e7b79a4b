// SPDX-License-Identifier: GPL-2.0
#include "core/clock.h"

int64_t clock_jump(struct clock_watch *watch, uint64_t wall, uint64_t running)
{
	int64_t offset = (int64_t)(wall - running);
	int64_t jump = watch->known ? offset - watch->offset : 0;

	*watch = (struct clock_watch) { .known = true, .offset = offset };
	return jump >= CLOCK_JUMP_MIN_S || jump <= -CLOCK_JUMP_MIN_S ? jump : 0;
}
