/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `limpet decap` waits for in the foreground: SIGINT or SIGTERM, and
 * changes of this host's addresses.
 */
#ifndef LIMPET_CLI_DECAP_WATCH_H
#define LIMPET_CLI_DECAP_WATCH_H

#include <signal.h>

#include "lib/err.h"

struct decap_watch {
	int signals, netlink; /* file descriptors */
	sigset_t mask;        /* of the process, before */
};

/* From here on SIGINT and SIGTERM are held back for decap_watch_wait(). */
int decap_watch_open(struct decap_watch *watch, struct lp_err *err);

/*
 * Returns 1 when an address of this host has come or gone (or may have), 0 when
 * a signal says to end, or -errno with words.
 */
int decap_watch_wait(struct decap_watch *watch, struct lp_err *err);

/* Closes, and puts the signal mask back. */
void decap_watch_close(struct decap_watch *watch);

#endif
