// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdlib.h>

#include "stats.h"

static int stats_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Quantile q (0 to 1) of sorted samples, by linear interpolation. */
static double stats_quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1), below = floor(at);
	size_t i = (size_t)below;

	if (i + 1 >= n || at == below)
		return sorted[i];
	if (isinf(sorted[i + 1])) /* infinity - infinity is nothing to count with */
		return sorted[i + 1];
	return sorted[i] + (at - below) * (sorted[i + 1] - sorted[i]);
}

struct stats stats_of(double *samples, size_t n)
{
	struct stats stats;
	double range;

	qsort(samples, n, sizeof(*samples), stats_compare);
	stats.median = stats_quantile(samples, n, 0.5);
	range = stats_quantile(samples, n, 0.75) - stats_quantile(samples, n, 0.25);
	stats.range = isfinite(range) ? range : 0;
	return stats;
}
