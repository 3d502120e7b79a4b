// SPDX-License-Identifier: GPL-2.0
#include "agent/options.h"

#include <errno.h>
#include <getopt.h>
#include <limpet/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	"  --socket-group GROUP group of the API socket, by name or number (default:\n"
	"                       limpetd's own)\n"
	"  --socket-mode MODE   its mode, in octal (default 0660)\n"
	"  --no-seccomp         without the filter of system calls, to find out\n"
	"                       whether it is in the way\n"
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
	OPT_SOCKET_GROUP,
	OPT_SOCKET_MODE,
	OPT_NO_SECCOMP,
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
	{ "socket-group", required_argument, NULL, OPT_SOCKET_GROUP },
	{ "socket-mode", required_argument, NULL, OPT_SOCKET_MODE },
	{ "no-seccomp", no_argument, NULL, OPT_NO_SECCOMP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static int set_log_level(struct options *options)
{
	if (!lp_log_level_parse(optarg, &options->log_level))
		return 0;
	fprintf(stderr, "limpetd: --log-level \"%s\": must be error, warning, info or debug\n",
		optarg);
	return -EINVAL;
}

/* Three octal digits, with or without a zero before them. */
static int set_socket_mode(struct options *options)
{
	const char *digits = optarg + (optarg[0] == '0');

	if (strlen(digits) == 3 && strspn(digits, "01234567") == 3) {
		options->socket_mode = (mode_t)strtoul(digits, NULL, 8);
		return 0;
	}
	fprintf(stderr, "limpetd: --socket-mode \"%s\": must be octal, as in 0660\n", optarg);
	return -EINVAL;
}

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
		return set_log_level(options);
	case OPT_CHECK:
		options->check = true;
		return 0;
	case OPT_DETACH:
		options->detach_on_exit = true;
		return 0;
	case OPT_SOCKET_GROUP:
		options->socket_group = optarg;
		return 0;
	case OPT_SOCKET_MODE:
		return set_socket_mode(options);
	case OPT_NO_SECCOMP:
		options->no_seccomp = true;
		return 0;
	case OPT_VERSION:
		printf("limpetd %s (ABI %u)\n", LIMPET_VERSION, LP_ABI_VERSION);
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
		.socket_mode = 0660,
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
