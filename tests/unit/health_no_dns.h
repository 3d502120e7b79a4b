/* SPDX-License-Identifier: GPL-2.0 */
/* Names of hosts must never be resolved by checks: this stands in for the C library's
 * getaddrinfo(), for the whole program. */
#ifndef LIMPET_TESTS_HEALTH_NO_DNS_H
#define LIMPET_TESTS_HEALTH_NO_DNS_H

#include <netdb.h>

static unsigned int dns_lookups; /* tried */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **result)
{
	(void)name;
	(void)service;
	(void)hints;
	(void)result;
	dns_lookups++;
	return EAI_FAIL;
}

#endif
