/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of `limpet decap`. */
#ifndef LIMPET_CLI_DECAP_OPTIONS_H
#define LIMPET_CLI_DECAP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "dp/decap.h"

enum decap_xdp { DECAP_XDP_AUTO, DECAP_XDP_NATIVE, DECAP_XDP_GENERIC };
enum decap_action { DECAP_ATTACH, DECAP_STATS, DECAP_OFF };

struct decap_addresses {
	struct lp_addr list[DECAP_ADDRESSES_MAX];
	size_t n;
};

struct decap_options {
	const char *interface;
	const char *pin_dir;
	struct decap_addresses from, local;
	uint16_t gue_port;
	enum decap_xdp mode;
	enum decap_action action;
	bool pin, help;
	bool attach_only; /* an option was given that only attaching knows */
};

/*
 * Fills *options from the verb's arguments, which it may cut up. Returns
 * CLI_DONE, or CLI_WRONG_USAGE after having said what is wrong. With
 * options->help nothing else is checked.
 */
int decap_options_parse(struct cli *cli, int argc, char **argv, struct decap_options *options);

#endif
