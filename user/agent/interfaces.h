/* SPDX-License-Identifier: GPL-2.0 */
/* XDP on the interfaces that the configuration names, and on no others. */
#ifndef LIMPET_AGENT_INTERFACES_H
#define LIMPET_AGENT_INTERFACES_H

#include "core/config.h"
#include "core/runtime.h"
#include "dp/dp.h"
#include "lib/err.h"
#include "net/net.h"

/* -ENODEV with words, which list what there is, if one does not exist. */
int interfaces_check(const struct config *config, struct net *net, struct lp_err *err);

/*
 * Attaches to all of them, or puts the new program in the place of the old one;
 * `auto` falls back to generic mode with a warning.
 */
int interfaces_attach(const struct config *config, struct net *net, struct dp *dp,
		      struct lp_err *err);

/* Attaches to those that came, or came back under the same name. */
void interfaces_follow(const struct config *config, struct net *net, struct dp *dp);

/* Tells runtime which interfaces of the configuration there are; -ENOMEM, and all is as before. */
int interfaces_tell(const struct config *config, struct net *net, struct runtime *runtime,
		    bool *changed);

/* Takes the program off interfaces that the configuration does not name. */
void interfaces_prune(const struct config *config, struct dp *dp);

/* Takes it off all. */
void interfaces_detach_all(struct dp *dp);

#endif
