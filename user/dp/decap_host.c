// SPDX-License-Identifier: GPL-2.0
/* Addresses that are this host's own, where tunnels may end. */
#include "dp/decap.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Converts a socket address; false if it is none that a tunnel could end at. */
static bool to_addr(const struct sockaddr *sa, struct lp_addr *addr)
{
	if (sa->sa_family == AF_INET) {
		memset(addr, 0, sizeof(*addr));
		addr->w[2] = htonl(0xffff);
		addr->w[3] = ((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr;
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		memcpy(addr->b, &in6->sin6_addr, sizeof(addr->b));
		return !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
	}
	return false;
}

static bool wanted(const struct ifaddrs *at, struct lp_addr *addr)
{
	return at->ifa_addr && !(at->ifa_flags & IFF_LOOPBACK) && to_addr(at->ifa_addr, addr);
}

int decap_host_addresses(struct lp_addr **addrs, size_t *n, struct lp_err *err)
{
	struct ifaddrs *list, *at;
	struct lp_addr *found;
	size_t count = 0;

	if (getifaddrs(&list))
		return lp_err(err, -errno, "listing this host's addresses: %s", strerror(errno));
	for (at = list; at; at = at->ifa_next)
		count++;
	found = calloc(count + 1, sizeof(*found)); /* never of size 0 */
	if (!found) {
		freeifaddrs(list);
		return lp_err(err, -ENOMEM, "out of memory");
	}
	count = 0;
	for (at = list; at; at = at->ifa_next)
		count += wanted(at, &found[count]);
	freeifaddrs(list);
	*addrs = found;
	*n = count;
	return 0;
}
