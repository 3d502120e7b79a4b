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

/* Where the program is now; false if it is not on that interface. */
static bool find_attached(const struct dp *dp, const char *name, struct dp_interface *found)
{
	size_t n = dp_interfaces(dp, NULL, 0);
	struct dp_interface *all = calloc(n + 1, sizeof(*all));
	bool is = false;

	n = all ? dp_interfaces(dp, all, n) : 0;
	for (size_t i = 0; i < n && !is; i++) {
		is = !strcmp(all[i].name, name);
		if (is)
			*found = all[i];
	}
	free(all);
	return is;
}

static int attach_auto(struct dp *dp, const struct net_link *link, const char *name,
		       struct lp_err *err)
{
	struct dp_interface now;
	struct lp_err native;
	int ret;

	/* Already there in generic mode: going on beats a gap of a new attempt. */
	if (find_attached(dp, name, &now) && now.ifindex == link->ifindex)
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

	return !net_link(net, name, &link) && find_attached(dp, name, &now) &&
	       now.ifindex == link.ifindex;
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

void interfaces_follow(const struct config *config, struct net *net, struct dp *dp)
{
	for (size_t i = 0; i < config->n_interfaces; i++) {
		const char *name = config->interfaces[i].name;
		struct dp_interface now;
		struct net_link link;
		struct lp_err err;

		if (net_link(net, name, &link))
			continue; /* gone; it may come back */
		if (find_attached(dp, name, &now) && now.ifindex == link.ifindex)
			continue;
		if (attach_one(&config->interfaces[i], net, dp, &err))
			lp_error("interface=%s %s", name, err.text);
		else
			lp_info("interface=%s attached ifindex=%u", name, link.ifindex);
	}
}

int interfaces_tell(const struct config *config, struct net *net, struct runtime *runtime,
		    bool *changed)
{
	struct runtime_interface *now = calloc(config->n_interfaces + 1, sizeof(*now));
	struct net_link link;
	int ret;

	if (!now)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_interfaces; i++) {
		snprintf(now[i].name, sizeof(now[i].name), "%s", config->interfaces[i].name);
		if (!net_link(net, now[i].name, &link))
			now[i].ifindex = link.ifindex;
	}
	ret = runtime_set_interfaces(runtime, now, config->n_interfaces, changed);
	free(now);
	return ret;
}

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
