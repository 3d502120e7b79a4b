// SPDX-License-Identifier: GPL-2.0
#include "core/prefix.h"

#include <stdio.h>
#include <string.h>

struct config_prefix prefix_of(const struct lp_addr *addr, unsigned int bits)
{
	struct config_prefix prefix = { .addr = *addr, .bits = bits };
	struct lp_addr mask;

	lp_addr_mask(&mask, bits, lp_addr_is_v6(addr));
	prefix.addr.d[0] &= mask.d[0];
	prefix.addr.d[1] &= mask.d[1];
	return prefix;
}

struct config_prefix prefix_of_client(const struct lp_addr *source,
				      const struct prefix_client *client)
{
	bool v6 = lp_addr_is_v6(source);

	if (!client)
		return prefix_of(source, v6 ? 128 : 32);
	return prefix_of(source, v6 ? client->mask6 : client->mask);
}

bool prefix_holds(const struct config_prefix *prefix, const struct lp_addr *addr)
{
	struct config_prefix there;

	if (lp_addr_is_v6(&prefix->addr) != lp_addr_is_v6(addr))
		return false;
	there = prefix_of(addr, prefix->bits);
	return lp_addr_equal(&there.addr, &prefix->addr);
}

/* Of two prefixes that meet, the longer one is in the shorter one. */
bool prefix_meets(const struct config_prefix *a, const struct config_prefix *b)
{
	return a->bits < b->bits ? prefix_holds(a, &b->addr) : prefix_holds(b, &a->addr);
}

bool prefix_is_proxy(const struct config_vip *vip, const struct lp_addr *source)
{
	if (vip->affinity != LP_AFFINITY_SOURCE)
		return false;
	for (size_t i = 0; i < vip->n_proxies; i++)
		if (prefix_holds(&vip->proxies[i], source))
			return true;
	return false;
}

const char *prefix_format(const struct config_prefix *prefix, char *text)
{
	char addr[LP_ADDR_TEXT];

	snprintf(text, PREFIX_TEXT, "%s/%u", lp_addr_format(&prefix->addr, addr), prefix->bits);
	return text;
}
