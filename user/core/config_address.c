// SPDX-License-Identifier: GPL-2.0
/* Read functions for addresses, and lists of interface names (config_schema.h). */
#include "core/config_schema.h"

#include <arpa/inet.h>

#include "lib/addr.h"

/* Refuses what is no address; says more of an IPv4-mapped one (RFC 4291 section 2.5.5.2). */
static int fail_address(const struct config_reader *reader, const struct config_node *node,
			const char *allowed)
{
	char v4[INET_ADDRSTRLEN];
	struct in6_addr v6;

	if (inet_pton(AF_INET6, node->text, &v6) != 1)
		return config_fail(reader, node, "%s: not an address; allowed: %s",
				   CONFIG_QUOTE(node->text), allowed);
	/* lp_addr_parse() refuses no other valid IPv6 text. */
	inet_ntop(AF_INET, &v6.s6_addr[12], v4, sizeof(v4));
	return config_fail(reader, node, "%s: an IPv4-mapped IPv6 address; write it as %s",
			   CONFIG_QUOTE(node->text), v4);
}

#define MAPPED(...)                                                                                \
	{                                                                                          \
		{                                                                                  \
			.b = { [10] = 0xff, [11] = 0xff, __VA_ARGS__ }                             \
		}                                                                                  \
	}

/* What kind of address no single host on a network has; NULL: none. */
static const char *special_kind(const struct lp_addr *addr)
{
	/* RFC 6890 and RFC 4291 section 2.4; lengths from the beginning of struct lp_addr. */
	static const struct {
		const char *kind;
		unsigned int bits;
		struct lp_addr prefix;
	} kinds[] = {
		{ "unspecified", 96 + 8, MAPPED(0) },
		{ "loopback", 96 + 8, MAPPED(127) },
		{ "multicast", 96 + 4, MAPPED(224) },
		{ "broadcast", 96 + 32, MAPPED(255, 255, 255, 255) },
		{ "unspecified", 128, { { .b = { 0 } } } },
		{ "loopback", 128, { { .b = { [15] = 1 } } } },
		{ "multicast", 8, { { .b = { 0xff } } } },
		{ "link-local", 10, { { .b = { 0xfe, 0x80 } } } },
	};

	for (size_t i = 0; i < CONFIG_COUNT(kinds); i++) {
		struct lp_addr masked;

		lp_addr_mask(&masked, kinds[i].bits, true);
		masked.d[0] &= addr->d[0];
		masked.d[1] &= addr->d[1];
		if (lp_addr_equal(&masked, &kinds[i].prefix))
			return kinds[i].kind;
	}
	return NULL;
}

int config_read_address(const struct config_reader *reader, const struct config_node *node,
			const struct config_field *field, void *to)
{
	static const char *const allowed = "an IPv4 or IPv6 address";
	struct lp_addr addr;
	const char *kind;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed);
	if (ret)
		return ret;
	if (lp_addr_parse(node->text, &addr))
		return fail_address(reader, node, allowed);
	kind = special_kind(&addr);
	if (kind)
		return config_fail(reader, node,
				   "%s: this address is %s; allowed: an address of one host",
				   CONFIG_QUOTE(node->text), kind);
	*(struct lp_addr *)to = addr;
	return 0;
}
