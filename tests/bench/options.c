// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "flows.h"
#include "frame.h"
#include "lib/parse.h"
#include "options.h"

#define BUDGET 2.0 /* DESIGN section 5 */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char usage[] =
	"usage: bench_datapath [options]\n"
	"Measures what a packet costs in an XDP program, against a program that only\n"
	"parses and encapsulates (the floor).\n"
	"\n"
	"  --quick                short runs: a rough picture in less than 30 s\n"
	"  --seconds N            of measuring per point, 1 to 3600 (default 2)\n"
	"  --kinds LIST           settled, audit, opening, nat, nat_reply, allocation, tracked\n"
	"  --flows LIST           default 1,1000,100000,1000000\n"
	"  --vips LIST            default 1,10000\n"
	"  --backends LIST        default 3,1000\n"
	"  --families LIST        4, 6 (default 4,6)\n"
	"  --affinities LIST      tcp, source (default tcp)\n"
	"  --forwards LIST        ipip, gue, dsr (default ipip)\n"
	"  --bytes N              of a frame (default: the shortest TCP packet)\n"
	"  --cpu N                to run on (default: the last one allowed)\n"
	"  --program NAME=PATH    one more XDP program: pinned, or PATH[:FUNCTION] of an object\n"
	"  --enforce              fail if a budget is exceeded\n"
	"  --json FILE            results as JSON as well\n"
	"  --help\n";

struct word {
	const char *text;
	uint32_t value;
};

static const struct word families[] = { { "4", 4 }, { "6", 6 } };
static const struct word affinities[] = {
	{ "tcp", LP_AFFINITY_TCP },
	{ "source", LP_AFFINITY_SOURCE },
};
static const struct word forwards[] = {
	{ "ipip", LP_FORWARD_IPIP },
	{ "gue", LP_FORWARD_GUE },
	{ "dsr", LP_FORWARD_DSR },
};
/* Not to be asked for: kinds and states have them. */
static const struct word more_forwards[] = {
	{ "nat", LP_FORWARD_NAT },
	{ "snat", LP_FORWARD_SNAT },
};

static const struct word kinds[] = {
	{ "settled", BENCH_SETTLED },       { "audit", BENCH_AUDIT },
	{ "opening", BENCH_OPENING },       { "nat", BENCH_NAT },
	{ "nat_reply", BENCH_NAT_REPLY },   { "tracked", BENCH_TRACKED },
	{ "allocation", BENCH_ALLOCATION },
};
static const struct word states[] = {
	{ "settled", BENCH_STATE_SETTLED },     { "opening", BENCH_STATE_OPENING },
	{ "always", BENCH_STATE_ALWAYS },       { "moving", BENCH_STATE_MOVING },
	{ "snat", BENCH_STATE_SNAT },           { "nat", BENCH_STATE_NAT },
	{ "nat_reply", BENCH_STATE_NAT_REPLY },
};

static const char *word_of(const struct word *words, size_t n, uint32_t value)
{
	for (size_t i = 0; i < n; i++)
		if (words[i].value == value)
			return words[i].text;
	return "?";
}

const char *bench_affinity_name(enum lp_affinity affinity)
{
	return word_of(affinities, ARRAY_SIZE(affinities), affinity);
}

const char *bench_forward_name(enum lp_forward forward)
{
	if (forward == LP_FORWARD_NAT || forward == LP_FORWARD_SNAT)
		return word_of(more_forwards, ARRAY_SIZE(more_forwards), forward);
	return word_of(forwards, ARRAY_SIZE(forwards), forward);
}

enum lp_forward bench_state_forward(enum bench_state state, const struct bench_point *point)
{
	switch (state) {
	case BENCH_STATE_NAT:
	case BENCH_STATE_NAT_REPLY:
		return LP_FORWARD_NAT;
	case BENCH_STATE_SNAT:
		return LP_FORWARD_SNAT;
	default:
		return point->forward;
	}
}

const char *bench_kind_name(enum bench_kind kind)
{
	return word_of(kinds, ARRAY_SIZE(kinds), kind);
}

const char *bench_state_name(enum bench_state state)
{
	return word_of(states, ARRAY_SIZE(states), state);
}

/* One item of a list: one of the words, or a number from 1 to max if there are none. */
static int parse_item(const char *text, const struct word *words, size_t n_words, uint32_t max,
		      uint32_t *value)
{
	if (!words)
		return lp_parse_u32(text, 1, max, value);
	for (size_t i = 0; i < n_words; i++) {
		if (!strcmp(words[i].text, text)) {
			*value = words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_list(const char *text, const struct word *words, size_t n_words, uint32_t max,
		      struct options_list *list)
{
	char item[32];
	size_t len;

	list->n = 0;
	for (;; text += len + 1) {
		len = strcspn(text, ",");
		if (len >= sizeof(item) || list->n == OPTIONS_LIST)
			return -EINVAL;
		memcpy(item, text, len);
		item[len] = 0;
		if (parse_item(item, words, n_words, max, &list->value[list->n]))
			return -EINVAL;
		list->n++;
		if (!text[len])
			return 0;
	}
}

/* The last CPU that this process may run on: the first ones serve interrupts more often. */
static uint32_t last_cpu(void)
{
	uint32_t last = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	for (uint32_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			last = i;
	return last;
}

static void options_init(struct options *options)
{
	*options = (struct options) {
		.kinds = { { BENCH_SETTLED, BENCH_AUDIT, BENCH_OPENING, BENCH_NAT, BENCH_NAT_REPLY,
			     BENCH_ALLOCATION, BENCH_TRACKED },
			   BENCH_KINDS },
		.families = { { 4, 6 }, 2 },
		.flows = { { 1, 1000, 100000, 1000000 }, 4 },
		.vips = { { 1, 10000 }, 2 },
		.backends = { { 3, 1000 }, 2 },
		.affinities = { { LP_AFFINITY_TCP }, 1 },
		.forwards = { { LP_FORWARD_IPIP }, 1 },
		.seconds = 2,
		.loads = 4,
		.cpu = last_cpu(),
		.budget = BUDGET,
	};
}

enum {
	OPT_QUICK = 1,
	OPT_SECONDS,
	OPT_KINDS,
	OPT_FLOWS,
	OPT_VIPS,
	OPT_BACKENDS,
	OPT_FAMILIES,
	OPT_AFFINITIES,
	OPT_FORWARDS,
	OPT_BYTES,
	OPT_CPU,
	OPT_PROGRAM,
	OPT_ENFORCE,
	OPT_JSON,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "quick", no_argument, NULL, OPT_QUICK },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "kinds", required_argument, NULL, OPT_KINDS },
	{ "flows", required_argument, NULL, OPT_FLOWS },
	{ "vips", required_argument, NULL, OPT_VIPS },
	{ "backends", required_argument, NULL, OPT_BACKENDS },
	{ "families", required_argument, NULL, OPT_FAMILIES },
	{ "affinities", required_argument, NULL, OPT_AFFINITIES },
	{ "forwards", required_argument, NULL, OPT_FORWARDS },
	{ "bytes", required_argument, NULL, OPT_BYTES },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "program", required_argument, NULL, OPT_PROGRAM },
	{ "enforce", no_argument, NULL, OPT_ENFORCE },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int option_seconds(struct options *options, const char *arg)
{
	uint32_t seconds;

	if (lp_parse_u32(arg, 1, 3600, &seconds))
		return -EINVAL;
	options->seconds = seconds;
	return 0;
}

static int option_program(struct options *options, const char *arg)
{
	const char *equals = strchr(arg, '=');

	if (!equals || equals == arg || !equals[1] || options->n_programs == OPTIONS_PROGRAMS)
		return -EINVAL;
	options->programs[options->n_programs++] = arg;
	return 0;
}

static int option_lists(struct options *options, int option, const char *arg)
{
	switch (option) {
	case OPT_KINDS:
		return parse_list(arg, kinds, ARRAY_SIZE(kinds), 0, &options->kinds);
	case OPT_FLOWS:
		return parse_list(arg, NULL, 0, FLOWS_MAX, &options->flows);
	case OPT_VIPS:
		return parse_list(arg, NULL, 0, FLOW_VIPS_MAX, &options->vips);
	case OPT_BACKENDS:
		return parse_list(arg, NULL, 0, LP_BACKENDS_MAX - 1, &options->backends);
	case OPT_FAMILIES:
		return parse_list(arg, families, ARRAY_SIZE(families), 0, &options->families);
	case OPT_AFFINITIES:
		return parse_list(arg, affinities, ARRAY_SIZE(affinities), 0, &options->affinities);
	default:
		return parse_list(arg, forwards, ARRAY_SIZE(forwards), 0, &options->forwards);
	}
}

static int option_apply(struct options *options, int option, const char *arg)
{
	switch (option) {
	case OPT_QUICK:
		options->seconds = 0.2;
		options->loads = 2;
		return 0;
	case OPT_SECONDS:
		return option_seconds(options, arg);
	case OPT_BYTES:
		return lp_parse_u32(arg, frame_min(true), FRAME_MAX, &options->bytes);
	case OPT_CPU:
		return lp_parse_u32(arg, 0, CPU_SETSIZE - 1, &options->cpu);
	case OPT_PROGRAM:
		return option_program(options, arg);
	case OPT_ENFORCE:
		options->enforce = true;
		return 0;
	case OPT_JSON:
		options->json = arg;
		return 0;
	default:
		return option_lists(options, option, arg);
	}
}

int bench_options_parse(int argc, char **argv, struct options *options)
{
	int option, index;

	options_init(options);
	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (option == OPT_HELP) {
			fputs(usage, stdout);
			return 1;
		}
		if (option == '?')
			return -1;
		if (option_apply(options, option, optarg)) {
			fprintf(stderr, "bench_datapath: --%s: \"%s\": not possible; see --help\n",
				long_options[index].name, optarg);
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "bench_datapath: \"%s\": no arguments are expected\n",
			argv[optind]);
		return -1;
	}
	return 0;
}

/* The lists whose combinations are the points of a kind. */
struct grid {
	struct options_list flows, backends, vips, affinities, forwards, families;
};

static void list_first(struct options_list *list)
{
	list->n = 1;
}

/* Those of at least `least`, or that. */
static void list_at_least(struct options_list *list, uint32_t least)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->value[i] >= least)
			list->value[n++] = list->value[i];
	if (!n)
		list->value[n++] = least;
	list->n = n;
}

static void grid_of(const struct options *options, enum bench_kind kind, struct grid *grid)
{
	*grid = (struct grid) {
		options->flows,      options->backends, options->vips,
		options->affinities, options->forwards, options->families,
	};
	if (kind != BENCH_SETTLED)
		list_first(&grid->backends);
	if (kind == BENCH_OPENING || kind == BENCH_TRACKED || kind == BENCH_ALLOCATION)
		list_first(&grid->vips);
	if (kind == BENCH_OPENING)
		grid->affinities = (struct options_list) { { LP_AFFINITY_SOURCE }, 1 };
	if (kind == BENCH_ALLOCATION)
		list_at_least(&grid->flows, OPTIONS_ONCE);
}

static size_t grid_points(const struct grid *grid)
{
	return grid->flows.n * grid->backends.n * grid->vips.n * grid->affinities.n *
	       grid->forwards.n * grid->families.n;
}

size_t bench_options_points(const struct options *options)
{
	struct grid grid;
	size_t n = 0;

	for (size_t i = 0; i < options->kinds.n; i++) {
		grid_of(options, options->kinds.value[i], &grid);
		n += grid_points(&grid);
	}
	return n;
}

/* Digit of *i in a number system whose digits are the values of lists. */
static uint32_t options_digit(const struct options_list *list, size_t *i)
{
	uint32_t value = list->value[*i % list->n];

	*i /= list->n;
	return value;
}

/* A pool whose slots all move has at least two backends. */
static uint32_t backends_of(enum bench_kind kind, uint32_t backends)
{
	return kind == BENCH_TRACKED && backends < 2 ? 2 : backends;
}

static void grid_point(const struct options *options, const struct grid *grid, enum bench_kind kind,
		       size_t i, struct bench_point *point)
{
	point->kind = kind;
	point->flows = options_digit(&grid->flows, &i);
	point->backends = backends_of(kind, options_digit(&grid->backends, &i));
	point->vips = options_digit(&grid->vips, &i);
	point->affinity = options_digit(&grid->affinities, &i);
	point->forward = options_digit(&grid->forwards, &i);
	point->v6 = options_digit(&grid->families, &i) == 6;
	point->bytes = options->bytes ? options->bytes : frame_min(point->v6);
}

void bench_options_point(const struct options *options, size_t i, struct bench_point *point)
{
	for (size_t k = 0; k < options->kinds.n; k++) {
		struct grid grid;
		size_t n;

		grid_of(options, options->kinds.value[k], &grid);
		n = grid_points(&grid);
		if (i < n) {
			grid_point(options, &grid, options->kinds.value[k], i, point);
			return;
		}
		i -= n;
	}
}
