// SPDX-License-Identifier: GPL-2.0
/*
 * limpet decap: takes the outer headers off on a backend (dp/decap.h). The only
 * verb that does not talk to limpetd, which does not run there.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/decap_watch.h"
#include "cli/table.h"
#include "dp/decap.h"
#include "lib/addr.h"
#include "lib/parse.h"

static const char help[] =
	"limpet decap INTERFACE --from ADDRESS[,ADDRESS...] [OPTION...]\n"
	"limpet decap INTERFACE --stats | --off [--pin-dir DIR]\n"
	"\n"
	"Takes IPIP and GUE headers off, on a backend whose kernel has no device for\n"
	"that. Tunnel packets to this host that do not come from the balancers named\n"
	"by --from are dropped and counted; everything else passes untouched. Runs\n"
	"until SIGINT or SIGTERM, then detaches and prints its counters.\n"
	"\n"
	"  --from ADDRESS,...   the load balancers: source addresses of the outer header\n"
	"  --local ADDRESS,...  outer destinations that are this host's. Default: all its\n"
	"                       addresses but those of lo and link-local ones, followed\n"
	"                       as they change (with --pin: as they are now)\n"
	"  --gue-port N         UDP port of GUE, default 6080\n"
	"  --native, --generic  XDP in the driver only, or in the stack only. Default:\n"
	"                       in the driver, else in the stack with a warning\n"
	"  --pin                pin the program and exit; it stays until --off\n"
	"  --pin-dir DIR        where pins are, default " DECAP_PIN_DIR "\n"
	"  --stats              print the counters of the pinned program (limpet --json\n"
	"                       decap ... for JSON)\n"
	"  --off                detach the pinned program\n"
	"\n"
	"The backend answers as the VIP, so the VIP has to be one of its addresses, and\n"
	"on lo, where nobody sees it by ARP or neighbour discovery:\n"
	"\n"
	"  ip address add 203.0.113.10/32 dev lo\n"
	"  ip address add 2001:db8::10/128 dev lo\n"
	"\n"
	"Inner packets come in by INTERFACE with the client's address as their source.\n"
	"Where the way back to clients is another interface, strict reverse path\n"
	"filtering drops them: set net.ipv4.conf.INTERFACE.rp_filter and\n"
	"net.ipv4.conf.all.rp_filter to 0 or 2. With VIPs on lo for `dsr` as well, set\n"
	"net.ipv4.conf.all.arp_ignore=1 and arp_announce=2. A tunnel device of the\n"
	"kernel (ipip, fou) on the same packets is not needed and gets none of them.\n"
	"\n"
	"Needs root, or CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON.\n";

enum xdp_choice { XDP_AUTO, XDP_NATIVE, XDP_GENERIC };
enum action { ACTION_ATTACH, ACTION_STATS, ACTION_OFF };

struct addresses {
	struct lp_addr list[DECAP_ADDRESSES_MAX];
	size_t n;
};

struct options {
	const char *interface;
	const char *pin_dir;
	struct addresses from, local;
	uint16_t gue_port;
	enum xdp_choice mode;
	enum action action;
	bool pin, help;
	bool attach_only; /* an option was given that only attaching knows */
};

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

/* --- the command line ---------------------------------------------------------- */

/* Adds the addresses of "A,B,C", which is cut up. */
static int add_addresses(struct cli *cli, struct addresses *to, char *text)
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

static int set_mode(struct cli *cli, struct options *options, enum xdp_choice mode)
{
	if (options->mode != XDP_AUTO && options->mode != mode)
		return cli_usage(cli, "decap", "--native and --generic exclude each other");
	options->mode = mode;
	return CLI_DONE;
}

static int set_action(struct cli *cli, struct options *options, enum action action)
{
	if (options->action != ACTION_ATTACH && options->action != action)
		return cli_usage(cli, "decap", "--stats and --off exclude each other");
	options->action = action;
	return CLI_DONE;
}

static int set_gue_port(struct cli *cli, struct options *options, const char *text)
{
	if (lp_parse_port(text, &options->gue_port))
		return cli_usage(cli, "decap", "--gue-port \"%s\": no port (1 to 65535)", text);
	return CLI_DONE;
}

/* Options that only attaching knows. */
static int take_attach_option(struct cli *cli, struct options *options, int option)
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
		return set_mode(cli, options, XDP_NATIVE);
	case OPT_GENERIC:
		return set_mode(cli, options, XDP_GENERIC);
	default:
		options->pin = true;
		return CLI_DONE;
	}
}

static int take_option(struct cli *cli, struct options *options, int option, const char *text)
{
	switch (option) {
	case OPT_HELP:
		options->help = true;
		return CLI_DONE;
	case OPT_STATS:
		return set_action(cli, options, ACTION_STATS);
	case OPT_OFF:
		return set_action(cli, options, ACTION_OFF);
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
static int check_options(struct cli *cli, const struct options *options)
{
	if (!options->interface)
		return cli_usage(cli, "decap", "INTERFACE is missing");
	if (!*options->interface || strlen(options->interface) >= IFNAMSIZ ||
	    strchr(options->interface, '/') || !strcmp(options->interface, ".") ||
	    !strcmp(options->interface, ".."))
		return cli_usage(cli, "decap", "\"%s\": not the name of an interface",
				 options->interface);
	if (options->action != ACTION_ATTACH && options->attach_only)
		return cli_usage(cli, "decap", "--stats and --off go with --pin-dir only");
	if (options->action == ACTION_ATTACH && !options->from.n)
		return cli_usage(cli, "decap", "--from ADDRESS is missing");
	return CLI_DONE;
}

static int parse_options(struct cli *cli, int argc, char **argv, struct options *options)
{
	int option, rc;

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

/* --- counters ------------------------------------------------------------------- */

static int print_counters_json(struct cli *cli, const char *interface, const uint64_t *packets)
{
	json_t *counters = json_object(), *answer;
	int rc;

	for (int i = 0; i < LP_DECAP_REASONS; i++)
		json_object_set_new(counters, decap_reason_name((enum lp_decap_reason)i),
				    json_integer((json_int_t)packets[i]));
	answer = json_pack("{s:s, s:o}", "interface", interface, "packets", counters);
	if (!answer)
		return cli_fail(cli, "decap", "out of memory");
	rc = cli_print_json(cli, answer);
	json_decref(answer);
	return rc;
}

static int print_counters(struct cli *cli, const char *interface, const uint64_t *packets)
{
	static const struct cli_column columns[] = { { .name = "reason" },
						     { .name = "packets", .right = true },
						     { .name = "what" } };
	struct cli_table table;
	int ret;

	if (cli->json)
		return print_counters_json(cli, interface, packets);
	cli_table_init(&table, columns, 3);
	for (int i = 0; i < LP_DECAP_REASONS; i++) {
		cli_table_cell(&table, CLI_PLAIN, "%s", decap_reason_name((enum lp_decap_reason)i));
		cli_table_cell(&table, CLI_PLAIN, "%llu", (unsigned long long)packets[i]);
		cli_table_cell(&table, CLI_PLAIN, "%s", decap_reason_text((enum lp_decap_reason)i));
	}
	ret = cli_table_print(&table, cli->out, cli->colour);
	cli_table_free(&table);
	return ret ? cli_fail(cli, "decap", "out of memory") : CLI_DONE;
}

static int run_stats(struct cli *cli, const struct options *options)
{
	uint64_t packets[LP_DECAP_REASONS];
	struct lp_err err;

	if (decap_pinned_counters(options->pin_dir, options->interface, packets, &err))
		return cli_fail(cli, "decap", "%s", err.text);
	return print_counters(cli, options->interface, packets);
}

static int run_off(struct cli *cli, const struct options *options)
{
	struct lp_err err;

	if (decap_unpin(options->pin_dir, options->interface, &err))
		return cli_fail(cli, "decap", "%s", err.text);
	return CLI_DONE;
}

/* --- attaching -------------------------------------------------------------------- */

/* Worth another try in generic mode, or a matter that it would not help? */
static bool is_drivers_fault(int ret)
{
	return ret != -EBUSY && ret != -ENODEV && ret != -EPERM;
}

static int attach(struct cli *cli, const struct options *options, struct decap *decap,
		  const char **mode, struct lp_err *err)
{
	unsigned int ifindex = if_nametoindex(options->interface);
	int ret;

	if (!ifindex)
		return lp_err(err, -ENODEV, "there is no interface \"%s\"", options->interface);
	*mode = "native";
	if (options->mode != XDP_GENERIC) {
		ret = decap_attach(decap, ifindex, options->interface, DP_XDP_NATIVE, err);
		if (!ret || options->mode == XDP_NATIVE || !is_drivers_fault(ret))
			return ret;
		fprintf(cli->err, "limpet decap: warning: no native XDP (%s); generic is slower\n",
			err->text);
	}
	*mode = "generic";
	return decap_attach(decap, ifindex, options->interface, DP_XDP_GENERIC, err);
}

/* The host's addresses as they are now, unless --local named them. */
static int set_local(const struct options *options, struct decap *decap, struct lp_err *err)
{
	struct lp_addr *addrs;
	size_t n;
	int ret;

	if (options->local.n)
		return decap_set_local(decap, options->local.list, options->local.n, err);
	ret = decap_host_addresses(&addrs, &n, err);
	if (ret)
		return ret;
	ret = decap_set_local(decap, addrs, n, err);
	free(addrs);
	return ret;
}

/* Lists first: from its first packet on the program knows whom to listen to. */
static int start(struct cli *cli, const struct options *options, struct decap *decap,
		 struct lp_err *err)
{
	const char *mode;
	int ret = decap_set_from(decap, options->from.list, options->from.n, err);

	if (!ret)
		ret = set_local(options, decap, err);
	if (!ret)
		ret = attach(cli, options, decap, &mode, err);
	if (!ret && options->pin)
		ret = decap_pin(decap, options->pin_dir, options->interface, err);
	if (ret)
		return ret;
	fprintf(cli->err, "limpet decap: attached to %s (%s)%s\n", options->interface, mode,
		options->pin ? ", pinned until --off" : ", until SIGINT or SIGTERM");
	fflush(cli->err);
	return 0;
}

/* Follows address changes until a signal comes. */
static int follow(const struct options *options, struct decap *decap, struct decap_watch *watch,
		  struct lp_err *err)
{
	int ret;

	while ((ret = decap_watch_wait(watch, err)) > 0) {
		ret = set_local(options, decap, err);
		if (ret)
			break;
	}
	return ret;
}

static int run_foreground(struct cli *cli, const struct options *options, struct decap *decap)
{
	uint64_t packets[LP_DECAP_REASONS];
	struct decap_watch watch;
	struct lp_err err;
	int ret;

	/* Signals and address changes are kept from before the lists are read. */
	ret = decap_watch_open(&watch, &err);
	if (ret)
		return cli_fail(cli, "decap", "%s", err.text);
	ret = start(cli, options, decap, &err);
	if (!ret)
		ret = follow(options, decap, &watch, &err);
	if (!ret)
		ret = decap_counters(decap, packets, &err);
	decap_watch_close(&watch);
	if (ret)
		return cli_fail(cli, "decap", "%s", err.text);
	return print_counters(cli, options->interface, packets);
}

static int run_attach(struct cli *cli, const struct options *options)
{
	struct decap *decap;
	struct lp_err err;
	int rc = CLI_DONE;

	/* Known to be wrong before anything is loaded. */
	if (!if_nametoindex(options->interface))
		return cli_fail(cli, "decap", "there is no interface \"%s\"", options->interface);
	if (decap_open(options->gue_port, &decap, &err))
		return cli_fail(cli, "decap", "%s", err.text);
	if (!options->pin)
		rc = run_foreground(cli, options, decap);
	else if (start(cli, options, decap, &err))
		rc = cli_fail(cli, "decap", "%s", err.text);
	decap_close(&decap);
	return rc;
}

static int run(struct cli *cli, const struct options *options)
{
	switch (options->action) {
	case ACTION_STATS:
		return run_stats(cli, options);
	case ACTION_OFF:
		return run_off(cli, options);
	default:
		return run_attach(cli, options);
	}
}

int cmd_decap(struct cli *cli, int argc, char **argv)
{
	struct options *options = calloc(1, sizeof(*options)); /* large for a stack */
	int rc;

	if (!options)
		return cli_fail(cli, "decap", "out of memory");
	options->gue_port = LP_GUE_PORT;
	options->pin_dir = DECAP_PIN_DIR;
	rc = parse_options(cli, argc, argv, options);
	if (rc == CLI_DONE && options->help)
		fputs(help, cli->out);
	else if (rc == CLI_DONE)
		rc = run(cli, options);
	free(options);
	return rc;
}
