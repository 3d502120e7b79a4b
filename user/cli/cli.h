/* SPDX-License-Identifier: GPL-2.0 */
/*
 * limpet, the command: what its verbs share. A verb is a function in a file of
 * its own (cmd_NAME.c) and a line of the table in main.c.
 *
 * Rules of the output, cited in the code by number:
 *
 *   O1  Results go to cli->out, everything that went wrong to cli->err.
 *   O2  With --json a verb prints the API's document as it came, indented.
 *   O3  Text that came from elsewhere never reaches a terminal with control
 *       bytes in it (tables see to it).
 *   O4  Colour is an addition: no word is said by colour alone.
 */
#ifndef LIMPET_CLI_CLI_H
#define LIMPET_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

/* Exit codes, and what verbs return. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG_USAGE = 2 };

struct cli {
	const char *socket; /* of the API */
	bool json;          /* print JSON instead of text */
	FILE *out, *err;
	bool colour; /* out is a terminal that may have it */
};

/*
 * Verbs. argv[0] is the verb, argc counts it. They return an exit code and have
 * said on cli->err what went wrong. main() answers --help for those that have a
 * help text in its table; cmd_decap() answers it on its own.
 */
int cmd_audit(struct cli *cli, int argc, char **argv);
int cmd_backend(struct cli *cli, int argc, char **argv);
int cmd_config(struct cli *cli, int argc, char **argv);
int cmd_config_plan(struct cli *cli, char **args); /* of cmd_config(), as cli_command.run */
int cmd_config_apply(struct cli *cli, char **args);
int cmd_decap(struct cli *cli, int argc, char **argv);
int cmd_doctor(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);
int cmd_interface(struct cli *cli, int argc, char **argv);
int cmd_later(struct cli *cli, int argc, char **argv); /* verbs that are still to come */
int cmd_pool(struct cli *cli, int argc, char **argv);
int cmd_reasons(struct cli *cli, int argc, char **argv);
int cmd_records(struct cli *cli, int argc, char **argv);
int cmd_reload(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_version(struct cli *cli, int argc, char **argv);
int cmd_vip(struct cli *cli, int argc, char **argv);

/*
 * Wrong usage: prints "limpet COMMAND: what is wrong; see limpet VERB --help" as
 * one line, where VERB is the first word of `command`; "" is limpet itself.
 * Returns CLI_WRONG_USAGE.
 */
int cli_usage(struct cli *cli, const char *command, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints one line, "limpet COMMAND: what went wrong". Returns CLI_FAILED. */
int cli_fail(struct cli *cli, const char *command, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define CLI_ARGS_MAX    2 /* arguments that a command takes at most */
#define CLI_OPTIONS_MAX 3 /* and options of its own */

struct cli_option {
	const char *name; /* "--deadline" */
	bool flag;        /* it has no value */
};

/* One command: a verb without further commands, or "show" of "vip show NAME". */
struct cli_command {
	const char *name;
	const char *args[CLI_ARGS_MAX + 1]; /* names of its arguments, all required, NULL last */
	struct cli_option options[CLI_OPTIONS_MAX + 1]; /* none is required, {NULL} last */
	/* Gets exactly the arguments, and after them the value of each of its options: NULL
	 * if it was not given, "" of a flag that was. run NULL: not supported yet. */
	int (*run)(struct cli *cli, char **args);
};

/*
 * Runs `command` with argv[0 .. argc): as many arguments as it takes, and between them
 * its options, "--deadline 10m" or "--deadline=10m"; after a "--" nothing is an option.
 * argv is changed. `path` is what errors call the command: "status", "vip show".
 */
int cli_command_run(struct cli *cli, const struct cli_command *command, const char *path, int argc,
		    char **argv);

/* Finds the command that argv[1] names, of the verb argv[0], and runs it. */
int cli_command_find(struct cli *cli, const struct cli_command *commands, size_t n, int argc,
		     char **argv);

#endif
