// SPDX-License-Identifier: GPL-2.0
/*
 * What a packet costs in limpet's XDP program, against a floor and an empty
 * program; see docs/benchmarks.md.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "lib/log.h"
#include "limpet_setup.h"
#include "programs.h"
#include "report.h"

/* Moves this process to one CPU and stays there. */
static int pin_cpu(uint32_t cpu, struct lp_err *err)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return lp_err(err, -errno, "CPU %u: %s", cpu, strerror(errno));
	return 0;
}

/* On a terminal, one line that is written over again and again. */
static void progress(size_t done, size_t all)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%zu of %zu points%s", done, all, done == all ? "\r\033[K" : " ");
	else
		fprintf(stderr, "bench_datapath: %zu of %zu points\n", done, all);
}

/*
 * How often to load the programs anew for a point. Two that differ as little as with and
 * without audit are no further apart than two places in memory of one and the same.
 */
static uint32_t loads(const struct options *options, enum bench_kind kind)
{
	return kind == BENCH_AUDIT ? 3 * options->loads : options->loads;
}

static int measure_once(const struct options *options, const struct bench_point *point,
			struct programs *programs, struct harness_samples *samples,
			struct lp_err *err)
{
	uint32_t times = loads(options, point->kind);
	struct harness *harness = NULL;
	int ret = harness_open(&harness, err);

	if (!ret)
		ret = programs_prepare(programs, point, harness, err);
	if (!ret)
		ret = harness_measure(harness, point, options->seconds / times, samples, err);
	if (!ret)
		ret = programs_verify(programs, point, harness, err);
	harness_close(&harness);
	return ret;
}

static int measure_point(const struct options *options, const struct bench_point *point,
			 struct programs *programs, struct report *report, struct lp_err *err)
{
	struct harness_samples samples = {};
	int ret = 0;

	for (uint32_t i = 0; !ret && i < loads(options, point->kind); i++)
		ret = measure_once(options, point, programs, &samples, err);
	if (!ret && report_add(report, point, &samples))
		ret = lp_err(err, -ENOMEM, "out of memory");
	harness_samples_free(&samples);
	return ret;
}

static int measure_all(const struct options *options, struct programs *programs,
		       struct report *report, struct lp_err *err)
{
	size_t n = bench_options_points(options);
	struct bench_point point;
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++) {
		progress(i, n);
		bench_options_point(options, i, &point);
		ret = measure_point(options, &point, programs, report, err);
	}
	if (!ret)
		progress(n, n);
	return ret;
}

/* 0; 1: the budget is exceeded and that is a failure; -errno with words in err. */
static int bench(const struct options *options, struct lp_err *err)
{
	struct programs *programs = NULL;
	struct report *report = NULL;
	int ret;

	/* Programs first: what is pinned is out of sight after limpet_mount(). */
	ret = programs_open(options, &programs, err);
	if (!ret)
		ret = limpet_mount(err);
	if (!ret)
		ret = report_open(options, programs, &report);
	if (!ret)
		ret = measure_all(options, programs, report, err);
	if (!ret && options->json) {
		ret = report_write(report, options->json);
		if (ret)
			lp_err(err, ret, "%s: %s", options->json, strerror(-ret));
	}
	if (!ret && !report_summary(report) && options->enforce)
		ret = 1;
	report_close(&report);
	programs_close(&programs);
	return ret;
}

int main(int argc, char **argv)
{
	struct lp_err err = { .text = "out of memory" };
	struct options options;
	int ret = bench_options_parse(argc, argv, &options);

	if (ret)
		return ret < 0 ? 2 : 0;
	ret = pin_cpu(options.cpu, &err);
	if (!ret)
		ret = bench(&options, &err);
	if (ret < 0)
		lp_error("bench_datapath: %s", err.text);
	return ret ? 1 : 0;
}
