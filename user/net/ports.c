// SPDX-License-Identifier: GPL-2.0
#include "net/ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/parse.h"

#define PATH "/proc/sys/net/ipv4/ip_local_port_range"

/* net/ipv4/af_inet.c: inet_init_net() */
#define DEFAULT_FIRST 32768
#define DEFAULT_LAST  60999

int net_own_ports_parse(const char *text, uint16_t *first, uint16_t *last)
{
	char from[8], to[8], rest;
	uint16_t a, b;

	if (sscanf(text, "%7s %7s %c", from, to, &rest) != 2 || lp_parse_port(from, &a) ||
	    lp_parse_port(to, &b) || a > b)
		return -EINVAL;
	*first = a;
	*last = b;
	return 0;
}

void net_own_ports(uint16_t *first, uint16_t *last)
{
	struct lp_err err;
	char *text = NULL;
	size_t len;

	*first = DEFAULT_FIRST;
	*last = DEFAULT_LAST;
	if (file_read(PATH, &text, &len, &err))
		return;
	net_own_ports_parse(text, first, last);
	free(text);
}
