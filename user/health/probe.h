/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One check in flight, of whatever kind, and what came of it.
 *
 *   - A probe calls `done` exactly once, on the loop and never from within the
 *     function that started it; the probe is gone by then, so `done` may stop
 *     or start anything.
 *   - A cancelled probe never calls `done`.
 *   - Probes have no deadline of their own: who starts one cancels it.
 */
#ifndef LIMPET_HEALTH_PROBE_H
#define LIMPET_HEALTH_PROBE_H

#include <limpet/abi.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_WORDS 128 /* bytes of a result in words, terminating zero included */

enum probe_verdict {
	PROBE_GOOD,
	PROBE_BAD,
	PROBE_NOT_MADE, /* this machine could not ask: says nothing about the backend */
};

struct probe_result {
	enum probe_verdict verdict;
	double latency_s;           /* of PROBE_GOOD: from start to verdict */
	uint64_t certificate_end_s; /* https: of the server's, since the epoch; 0: none seen */
	char words[PROBE_WORDS];
};

typedef void (*probe_done_fn)(void *arg, const struct probe_result *result);

/* Base of every kind of probe. */
struct probe {
	probe_done_fn done;
	void *arg;
	void (*cancel)(struct probe *probe); /* frees the probe */
	int trouble; /* -errno of a local failure that keeps it from ending; 0: none */
};

/* Fills in verdict and words; words that are too long are cut. */
void probe_result_set(struct probe_result *result, enum probe_verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* PROBE_NOT_MADE, "not checked: `why`". */
void probe_result_not_made(struct probe_result *result, const char *why);

/*
 * The result of a system call that failed with `code` (-errno): PROBE_BAD
 * ("connection refused"), or PROBE_NOT_MADE ("not checked: too many open
 * files") if the failure is this machine's own.
 */
void probe_result_errno(struct probe_result *result, int code);

/*
 * The same of a call that has to do with nobody but this machine, as socket(2), and
 * connect(2) before it waits: that there is no route is this machine's own failure then,
 * PROBE_NOT_MADE, and not the word of a router on the way.
 */
void probe_result_local(struct probe_result *result, int code);

/* PROBE_BAD, "timed out after 1s". */
void probe_result_timeout(struct probe_result *result, double timeout_s);

/* PROBE_GOOD after latency_s seconds: "`what` in 0.4 ms". */
void probe_result_good(struct probe_result *result, double latency_s, const char *what);

/* Writes "0.43 ms", "12 ms" or "1.2 s" into text and returns it. */
const char *probe_latency_format(double seconds, char *text, size_t size);

/* Seconds since start_ns, a time of uv_hrtime(). */
double probe_elapsed(uint64_t start_ns);

#endif
