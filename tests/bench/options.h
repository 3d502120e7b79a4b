/* SPDX-License-Identifier: GPL-2.0 */
/* Command line of bench_datapath. */
#ifndef LIMPET_BENCH_OPTIONS_H
#define LIMPET_BENCH_OPTIONS_H

#include <stddef.h>

#include "bench.h"
#include "driver.h"

#define OPTIONS_LIST 16 /* values of one dimension */
#define OPTIONS_ONCE 100000u
/* Programs that can be added: beside the empty one, the floor and limpet. */
#define OPTIONS_PROGRAMS (DRIVER_PROGRAMS - 3)

struct options_list {
	uint32_t value[OPTIONS_LIST];
	size_t n;
};

struct options {
	struct options_list kinds; /* enum bench_kind */
	struct options_list families, flows, vips, backends;
	struct options_list affinities, forwards; /* enum lp_affinity, enum lp_forward */
	uint32_t bytes;                           /* 0: the shortest TCP packet */
	double seconds;                           /* of measuring, per point */
	/*
	 * How fast code runs depends a little on where it lies (which lines and
	 * which predictors it shares), so the driver is loaded anew this often
	 * for each point.
	 */
	uint32_t loads;
	uint32_t cpu;
	double budget;                          /* of limpet's ratio to the floor */
	bool enforce;                           /* exceeding it is a failure */
	const char *json;                       /* file, or NULL */
	const char *programs[OPTIONS_PROGRAMS]; /* NAME=PATH[:FUNCTION] */
	size_t n_programs;
};

/*
 * Returns 0 to go on, or -1 after words on stderr (wrong usage), or 1 if what
 * was asked for was help, which is printed.
 */
int bench_options_parse(int argc, char **argv, struct options *options);

size_t bench_options_points(const struct options *options);

/*
 * Point number i, from 0; those with one limpet configuration are neighbours. Settled
 * slots are measured with all there is; the audit without the numbers of backends, and
 * what looks at records, whose cost is that of the record table, without those of VIPs.
 * Where each flow is opened once they are not less than OPTIONS_ONCE.
 */
void bench_options_point(const struct options *options, size_t i, struct bench_point *point);

#endif
