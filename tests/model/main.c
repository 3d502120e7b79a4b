// SPDX-License-Identifier: GPL-2.0
/*
 * Model tests of the affinity engine: random histories drive the real program
 * and engine, and a plain model of P1 to P4, side by side (oracle.h).
 *
 *	model [--histories N] [--seed S] [--clients N] [--jobs N] [--track WORD]
 *	      [--openings-only]
 *
 * History i is made from seed S + i alone. Prints TAP, the difference that was
 * found with the shortest history that shows it, and the sums. With `--track
 * never` only the negative control: without memory, connections must break, as
 * many as the slots that changed predict; otherwise the control comes last, over
 * a few of the same histories.
 *
 * --openings-only takes a client for idle while it opens nothing, whatever else
 * it sends: less is promised then.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"
#include "shrink.h"

#define JOBS_MAX 64
#define SIGMAS   6.0 /* by chance: once in 500 million runs */
/* Flows of one client share a slot, so what breaks them comes in bunches of a few. */
#define BUNCH 4.0
/* Broken connections that tell something; and histories that may have fewer. */
#define TELLING 100
#define FEW     10

struct options {
	uint64_t histories, seed, clients, jobs;
	const char *track;
	bool openings_only;
};

/* What all jobs share. */
struct shared {
	atomic_bool failed;
	atomic_ulong done;
};

struct job {
	const struct options *options;
	struct shared *shared;
	unsigned int number;
	bool control;
	struct oracle_counts *sum; /* this job's, shared with the parent */
};

/* --- one history ---------------------------------------------------------------------------- */

static void add_counts(struct oracle_counts *sum, const struct oracle_counts *counts)
{
	sum->packets += counts->packets;
	sum->connections += counts->connections;
	sum->resets += counts->resets;
	sum->told += counts->told;
	sum->broken += counts->broken;
	sum->moved += counts->moved;
	sum->spread += counts->spread;
	sum->spread_chi2 += counts->spread_chi2;
	sum->spread_freedom += counts->spread_freedom;
	sum->predicted += counts->predicted;
	sum->variance += counts->variance;
}

/* The world again, this time with words: what it held at the difference. */
static void explain(struct world *world, const struct history *history,
		    const struct replay_options *options, const bool *off, FILE *out)
{
	struct replay_options again = *options;
	struct replay_result result;
	struct lp_err err;

	again.off = off;
	again.describe = out;
	fprintf(out, "# the datapath holds:\n");
	if (replay(world, history, &again, &result, &err))
		fprintf(out, "# %s\n", err.text);
}

static void report(const struct job *job, struct world *world, const struct history *history,
		   const struct replay_options *options, struct replay_result *result)
{
	bool *off = calloc(history->n_steps, sizeof(*off));
	struct lp_err err;

	printf("# seed %llu: a difference at step %zu of %zu; looking for the shortest history\n",
	       (unsigned long long)history->seed, result->step, history->n_steps);
	fflush(stdout);
	if (!off)
		return;
	if (shrink(world, history, options, result, off, &err))
		printf("# shrinking failed: %s\n", err.text);
	report_difference(history, off, result, stdout);
	explain(world, history, options, off, stdout);
	printf("# again: model --histories 1 --seed %llu --clients %llu --track %s%s\n",
	       (unsigned long long)history->seed, (unsigned long long)job->options->clients,
	       history->spec.track, job->options->openings_only ? " --openings-only" : "");
	fflush(stdout);
	free(off);
}

static int run_history(const struct job *job, struct world *world, uint64_t seed)
{
	const struct history_options how = { job->options->clients,
					     job->control ? "never" : job->options->track };
	const struct replay_options options = { .goes_on = job->control,
						.any_packet = !job->options->openings_only };
	struct replay_result result;
	struct history history;
	struct lp_err err;
	int ret = history_make(&history, seed, &how);

	if (ret)
		return ret;
	ret = replay(world, &history, &options, &result, &err);
	if (ret)
		printf("# seed %llu: %s\n", (unsigned long long)seed, err.text);
	else
		add_counts(job->sum, &result.counts);
	if (!ret && result.failed) {
		if (!atomic_exchange(&job->shared->failed, true))
			report(job, world, &history, &options, &result);
		ret = -EBADMSG;
	}
	history_free(&history);
	return ret;
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void progress(const struct job *job, uint64_t of)
{
	unsigned long done = atomic_fetch_add(&job->shared->done, 1) + 1;

	if (isatty(STDERR_FILENO) || done % 50 == 0 || done == of)
		fprintf(stderr, "%s%lu/%llu histories%s", isatty(STDERR_FILENO) ? "\r" : "", done,
			(unsigned long long)of, isatty(STDERR_FILENO) && done < of ? "" : "\n");
}

static int run_job(const struct job *job, uint64_t histories)
{
	struct world *world = NULL;
	struct lp_err err;
	int ret = world_open(&world, &err);

	if (ret) {
		printf("# %s\n", err.text);
		return ret;
	}
	for (uint64_t i = job->number; i < histories && !ret; i += job->options->jobs) {
		if (atomic_load(&job->shared->failed))
			break;
		ret = run_history(job, world, job->options->seed + i);
		progress(job, histories);
	}
	world_close(&world);
	return ret;
}

static int start_jobs(const struct options *options, bool control, uint64_t histories,
		      struct shared *shared, struct oracle_counts *sums, pid_t *pids)
{
	for (unsigned int i = 0; i < options->jobs; i++) {
		struct job job = { options, shared, i, control, &sums[i] };

		fflush(NULL);
		pids[i] = fork();
		if (pids[i] < 0)
			return -errno;
		if (!pids[i])
			exit(run_job(&job, histories) ? 1 : 0);
	}
	return 0;
}

static int wait_jobs(const pid_t *pids, uint64_t n)
{
	int ret = 0;

	for (uint64_t i = 0; i < n; i++) {
		int status = 0;

		if (pids[i] > 0 && (waitpid(pids[i], &status, 0) < 0 || status))
			ret = -EBADMSG;
	}
	return ret;
}

/* Runs all histories; *sum gets what came out. Fails if one of them did. */
static int run_all(const struct options *options, bool control, uint64_t histories,
		   struct oracle_counts *sum)
{
	size_t bytes = sizeof(struct shared) + JOBS_MAX * sizeof(*sum);
	struct shared *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct oracle_counts *sums = (struct oracle_counts *)(shared + 1);
	pid_t pids[JOBS_MAX] = { 0 };
	int started, ret;

	if (shared == MAP_FAILED)
		return -errno;
	started = start_jobs(options, control, histories, shared, sums, pids);
	ret = wait_jobs(pids, options->jobs);
	*sum = (struct oracle_counts) { 0 };
	for (uint64_t i = 0; i < options->jobs; i++)
		add_counts(sum, &sums[i]);
	munmap(shared, bytes);
	return started ? started : ret;
}

/* --- verdicts ------------------------------------------------------------------------------- */

static bool verdict(unsigned int number, bool ok, const char *name, const char *text, uint64_t n)
{
	printf("%sok %u - %s: %llu %s\n", ok ? "" : "not ", number, name, (unsigned long long)n,
	       text);
	fflush(stdout);
	return ok;
}

/* A few histories, run again to look at one of them, may not have what statistics need. */
static bool skip(unsigned int number, const char *name)
{
	printf("ok %u - %s # SKIP too little of it in so few histories\n", number, name);
	fflush(stdout);
	return true;
}

static void print_sum(const struct oracle_counts *sum, uint64_t histories)
{
	printf("# %llu histories, %llu packets, %llu connections, broken %llu, clients moved "
	       "%llu, RSTs %llu, of which asked for %llu\n",
	       (unsigned long long)histories, (unsigned long long)sum->packets,
	       (unsigned long long)sum->connections, (unsigned long long)sum->broken,
	       (unsigned long long)sum->moved, (unsigned long long)sum->resets,
	       (unsigned long long)sum->told);
}

/* P4: flows of backends that went away are where weights would have them. A chi-square of n
 * degrees of freedom has the mean n and the variance 2n. */
static bool spread_is_fair(const struct oracle_counts *sum)
{
	double freedom = sum->spread_freedom;
	double off = freedom ? (sum->spread_chi2 - freedom) / sqrt(2 * freedom) : 0;

	printf("# %llu flows of backends that went away, spread %.1f sigmas from weights\n",
	       (unsigned long long)sum->spread, off);
	return freedom > 0 && off < SIGMAS;
}

/* As many broke as hashing predicts, and enough to tell. */
static bool control_is_right(const struct oracle_counts *sum)
{
	double sigma = sqrt(BUNCH * sum->variance), off;

	off = sigma > 0 ? ((double)sum->broken - sum->predicted) / sigma : 0;
	printf("# without memory: broken %llu, by the slots that changed %.0f +- %.0f\n",
	       (unsigned long long)sum->broken, sum->predicted, sigma);
	return sum->predicted > TELLING && fabs(off) < SIGMAS;
}

static bool run_control(const struct options *options, unsigned int number, uint64_t histories)
{
	struct oracle_counts sum;
	int ret = run_all(options, true, histories, &sum);

	print_sum(&sum, histories);
	if (!ret && histories < FEW && sum.predicted <= TELLING)
		return skip(number, "model_control");
	return verdict(number, !ret && control_is_right(&sum), "model_control",
		       "histories without memory break as hashing predicts", histories);
}

static bool run_model(const struct options *options)
{
	struct oracle_counts sum;
	int ret = run_all(options, false, options->histories, &sum);
	bool ok = verdict(1, !ret, "model_histories", "histories", options->histories);

	print_sum(&sum, options->histories);
	if (ok && options->histories < FEW && !sum.spread_freedom)
		return skip(2, "model_spread");
	return ok && verdict(2, spread_is_fair(&sum), "model_spread", "flows spread by weight",
			     sum.spread);
}

/* --- main ----------------------------------------------------------------------------------- */

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < least || value > most)
		return false;
	*out = value;
	return true;
}

static bool is_track(const char *word)
{
	return !strcmp(word, "needed") || !strcmp(word, "always") || !strcmp(word, "never");
}

static bool parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "histories", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "clients", required_argument, NULL, 'c' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "track", required_argument, NULL, 't' },
		{ "openings-only", no_argument, NULL, 'o' },
		{ 0 },
	};
	int option;
	bool ok = true;

	while (ok && (option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'n')
			ok = parse_number(optarg, 1, UINT32_MAX, &options->histories);
		else if (option == 's')
			ok = parse_number(optarg, 0, UINT64_MAX, &options->seed);
		else if (option == 'c')
			ok = parse_number(optarg, 1, 60000, &options->clients);
		else if (option == 'j')
			ok = parse_number(optarg, 1, JOBS_MAX, &options->jobs);
		else if (option == 't')
			ok = is_track(options->track = optarg);
		else if (option == 'o')
			options->openings_only = true;
		else
			ok = false;
	}
	return ok && optind == argc;
}

int main(int argc, char **argv)
{
	struct options options = {
		.histories = 200, .seed = 1, .clients = 10000, .jobs = 1, .track = "needed"
	};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t control;
	bool ok;

	if (cpus > 1)
		options.jobs = cpus < JOBS_MAX ? (uint64_t)cpus : JOBS_MAX;
	if (!parse_options(argc, argv, &options)) {
		fprintf(stderr, "usage: model [--histories N] [--seed S] [--clients N] [--jobs N] "
				"[--track needed|always|never] [--openings-only]\n");
		return 2;
	}
	if (!strcmp(options.track, "never")) {
		printf("1..1\n");
		return run_control(&options, 1, options.histories) ? 0 : 1;
	}
	printf("1..3\n");
	ok = run_model(&options);
	control = options.histories < 10 ? options.histories : 10;
	return run_control(&options, 3, control) && ok ? 0 : 1;
}
