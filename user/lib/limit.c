// SPDX-License-Identifier: GPL-2.0
#include "lib/limit.h"

bool lp_limit_take(struct lp_limit *limit, uint64_t now, unsigned int max)
{
	if (!limit->said && !limit->left_out)
		limit->since = now;
	if (limit->said >= max) {
		limit->left_out++;
		return false;
	}
	limit->said++;
	return true;
}

unsigned int lp_limit_end(struct lp_limit *limit, uint64_t now)
{
	unsigned int left_out = limit->left_out;

	if (now < limit->since + LP_LIMIT_WINDOW_S)
		return 0;
	*limit = (struct lp_limit) { 0 };
	return left_out;
}
