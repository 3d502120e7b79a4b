// SPDX-License-Identifier: GPL-2.0
/* Read functions for prefixes (config_schema.h). */
#include "core/config_schema.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/config_read.h"
#include "lib/addr.h"
#include "lib/parse.h"

#define MAPPED_BITS 96 /* in front of an IPv4-mapped address's IPv4 part */

static const char *const allowed = "an address and a length, like 10.0.0.0/8";

/* The part before the slash into `host` (LP_ADDR_TEXT bytes); the length, or `full` without one. */
static int split(const char *text, unsigned int full, char *host, uint32_t *bits)
{
	size_t len = strcspn(text, "/");

	if (len >= LP_ADDR_TEXT)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	*bits = full;
	return text[len] ? lp_parse_u32(text + len + 1, 0, full, bits) : 0;
}

static void clear_after(struct lp_addr *addr, unsigned int bits)
{
	struct lp_addr mask;

	lp_addr_mask(&mask, bits, lp_addr_is_v6(addr));
	addr->d[0] &= mask.d[0];
	addr->d[1] &= mask.d[1];
}

/* lp_parse_prefix() said -ERANGE: address and length are of the right form. */
static int fail_range(const struct config_reader *reader, const struct config_node *node)
{
	bool v6 = strchr(node->text, ':');
	unsigned int full = v6 ? 128 : 32;
	char text[LP_ADDR_TEXT];
	struct lp_addr addr;
	uint32_t bits;

	if (split(node->text, full, text, &bits) || lp_addr_parse(text, &addr))
		return config_fail(reader, node, "%s: length too long; allowed: 0 to %u",
				   CONFIG_QUOTE(node->text), full);
	clear_after(&addr, bits);
	return config_fail(reader, node, "%s: bits are set after the prefix; write it as %s/%u",
			   CONFIG_QUOTE(node->text), lp_addr_format(&addr, text), bits);
}

/* An IPv4-mapped one (RFC 4291 section 2.5.5.2) has a form that is right, which is named. */
static int fail_form(const struct config_reader *reader, const struct config_node *node)
{
	char text[LP_ADDR_TEXT];
	struct lp_addr addr;
	uint32_t bits;

	if (split(node->text, 128, text, &bits) || inet_pton(AF_INET6, text, addr.b) != 1 ||
	    lp_addr_is_v6(&addr))
		return config_fail(reader, node, "%s: not a prefix; allowed: %s",
				   CONFIG_QUOTE(node->text), allowed);
	if (bits < MAPPED_BITS)
		return config_fail(reader, node,
				   "%s: an IPv4-mapped IPv6 prefix; allowed: IPv4 prefixes as "
				   "IPv4, like 10.0.0.0/8",
				   CONFIG_QUOTE(node->text));
	clear_after(&addr, bits - MAPPED_BITS);
	return config_fail(reader, node, "%s: an IPv4-mapped IPv6 prefix; write it as %s/%u",
			   CONFIG_QUOTE(node->text), lp_addr_format(&addr, text),
			   bits - MAPPED_BITS);
}

int config_read_prefix(const struct config_reader *reader, const struct config_node *node,
		       const struct config_field *field, void *to)
{
	struct config_prefix *prefix = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_SCALAR, allowed);
	if (ret)
		return ret;
	ret = lp_parse_prefix(node->text, &prefix->addr, &prefix->bits);
	if (ret == -ERANGE)
		return fail_range(reader, node);
	return ret ? fail_form(reader, node) : 0;
}

static int check_unique(const struct config_reader *reader, const struct config_node *node,
			const struct config_prefixes *prefixes)
{
	struct config_index index;
	int ret;

	if (config_index_open(&index, node->n, config_compare_prefix))
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next)
		config_index_add(&index, &prefixes->items[item->index], item);
	ret = config_check_unique(reader, &index, "prefix");
	config_index_close(&index);
	return ret;
}

int config_read_prefixes(const struct config_reader *reader, const struct config_node *node,
			 const struct config_field *field, void *to)
{
	struct config_prefixes *prefixes = to;
	int ret;

	ret = config_want(reader, node, CONFIG_NODE_LIST, "a list of prefixes");
	if (ret || !node->n)
		return ret;
	if (node->n > CONFIG_PREFIXES_MAX)
		return config_fail(reader, node, "%zu prefixes; allowed: at most %u", node->n,
				   CONFIG_PREFIXES_MAX);
	prefixes->items = calloc(node->n, sizeof(*prefixes->items));
	if (!prefixes->items)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item; item = item->next) {
		ret = config_read_prefix(reader, item, field, &prefixes->items[prefixes->n++]);
		if (ret)
			return ret;
	}
	return check_unique(reader, node, prefixes);
}
