// SPDX-License-Identifier: GPL-2.0
#include "health/probe.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

static const struct {
	int code;
	enum probe_verdict verdict;
	const char *words;
} errno_words[] = {
	{ ECONNREFUSED, PROBE_BAD, "connection refused" },
	{ ECONNRESET, PROBE_BAD, "connection reset" },
	{ EPIPE, PROBE_BAD, "connection reset" },
	{ EHOSTUNREACH, PROBE_BAD, "no route to host" },
	{ ENETUNREACH, PROBE_BAD, "network unreachable" },
	{ ETIMEDOUT, PROBE_BAD, "timed out" },
	{ ENETDOWN, PROBE_NOT_MADE, "interface down" },
	{ ENODEV, PROBE_NOT_MADE, "interface gone" },
	{ EMFILE, PROBE_NOT_MADE, "too many open files" },
	{ ENFILE, PROBE_NOT_MADE, "too many open files in the system" },
	{ EADDRNOTAVAIL, PROBE_NOT_MADE, "no free local port or address" },
	{ EAGAIN, PROBE_NOT_MADE, "no free local port or address" }, /* connect(2) */
	{ ENOMEM, PROBE_NOT_MADE, "out of memory" },
	{ ENOBUFS, PROBE_NOT_MADE, "out of memory" },
	{ ENOSPC, PROBE_NOT_MADE, "too many epoll watches" }, /* epoll_ctl(2) */
	{ EPERM, PROBE_NOT_MADE, "forbidden by a local firewall rule" },
	{ EACCES, PROBE_NOT_MADE, "forbidden by a local firewall rule" },
	{ EBUSY, PROBE_NOT_MADE, "too many programs of checks are running" },
	{ E2BIG, PROBE_NOT_MADE, "the command is too long" },
	{ EOWNERDEAD, PROBE_NOT_MADE,
	  "limpetd's process that starts programs has died; start limpetd again" },
	{ EUSERS, PROBE_NOT_MADE, "too many processes" },
	{ EAFNOSUPPORT, PROBE_NOT_MADE, "address family not supported here" },
};

void probe_result_set(struct probe_result *result, enum probe_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	result->verdict = verdict;
	result->latency_s = 0;
	result->certificate_end_s = 0;
	va_start(ap, fmt);
	vsnprintf(result->words, sizeof(result->words), fmt, ap);
	va_end(ap);
}

void probe_result_not_made(struct probe_result *result, const char *why)
{
	probe_result_set(result, PROBE_NOT_MADE, "not checked: %s", why);
}

void probe_result_errno(struct probe_result *result, int code)
{
	for (size_t i = 0; i < sizeof(errno_words) / sizeof(errno_words[0]); i++) {
		if (errno_words[i].code != -code)
			continue;
		if (errno_words[i].verdict == PROBE_NOT_MADE)
			probe_result_not_made(result, errno_words[i].words);
		else
			probe_result_set(result, PROBE_BAD, "%s", errno_words[i].words);
		return;
	}
	probe_result_set(result, PROBE_BAD, "%s", strerror(-code));
}

void probe_result_local(struct probe_result *result, int code)
{
	if (code == -ENETUNREACH || code == -EHOSTUNREACH)
		probe_result_not_made(result, "no route");
	else
		probe_result_errno(result, code);
}

void probe_result_timeout(struct probe_result *result, double timeout_s)
{
	if (timeout_s < 1)
		probe_result_set(result, PROBE_BAD, "timed out after %gms", timeout_s * 1e3);
	else
		probe_result_set(result, PROBE_BAD, "timed out after %gs", timeout_s);
}

void probe_result_good(struct probe_result *result, double latency_s, const char *what)
{
	char latency[32];

	probe_result_set(result, PROBE_GOOD, "%s in %s", what,
			 probe_latency_format(latency_s, latency, sizeof(latency)));
	result->latency_s = latency_s;
}

const char *probe_latency_format(double seconds, char *text, size_t size)
{
	double ms = round(seconds * 1e5) / 1e2;

	if (ms < 10)
		snprintf(text, size, "%.2g ms", ms);
	else if (ms < 1000)
		snprintf(text, size, "%.0f ms", ms);
	else
		snprintf(text, size, "%.1f s", seconds);
	return text;
}

double probe_elapsed(uint64_t start_ns)
{
	return (double)(uv_hrtime() - start_ns) / 1e9;
}
