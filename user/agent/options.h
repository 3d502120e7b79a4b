/* SPDX-License-Identifier: GPL-2.0 */
/* limpetd's command line (DESIGN section 4). */
#ifndef LIMPET_AGENT_OPTIONS_H
#define LIMPET_AGENT_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/log.h"

struct options {
	const char *config;
	const char *run_dir;
	const char *pin_dir;
	enum lp_log_level log_level;
	bool check;               /* read the configuration and say whether it is right */
	bool detach_on_exit;      /* take the datapath away on SIGTERM */
	const char *socket_group; /* of the API's socket; NULL: limpetd's own */
	mode_t socket_mode;
	bool no_seccomp; /* without the filter of system calls */
};

/*
 * Parses argv. Returns 0 to go on, 1 when the answer was printed (--help,
 * --version), -EINVAL after printing what is wrong on stderr.
 */
int options_parse(struct options *options, int argc, char **argv);

#endif
