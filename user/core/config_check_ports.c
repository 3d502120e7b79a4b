// SPDX-License-Identifier: GPL-2.0
/* Ports of one address and protocol: no two VIPs' may overlap. */
#include "core/config_check.h"

#include <stdlib.h>

#include "lib/addr.h"

#include <netinet/in.h>

/* One address with one port range; `any` is 0 to 0, which overlaps nothing but `any`. */
struct rule {
	const struct lp_addr *address;
	const struct config_port_range *range;
	const struct config_node *port; /* where the range stands */
	uint8_t protocol;
};

/* By address, protocol, first port, place in the file. */
static int compare_rules(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;
	int order = lp_addr_compare(x->address, y->address);

	if (!order)
		order = (int)x->protocol - (int)y->protocol;
	if (!order)
		order = (int)x->range->first - (int)y->range->first;
	return order ? order : (x->port->at > y->port->at) - (x->port->at < y->port->at);
}

static bool same_service(const struct rule *a, const struct rule *b)
{
	return a->protocol == b->protocol && lp_addr_equal(a->address, b->address);
}

static int count_rules(const struct config_checker *checker, size_t *out)
{
	size_t n = 0;

	config_for_each(node, checker->vips)
	{
		const struct config_vip *vip = &checker->config->vips[node->index];

		/* Both factors are bounded by CONFIG_NODES_MAX. */
		n += vip->n_addresses * vip->n_ports;
		if (n > CONFIG_RULES_MAX)
			return config_fail(checker->reader, config_node_get(node, "ports"),
					   "%zu addresses times ports with the VIPs before; "
					   "allowed: %u",
					   n, CONFIG_RULES_MAX);
	}
	*out = n;
	return 0;
}

static size_t add_rules(struct rule *rules, const struct config_vip *vip,
			const struct config_node *node)
{
	size_t n = 0;

	config_for_each(port, config_node_get(node, "ports"))
	{
		for (size_t i = 0; i < vip->n_addresses; i++)
			rules[n++] = (struct rule) { &vip->addresses[i], &vip->ports[port->index],
						     port, vip->protocol };
	}
	return n;
}

static int fail_overlap(const struct config_checker *checker, const struct rule *before,
			const struct rule *after)
{
	char address[LP_ADDR_TEXT];

	return config_fail(checker->reader, after->port,
			   "%s: overlaps %s of VIP %s (line %zu), on %s, protocol %s",
			   CONFIG_QUOTE(after->port->text), CONFIG_QUOTE(before->port->text),
			   before->port->parent->parent->key->text,
			   config_line(checker->reader, before->port),
			   lp_addr_format(after->address, address),
			   after->protocol == IPPROTO_TCP ? "tcp" : "udp");
}

/* Of sorted rules, if any two overlap, then two neighbours do: reports the first in the file. */
static int check_overlaps(const struct config_checker *checker, const struct rule *rules, size_t n)
{
	const struct rule *before = NULL, *after = NULL;

	for (size_t i = 1; i < n; i++) {
		const struct rule *a = &rules[i - 1], *b = &rules[i];

		if (!same_service(a, b) || b->range->first > a->range->last)
			continue;
		if (a->port->at > b->port->at) {
			a = &rules[i];
			b = &rules[i - 1];
		}
		if (after && after->port->at <= b->port->at)
			continue;
		before = a;
		after = b;
	}
	return after ? fail_overlap(checker, before, after) : 0;
}

/* Ranges that do not become exact keys are found by a search of bounded depth. */
static int check_range_counts(const struct config_checker *checker, const struct rule *rules,
			      size_t n)
{
	char address[LP_ADDR_TEXT];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		const struct rule *rule = &rules[i];

		if (i && !same_service(&rules[i - 1], rule))
			count = 0;
		count += rule->range->last - rule->range->first + 1u > LP_RANGE_EXPAND_MAX;
		if (count > LP_RANGES_PER_ADDR)
			return config_fail(checker->reader, rule->port,
					   "%s: too many ranges of more than %u ports on %s; "
					   "allowed: %u for each address and protocol",
					   CONFIG_QUOTE(rule->port->text), LP_RANGE_EXPAND_MAX,
					   lp_addr_format(rule->address, address),
					   LP_RANGES_PER_ADDR);
	}
	return 0;
}

int config_check_ports(const struct config_checker *checker)
{
	struct rule *rules;
	size_t n = 0, filled = 0;
	int ret;

	ret = count_rules(checker, &n);
	if (ret)
		return ret;
	rules = calloc(n ? n : 1, sizeof(*rules));
	if (!rules)
		return config_fail_memory(checker->reader);
	config_for_each(node, checker->vips)
		filled += add_rules(rules + filled, &checker->config->vips[node->index], node);
	qsort(rules, filled, sizeof(*rules), compare_rules);
	ret = check_overlaps(checker, rules, filled);
	if (!ret)
		ret = check_range_counts(checker, rules, filled);
	free(rules);
	return ret;
}
