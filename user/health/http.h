/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HTTP checks: one GET on a connection of its own, judged by its final status.
 *
 * Nothing but the backend has a say: no DNS (URLs are literal, the host is a
 * header), no proxy of the environment, no redirect, no connection kept. The
 * answer is bounded: HTTP_HEADERS_MAX of headers, then at most HTTP_BODY_MAX of
 * the body, which is read (and thrown away) so that a well-behaved server is
 * not cut off in the middle, and not waited for beyond that.
 */
#ifndef LIMPET_HEALTH_HTTP_H
#define LIMPET_HEALTH_HTTP_H

#include <uv.h>

#include "health/http_request.h"
#include "health/probe.h"
#include "lib/err.h"

#define HTTP_HEADERS_MAX (64u << 10) /* bytes, all header lines together */
#define HTTP_BODY_MAX    (64u << 10) /* bytes */

struct http;

int http_open(uv_loop_t *loop, struct http **out, struct lp_err *err);

/* Can this machine's libcurl make https checks? Words if not. */
int http_tls_verify(struct lp_err *err);

/* All probes must have been cancelled. Closes its handles on the loop; sets *http to NULL. */
void http_close(struct http **http);

/* Starts a check. `request` must outlive the probe. 0 or -ENOMEM. */
int http_probe_start(struct http *http, const struct http_request *request, probe_done_fn done,
		     void *arg, struct probe **out);

#endif
