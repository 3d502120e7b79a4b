// SPDX-License-Identifier: GPL-2.0
#include "core/vip_table_keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/addr.h"

static struct lp_vip *add_key(struct vip_keys *keys, const struct vip_rule *rule, uint16_t port,
			      enum lp_vip_kind kind)
{
	struct lp_vip *vip = &keys->vips[keys->n++];

	/* Nobody answers on the ports between ranges; pings of the address ask for its VIP. */
	*vip = rule->vip;
	if (kind == LP_VIP_RANGES)
		*vip = (struct lp_vip) { .vip = rule->vip.vip,
					 .flags = rule->vip.flags,
					 .ping = rule->vip.ping };
	vip->addr = rule->addr;
	vip->proto = rule->proto;
	vip->port = htons(port);
	vip->kind = (uint8_t)kind;
	vip->range_first = 0;
	if (kind != LP_VIP_EXACT || rule->first != rule->last)
		vip->range_count = 0; /* the place of the target of one port */
	return vip;
}

/* The rule's exact keys, and its range if it is a long one. */
static void add_rule(struct vip_keys *keys, const struct vip_rule *rule, struct lp_range *ranges,
		     uint32_t *n_ranges)
{
	uint32_t n = vip_rule_keys(rule);

	if (vip_rule_is_long(rule))
		ranges[(*n_ranges)++] = (struct lp_range) {
			.first = rule->first,
			.last = rule->last,
			.place = (uint32_t)keys->n,
		};
	for (uint32_t i = 0; i < n; i++)
		add_key(keys, rule, (uint16_t)(rule->first + i), LP_VIP_EXACT);
}

/* Can the packets of the rule be answered without their ports, as far as one rule can tell? */
static bool needs_no_port(const struct lp_vip *vip)
{
	return vip->affinity == LP_AFFINITY_SOURCE &&
	       (vip->forward == LP_FORWARD_DSR || vip->forward == LP_FORWARD_IPIP ||
		vip->forward == LP_FORWARD_GUE) &&
	       !(vip->flags & (LP_VIP_PROXIES | LP_VIP_REPLY));
}

/* Is it all one VIP, whose every port leads to the same answer? */
static bool is_portless(const struct vip_group *group)
{
	for (size_t i = 0; i < group->n; i++)
		if (group->rules[i]->vip.vip != group->rules[0]->vip.vip ||
		    !needs_no_port(&group->rules[i]->vip))
			return false;
	return true;
}

/* The key of port 0 answers for fragments, which have none (LP_VIP_PORTLESS). */
static void make_portless(struct lp_vip *base, const struct vip_rule *rule)
{
	const struct lp_vip key = *base;

	*base = rule->vip;
	base->addr = key.addr;
	base->proto = key.proto;
	base->port = key.port;
	base->kind = key.kind;
	base->flags |= LP_VIP_PORTLESS;
}

static void add_group(struct vip_keys *keys, const struct vip_group *group, struct lp_range *ranges,
		      uint32_t *n_ranges)
{
	bool any = vip_rule_is_any(group->rules[0]);
	struct lp_vip *base = add_key(keys, group->rules[0], 0, any ? LP_VIP_ANY : LP_VIP_RANGES);

	if (is_portless(group))
		make_portless(base, group->rules[0]);
	base->range_first = *n_ranges;
	for (size_t i = any; i < group->n; i++)
		add_rule(keys, group->rules[i], ranges, n_ranges);
	base->range_count = *n_ranges - base->range_first;
}

int vip_keys_make(struct vip_keys *keys, const struct vip_rule *const *sorted, size_t n,
		  const struct vip_need *need, struct lp_range *ranges)
{
	size_t room = need->keys ? need->keys : 1;
	uint32_t n_ranges = 0;

	*keys = (struct vip_keys) {
		.vips = calloc(room, sizeof(*keys->vips)),
		.hashes = calloc(room, sizeof(*keys->hashes)),
	};
	if (!keys->vips || !keys->hashes) {
		vip_keys_free(keys);
		return -ENOMEM;
	}
	for (size_t at = 0; at < n;) {
		struct vip_group group = vip_group_at(sorted, n, at);

		add_group(keys, &group, ranges, &n_ranges);
		at += group.n;
	}
	return 0;
}

void vip_keys_hash(struct vip_keys *keys, const struct lp_hash_key *key, uint64_t salt)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct lp_vip *vip = &keys->vips[i];

		keys->hashes[i] = lp_vip_hash(key, salt, &vip->addr, vip->proto, vip->port,
					      lp_addr_is_v6(&vip->addr));
	}
}

void vip_keys_free(struct vip_keys *keys)
{
	free(keys->vips);
	free(keys->hashes);
	*keys = (struct vip_keys) { 0 };
}
