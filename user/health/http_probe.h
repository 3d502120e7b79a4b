/* SPDX-License-Identifier: GPL-2.0 */
/* One HTTP check in flight, shared by http.c (its life) and http_result.c (its verdict). */
#ifndef LIMPET_HEALTH_HTTP_PROBE_H
#define LIMPET_HEALTH_HTTP_PROBE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "health/http_request.h"
#include "health/probe.h"

/* Why we ended a transfer ourselves. */
enum http_stop {
	HTTP_STOP_NONE,
	HTTP_STOP_HEADERS,  /* more than HTTP_HEADERS_MAX */
	HTTP_STOP_BODY,     /* have seen enough: the status counts */
	HTTP_STOP_NOT_HTTP, /* no status line */
};

struct http_probe {
	struct probe base;
	struct http *http;
	size_t shard; /* where the transfer is, while there is one */
	struct http_probe *next_idle;
	CURL *easy;
	const struct http_request *request;
	uint64_t start_ns;
	size_t header_bytes, body_bytes;
	enum http_stop stop;
	struct tls_peer tls; /* https */
	int socket_err;      /* -errno of socket(2); 0: none */
	bool connecting;     /* connect(2) has begun: what fails from here on is the way's */
	char opening[33];    /* HTTP_STOP_NOT_HTTP: how the answer begins, printable */
	char curl_words[CURL_ERROR_SIZE];
};

/* What became of a transfer that ended with `code`. */
void http_result(const struct http_probe *probe, CURLcode code, struct probe_result *result);

#endif
