// SPDX-License-Identifier: GPL-2.0
#include "health/http.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "health/http_probe.h"
#include "health/http_shards.h"
#include "health/tcp.h"

/* Idle curl handles that are kept: making one costs more than the check. */
#define HTTP_IDLE_MAX 256

/* Receive buffer of a transfer: thousands may hang at a time. */
#define HTTP_BUFFER_BYTES 4096L

struct http {
	struct http_shards shards;
	struct http_probe *idle;
	unsigned int n_idle;
};

static struct http_probe *probe_of(CURL *easy)
{
	char *probe = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &probe);
	return (struct http_probe *)probe;
}

/* CURLOPT_HEADERFUNCTION: all lines count, those of 1xx answers and trailers too. */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_probe *probe = arg;

	(void)data;
	probe->header_bytes += size * n;
	if (probe->header_bytes <= HTTP_HEADERS_MAX)
		return size * n;
	probe->stop = HTTP_STOP_HEADERS;
	return 0;
}

static void keep_opening(struct http_probe *probe, const char *data, size_t n)
{
	size_t len = 0;

	while (len < n && len < sizeof(probe->opening) - 1 && data[len] != '\r' &&
	       data[len] != '\n') {
		probe->opening[len] = isprint((unsigned char)data[len]) ? data[len] : '.';
		len++;
	}
	probe->opening[len] = '\0';
}

/* CURLOPT_WRITEFUNCTION. A body without a status is HTTP/0.9 to curl, and
 * whatever else the server may speak to us. */
static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_probe *probe = arg;
	long status = 0;

	curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!status) {
		keep_opening(probe, data, size * n);
		probe->stop = HTTP_STOP_NOT_HTTP;
		return 0;
	}
	probe->body_bytes += size * n;
	if (probe->body_bytes <= HTTP_BODY_MAX)
		return size * n;
	probe->stop = HTTP_STOP_BODY;
	return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: keeps the errno, which curl does not. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_probe *probe = arg;
	int fd = tcp_socket(address->family, probe->request->mark);

	(void)purpose;
	if (fd >= 0)
		return fd;
	probe->socket_err = fd;
	return CURL_SOCKET_BAD;
}

/* CURLOPT_SSL_CTX_FUNCTION: the certificate is our affair (tls.h). */
static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *arg)
{
	struct http_probe *probe = arg;

	(void)easy;
	tls_prepare(ssl_ctx, &probe->tls);
	return CURLE_OK;
}

static void set_callbacks(struct http_probe *probe)
{
	CURL *easy = probe->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, probe);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, probe);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, probe->curl_words);
}

/* Sessions are not resumed: there would be no certificate to look at. */
static void set_tls_options(struct http_probe *probe)
{
	CURL *easy = probe->easy;

	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, probe);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

/* DNS_CACHE_TIMEOUT: curl files literal addresses in its cache as well, and
 * walks the whole cache at the end of each transfer to find what is stale; 0
 * keeps it empty. CONNECTTIMEOUT: the deadline is the probe's owner's. */
static void set_options(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)INT_MAX);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, HTTP_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 1L); /* to see what it is: on_body() */
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "limpet/" LIMPET_VERSION);
}

static void probe_free(struct http_probe *probe)
{
	curl_easy_cleanup(probe->easy);
	free(probe);
}

static struct http_probe *probe_new(struct http *http)
{
	struct http_probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return NULL;
	probe->http = http;
	probe->easy = curl_easy_init();
	if (!probe->easy) {
		free(probe);
		return NULL;
	}
	set_callbacks(probe);
	set_tls_options(probe);
	set_options(probe->easy);
	return probe;
}

static struct http_probe *probe_get(struct http *http)
{
	struct http_probe *probe = http->idle;

	if (!probe)
		return probe_new(http);
	http->idle = probe->next_idle;
	http->n_idle--;
	return probe;
}

static void probe_put(struct http_probe *probe)
{
	struct http *http = probe->http;

	if (http->n_idle >= HTTP_IDLE_MAX) {
		probe_free(probe);
		return;
	}
	probe->next_idle = http->idle;
	http->idle = probe;
	http->n_idle++;
}

static void http_probe_cancel(struct probe *base)
{
	struct http_probe *probe = (struct http_probe *)base;

	http_shards_remove(&probe->http->shards, probe->shard, probe->easy);
	probe_put(probe);
}

static void on_finished(CURL *easy, CURLcode code)
{
	struct http_probe *probe = probe_of(easy);
	struct probe base = probe->base;
	struct probe_result result;

	http_result(probe, code, &result);
	http_shards_release(&probe->http->shards, probe->shard);
	probe_put(probe);
	base.done(base.arg, &result);
}

static void on_watched(CURL *easy)
{
	probe_of(easy)->connecting = true;
}

static void on_stuck(CURL *easy, int err)
{
	probe_of(easy)->base.trouble = err;
}

static const struct http_multi_ops multi_ops = {
	.finished = on_finished,
	.watched = on_watched,
	.stuck = on_stuck,
};

int http_open(uv_loop_t *loop, struct http **out, struct lp_err *err)
{
	struct http *http;
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

	if (code)
		return lp_err(err, -ENOMEM, "libcurl: %s", curl_easy_strerror(code));
	http = calloc(1, sizeof(*http));
	if (!http) {
		curl_global_cleanup();
		return lp_err(err, -ENOMEM, "health checks: out of memory");
	}
	http->shards = (struct http_shards) { .loop = loop, .ops = &multi_ops };
	*out = http;
	return 0;
}

void http_close(struct http **http)
{
	struct http *h = *http;
	struct http_probe *probe;

	if (!h)
		return;
	*http = NULL;
	while ((probe = h->idle)) {
		h->idle = probe->next_idle;
		probe_free(probe);
	}
	http_shards_fini(&h->shards);
	free(h);
	curl_global_cleanup();
}

int http_tls_verify(struct lp_err *err)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	const char *ssl = info->ssl_version ? info->ssl_version : "no TLS library";

	if (!strncmp(ssl, "OpenSSL/", strlen("OpenSSL/")))
		return 0;
	return lp_err(err, -EINVAL,
		      "https checks need a libcurl that is built with OpenSSL; this one has %s",
		      ssl);
}

/* Of this check alone; a failure is one of memory. REQUEST_TARGET sends the path
 * as it was configured: curl would make /a/../b into /b. */
static bool probe_configure(struct http_probe *probe, const struct http_request *request)
{
	return !curl_easy_setopt(probe->easy, CURLOPT_URL, request->url) &&
	       !curl_easy_setopt(probe->easy, CURLOPT_REQUEST_TARGET, request->check->path) &&
	       !curl_easy_setopt(probe->easy, CURLOPT_CONNECT_TO, request->connect_to) &&
	       !curl_easy_setopt(probe->easy, CURLOPT_HTTPHEADER, request->headers);
}

int http_probe_start(struct http *http, const struct http_request *request, probe_done_fn done,
		     void *arg, struct probe **out)
{
	struct http_probe *probe = probe_get(http);

	if (!probe)
		return -ENOMEM;
	probe->base = (struct probe) { .done = done, .arg = arg, .cancel = http_probe_cancel };
	probe->request = request;
	probe->tls = (struct tls_peer) { .check = &request->tls };
	probe->start_ns = uv_hrtime();
	probe->header_bytes = probe->body_bytes = 0;
	probe->stop = HTTP_STOP_NONE;
	probe->socket_err = 0;
	probe->connecting = false;
	probe->curl_words[0] = '\0';
	if (!probe_configure(probe, request) ||
	    http_shards_add(&http->shards, probe->easy, &probe->shard)) {
		probe_put(probe);
		return -ENOMEM;
	}
	*out = &probe->base;
	return 0;
}
