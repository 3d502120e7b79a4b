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

/* The option that `arg` is, with or without a value behind a '='; -1: of no such name. */
static int find_option(const struct cli_command *command, const char *arg)
{
	size_t len = strcspn(arg, "=");

	for (int i = 0; command->options[i].name; i++)
		if (!strncmp(command->options[i].name, arg, len) && !command->options[i].name[len])
			return i;
	return -1;
}

/* Takes the option argv[*i] into *value, and moves *i to its last word. */
static int take_option(struct cli *cli, const struct cli_option *option, const char *path,
		       char **argv, int argc, int *i, char **value)
{
	char *equals = strchr(argv[*i], '=');

	if (*value)
		return cli_usage(cli, path, "\"%s\" is given twice", option->name);
	if (option->flag) {
		if (equals)
			return cli_usage(cli, path, "\"%s\": it has no value", argv[*i]);
		*value = argv[*i] + strlen(argv[*i]);
		return CLI_DONE;
	}
	if (equals)
		*value = equals + 1;
	else if (*i + 1 < argc)
		*value = argv[++*i];
	if (!*value || !**value)
		return cli_usage(cli, path, "\"%s\": its value is missing", option->name);
	return CLI_DONE;
}

static int refuse_option(struct cli *cli, const char *path, const char *arg)
{
	if (is_global_option(arg))
		return cli_usage(cli, path, "\"%s\" goes before the command", arg);
	return cli_usage(cli, path, "\"%s\": no such option", arg);
}

/* Takes the options out of argv, so that the arguments are left; values[] by option. */
static int take_options(struct cli *cli, const struct cli_command *command, const char *path,
			int *argc, char **argv, char **values)
{
	int rc = CLI_DONE, kept = 0, i;

	for (i = 0; i < *argc && !rc; i++) {
		int option = find_option(command, argv[i]);

		if (!strcmp(argv[i], "--"))
			break;
		if (option >= 0)
			rc = take_option(cli, &command->options[option], path, argv, *argc, &i,
					 &values[option]);
		else if (argv[i][0] == '-' && argv[i][1])
			rc = refuse_option(cli, path, argv[i]);
		else
			argv[kept++] = argv[i];
	}
	/* After "--" come names that may look like options. */
	for (i++; !rc && i < *argc; i++)
		argv[kept++] = argv[i];
	*argc = kept;
	return rc;
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
	char *values[CLI_OPTIONS_MAX + 1] = { NULL };
	char *args[CLI_ARGS_MAX + CLI_OPTIONS_MAX + 1];
	int rc;

	if (!command->run)
		return cli_fail(cli, path, "not supported yet");
	rc = take_options(cli, command, path, &argc, argv, values);
	if (!rc)
		rc = check_args(cli, command, path, argc, argv);
	if (rc)
		return rc;
	memcpy(args, argv, (size_t)argc * sizeof(*args));
	memcpy(args + argc, values, CLI_OPTIONS_MAX * sizeof(*args));
	return command->run(cli, args);
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
