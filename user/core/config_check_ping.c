// SPDX-License-Identifier: GPL-2.0
/* A ping is of an address, which several VIPs may have: they have to agree in it. */
#include "core/config_check.h"

const char *config_ping_name(enum lp_ping ping)
{
	static const char *const names[] = {
		[LP_PING_REPLY] = "reply",
		[LP_PING_PASS] = "pass",
		[LP_PING_DROP] = "drop",
	};

	return names[ping];
}

/* The VIP of an entry of vip_addresses. */
static const struct config_node *node_of(const struct config_entry *entry)
{
	return entry->node->parent->parent;
}

static enum lp_ping ping_of(const struct config_checker *checker, const struct config_entry *entry)
{
	return checker->config->vips[node_of(entry)->index].ping;
}

/* At the one that comes later in the file; `ping` need not be there. */
static int fail(const struct config_checker *checker, const struct config_entry *first,
		const struct config_entry *later)
{
	const struct config_node *ping = config_node_get(node_of(later), "ping");

	return config_fail(checker->reader, ping ? ping : later->node,
			   "%s: ping is %s%s here and %s in VIP %s (line %zu), which has the same "
			   "address; allowed: one behaviour for all VIPs of an address",
			   CONFIG_QUOTE(ping ? ping->text : later->node->text),
			   config_ping_name(ping_of(checker, later)), ping ? "" : " (the default)",
			   config_ping_name(ping_of(checker, first)), node_of(first)->key->text,
			   config_line(checker->reader, first->node));
}

int config_check_ping(const struct config_checker *checker)
{
	const struct config_index *all = &checker->vip_addresses;

	for (size_t i = 1; i < all->n; i++) {
		const struct config_entry *a = &all->entries[i - 1], *b = &all->entries[i];

		if (all->compare(a->key, b->key) || ping_of(checker, a) == ping_of(checker, b))
			continue;
		return a->node->at < b->node->at ? fail(checker, a, b) : fail(checker, b, a);
	}
	return 0;
}
