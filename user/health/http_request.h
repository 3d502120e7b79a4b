/* SPDX-License-Identifier: GPL-2.0 */
/* What an HTTP check asks and what it wants to hear: made once a target. */
#ifndef LIMPET_HEALTH_HTTP_REQUEST_H
#define LIMPET_HEALTH_HTTP_REQUEST_H

#include <curl/curl.h>
#include <limpet/abi.h>
#include <stdbool.h>

#include "core/config.h"
#include "health/tls.h"

struct http_request {
	char *url;                        /* with the literal address: nothing to resolve */
	const struct config_check *check; /* not owned: path and expect */
	struct curl_slist *headers;
	uint32_t mark; /* of its sockets: tcp_socket(); 0 unless somebody sets it */
	/* https; its URL has the host's name, for SNI, if there is one: */
	struct curl_slist *connect_to; /* the literal address instead; NULL: the URL's */
	struct tls_check tls;
};

/*
 * Fills in the request for address and port (host byte order). `check` must
 * outlive it, and so must `roots`, where certificates that https verifies are
 * looked up (NULL for http). 0, or -ENOMEM with *request untouched.
 */
int http_request_init(struct http_request *request, const struct lp_addr *address, uint16_t port,
		      const struct config_check *check, struct tls_roots_set *roots);

/* Frees what init made and zeroes it; can be called twice. */
void http_request_fini(struct http_request *request);

bool http_request_expects(const struct http_request *request, long status);

/* Writes the expected statuses, "200-299, 301", into text and returns it; cut if too long. */
const char *http_request_expect_format(const struct http_request *request, char *text, size_t size);

#endif
