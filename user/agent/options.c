// SPDX-License-Identifier: GPL-2.0
#include "agent/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

static const char usage[] =
	"usage: limpetd --config FILE [options]\n"
	"\n"
	"  --config FILE        the configuration, limpet.yaml(5)\n"
	"  --run-dir DIR        lock and API socket (default /run/limpet)\n"
	"  --pin-dir DIR        BPF maps and links, on a BPF file system\n"
	"                       (default /sys/fs/bpf/limpet)\n"
	"  --log-level LEVEL    error, warning, info (default) or debug\n"
	"  --check              only read the configuration; exit 0 if it is right\n"
	"  --detach-on-exit     stop balancing when limpetd ends; without it the\n"
	"                       datapath goes on and the next limpetd takes it over\n"
	"  --version, --help\n"
	"\n"
	"SIGHUP reads the configuration again, SIGTERM ends limpetd.\n";

enum {
	OPT_CONFIG = 1,
	OPT_RUN_DIR,
	OPT_PIN_DIR,
	OPT_LOG_LEVEL,
	OPT_CHECK,
	OPT_DETACH,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
	{ "pin-dir", required_argument, NULL, OPT_PIN_DIR },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "detach-on-exit", no_argument, NULL, OPT_DETACH },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static int set(struct options *options, int option)
{
	switch (option) {
	case OPT_CONFIG:
		options->config = optarg;
		return 0;
	case OPT_RUN_DIR:
		options->run_dir = optarg;
		return 0;
	case OPT_PIN_DIR:
		options->pin_dir = optarg;
		return 0;
	case OPT_LOG_LEVEL:
		if (!lp_log_level_parse(optarg, &options->log_level))
			return 0;
		fprintf(stderr,
			"limpetd: --log-level \"%s\": must be error, warning, info or debug\n",
			optarg);
		return -EINVAL;
	case OPT_CHECK:
		options->check = true;
		return 0;
	case OPT_DETACH:
		options->detach_on_exit = true;
		return 0;
	case OPT_VERSION:
		printf("limpetd %s\n", LIMPET_VERSION);
		return 1;
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	default: /* getopt has said what is wrong */
		fputs("see limpetd --help\n", stderr);
		return -EINVAL;
	}
}

int options_parse(struct options *options, int argc, char **argv)
{
	int option, ret;

	*options = (struct options) {
		.run_dir = "/run/limpet",
		.pin_dir = "/sys/fs/bpf/limpet",
		.log_level = LP_LOG_INFO,
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		ret = set(options, option);
		if (ret)
			return ret;
	}
	if (optind < argc) {
		fprintf(stderr, "limpetd: \"%s\": not an option; see limpetd --help\n",
			argv[optind]);
		return -EINVAL;
	}
	if (!options->config) {
		fputs("limpetd: --config FILE is needed; see limpetd --help\n", stderr);
		return -EINVAL;
	}
	return 0;
}
