// SPDX-License-Identifier: GPL-2.0
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

int lp_addr_parse(const char *text, struct lp_addr *addr)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		memcpy(addr->b, mapped_prefix, sizeof(mapped_prefix));
		memcpy(addr->b + 12, &v4, 4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1 || IN6_IS_ADDR_V4MAPPED(&v6))
		return -EINVAL;
	memcpy(addr->b, &v6, 16);
	return 0;
}

const char *lp_addr_format(const struct lp_addr *addr, char *text)
{
	if (lp_addr_is_v6(addr))
		inet_ntop(AF_INET6, addr->b, text, LP_ADDR_TEXT);
	else
		inet_ntop(AF_INET, addr->b + 12, text, LP_ADDR_TEXT);
	return text;
}

bool lp_addr_is_v6(const struct lp_addr *addr)
{
	return memcmp(addr->b, mapped_prefix, sizeof(mapped_prefix)) != 0;
}

bool lp_addr_equal(const struct lp_addr *a, const struct lp_addr *b)
{
	return !memcmp(a->b, b->b, sizeof(a->b));
}

int lp_addr_compare(const struct lp_addr *a, const struct lp_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

void lp_addr_mask(struct lp_addr *mask, unsigned int bits, bool v6)
{
	unsigned int total = v6 ? bits : bits + 96;

	memset(mask->b, 0, sizeof(mask->b));
	memset(mask->b, 0xff, total / 8);
	if (total % 8)
		mask->b[total / 8] = (unsigned char)(0xff << (8 - total % 8));
}
