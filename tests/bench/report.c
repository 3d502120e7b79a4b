// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "report.h"
#include "stats.h"

struct report {
	const struct options *options;
	const struct programs *programs;
	json_t *results;
	bool header;    /* of the table is printed */
	size_t counted; /* points that the budget is on */
	double worst;   /* of limpet's ratios there */
	struct bench_point worst_point;
};

int report_open(const struct options *options, const struct programs *programs, struct report **out)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return -ENOMEM;
	report->options = options;
	report->programs = programs;
	report->results = json_array();
	if (!report->results) {
		free(report);
		return -ENOMEM;
	}
	*out = report;
	return 0;
}

void report_close(struct report **report)
{
	if (!*report)
		return;
	json_decref((*report)->results);
	free(*report);
	*report = NULL;
}

/* --- evaluation ----------------------------------------------------------------- */

/* Relative to the median, or to 1 ns where the median is next to nothing. */
static double spread_of(const struct stats *stats)
{
	return stats->range / fmax(fabs(stats->median), 1);
}

/*
 * Rounds are evaluated one by one and only then summed up: a round's programs
 * ran within a millisecond, under the same conditions.
 */
static void cost_of(const struct harness_samples *samples, size_t program, double *net,
		    double *ratio, struct report_cost *cost)
{
	struct stats stats;

	for (size_t r = 0; r < samples->rounds; r++) {
		const double *ns = samples->ns + r * samples->programs;
		double base = ns[PROGRAM_FLOOR] - ns[PROGRAM_EMPTY];

		net[r] = ns[program] - ns[PROGRAM_EMPTY];
		/* A floor of nothing is a disturbed round: let it be an outlier. */
		ratio[r] = base > 0 ? net[r] / base : INFINITY;
	}
	stats = stats_of(net, samples->rounds);
	cost->net_ns = stats.median;
	cost->spread = spread_of(&stats);
	cost->ratio = stats_of(ratio, samples->rounds).median;
}

/* What the harness costs, which is what it costs with the empty program. */
static struct stats harness_cost(const struct harness_samples *samples, double *gross)
{
	for (size_t r = 0; r < samples->rounds; r++)
		gross[r] = samples->ns[r * samples->programs + PROGRAM_EMPTY];
	return stats_of(gross, samples->rounds);
}

static int costs_of(const struct harness_samples *samples, struct report_cost *costs,
		    double *gross_empty)
{
	double *net = reallocarray(NULL, samples->rounds, sizeof(*net));
	double *ratio = reallocarray(NULL, samples->rounds, sizeof(*ratio));
	struct stats stats;
	int ret = -ENOMEM;

	if (!net || !ratio)
		goto out;
	for (size_t p = 0; p < samples->programs; p++)
		cost_of(samples, p, net, ratio, &costs[p]);
	stats = harness_cost(samples, net);
	*gross_empty = stats.median;
	costs[PROGRAM_EMPTY].spread = spread_of(&stats);
	ret = 0;
out:
	free(ratio);
	free(net);
	return ret;
}

/* --- table ------------------------------------------------------------------------- */

static void print_header(const struct report *report)
{
	printf("Net ns a packet (median of rounds; spread = interquartile range / median) and "
	       "ratio to the floor\n\n");
	printf("%-4s %-6s %-8s %8s %6s %8s  %7s", "IP", "mode", "affinity", "flows", "VIPs",
	       "backends", "harness");
	printf("  %-12s", "floor");
	for (size_t p = PROGRAM_LIMPET; p < programs_count(report->programs); p++)
		printf("  %-19.19s", programs_name(report->programs, p));
	printf("\n");
}

static void print_line(const struct report *report, const struct bench_point *point,
		       const struct report_cost *costs, double gross_empty)
{
	printf("v%-3d %-6s %-8s %8u %6u %8u  %7.1f", point->v6 ? 6 : 4,
	       bench_forward_name(point->forward), bench_affinity_name(point->affinity),
	       point->flows, point->vips, point->backends, gross_empty);
	printf("  %6.1f ±%3.0f%%", costs[PROGRAM_FLOOR].net_ns, 100 * costs[PROGRAM_FLOOR].spread);
	for (size_t p = PROGRAM_LIMPET; p < programs_count(report->programs); p++)
		printf("  %6.1f ±%3.0f%% %5.2fx", costs[p].net_ns, 100 * costs[p].spread,
		       costs[p].ratio);
	printf("\n");
	fflush(stdout);
}

static void point_text(const struct bench_point *point, char *text, size_t size)
{
	snprintf(text, size, "IPv%d, %s, %u flows, %u VIPs, %u backends", point->v6 ? 6 : 4,
		 bench_forward_name(point->forward), point->flows, point->vips, point->backends);
}

bool report_summary(const struct report *report)
{
	bool kept = report->worst <= report->options->budget;
	char text[128];

	if (!report->counted)
		return true;
	point_text(&report->worst_point, text, sizeof(text));
	printf("\nBudget: limpet at most %.1f times the floor: %s; worst of %zu points: %.2f (%s)\n",
	       report->options->budget, kept ? "kept" : "EXCEEDED", report->counted, report->worst,
	       text);
	return kept;
}

/* --- JSON -------------------------------------------------------------------------- */

static double rounded(double value)
{
	return isfinite(value) ? round(value * 1000) / 1000 : 0;
}

static json_t *result_json(const char *program, const struct bench_point *point,
			   const struct report_cost *cost, double gross_empty, size_t rounds)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:I}",
			 "program", program, "forward", bench_forward_name(point->forward),
			 "family", point->v6 ? 6 : 4, "affinity",
			 bench_affinity_name(point->affinity), "state", "settled", "flows",
			 (json_int_t)point->flows, "vips", (json_int_t)point->vips, "backends",
			 (json_int_t)point->backends, "bytes", (json_int_t)point->bytes, "net_ns",
			 rounded(cost->net_ns), "ratio_to_floor", rounded(cost->ratio), "spread",
			 rounded(cost->spread), "harness_ns", rounded(gross_empty), "rounds",
			 (json_int_t)rounds);
}

/* The budget is on IPIP (DESIGN section 5). */
static void budget_count(struct report *report, const struct bench_point *point, double ratio)
{
	if (!report->counted++ || ratio > report->worst) {
		report->worst = ratio;
		report->worst_point = *point;
	}
}

static int keep(struct report *report, const struct bench_point *point,
		const struct harness_samples *samples, const struct report_cost *costs,
		double gross_empty)
{
	for (size_t p = 0; p < samples->programs; p++) {
		json_t *result = result_json(programs_name(report->programs, p), point, &costs[p],
					     gross_empty, samples->rounds);

		if (json_array_append_new(report->results, result))
			return -ENOMEM;
	}
	if (point->forward == LP_FORWARD_IPIP)
		budget_count(report, point, costs[PROGRAM_LIMPET].ratio);
	return 0;
}

int report_add(struct report *report, const struct bench_point *point,
	       const struct harness_samples *samples)
{
	struct report_cost costs[DRIVER_PROGRAMS] = {};
	double gross_empty;
	int ret;

	ret = costs_of(samples, costs, &gross_empty);
	if (ret)
		return ret;
	if (!report->header)
		print_header(report);
	report->header = true;
	print_line(report, point, costs, gross_empty);
	return keep(report, point, samples, costs, gross_empty);
}

int report_write(const struct report *report, const char *path)
{
	json_t *root = json_pack(
		"{s:o*, s:{s:f, s:f, s:b}, s:O}", "machine", machine_json(report->options->cpu),
		"budget", "ratio", report->options->budget, "worst", rounded(report->worst), "kept",
		report->worst <= report->options->budget, "results", report->results);
	int ret;

	if (!root)
		return -ENOMEM;
	ret = json_dump_file(root, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) ? -errno : 0;
	json_decref(root);
	return ret;
}
