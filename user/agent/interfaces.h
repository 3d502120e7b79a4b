/* SPDX-License-Identifier: GPL-2.0 */
/* XDP on the interfaces that the configuration names, and on no others. */
#ifndef LIMPET_AGENT_INTERFACES_H
#define LIMPET_AGENT_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"
#include "dp/dp.h"
#include "lib/err.h"
#include "net/net.h"

/* What is known of each interface of the configuration, so that a change is said once.
 * All zero is an empty one. */
struct interfaces {
	struct interface_state *states; /* interfaces.c */
	size_t n;
};

/* -ENODEV with words, which list what there is, if one does not exist. */
int interfaces_check(const struct config *config, struct net *net, struct lp_err *err);

/*
 * Attaches to all of them, or puts the new program in the place of the old one;
 * `auto` falls back to generic mode with a warning.
 */
int interfaces_attach(const struct config *config, struct net *net, struct dp *dp,
		      struct lp_err *err);

/*
 * Attaches to those that came, or came back under the same name, and says which went
 * down, came up, have another name, or are gone.
 */
void interfaces_follow(struct interfaces *interfaces, const struct config *config, struct net *net,
		       struct dp *dp);

/* After a configuration has been applied: its interfaces as they are. Only what is not
 * as it should be is said. */
void interfaces_note(struct interfaces *interfaces, const struct config *config, struct net *net,
		     struct dp *dp);

/*
 * The name that an interface of the configuration has now, if it has another one and the
 * program is on it still: into name[IF_NAMESIZE]; false if it has not.
 */
bool interfaces_renamed(const char *interface, struct net *net, const struct dp *dp, char *name);

void interfaces_fini(struct interfaces *interfaces);

/* Takes the program off interfaces that the configuration does not name. */
void interfaces_prune(const struct config *config, struct dp *dp);

/* Takes it off all. */
void interfaces_detach_all(struct dp *dp);

#endif
