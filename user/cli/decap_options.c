// SPDX-License-Identifier: GPL-2.0
#include "cli/decap_options.h"

#include <getopt.h>
#include <net/if.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/parse.h"

enum {
	OPT_FROM = 1,
	OPT_LOCAL,
	OPT_GUE_PORT,
	OPT_NATIVE,
	OPT_GENERIC,
	OPT_PIN,
	OPT_PIN_DIR,
	OPT_STATS,
	OPT_OFF,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "from", required_argument, NULL, OPT_FROM },
	{ "local", required_argument, NULL, OPT_LOCAL },
	{ "gue-port", required_argument, NULL, OPT_GUE_PORT },
	{ "native", no_argument, NULL, OPT_NATIVE },
	{ "generic", no_argument, NULL, OPT_GENERIC },
	{ "pin", no_argument, NULL, OPT_PIN },
	{ "pin-dir", required_argument, NULL, OPT_PIN_DIR },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "off", no_argument, NULL, OPT_OFF },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* Adds the addresses of "A,B,C", which is cut up. */
static int add_addresses(struct cli *cli, struct decap_addresses *to, char *text)
{
	char *item;

	while ((item = strsep(&text, ","))) {
		if (to->n == DECAP_ADDRESSES_MAX)
			return cli_usage(cli, "decap", "more than %u addresses",
					 DECAP_ADDRESSES_MAX);
		if (lp_addr_parse(item, &to->list[to->n]))
			return cli_usage(cli, "decap", "\"%s\": no IPv4 or IPv6 address", item);
		to->n++;
	}
	return CLI_DONE;
}

static int set_mode(struct cli *cli, struct decap_options *options, enum decap_xdp mode)
{
	if (options->mode != DECAP_XDP_AUTO && options->mode != mode)
		return cli_usage(cli, "decap", "--native and --generic exclude each other");
	options->mode = mode;
	return CLI_DONE;
}

static int set_action(struct cli *cli, struct decap_options *options, enum decap_action action)
{
	if (options->action != DECAP_ATTACH && options->action != action)
		return cli_usage(cli, "decap", "--stats and --off exclude each other");
	options->action = action;
	return CLI_DONE;
}

static int set_gue_port(struct cli *cli, struct decap_options *options, const char *text)
{
	if (lp_parse_port(text, &options->gue_port))
		return cli_usage(cli, "decap", "--gue-port \"%s\": no port (1 to 65535)", text);
	return CLI_DONE;
}

/* Options that only attaching knows. */
static int take_attach_option(struct cli *cli, struct decap_options *options, int option)
{
	options->attach_only = true;
	switch (option) {
	case OPT_FROM:
		return add_addresses(cli, &options->from, optarg);
	case OPT_LOCAL:
		return add_addresses(cli, &options->local, optarg);
	case OPT_GUE_PORT:
		return set_gue_port(cli, options, optarg);
	case OPT_NATIVE:
		return set_mode(cli, options, DECAP_XDP_NATIVE);
	case OPT_GENERIC:
		return set_mode(cli, options, DECAP_XDP_GENERIC);
	default:
		options->pin = true;
		return CLI_DONE;
	}
}

static int take_option(struct cli *cli, struct decap_options *options, int option, const char *text)
{
	switch (option) {
	case OPT_HELP:
		options->help = true;
		return CLI_DONE;
	case OPT_STATS:
		return set_action(cli, options, DECAP_STATS);
	case OPT_OFF:
		return set_action(cli, options, DECAP_OFF);
	case OPT_PIN_DIR:
		options->pin_dir = optarg;
		return CLI_DONE;
	case ':':
		return cli_usage(cli, "decap", "\"%s\" needs an argument", text);
	case '?':
		return cli_usage(cli, "decap", "\"%s\": no such option", text);
	default:
		return take_attach_option(cli, options, option);
	}
}

/* Do the options make sense together? */
static int check_options(struct cli *cli, const struct decap_options *options)
{
	if (!options->interface)
		return cli_usage(cli, "decap", "INTERFACE is missing");
	if (!*options->interface || strlen(options->interface) >= IFNAMSIZ ||
	    strchr(options->interface, '/') || !strcmp(options->interface, ".") ||
	    !strcmp(options->interface, ".."))
		return cli_usage(cli, "decap", "\"%s\": not the name of an interface",
				 options->interface);
	if (options->action != DECAP_ATTACH && options->attach_only)
		return cli_usage(cli, "decap", "--stats and --off go with --pin-dir only");
	if (options->action == DECAP_ATTACH && !options->from.n)
		return cli_usage(cli, "decap", "--from ADDRESS is missing");
	return CLI_DONE;
}

int decap_options_parse(struct cli *cli, int argc, char **argv, struct decap_options *options)
{
	int option, rc;

	memset(options, 0, sizeof(*options));
	options->gue_port = LP_GUE_PORT;
	options->pin_dir = DECAP_PIN_DIR;
	opterr = 0;
	optind = 0; /* glibc: begin anew, whoever has used it before */
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		rc = take_option(cli, options, option, argv[optind - 1]);
		if (rc || options->help)
			return rc;
	}
	if (argc - optind > 1)
		return cli_usage(cli, "decap", "\"%s\": one argument too many", argv[optind + 1]);
	options->interface = argv[optind]; /* NULL if there is none */
	return check_options(cli, options);
}
