// SPDX-License-Identifier: GPL-2.0
#include "cli/target.h"

#include <errno.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/parse.h"

/* Letters that a VIP's name is made of (limpet.yaml(5)). */
static bool is_name(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._-") == strlen(text);
}

/* [first, last) into target->host: an address, canonical, or a name. */
static int parse_host(const char *text, const char *first, size_t len, bool names,
		      struct cli_target *target, struct lp_err *err)
{
	struct lp_addr addr;

	if (len >= sizeof(target->host))
		return lp_err(err, -EINVAL, "\"%s\": longer than a name or an address can be",
			      text);
	memcpy(target->host, first, len);
	target->host[len] = '\0';
	if (!lp_addr_parse(target->host, &addr)) {
		lp_addr_format(&addr, target->host);
		return 0;
	}
	if (names && is_name(target->host))
		return 0;
	return lp_err(err, -EINVAL, "\"%s\" is not an IP address%s", text,
		      names ? " or a name" : "");
}

static int parse_port(const char *text, const char *port, struct cli_target *target,
		      struct lp_err *err)
{
	if (lp_parse_port(port, &target->port))
		return lp_err(err, -EINVAL, "\"%s\": \"%s\" is not a port (1 to 65535)", text,
			      port);
	return 0;
}

static int parse_brackets(const char *text, struct cli_target *target, struct lp_err *err)
{
	const char *close = strchr(text, ']');
	int rc;

	if (!close || (close[1] && close[1] != ':'))
		return lp_err(err, -EINVAL, "\"%s\" is not of the form [ADDRESS] or [ADDRESS]:PORT",
			      text);
	rc = parse_host(text, text + 1, (size_t)(close - text - 1), false, target, err);
	if (!rc && !strchr(target->host, ':'))
		rc = lp_err(err, -EINVAL, "\"%s\": brackets are for IPv6 addresses", text);
	if (!rc && close[1])
		rc = parse_port(text, close + 2, target, err);
	return rc;
}

static int parse_plain(const char *text, bool names, struct cli_target *target, struct lp_err *err)
{
	const char *colon = strchr(text, ':');
	struct lp_addr addr;
	int rc;

	/* A bare IPv6 address; its colons are its own. */
	if (!colon || !lp_addr_parse(text, &addr))
		return parse_host(text, text, strlen(text), names, target, err);
	if (strchr(colon + 1, ':'))
		return lp_err(err, -EINVAL,
			      "\"%s\" is not an IP address (an IPv6 address with a port is "
			      "written [ADDRESS]:PORT)",
			      text);
	rc = parse_host(text, text, (size_t)(colon - text), names, target, err);
	return rc ? rc : parse_port(text, colon + 1, target, err);
}

int cli_target_parse(const char *text, bool names, struct cli_target *target, struct lp_err *err)
{
	struct cli_target parsed = { .port = 0 };
	int rc;

	if (text[0] == '[')
		rc = parse_brackets(text, &parsed, err);
	else
		rc = parse_plain(text, names, &parsed, err);
	if (!rc)
		*target = parsed;
	return rc;
}
