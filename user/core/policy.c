// SPDX-License-Identifier: GPL-2.0
#include "core/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/prefix.h"

/* Keys as they are collected; `items` has room for all. */
struct keys {
	struct policy_key *items;
	size_t n;
};

static void add(struct keys *keys, uint32_t vip, uint32_t ifindex,
		const struct config_prefix *prefix, enum lp_policy answer)
{
	bool v6 = lp_addr_is_v6(&prefix->addr);

	keys->items[keys->n++] = (struct policy_key) {
		.key = { .prefixlen = LP_POLICY_BITS + (v6 ? 0 : 96) + prefix->bits,
			 .scope = LP_POLICY_SCOPE(vip, v6, 0),
			 .ifindex = ifindex,
			 .addr = prefix->addr },
		.answer = answer,
	};
}

static void add_all(struct keys *keys, uint32_t vip, uint32_t ifindex,
		    const struct config_prefixes *prefixes, enum lp_policy answer)
{
	for (size_t i = 0; i < prefixes->n; i++)
		add(keys, vip, ifindex, &prefixes->items[i], answer);
}

/* Is it in one of them as a whole? */
static bool is_within(const struct config_prefix *prefix, const struct config_prefixes *prefixes)
{
	for (size_t i = 0; i < prefixes->n; i++)
		if (prefixes->items[i].bits <= prefix->bits &&
		    prefix_holds(&prefixes->items[i], &prefix->addr))
			return true;
	return false;
}

/* All of IPv4, and all of IPv6. */
static const struct config_prefix everything[2] = {
	{ .addr = { .b = { [10] = 0xff, [11] = 0xff } } },
	{ .bits = 0 },
};

static bool holds_all(const struct config_prefixes *prefixes, bool v6)
{
	for (size_t i = 0; i < prefixes->n; i++)
		if (!prefixes->items[i].bits && lp_addr_is_v6(&prefixes->items[i].addr) == v6)
			return true;
	return false;
}

/* Replies of nat and snat VIPs may leave there (bpf/forward_nat.h). */
static void add_interface_itself(struct keys *keys, const struct config_interface *interface,
				 uint32_t ifindex)
{
	bool lists = interface->reject_sources.n;

	for (int v6 = 0; v6 < 2; v6++)
		if (!lists || (!holds_all(&interface->reject_sources, v6) &&
			       !holds_all(&interface->allow_hairpin, v6)))
			add(keys, 0, ifindex, &everything[v6], LP_POLICY_ADMIT);
}

static bool uses_nat(const struct config *config)
{
	for (size_t i = 0; i < config->n_vips; i++)
		if (config->vips[i].forward == LP_FORWARD_NAT ||
		    config->vips[i].forward == LP_FORWARD_SNAT)
			return true;
	return false;
}

/*
 * An exception holds whatever the lengths are: what an exception covers as a whole is
 * left out, of the rest the exception is the longer prefix.
 */
static void add_interface(struct keys *keys, const struct config_interface *interface,
			  uint32_t ifindex, bool nat)
{
	if (!ifindex)
		return;
	if (nat)
		add_interface_itself(keys, interface, ifindex);
	if (!interface->reject_sources.n)
		return;
	add_all(keys, 0, ifindex, &interface->allow_hairpin, LP_POLICY_ADMIT);
	for (size_t i = 0; i < interface->reject_sources.n; i++) {
		const struct config_prefix *prefix = &interface->reject_sources.items[i];

		if (!is_within(prefix, &interface->allow_hairpin))
			add(keys, 0, ifindex, prefix, LP_POLICY_DENY);
	}
}

/* What decides where no prefix does: of each family, unless the lists say it themselves. */
static void add_rest(struct keys *keys, const struct config_vip *vip, uint32_t number,
		     uint32_t ifindex)
{
	for (int v6 = 0; v6 < 2; v6++) {
		if (!holds_all(&vip->allow, v6) && !holds_all(&vip->deny, v6))
			add(keys, number, ifindex, &everything[v6],
			    vip->allow.n ? LP_POLICY_DENY : LP_POLICY_ADMIT);
	}
}

static void add_vip_at(struct keys *keys, const struct config_vip *vip, uint32_t number,
		       uint32_t ifindex)
{
	add_all(keys, number, ifindex, &vip->allow, LP_POLICY_ADMIT);
	add_all(keys, number, ifindex, &vip->deny, LP_POLICY_DENY);
	add_rest(keys, vip, number, ifindex);
}

static void add_vip(struct keys *keys, const struct config_vip *vip, const struct runtime *runtime)
{
	uint32_t number = runtime_vip(runtime, vip->name);

	if (!vip->n_interfaces && (vip->allow.n || vip->deny.n))
		add_vip_at(keys, vip, number, 0);
	for (size_t i = 0; i < vip->n_interfaces; i++) {
		uint32_t ifindex = runtime_ifindex(runtime, vip->interfaces[i]);

		if (ifindex)
			add_vip_at(keys, vip, number, ifindex);
	}
}

static size_t count(const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_interfaces; i++)
		n += config->interfaces[i].reject_sources.n +
		     config->interfaces[i].allow_hairpin.n + 2;
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];

		n += (vip->allow.n + vip->deny.n + 2) * (vip->n_interfaces + 1);
	}
	return n;
}

static int compare_keys(const void *left, const void *right)
{
	const struct policy_key *a = left, *b = right;

	return memcmp(&a->key, &b->key, sizeof(a->key));
}

int policy_make(const struct config *config, const struct runtime *runtime, struct policy_key **out,
		size_t *n)
{
	struct keys keys = { .items = calloc(count(config) + 1, sizeof(*keys.items)) };

	if (!keys.items)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_interfaces; i++)
		add_interface(&keys, &config->interfaces[i],
			      runtime_ifindex(runtime, config->interfaces[i].name),
			      uses_nat(config));
	for (size_t i = 0; i < config->n_vips; i++)
		add_vip(&keys, &config->vips[i], runtime);
	qsort(keys.items, keys.n, sizeof(*keys.items), compare_keys);
	*out = keys.items;
	*n = keys.n;
	return 0;
}

uint8_t policy_flags(const struct config *config, const struct config_vip *vip)
{
	uint8_t flags = 0;

	if (vip->allow.n || vip->deny.n)
		flags |= LP_VIP_SOURCES;
	if (vip->n_interfaces)
		flags |= LP_VIP_INTERFACES;
	for (size_t i = 0; i < config->n_interfaces; i++)
		if (config->interfaces[i].reject_sources.n)
			flags |= LP_VIP_GUARDED;
	return flags;
}

/* Bits of the longest prefix that holds the source; -1: none does. */
static int longest(const struct config_prefixes *prefixes, const struct lp_addr *source)
{
	int bits = -1;

	for (size_t i = 0; i < prefixes->n; i++)
		if (prefix_holds(&prefixes->items[i], source) &&
		    (int)prefixes->items[i].bits > bits)
			bits = (int)prefixes->items[i].bits;
	return bits;
}

bool policy_admits(const struct config_vip *vip, const struct lp_addr *source)
{
	int allow = longest(&vip->allow, source), deny = longest(&vip->deny, source);

	return allow == deny ? !vip->allow.n : allow > deny;
}

bool policy_rejects(const struct config_interface *interface, const struct lp_addr *source)
{
	return longest(&interface->reject_sources, source) >= 0 &&
	       longest(&interface->allow_hairpin, source) < 0;
}
