// SPDX-License-Identifier: GPL-2.0
/* Verbs that limpet will have: known, so that nobody takes them for a typo. */
#include "cli/cli.h"

int cmd_later(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	return cli_fail(cli, argv[0], "not supported yet");
}
