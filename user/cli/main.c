// SPDX-License-Identifier: GPL-2.0
/* limpet: what operators touch. Global options, and the table of verbs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define DEFAULT_SOCKET "/run/limpet/api.sock"

struct verb {
	const char *name;
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *usage;   /* NULL: still to come, and not listed */
	const char *summary; /* one line */
	const char *help;    /* what usage and summary do not say; NULL: the verb has its own */
};

static int cmd_help(struct cli *cli, int argc, char **argv);

static const struct verb verbs[] = {
	{ "status", cmd_status, "status", "interfaces, VIPs, pools, health and drops on one page",
	  "Of long tables, only what fits: the first VIPs, and the backends in trouble.\n"
	  "The rest is in \"limpet vip list\" and \"limpet pool show NAME\".\n" },
	{ "vip", cmd_vip, "vip list | show NAME", "virtual services",
	  "list       all VIPs, with their packets and bytes\n"
	  "show NAME  one VIP, with all its addresses and ports\n" },
	{ "pool", cmd_pool, "pool list | show NAME", "pools and their backends",
	  "list       all pools, and how many of their backends are usable\n"
	  "show NAME  one pool: state, slots, traffic and checks of its backends\n" },
	{ "interface", cmd_interface, "interface list", "interfaces where limpet is attached",
	  "list  all interfaces of the configuration, and how XDP runs there\n" },
	{ "backend", cmd_backend, "backend drain | offline | enable NAME",
	  "take a backend out of use, and back",
	  "drain POOL/BACKEND    no new clients; those it has stay, with their new connections\n"
	  "offline POOL/BACKEND  no new connections at all; those it has go on\n"
	  "enable POOL/BACKEND   the end of drain and offline\n\n"
	  "--deadline DURATION   when even living connections are let go (10m, 1h; default: the\n"
	  "                      pool's drain_timeout)\n" },
	{ "config", cmd_config, "config show | check|plan|apply FILE",
	  "configuration files, and what they change",
	  "check FILE  says whether the file is right, without an agent\n"
	  "plan FILE   what it would change: slots, connections, clients; changes nothing\n"
	  "apply FILE  the same, and puts it in force\n"
	  "show        the configuration that is in force (--running)\n\n"
	  "--max-moved N%  plan, apply: refuse if a VIP has more clients than that who would get\n"
	  "                another server\n"
	  "--planned ID    apply: refuse if that is not what was planned\n"
	  "--desired       show: what limpetd's own file says\n"
	  "--diff          show: from what is in force to that file, and which backends are not\n"
	  "                simply up\n" },
	{ "explain", cmd_explain, "explain VIP[:PORT] SOURCE[:PORT]",
	  "which backend answers a client, and why",
	  "VIP is a VIP's name or address, SOURCE the client's address. An IPv6 address with a\n"
	  "port is written in brackets: [2001:db8::10]:443. The VIP's port may be left out if it\n"
	  "has one only, the client's if the VIP's affinity is source.\n" },
	{ "records", cmd_records, "records [OPTION...] | flush OPTION...",
	  "what is remembered of connections and clients",
	  "--vip NAME       of this VIP; clients that its affinity group shares as well\n"
	  "--source PREFIX  of these sources, 10.1.2.3 or 10.0.0.0/8\n"
	  "--limit N        how many are listed at most (100)\n\n"
	  "flush forgets them: --vip, --source, both, or --all. Connections that are not where\n"
	  "their slot is now break.\n" },
	{ "audit", cmd_audit, "audit", "broken connections, moved clients, heavy sources",
	  "LOST are connections whose backend died or was let go; BROKEN ones went elsewhere while\n"
	  "theirs lived. A number without samples is shown as <192: below that with 95%\n"
	  "confidence.\n" },
	{ "reasons", cmd_reasons, "reasons", "packets by verdict: forwarded, passed, dropped", "" },
	{ "doctor", cmd_doctor, "doctor [--config FILE]", "what would bite here, and how to fix it",
	  "Looks at this host, its interfaces, the ways to backends, and the running limpetd.\n"
	  "Ends with 1 if there is a problem.\n\n"
	  "--config FILE  what can be told of this file without limpetd\n" },
	{ "reload", cmd_reload, "reload", "make limpetd read its configuration file again",
	  "Prints what changed. A file that is wrong anywhere changes nothing.\n" },
	{ "decap", cmd_decap, "decap INTERFACE --from ADDRESS,...",
	  "on a backend: take packets out of their tunnel", NULL },
	{ "version", cmd_version, "version", "versions of limpet and of the running limpetd", "" },
	{ "help", cmd_help, "help [COMMAND]", "this list, or what a command does", "" },
	{ .name = "top", .run = cmd_later },
	{ .name = "watch", .run = cmd_later },
	{ .name = "lab", .run = cmd_later },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

static void print_help(FILE *out)
{
	fprintf(out, "usage: limpet [--socket PATH] [--json] COMMAND [ARGUMENT...]\n\n"
		     "  --socket PATH  of limpetd's API (" DEFAULT_SOCKET ")\n"
		     "  --json         JSON instead of text\n"
		     "  --version      version of this program\n"
		     "  --help         this text; limpet COMMAND --help: what a command does\n\n");
	for (size_t i = 0; i < N_VERBS; i++) {
		if (verbs[i].usage)
			fprintf(out, "  %-37s %s\n", verbs[i].usage, verbs[i].summary);
	}
}

static int print_verb_help(struct cli *cli, const struct verb *verb)
{
	char name[32], option[] = "--help";
	char *argv[] = { name, option, NULL };

	if (!verb->usage || !verb->help) {
		snprintf(name, sizeof(name), "%s", verb->name);
		return verb->run(cli, 2, argv);
	}
	fprintf(cli->out, "usage: limpet %s\n\n%s\n", verb->usage, verb->summary);
	if (*verb->help)
		fprintf(cli->out, "\n%s", verb->help);
	return CLI_DONE;
}

static int cmd_help(struct cli *cli, int argc, char **argv)
{
	const struct verb *verb;

	if (argc > 2)
		return cli_usage(cli, "help", "\"%s\": one argument too many", argv[2]);
	if (argc < 2) {
		print_help(cli->out);
		return CLI_DONE;
	}
	verb = find_verb(argv[1]);
	if (!verb)
		return cli_usage(cli, "", "\"%s\": no such command", argv[1]);
	return print_verb_help(cli, verb);
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	}
	return false;
}

static int run_verb(struct cli *cli, const struct verb *verb, int argc, char **argv)
{
	if (verb->help && wants_help(argc, argv))
		return print_verb_help(cli, verb);
	return verb->run(cli, argc, argv);
}

static int run_command(struct cli *cli, int argc, char **argv)
{
	const struct verb *verb;

	if (!argc)
		return cli_usage(cli, "", "a command is missing");
	verb = find_verb(argv[0]);
	if (!verb)
		return cli_usage(cli, "", "\"%s\": no such command", argv[0]);
	return run_verb(cli, verb, argc, argv);
}

/* What an option leaves to do: go on, or else an exit code. */
enum { GO_ON = -1 };

static int take_socket(struct cli *cli, const char *path)
{
	if (!path || !*path)
		return cli_usage(cli, "", "\"--socket\": the path is missing");
	cli->socket = path;
	return GO_ON;
}

/* Takes the option argv[*i] and moves *i to its last argument. */
static int take_option(struct cli *cli, char **argv, int *i)
{
	const char *arg = argv[*i];

	if (!strcmp(arg, "--json")) {
		cli->json = true;
		return GO_ON;
	}
	if (!strncmp(arg, "--socket=", 9))
		return take_socket(cli, arg + 9);
	if (!strcmp(arg, "--socket"))
		return take_socket(cli, argv[*i + 1] ? argv[++*i] : NULL);
	if (!strcmp(arg, "--version")) {
		fprintf(cli->out, "limpet %s\n", LIMPET_VERSION);
		return CLI_DONE;
	}
	if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
		print_help(cli->out);
		return CLI_DONE;
	}
	return cli_usage(cli, "", "\"%s\": no such option", arg);
}

static int run(struct cli *cli, int argc, char **argv)
{
	int rc = GO_ON;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && rc == GO_ON; i++)
		rc = take_option(cli, argv, &i);
	return rc == GO_ON ? run_command(cli, argc - i, argv + i) : rc;
}

/* https://no-color.org: NO_COLOR, if it is set and not empty, says no. */
static bool wants_colour(FILE *out)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(fileno(out)) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

int main(int argc, char **argv)
{
	struct cli cli = {
		.socket = DEFAULT_SOCKET,
		.out = stdout,
		.err = stderr,
		.colour = wants_colour(stdout),
	};
	int rc = run(&cli, argc, argv);

	/* A script must not take half a table for the whole. */
	if ((fflush(stdout) || ferror(stdout)) && rc == CLI_DONE)
		rc = cli_fail(&cli, "", "cannot write the output");
	return rc;
}
