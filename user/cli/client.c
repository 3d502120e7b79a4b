// SPDX-License-Identifier: GPL-2.0
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* Bytes of the answer so far. */
struct buffer {
	char *data;
	size_t len, room, max;
	int error; /* -EMSGSIZE, -ENOMEM or 0 */
};

static int buffer_grow(struct buffer *buffer, size_t len)
{
	size_t room = buffer->room ? buffer->room : 4096;
	char *grown;

	if (len > buffer->max - buffer->len)
		return -EMSGSIZE;
	while (room < buffer->len + len)
		room *= 2;
	if (room == buffer->room)
		return 0;
	grown = realloc(buffer->data, room);
	if (!grown)
		return -ENOMEM;
	buffer->data = grown;
	buffer->room = room;
	return 0;
}

/* CURLOPT_WRITEFUNCTION: anything but `size * n` ends the transfer. */
static size_t receive(char *data, size_t size, size_t n, void *arg)
{
	struct buffer *buffer = arg;
	size_t len = size * n;

	buffer->error = buffer_grow(buffer, len);
	if (buffer->error)
		return 0;
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	return len;
}

static int put_escaped(FILE *out, const char *before, const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, (int)strlen(text));

	if (!escaped)
		return -ENOMEM;
	fprintf(out, "%s%s", before, escaped);
	curl_free(escaped);
	return 0;
}

static int put_url(FILE *out, const struct cli_request *request)
{
	const struct cli_query *query = request->query;
	int rc = 0;

	/* The host is for HTTP's sake: the connection goes to the socket. */
	fputs("http://limpet/v1", out);
	for (size_t i = 0; request->segments[i] && !rc; i++)
		rc = put_escaped(out, "/", request->segments[i]);
	for (size_t i = 0; query[i].name && !rc; i++) {
		fprintf(out, "%c%s", i ? '&' : '?', query[i].name);
		rc = put_escaped(out, "=", query[i].value);
	}
	return rc;
}

static int make_url(const struct cli_request *request, char **url)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int rc;

	if (!out)
		return -ENOMEM;
	rc = put_url(out, request);
	if (fclose(out) && !rc)
		rc = -ENOMEM;
	if (rc)
		free(text);
	else
		*url = text;
	return rc;
}

/* "GET /v1/status", for errors. */
static const char *describe(const struct cli_request *request, const char *url, char *text,
			    size_t size)
{
	snprintf(text, size, "%s %s", request->method, strchr(url + strlen("http://"), '/'));
	return text;
}

static int connect_error(const char *socket, int error, struct lp_err *err)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return lp_err(err, -error,
			      "limpetd does not run, or listens elsewhere: no socket at %s "
			      "(--socket to say where)",
			      socket);
	case ECONNREFUSED:
		return lp_err(err, -error,
			      "limpetd does not run: nobody listens at %s (--socket to say where)",
			      socket);
	case EACCES:
	case EPERM:
		return lp_err(err, -error,
			      "permission denied: %s is for root and the socket's group", socket);
	default:
		return lp_err(err, -error, "cannot connect to %s: %s", socket, strerror(error));
	}
}

static int transfer_error(const struct cli_client *client, CURL *curl, CURLcode code,
			  struct lp_err *err)
{
	long error = 0;

	switch (code) {
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
		return connect_error(client->socket, error ? (int)error : EIO, err);
	case CURLE_OPERATION_TIMEDOUT:
		return lp_err(err, -ETIMEDOUT, "limpetd at %s did not answer within %g s",
			      client->socket, (double)client->timeout_ms / 1000);
	case CURLE_OUT_OF_MEMORY:
		return lp_err(err, -ENOMEM, "out of memory");
	default:
		return lp_err(err, -EPROTO, "no answer from limpetd at %s: %s", client->socket,
			      curl_easy_strerror(code));
	}
}

static void set_options(CURL *curl, const struct cli_client *client,
			const struct cli_request *request, const char *url)
{
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	/* A name ".." is a name that the API does not know, not another URL. */
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, client->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "limpet/" LIMPET_VERSION);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static CURLcode perform(CURL *curl, const struct cli_request *request, const char *body,
			struct buffer *buffer)
{
	struct curl_slist *headers = NULL;
	CURLcode code;

	if (body) {
		headers = curl_slist_append(NULL, "Content-Type: application/json");
		if (!headers)
			return CURLE_OUT_OF_MEMORY;
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	}
	if (strcmp(request->method, "POST") == 0)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body ? body : "");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, buffer);
	code = curl_easy_perform(curl);
	curl_slist_free_all(headers);
	return code;
}

static int transfer(const struct cli_client *client, const struct cli_request *request,
		    const char *url, const char *body, struct buffer *buffer, long *status,
		    struct lp_err *err)
{
	CURL *curl = curl_easy_init();
	CURLcode code;
	int rc = 0;

	if (!curl)
		return lp_err(err, -ENOMEM, "out of memory");
	set_options(curl, client, request, url);
	code = perform(curl, request, body, buffer);
	if (buffer->error == -EMSGSIZE)
		rc = lp_err(err, -EMSGSIZE,
			    "what answers at %s sent more than %zu bytes: that is not limpetd",
			    client->socket, buffer->max);
	else if (buffer->error)
		rc = lp_err(err, buffer->error, "out of memory");
	else if (code != CURLE_OK)
		rc = transfer_error(client, curl, code, err);
	else
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	curl_easy_cleanup(curl);
	return rc;
}

/* The answer's text and status to a JSON object or the words of an error. */
static int judge(const struct buffer *buffer, long status, const char *what, json_t **answer,
		 struct lp_err *err)
{
	json_error_t error;
	json_t *json = json_loadb(buffer->data ? buffer->data : "", buffer->len, 0, &error);
	const char *reason = json_string_value(json_object_get(json, "error"));
	int rc = 0;

	if (status >= 400 && reason)
		rc = lp_err(err, -EREMOTEIO, "%s", reason);
	else if (status < 200 || status > 299)
		rc = lp_err(err, -EPROTO, "%s was answered with HTTP %ld and no reason", what,
			    status);
	else if (!json)
		rc = lp_err(err, -EPROTO, "%s was answered with something that is no JSON: %s",
			    what, error.text);
	else if (!json_is_object(json))
		rc = lp_err(err, -EPROTO, "%s was answered with JSON that is no object", what);
	else
		*answer = json_incref(json);
	json_decref(json);
	return rc;
}

int cli_client_request(const struct cli_client *client, const struct cli_request *request,
		       json_t **answer, struct lp_err *err)
{
	struct buffer buffer = { .max = client->answer_max };
	char *url = NULL, *body = NULL;
	char what[256];
	long status = 0;
	int rc;

	if (strlen(client->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return lp_err(err, -ENAMETOOLONG, "%s: too long for a socket's path",
			      client->socket);
	rc = make_url(request, &url);
	if (!rc && request->body) {
		body = json_dumps(request->body, JSON_COMPACT);
		rc = body ? 0 : -ENOMEM;
	}
	if (rc)
		lp_err(err, rc, "out of memory");
	else
		rc = transfer(client, request, url, body, &buffer, &status, err);
	if (!rc)
		rc = judge(&buffer, status, describe(request, url, what, sizeof(what)), answer,
			   err);
	free(buffer.data);
	free(body);
	free(url);
	return rc;
}
