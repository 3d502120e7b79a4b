/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rules put in order and checked, for the builder of the VIP table. Private to
 * vip_table*.c.
 */
#ifndef LIMPET_CORE_VIP_TABLE_RULES_H
#define LIMPET_CORE_VIP_TABLE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vip_table.h"

/*
 * All rules of one address and protocol: rules[0] is the `any` rule if there
 * is one, the others follow by port. Next to each other in the sorted rules.
 */
struct vip_group {
	const struct vip_rule *const *rules;
	size_t n;
};

static inline bool vip_rule_is_any(const struct vip_rule *rule)
{
	return rule->first == 0 && rule->last == 0;
}

static inline uint32_t vip_rule_ports(const struct vip_rule *rule)
{
	return (uint32_t)rule->last - rule->first + 1;
}

/* Has more ports than are spelled out as exact keys. */
static inline bool vip_rule_is_long(const struct vip_rule *rule)
{
	return vip_rule_ports(rule) > LP_RANGE_EXPAND_MAX;
}

/* Exact keys that a rule takes: none for `any`, the first port for a long range. */
static inline uint32_t vip_rule_keys(const struct vip_rule *rule)
{
	if (vip_rule_is_any(rule))
		return 0;
	return vip_rule_is_long(rule) ? 1 : vip_rule_ports(rule);
}

/* What rules need room for. */
struct vip_need {
	size_t keys;
	uint32_t ranges;
};

/*
 * Pointers to the rules in the order of address, protocol, port; the caller's,
 * to be freed with free(). NULL: no memory.
 */
const struct vip_rule **vip_rules_sort(const struct vip_rule *rules, size_t n);

/* The group that begins with sorted[at]; walk with at += group.n. */
struct vip_group vip_group_at(const struct vip_rule *const *sorted, size_t n, size_t at);

/* Room for `n` rules of `groups` groups, in any order. */
struct vip_need vip_rules_need(const struct vip_rule *rules, size_t n, size_t groups);

size_t vip_groups_count(const struct vip_rule *const *sorted, size_t n);

/* 0, or -EINVAL with words: bad ports, overlaps, too many long ranges. */
int vip_rules_check(const struct vip_rule *const *sorted, size_t n, struct lp_err *err);

#endif
