// SPDX-License-Identifier: GPL-2.0
#include "agent/interfaces.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

/* Names of the host's interfaces for an error message: "eth0, eth1". */
static void list_names(char *text, size_t size)
{
	struct if_nameindex *all = if_nameindex();
	size_t at = 0;

	text[0] = 0;
	for (struct if_nameindex *i = all; i && i->if_index && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "", i->if_name);
	if (all)
		if_freenameindex(all);
}

int interfaces_check(const struct config *config, struct net *net, struct lp_err *err)
{
	struct net_link link;
	char names[512];

	for (size_t i = 0; i < config->n_interfaces; i++) {
		const char *name = config->interfaces[i].name;

		if (!net_link(net, name, &link))
			continue;
		list_names(names, sizeof(names));
		return lp_err(err, -ENODEV,
			      "interfaces: there is no interface \"%s\"; there are: %s", name,
			      names);
	}
	return 0;
}

/* Where the program is; calls `is` until it says yes. */
static bool find_attached(const struct dp *dp,
			  bool (*is)(const struct dp_interface *at, const void *what),
			  const void *what, struct dp_interface *found)
{
	size_t n = dp_interfaces(dp, NULL, 0);
	struct dp_interface *all = calloc(n + 1, sizeof(*all));
	bool any = false;

	n = all ? dp_interfaces(dp, all, n) : 0;
	for (size_t i = 0; i < n && !any; i++) {
		any = is(&all[i], what);
		if (any)
			*found = all[i];
	}
	free(all);
	return any;
}

static bool has_name(const struct dp_interface *at, const void *name)
{
	return !strcmp(at->name, name);
}

static bool has_index(const struct dp_interface *at, const void *index)
{
	return at->ifindex == *(const unsigned int *)index;
}

/* By the name that it was attached under. */
static bool find_by_name(const struct dp *dp, const char *name, struct dp_interface *found)
{
	return find_attached(dp, has_name, name, found);
}

/* Whatever its name was: the program stays on an interface that gets another one. */
static bool find_by_index(const struct dp *dp, unsigned int index, struct dp_interface *found)
{
	return find_attached(dp, has_index, &index, found);
}

bool interfaces_renamed(const char *interface, struct net *net, const struct dp *dp, char *name)
{
	struct dp_interface now;
	struct net_link link;

	return net_link(net, interface, &link) && find_by_name(dp, interface, &now) &&
	       now.ifindex && if_indextoname(now.ifindex, name);
}

static int attach_auto(struct dp *dp, const struct net_link *link, const char *name,
		       struct lp_err *err)
{
	struct dp_interface now;
	struct lp_err native;
	int ret;

	/* Already there in generic mode: going on beats a gap of a new attempt. */
	if (find_by_index(dp, link->ifindex, &now))
		return dp_attach(dp, link->ifindex, name, now.mode, err);
	if (!dp_attach(dp, link->ifindex, name, DP_XDP_NATIVE, &native))
		return 0;
	ret = dp_attach(dp, link->ifindex, name, DP_XDP_GENERIC, err);
	if (ret)
		return ret;
	lp_warning("interface=%s generic XDP is in use, which is slow: native failed: %s", name,
		   native.text);
	return 0;
}

static int attach_one(const struct config_interface *interface, struct net *net, struct dp *dp,
		      struct lp_err *err)
{
	const char *name = interface->name;
	struct net_link link;

	if (net_link(net, name, &link))
		return lp_err(err, -ENODEV, "there is no interface \"%s\"", name);
	switch (interface->mode) {
	case CONFIG_XDP_NATIVE:
		return dp_attach(dp, link.ifindex, name, DP_XDP_NATIVE, err);
	case CONFIG_XDP_GENERIC:
		return dp_attach(dp, link.ifindex, name, DP_XDP_GENERIC, err);
	default:
		return attach_auto(dp, &link, name, err);
	}
}

/* Is our program on that very interface already? */
static bool is_ours(const struct dp *dp, struct net *net, const char *name)
{
	struct dp_interface now;
	struct net_link link;

	return !net_link(net, name, &link) && find_by_index(dp, link.ifindex, &now);
}

/*
 * New interfaces first: they may be refused, and then nothing has changed on
 * those where our program runs. Replacing it there cannot be refused.
 */
int interfaces_attach(const struct config *config, struct net *net, struct dp *dp,
		      struct lp_err *err)
{
	for (int ours = 0; ours < 2; ours++) {
		for (size_t i = 0; i < config->n_interfaces; i++) {
			const struct config_interface *interface = &config->interfaces[i];
			int ret;

			if (!ours == is_ours(dp, net, interface->name))
				continue;
			ret = attach_one(interface, net, dp, err);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* --- following ---------------------------------------------------------------------- */

enum state { UNKNOWN, UP, DOWN, RENAMED, GONE, REFUSED };

struct interface_state {
	char name[IF_NAMESIZE];
	enum state state;
};

/* The program is not, or no longer, where the name is. */
static bool is_elsewhere(const struct dp *dp, const struct net_link *link, const char *name)
{
	struct dp_interface now;

	return !find_by_name(dp, name, &now) || now.ifindex != link->ifindex;
}

/* One that has just gone away may still have a name for a moment. */
static enum state attach_again(const struct config_interface *interface, struct net *net,
			       struct dp *dp, const struct net_link *link,
			       struct interface_state *state)
{
	struct lp_err err;
	int ret = attach_one(interface, net, dp, &err);

	if (ret == -ENODEV)
		return GONE;
	if (ret) {
		if (state->state != REFUSED)
			lp_error("interface=%s %s", interface->name, err.text);
		return REFUSED;
	}
	lp_info("interface=%s state=attached ifindex=%u", interface->name, link->ifindex);
	state->state = UNKNOWN; /* from here on it is another one */
	return link->up ? UP : DOWN;
}

static enum state look(const struct config_interface *interface, struct net *net, struct dp *dp,
		       struct interface_state *state, char *other)
{
	struct net_link link;

	if (interfaces_renamed(interface->name, net, dp, other))
		return RENAMED;
	if (net_link(net, interface->name, &link))
		return GONE;
	if (is_elsewhere(dp, &link, interface->name))
		return attach_again(interface, net, dp, &link, state);
	return link.up ? UP : DOWN;
}

/* Said when it changes; that one is up is no news at first. */
static void say(const char *name, enum state old, enum state new, const char *other)
{
	if (new == old || (old == UNKNOWN && new == UP))
		return;
	if (new == UP)
		lp_info("interface=%s state=up", name);
	else if (new == DOWN)
		lp_warning("interface=%s state=down", name);
	else if (new == RENAMED)
		lp_warning("interface=%s state=renamed packets go on through \"%s\"; the "
			   "configuration should name it so",
			   name, other);
	else if (new == GONE)
		lp_warning("interface=%s state=gone", name);
}

static void follow_one(const struct config_interface *interface, struct net *net, struct dp *dp,
		       struct interface_state *state)
{
	char other[IF_NAMESIZE] = "";
	enum state now = look(interface, net, dp, state, other);

	say(interface->name, state->state, now, other);
	state->state = now;
}

void interfaces_follow(struct interfaces *interfaces, const struct config *config, struct net *net,
		       struct dp *dp)
{
	for (size_t i = 0; i < config->n_interfaces && i < interfaces->n; i++)
		follow_one(&config->interfaces[i], net, dp, &interfaces->states[i]);
}

/* What was known of the interface, if it was there before. */
static enum state known_state(const struct interfaces *interfaces, const char *name)
{
	for (size_t i = 0; i < interfaces->n; i++)
		if (!strcmp(interfaces->states[i].name, name))
			return interfaces->states[i].state;
	return UNKNOWN;
}

void interfaces_note(struct interfaces *interfaces, const struct config *config, struct net *net,
		     struct dp *dp)
{
	struct interfaces new = {
		.states = calloc(config->n_interfaces + 1, sizeof(*new.states)),
		.n = config->n_interfaces,
	};

	if (!new.states)
		return; /* those before are followed on */
	for (size_t i = 0; i < new.n; i++) {
		snprintf(new.states[i].name, sizeof(new.states[i].name), "%s",
			 config->interfaces[i].name);
		new.states[i].state = known_state(interfaces, config->interfaces[i].name);
	}
	interfaces_fini(interfaces);
	*interfaces = new;
	interfaces_follow(interfaces, config, net, dp);
}

void interfaces_fini(struct interfaces *interfaces)
{
	free(interfaces->states);
	*interfaces = (struct interfaces) { 0 };
}

/* --- letting go --------------------------------------------------------------------- */

static bool is_wanted(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_interfaces; i++)
		if (!strcmp(config->interfaces[i].name, name))
			return true;
	return false;
}

static void detach_unless(struct dp *dp, const struct config *config)
{
	size_t n = dp_interfaces(dp, NULL, 0);
	struct dp_interface *all = calloc(n + 1, sizeof(*all));
	struct lp_err err;

	n = all ? dp_interfaces(dp, all, n) : 0;
	for (size_t i = 0; i < n; i++) {
		if (config && is_wanted(config, all[i].name))
			continue;
		if (dp_detach(dp, all[i].name, &err))
			lp_error("%s", err.text);
		else
			lp_info("interface=%s detached", all[i].name);
	}
	free(all);
}

void interfaces_prune(const struct config *config, struct dp *dp)
{
	detach_unless(dp, config);
}

void interfaces_detach_all(struct dp *dp)
{
	detach_unless(dp, NULL);
}
