/* SPDX-License-Identifier: GPL-2.0 */
/* Order statistics: what is left of noisy samples. */
#ifndef LIMPET_BENCH_STATS_H
#define LIMPET_BENCH_STATS_H

#include <stddef.h>

struct stats {
	double median;
	double range; /* interquartile; 0 if it is not finite */
};

/* Of n samples, at least one; sorts them. Infinite ones are allowed. */
struct stats stats_of(double *samples, size_t n);

#endif
