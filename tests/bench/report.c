// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "report.h"
#include "stats.h"

/*
 * Budgets: what limpet costs at most, as a multiple of another program at the same point
 * and in the same rounds.
 */
struct budget {
	const char *name;
	enum bench_kind kind;
	size_t program, of; /* numbers within the harness */
	double limit;
	/* What was measured. */
	size_t points;
	double worst;
	struct bench_point worst_point;
};

enum {
	BUDGET_SETTLED,
	BUDGET_AUDIT,
	BUDGET_OPENING,
	BUDGET_ALWAYS,
	BUDGET_MOVING,
	BUDGET_SNAT,
	BUDGET_NAT,
	BUDGET_ALLOCATION,
	BUDGETS
};

static const struct budget budgets[BUDGETS] = {
	/* DESIGN section 5; its limit is an option. */
	[BUDGET_SETTLED] = { "settled", BENCH_SETTLED, PROGRAM_LIMPET, PROGRAM_FLOOR },
	[BUDGET_AUDIT] = { "audit", BENCH_AUDIT, PROGRAM_LIMPET, PROGRAM_UNAUDITED, 1.1 },
	[BUDGET_OPENING] = { "opening", BENCH_OPENING, PROGRAM_LIMPET, PROGRAM_FLOOR, 8 },
	[BUDGET_ALWAYS] = { "always", BENCH_TRACKED, PROGRAM_LIMPET, PROGRAM_FLOOR, 8 },
	[BUDGET_MOVING] = { "moving", BENCH_TRACKED, PROGRAM_MOVING, PROGRAM_LIMPET, 1 },
	[BUDGET_SNAT] = { "snat", BENCH_TRACKED, PROGRAM_SNAT, PROGRAM_LIMPET, 1.2 },
	[BUDGET_ALLOCATION] = { "allocation", BENCH_ALLOCATION, PROGRAM_ALLOCATION, PROGRAM_LIMPET,
				3 },
	[BUDGET_NAT] = { "nat", BENCH_NAT, PROGRAM_LIMPET, PROGRAM_FLOOR, 3 },
};

struct report {
	const struct options *options;
	const struct programs *programs;
	json_t *results;
	bool header; /* of the table of this kind is printed */
	enum bench_kind kind;
	struct budget budgets[BUDGETS];
};

int report_open(const struct options *options, const struct programs *programs, struct report **out)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return -ENOMEM;
	report->options = options;
	report->programs = programs;
	memcpy(report->budgets, budgets, sizeof(budgets));
	report->budgets[BUDGET_SETTLED].limit = options->budget;
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

/* What a program costs in a round, the harness subtracted. */
static double net_of(const struct harness_samples *samples, size_t round, size_t program)
{
	const double *ns = samples->ns + round * samples->programs;

	return ns[program] - ns[PROGRAM_EMPTY];
}

/*
 * What a program costs as a multiple of another one. Rounds are evaluated one by one and
 * only then summed up: a round's programs ran within a millisecond, under the same
 * conditions. `ratio` is room for as many as there are rounds.
 */
static double ratio_of(const struct harness_samples *samples, size_t program, size_t of,
		       double *ratio)
{
	for (size_t r = 0; r < samples->rounds; r++) {
		double base = net_of(samples, r, of);

		/* A base of nothing is a disturbed round: let it be an outlier. */
		ratio[r] = base > 0 ? net_of(samples, r, program) / base : INFINITY;
	}
	return stats_of(ratio, samples->rounds).median;
}

static void cost_of(const struct harness_samples *samples, size_t program, double *room,
		    struct report_cost *cost)
{
	struct stats stats;

	for (size_t r = 0; r < samples->rounds; r++)
		room[r] = net_of(samples, r, program);
	stats = stats_of(room, samples->rounds);
	cost->net_ns = stats.median;
	cost->spread = spread_of(&stats);
	cost->ratio = ratio_of(samples, program, PROGRAM_FLOOR, room);
}

/* What the harness costs, which is what it costs with the empty program. */
static struct stats harness_cost(const struct harness_samples *samples, double *gross)
{
	for (size_t r = 0; r < samples->rounds; r++)
		gross[r] = samples->ns[r * samples->programs + PROGRAM_EMPTY];
	return stats_of(gross, samples->rounds);
}

static void costs_of(const struct harness_samples *samples, struct report_cost *costs,
		     double *gross_empty, double *room)
{
	struct stats stats;

	for (size_t p = 0; p < samples->programs; p++)
		cost_of(samples, p, room, &costs[p]);
	stats = harness_cost(samples, room);
	*gross_empty = stats.median;
	costs[PROGRAM_EMPTY].spread = spread_of(&stats);
}

/* The budget is on IPIP (DESIGN section 5). */
static void budgets_count(struct report *report, const struct bench_point *point,
			  const struct harness_samples *samples, double *room)
{
	for (size_t i = 0; i < BUDGETS && point->forward == LP_FORWARD_IPIP; i++) {
		struct budget *budget = &report->budgets[i];
		double ratio;

		if (budget->kind != point->kind)
			continue;
		ratio = ratio_of(samples, budget->program, budget->of, room);
		if (!budget->points++ || ratio > budget->worst) {
			budget->worst = ratio;
			budget->worst_point = *point;
		}
	}
}

/* --- table ------------------------------------------------------------------------- */

static void print_header(const struct report *report)
{
	printf("\n%s: net ns a packet (median of rounds; spread = interquartile range / median) "
	       "and ratio to the floor\n\n",
	       bench_kind_name(report->kind));
	printf("%-4s %-6s %-8s %8s %6s %8s  %7s", "IP", "mode", "affinity", "flows", "VIPs",
	       "backends", "harness");
	printf("  %-12s", "floor");
	for (size_t p = PROGRAM_LIMPET; p < programs_count(report->programs); p++) {
		char name[64];

		snprintf(name, sizeof(name), "%s (%s)", programs_name(report->programs, p),
			 bench_state_name(programs_state(report->programs, p)));
		printf("  %-19.19s", name);
	}
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

static bool budget_kept(const struct budget *budget)
{
	return budget->worst <= budget->limit;
}

static const char *budget_of(const struct budget *budget)
{
	switch (budget->of) {
	case PROGRAM_FLOOR:
		return "the floor";
	default:
		return budget->kind == BENCH_AUDIT        ? "without it"
		       : budget->kind == BENCH_ALLOCATION ? "a new record"
							  : "always";
	}
}

bool report_summary(const struct report *report)
{
	bool kept = true;

	printf("\n");
	for (size_t i = 0; i < BUDGETS; i++) {
		const struct budget *budget = &report->budgets[i];
		char text[128];

		if (!budget->points)
			continue;
		point_text(&budget->worst_point, text, sizeof(text));
		printf("Budget, %s: at most %.2f times %s: %s; worst of %zu points: %.3f (%s)\n",
		       budget->name, budget->limit, budget_of(budget),
		       budget_kept(budget) ? "kept" : "EXCEEDED", budget->points, budget->worst,
		       text);
		kept &= budget_kept(budget);
	}
	return kept;
}

/* --- JSON -------------------------------------------------------------------------- */

static double rounded(double value)
{
	return isfinite(value) ? round(value * 1000) / 1000 : 0;
}

static json_t *result_json(const char *program, enum bench_state state,
			   const struct bench_point *point, const struct report_cost *cost,
			   double gross_empty, size_t rounds)
{
	return json_pack(
		"{s:s, s:s, s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:I}",
		"program", program, "kind", bench_kind_name(point->kind), "forward",
		bench_forward_name(bench_state_forward(state, point)), "family", point->v6 ? 6 : 4,
		"affinity", bench_affinity_name(point->affinity), "state", bench_state_name(state),
		"flows", (json_int_t)point->flows, "vips", (json_int_t)point->vips, "backends",
		(json_int_t)point->backends, "bytes", (json_int_t)point->bytes, "net_ns",
		rounded(cost->net_ns), "ratio_to_floor", rounded(cost->ratio), "spread",
		rounded(cost->spread), "harness_ns", rounded(gross_empty), "rounds",
		(json_int_t)rounds);
}

static int keep(struct report *report, const struct bench_point *point,
		const struct harness_samples *samples, const struct report_cost *costs,
		double gross_empty)
{
	for (size_t p = 0; p < samples->programs; p++) {
		json_t *result = result_json(programs_name(report->programs, p),
					     programs_state(report->programs, p), point, &costs[p],
					     gross_empty, samples->rounds);

		if (json_array_append_new(report->results, result))
			return -ENOMEM;
	}
	return 0;
}

int report_add(struct report *report, const struct bench_point *point,
	       const struct harness_samples *samples)
{
	struct report_cost costs[DRIVER_PROGRAMS] = {};
	double gross_empty, *room = calloc(samples->rounds, sizeof(*room));

	if (!room)
		return -ENOMEM;
	costs_of(samples, costs, &gross_empty, room);
	budgets_count(report, point, samples, room);
	free(room);
	if (!report->header || report->kind != point->kind) {
		report->kind = point->kind;
		print_header(report);
	}
	report->header = true;
	print_line(report, point, costs, gross_empty);
	return keep(report, point, samples, costs, gross_empty);
}

static json_t *budget_json(const struct budget *budget)
{
	return json_pack("{s:s, s:s, s:f, s:f, s:b, s:I}", "name", budget->name, "of",
			 budget_of(budget), "ratio", budget->limit, "worst", rounded(budget->worst),
			 "kept", budget_kept(budget), "points", (json_int_t)budget->points);
}

/* Those that were measured. NULL: out of memory. */
static json_t *budgets_json(const struct report *report)
{
	json_t *all = json_array();

	for (size_t i = 0; all && i < BUDGETS; i++) {
		if (!report->budgets[i].points)
			continue;
		if (json_array_append_new(all, budget_json(&report->budgets[i]))) {
			json_decref(all);
			all = NULL;
		}
	}
	return all;
}

int report_write(const struct report *report, const char *path)
{
	json_t *root = json_pack("{s:o*, s:o, s:O}", "machine", machine_json(report->options->cpu),
				 "budgets", budgets_json(report), "results", report->results);
	int ret;

	if (!root)
		return -ENOMEM;
	ret = json_dump_file(root, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) ? -errno : 0;
	json_decref(root);
	return ret;
}
