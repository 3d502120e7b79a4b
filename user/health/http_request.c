// SPDX-License-Identifier: GPL-2.0
#include "health/http_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

/* "10.0.0.1:80", "[2001:db8::1]:80". */
static char *place_new(const struct lp_addr *address, uint16_t port)
{
	char text[LP_ADDR_TEXT];
	char *place;
	int len;

	lp_addr_format(address, text);
	len = asprintf(&place, lp_addr_is_v6(address) ? "[%s]:%u" : "%s:%u", text, port);
	return len < 0 ? NULL : place;
}

/* A Host header without its port: "[::1]:443" is "::1". */
static char *host_name(const char *host)
{
	if (host[0] == '[')
		return strndup(host + 1, strcspn(host + 1, "]"));
	return strndup(host, strcspn(host, ":"));
}

static bool set_url(struct http_request *request, const struct lp_addr *address, uint16_t port)
{
	bool tls = request->check->type == CONFIG_CHECK_HTTPS;
	char *place = place_new(address, port), *url;
	int len = -1;

	if (place)
		len = asprintf(&url, "%s://%s/", tls ? "https" : "http", place);
	free(place);
	if (len >= 0)
		request->url = url;
	return len >= 0;
}

static int header_add(struct curl_slist **headers, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*headers, header);

	if (!longer)
		return -ENOMEM;
	*headers = longer;
	return 0;
}

static int header_add_host(struct curl_slist **headers, const char *host)
{
	char *header;
	int err;

	if (!host)
		return 0; /* curl's own: the address of the URL */
	if (asprintf(&header, "Host: %s", host) < 0)
		return -ENOMEM;
	err = header_add(headers, header);
	free(header);
	return err;
}

static struct curl_slist *connect_to_new(const char *place)
{
	struct curl_slist *list = NULL;
	char *to;

	if (asprintf(&to, "::%s", place) < 0)
		return NULL;
	list = curl_slist_append(NULL, to);
	free(to);
	return list;
}

/* By name, but to the address: nobody is asked for the name's. */
static bool set_named_url(struct http_request *request, const struct lp_addr *address,
			  uint16_t port)
{
	bool v6 = strchr(request->tls.name, ':');
	char *place = place_new(address, port), *url;
	int len;

	if (place)
		request->connect_to = connect_to_new(place);
	free(place);
	if (!request->connect_to)
		return false;
	len = asprintf(&url, "https://%s%s%s:%u/", v6 ? "[" : "", request->tls.name, v6 ? "]" : "",
		       port);
	if (len >= 0)
		request->url = url;
	return len >= 0;
}

static bool set_tls(struct http_request *request, const struct lp_addr *address,
		    struct tls_roots_set *roots)
{
	const struct config_check *check = request->check;
	char text[LP_ADDR_TEXT];

	request->tls.name = check->host ? host_name(check->host)
					: strdup(lp_addr_format(address, text));
	if (check->verify)
		request->tls.roots = tls_roots_get(roots, check->ca);
	return request->tls.name && (request->tls.roots || !check->verify);
}

static bool set_place(struct http_request *request, const struct lp_addr *address, uint16_t port,
		      struct tls_roots_set *roots)
{
	if (request->check->type != CONFIG_CHECK_HTTPS)
		return set_url(request, address, port);
	if (!set_tls(request, address, roots))
		return false;
	return request->check->host ? set_named_url(request, address, port)
				    : set_url(request, address, port);
}

int http_request_init(struct http_request *request, const struct lp_addr *address, uint16_t port,
		      const struct config_check *check, struct tls_roots_set *roots)
{
	struct http_request made = { .check = check };

	if (!set_place(&made, address, port, roots) ||
	    header_add(&made.headers, "Connection: close") ||
	    header_add_host(&made.headers, check->host)) {
		http_request_fini(&made);
		return -ENOMEM;
	}
	*request = made;
	return 0;
}

void http_request_fini(struct http_request *request)
{
	free(request->url);
	free(request->tls.name);
	tls_roots_put(&request->tls.roots);
	curl_slist_free_all(request->connect_to);
	curl_slist_free_all(request->headers);
	*request = (struct http_request) { 0 };
}

bool http_request_expects(const struct http_request *request, long status)
{
	const struct config_check *check = request->check;

	for (size_t i = 0; i < check->n_expect; i++) {
		if (status >= check->expect[i].first && status <= check->expect[i].last)
			return true;
	}
	return false;
}

const char *http_request_expect_format(const struct http_request *request, char *text, size_t size)
{
	const struct config_check *check = request->check;
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < check->n_expect && len < size; i++) {
		const struct config_status_range *range = &check->expect[i];

		len += (size_t)snprintf(text + len, size - len, "%s%u", i ? ", " : "",
					range->first);
		if (range->last != range->first && len < size)
			len += (size_t)snprintf(text + len, size - len, "-%u", range->last);
	}
	return text;
}
