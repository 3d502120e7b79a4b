// SPDX-License-Identifier: GPL-2.0
/*
 * limpet decap: takes the outer headers off on a backend (dp/decap.h). The only
 * verb that does not talk to limpetd, which does not run there.
 */
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/decap_options.h"
#include "cli/decap_watch.h"
#include "cli/table.h"
#include "dp/decap.h"

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

static int run_stats(struct cli *cli, const struct decap_options *options)
{
	uint64_t packets[LP_DECAP_REASONS];
	struct lp_err err;

	if (decap_pinned_counters(options->pin_dir, options->interface, packets, &err))
		return cli_fail(cli, "decap", "%s", err.text);
	return print_counters(cli, options->interface, packets);
}

static int run_off(struct cli *cli, const struct decap_options *options)
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

static int attach(struct cli *cli, const struct decap_options *options, struct decap *decap,
		  const char **mode, struct lp_err *err)
{
	unsigned int ifindex = if_nametoindex(options->interface);
	int ret;

	if (!ifindex)
		return lp_err(err, -ENODEV, "there is no interface \"%s\"", options->interface);
	*mode = "native";
	if (options->mode != DECAP_XDP_GENERIC) {
		ret = decap_attach(decap, ifindex, options->interface, DP_XDP_NATIVE, err);
		if (!ret || options->mode == DECAP_XDP_NATIVE || !is_drivers_fault(ret))
			return ret;
		fprintf(cli->err, "limpet decap: warning: no native XDP (%s); generic is slower\n",
			err->text);
	}
	*mode = "generic";
	return decap_attach(decap, ifindex, options->interface, DP_XDP_GENERIC, err);
}

/* The host's addresses as they are now, unless --local named them. */
static int set_local(const struct decap_options *options, struct decap *decap, struct lp_err *err)
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
static int start(struct cli *cli, const struct decap_options *options, struct decap *decap,
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
static int follow(const struct decap_options *options, struct decap *decap,
		  struct decap_watch *watch, struct lp_err *err)
{
	int ret;

	while ((ret = decap_watch_wait(watch, err)) > 0) {
		ret = set_local(options, decap, err);
		if (ret)
			break;
	}
	return ret;
}

static int run_foreground(struct cli *cli, const struct decap_options *options, struct decap *decap)
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

static int run_attach(struct cli *cli, const struct decap_options *options)
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

static int run(struct cli *cli, const struct decap_options *options)
{
	switch (options->action) {
	case DECAP_STATS:
		return run_stats(cli, options);
	case DECAP_OFF:
		return run_off(cli, options);
	default:
		return run_attach(cli, options);
	}
}

int cmd_decap(struct cli *cli, int argc, char **argv)
{
	struct decap_options *options = calloc(1, sizeof(*options)); /* large for a stack */
	int rc;

	if (!options)
		return cli_fail(cli, "decap", "out of memory");
	rc = decap_options_parse(cli, argc, argv, options);
	if (rc == CLI_DONE && options->help)
		fputs(help, cli->out);
	else if (rc == CLI_DONE)
		rc = run(cli, options);
	free(options);
	return rc;
}
