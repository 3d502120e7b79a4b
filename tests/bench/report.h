/* SPDX-License-Identifier: GPL-2.0 */
/* Results of the datapath benchmark, as a table and as JSON. */
#ifndef LIMPET_BENCH_REPORT_H
#define LIMPET_BENCH_REPORT_H

#include "bench.h"
#include "harness.h"
#include "programs.h"

struct report;

/* What a program costs at a point. */
struct report_cost {
	double net_ns; /* median over rounds, harness subtracted; the empty program: 0 */
	double ratio;  /* to the floor: median of the rounds' ratios */
	double spread; /* interquartile range / median of net_ns, or of the empty program's gross */
};

/* -ENOMEM. `options` and `programs` must outlive it. */
int report_open(const struct options *options, const struct programs *programs,
		struct report **out);
void report_close(struct report **report);

/*
 * Evaluates the samples of a point, at least one round, prints its line of the
 * table on stdout and keeps the results. -ENOMEM.
 */
int report_add(struct report *report, const struct bench_point *point,
	       const struct harness_samples *samples);

/* Prints the verdict on each budget; true if all are kept at all points. */
bool report_summary(const struct report *report);

/* Writes {"machine", "budgets", "results"}. -errno. */
int report_write(const struct report *report, const char *path);

#endif
