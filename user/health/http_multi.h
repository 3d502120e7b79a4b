/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libcurl's multi handle on a libuv loop: curl says which sockets and which
 * time it waits for, libuv waits, curl goes on (curl_multi_socket_action(3)).
 * Knows nothing of checks.
 */
#ifndef LIMPET_HEALTH_HTTP_MULTI_H
#define LIMPET_HEALTH_HTTP_MULTI_H

#include <curl/curl.h>
#include <uv.h>

struct http_multi;

struct http_multi_ops {
	/* A transfer has ended; its handle has been removed from the multi. Everything of
	 * http_multi may be called from here, http_multi_close() as well. */
	void (*finished)(CURL *easy, CURLcode code);
	/* A socket of the transfer is watched: connect(2) has gone beyond this machine. */
	void (*watched)(CURL *easy);
	/* A socket of the transfer cannot be watched (-errno): the transfer will not go on. */
	void (*stuck)(CURL *easy, int err);
};

/* 0 or -ENOMEM. `ops` must outlive the multi. */
int http_multi_open(uv_loop_t *loop, const struct http_multi_ops *ops, struct http_multi **out);

/* All handles must have been removed. Closes its own on the loop; sets *multi to NULL. */
void http_multi_close(struct http_multi **multi);

/* Starts a transfer; the handle stays the caller's. 0 or -ENOMEM. */
int http_multi_add(struct http_multi *multi, CURL *easy);

/* Ends a transfer; `finished` is not called for it. */
void http_multi_remove(struct http_multi *multi, CURL *easy);

#endif
