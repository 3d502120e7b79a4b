// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "health/http.h"
#include "health/http_probe.h"

static void result_status(const struct http_probe *probe, struct probe_result *result)
{
	char text[PROBE_WORDS];
	long status = 0;

	curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
	if (http_request_expects(probe->request, status)) {
		snprintf(text, sizeof(text), "HTTP %ld", status);
		probe_result_good(result, probe_elapsed(probe->start_ns), text);
		return;
	}
	probe_result_set(result, PROBE_BAD, "HTTP %ld, expected %s", status,
			 http_request_expect_format(probe->request, text, sizeof(text)));
}

/* Of connect, send and receive: the errno that curl kept. */
static void result_os(const struct http_probe *probe, struct probe_result *result)
{
	long err = 0;

	if (probe->socket_err) {
		probe_result_errno(result, probe->socket_err);
		return;
	}
	curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &err);
	if (err && probe->connecting)
		probe_result_errno(result, -(int)err);
	else if (err)
		probe_result_local(result, -(int)err);
	else
		probe_result_set(result, PROBE_BAD, "HTTP: %s", probe->curl_words);
}

/*
 * Curl itself refuses one header line of over 100 KiB, and says that it is out
 * of memory. Which of the two it is can be told by whether the backend had
 * begun to answer.
 */
static void result_memory(const struct http_probe *probe, struct probe_result *result)
{
	curl_off_t first_byte_us = 0;

	curl_easy_getinfo(probe->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte_us);
	if (first_byte_us)
		probe_result_set(result, PROBE_BAD, "response headers over %u KiB",
				 HTTP_HEADERS_MAX >> 10);
	else
		probe_result_errno(result, -ENOMEM);
}

/* OpenSSL's words behind its numbers: "... error:0A00010B:SSL routines::wrong version
 * number". */
static const char *tls_reason(const char *words)
{
	const char *error = strstr(words, "error:");
	const char *reason = error ? strstr(error, "::") : NULL;

	return reason ? reason + 2 : words;
}

/* A handshake that failed for another reason than the certificate. Of system calls
 * curl keeps the words, and not the errno. */
static void result_handshake(const struct http_probe *probe, struct probe_result *result)
{
	const char *words = probe->curl_words;

	if (strstr(words, strerror(ECONNRESET)))
		probe_result_errno(result, -ECONNRESET);
	else if (!*words || strstr(words, "SSL_ERROR_SYSCALL"))
		probe_result_set(result, PROBE_BAD, "closed in the TLS handshake");
	else
		probe_result_set(result, PROBE_BAD, "TLS: %s", tls_reason(words));
}

static void result_tls(const struct http_probe *probe, struct probe_result *result)
{
	char text[PROBE_WORDS];

	if (!probe->tls.error)
		result_handshake(probe, result);
	else
		probe_result_set(
			result, PROBE_BAD, "%s",
			tls_refusal(&probe->tls, (uint64_t)time(NULL), text, sizeof(text)));
}

static void result_code(const struct http_probe *probe, CURLcode code, struct probe_result *result)
{
	switch (code) {
	case CURLE_OK:
		result_status(probe, result);
		break;
	case CURLE_COULDNT_CONNECT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_OPERATION_TIMEDOUT: /* the kernel's: ETIMEDOUT */
		result_os(probe, result);
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		result_tls(probe, result);
		break;
	case CURLE_GOT_NOTHING:
		probe_result_set(result, PROBE_BAD, "closed without an answer");
		break;
	case CURLE_PARTIAL_FILE:
		probe_result_set(result, PROBE_BAD, "closed in the middle of the answer");
		break;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		probe_result_set(result, PROBE_BAD, "not HTTP: %s", probe->curl_words);
		break;
	case CURLE_OUT_OF_MEMORY:
		result_memory(probe, result);
		break;
	default:
		probe_result_set(result, PROBE_BAD, "HTTP: %s",
				 probe->curl_words[0] ? probe->curl_words
						      : curl_easy_strerror(code));
	}
}

void http_result(const struct http_probe *probe, CURLcode code, struct probe_result *result)
{
	switch (probe->stop) {
	case HTTP_STOP_HEADERS:
		probe_result_set(result, PROBE_BAD, "response headers over %u KiB",
				 HTTP_HEADERS_MAX >> 10);
		break;
	case HTTP_STOP_NOT_HTTP:
		probe_result_set(result, PROBE_BAD, "not HTTP: \"%s\"", probe->opening);
		break;
	case HTTP_STOP_BODY:
		result_status(probe, result);
		break;
	case HTTP_STOP_NONE:
		result_code(probe, code, result);
		break;
	}
	result->certificate_end_s = probe->tls.not_after;
}
