// SPDX-License-Identifier: GPL-2.0
/* Replies of nat VIPs: from the packet alone it has to be clear whose they are. */
#include "core/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/nat.h"
#include "lib/addr.h"

static const struct config_node *node_of(const struct config_checker *checker,
					 const struct config_vip *vip)
{
	config_for_each(node, checker->vips)
	{
		if (&checker->config->vips[node->index] == vip)
			return node;
	}
	return checker->vips;
}

/* At the one that comes later in the file. */
static int fail(const struct config_checker *checker, const struct nat_conflict *conflict)
{
	const struct config_node *a = node_of(checker, conflict->a);
	const struct config_node *b = node_of(checker, conflict->b);
	const struct config_node *later = a->at > b->at ? a : b, *first = a->at > b->at ? b : a;
	char address[LP_ADDR_TEXT], port[24] = "";

	if (conflict->port)
		snprintf(port, sizeof(port), ", port %u", conflict->port);
	return config_fail(checker->reader, config_node_get(later, "ports"),
			   "backend %s%s serves this VIP and VIP %s (line %zu)%s, so its replies "
			   "could be of either; allowed: one address and port of one nat VIP for "
			   "each port of a backend (port:target gives it another)",
			   lp_addr_format(&conflict->backend, address), port, first->key->text,
			   config_line(checker->reader, first),
			   a == b ? " by two of its addresses or ports" : "");
}

int config_check_nat(const struct config_checker *checker)
{
	struct nat_conflict conflict;
	int ret = nat_check(checker->config, &conflict);

	if (ret == -ENOMEM)
		return config_fail_memory(checker->reader);
	return ret ? fail(checker, &conflict) : 0;
}
