// SPDX-License-Identifier: GPL-2.0
#include "health/http_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

static char *url_new(const struct lp_addr *address, uint16_t port)
{
	char text[LP_ADDR_TEXT];
	char *url;
	int len;

	lp_addr_format(address, text);
	len = asprintf(&url, lp_addr_is_v6(address) ? "http://[%s]:%u/" : "http://%s:%u/", text,
		       port);
	return len < 0 ? NULL : url;
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

int http_request_init(struct http_request *request, const struct lp_addr *address, uint16_t port,
		      const struct config_check *check)
{
	struct http_request made = { .check = check };

	made.url = url_new(address, port);
	if (!made.url || header_add(&made.headers, "Connection: close") ||
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
