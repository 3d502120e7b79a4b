// SPDX-License-Identifier: GPL-2.0
#include "cli/cli.h"

#include <stdarg.h>
#include <string.h>

static void say(struct cli *cli, const char *command, const char *fmt, va_list ap)
{
	fprintf(cli->err, "limpet%s%s: ", *command ? " " : "", command);
	vfprintf(cli->err, fmt, ap);
}

int cli_usage(struct cli *cli, const char *command, const char *fmt, ...)
{
	int verb = (int)strcspn(command, " ");
	va_list ap;

	va_start(ap, fmt);
	say(cli, command, fmt, ap);
	va_end(ap);
	fprintf(cli->err, "; see limpet %.*s%s--help\n", verb, command, verb ? " " : "");
	return CLI_WRONG_USAGE;
}

int cli_fail(struct cli *cli, const char *command, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, command, fmt, ap);
	va_end(ap);
	fputc('\n', cli->err);
	return CLI_FAILED;
}

static bool is_global_option(const char *arg)
{
	return !strcmp(arg, "--json") || !strcmp(arg, "--version") || !strcmp(arg, "--socket") ||
	       !strncmp(arg, "--socket=", 9);
}

static int refuse_options(struct cli *cli, const char *path, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (argv[i][0] != '-' || !argv[i][1])
			continue;
		if (is_global_option(argv[i]))
			return cli_usage(cli, path, "\"%s\" goes before the command", argv[i]);
		return cli_usage(cli, path, "\"%s\": no such option", argv[i]);
	}
	return CLI_DONE;
}

static int check_args(struct cli *cli, const struct cli_command *command, const char *path,
		      int argc, char **argv)
{
	int wanted = 0;

	while (command->args[wanted])
		wanted++;
	if (argc < wanted)
		return cli_usage(cli, path, "%s is missing", command->args[argc]);
	if (argc > wanted)
		return cli_usage(cli, path, "\"%s\": one argument too many", argv[wanted]);
	for (int i = 0; i < argc; i++) {
		if (!*argv[i])
			return cli_usage(cli, path, "\"\": %s is empty", command->args[i]);
	}
	return CLI_DONE;
}

int cli_command_run(struct cli *cli, const struct cli_command *command, const char *path, int argc,
		    char **argv)
{
	int rc = CLI_DONE;

	if (!command->run)
		return cli_fail(cli, path, "not supported yet");
	/* After "--" come names that may look like options. */
	if (argc && !strcmp(argv[0], "--")) {
		argc--;
		argv++;
	} else {
		rc = refuse_options(cli, path, argc, argv);
	}
	if (!rc)
		rc = check_args(cli, command, path, argc, argv);
	return rc ? rc : command->run(cli, argv);
}

/* "list, show": what a person may write instead. */
static const char *names(const struct cli_command *commands, size_t n, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (!commands[i].run)
			continue;
		snprintf(text + len, size - len, "%s%s", len ? ", " : "", commands[i].name);
		len += strlen(text + len);
	}
	return text;
}

int cli_command_find(struct cli *cli, const struct cli_command *commands, size_t n, int argc,
		     char **argv)
{
	char text[256], path[64];

	if (argc < 2)
		return cli_usage(cli, argv[0], "what to do is missing: %s",
				 names(commands, n, text, sizeof(text)));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		snprintf(path, sizeof(path), "%s %s", argv[0], argv[1]);
		return cli_command_run(cli, &commands[i], path, argc - 2, argv + 2);
	}
	return cli_usage(cli, argv[0], "\"%s\": no such command; there are %s", argv[1],
			 names(commands, n, text, sizeof(text)));
}
