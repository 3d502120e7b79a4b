// SPDX-License-Identifier: GPL-2.0
#include "core/vip_table_rules.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/addr.h"

#define PORTS_TEXT 16 /* "65535-65535" and its terminating zero */

static int compare(const void *a, const void *b)
{
	const struct vip_rule *x = *(const struct vip_rule *const *)a;
	const struct vip_rule *y = *(const struct vip_rule *const *)b;
	int diff = lp_addr_compare(&x->addr, &y->addr);

	if (!diff)
		diff = x->proto - y->proto;
	if (!diff)
		diff = x->first - y->first;
	if (!diff)
		diff = x->last - y->last;
	return diff;
}

const struct vip_rule **vip_rules_sort(const struct vip_rule *rules, size_t n)
{
	const struct vip_rule **sorted = calloc(n ? n : 1, sizeof(*sorted));

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &rules[i];
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted;
}

static bool same_group(const struct vip_rule *a, const struct vip_rule *b)
{
	return a->proto == b->proto && lp_addr_equal(&a->addr, &b->addr);
}

struct vip_group vip_group_at(const struct vip_rule *const *sorted, size_t n, size_t at)
{
	struct vip_group group = { .rules = sorted + at, .n = 1 };

	while (at + group.n < n && same_group(sorted[at], sorted[at + group.n]))
		group.n++;
	return group;
}

size_t vip_groups_count(const struct vip_rule *const *sorted, size_t n)
{
	size_t groups = 0;

	for (size_t at = 0; at < n; groups++)
		at += vip_group_at(sorted, n, at).n;
	return groups;
}

struct vip_need vip_rules_need(const struct vip_rule *rules, size_t n, size_t groups)
{
	struct vip_need need = { .keys = groups }; /* each has a key with port 0 */

	for (size_t i = 0; i < n; i++) {
		need.keys += vip_rule_keys(&rules[i]);
		need.ranges += vip_rule_is_long(&rules[i]);
	}
	return need;
}

static const char *proto_name(uint8_t proto, char *text, size_t len)
{
	if (proto == IPPROTO_TCP)
		return "tcp";
	if (proto == IPPROTO_UDP)
		return "udp";
	snprintf(text, len, "protocol %u", proto);
	return text;
}

/* `text`: PORTS_TEXT bytes. */
static const char *ports_format(const struct vip_rule *rule, char *text)
{
	if (vip_rule_is_any(rule))
		snprintf(text, PORTS_TEXT, "any");
	else if (rule->first == rule->last)
		snprintf(text, PORTS_TEXT, "%u", rule->first);
	else
		snprintf(text, PORTS_TEXT, "%u-%u", rule->first, rule->last);
	return text;
}

/* "203.0.113.10 tcp: ports 80-90: WHAT" */
static int bad_ports(struct lp_err *err, const struct vip_rule *rule, const char *what)
{
	char addr[LP_ADDR_TEXT], ports[PORTS_TEXT], proto[16];

	return lp_err(err, -EINVAL, "%s %s: ports %s: %s", lp_addr_format(&rule->addr, addr),
		      proto_name(rule->proto, proto, sizeof(proto)), ports_format(rule, ports),
		      what);
}

static int overlap(struct lp_err *err, const struct vip_rule *a, const struct vip_rule *b)
{
	char addr[LP_ADDR_TEXT], ports_a[PORTS_TEXT], ports_b[PORTS_TEXT], proto[16];

	return lp_err(err, -EINVAL, "%s %s: ports %s and %s overlap",
		      lp_addr_format(&a->addr, addr), proto_name(a->proto, proto, sizeof(proto)),
		      ports_format(a, ports_a), ports_format(b, ports_b));
}

static int check_rule(const struct vip_rule *rule, struct lp_err *err)
{
	if (vip_rule_is_any(rule))
		return 0;
	if (rule->first == 0)
		return bad_ports(err, rule, "a range begins with port 1 or higher");
	if (rule->first > rule->last)
		return bad_ports(err, rule, "the last port is below the first");
	return 0;
}

/* `any` may stand beside others, but not beside another `any`. Ranges are in
 * order, so the first overlap of all is one of neighbours. */
static int check_pair(const struct vip_rule *a, const struct vip_rule *b, struct lp_err *err)
{
	if (vip_rule_is_any(a) != vip_rule_is_any(b))
		return 0;
	return b->first <= a->last ? overlap(err, a, b) : 0;
}

static int check_group(const struct vip_group *group, struct lp_err *err)
{
	unsigned int n_long = 0;
	int code = 0;

	for (size_t i = 0; i < group->n && !code; i++) {
		code = check_rule(group->rules[i], err);
		if (!code && i > 0)
			code = check_pair(group->rules[i - 1], group->rules[i], err);
		n_long += vip_rule_is_long(group->rules[i]);
		if (!code && n_long > LP_RANGES_PER_ADDR)
			code = bad_ports(err, group->rules[i],
					 "too many ranges for one address and protocol");
	}
	return code;
}

int vip_rules_check(const struct vip_rule *const *sorted, size_t n, struct lp_err *err)
{
	size_t at = 0;

	while (at < n) {
		struct vip_group group = vip_group_at(sorted, n, at);
		int code = check_group(&group, err);

		if (code)
			return code;
		at += group.n;
	}
	return 0;
}
