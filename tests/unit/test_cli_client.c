// SPDX-License-Identifier: GPL-2.0
/*
 * The API's client against a socket whose other end is a thread of this test:
 * the limits (time, bytes) that limpet itself sets too high for a test to wait
 * for, and what goes over the wire.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/client.h"

/* Answers one connection with `answer`, or with nothing until the client hangs up. */
struct peer {
	char dir[64];
	struct sockaddr_un addr;
	int fd;
	const char *answer;
	char request[4096];
	pthread_t thread;
};

/* Reads until the client has said `until`, or hangs up. */
static void read_request(int fd, char *text, size_t size, const char *until)
{
	size_t len = 0;
	ssize_t n;

	text[0] = '\0';
	while (len + 1 < size && !strstr(text, until)) {
		n = read(fd, text + len, size - 1 - len);
		if (n <= 0)
			return;
		len += (size_t)n;
		text[len] = '\0';
	}
}

static void *serve(void *arg)
{
	struct peer *peer = arg;
	size_t len = strlen(peer->answer);
	int fd = accept(peer->fd, NULL, NULL);

	if (fd < 0)
		return NULL;
	read_request(fd, peer->request, sizeof(peer->request),
		     *peer->answer ? "\r\n\r\n" : "never");
	if (len && send(fd, peer->answer, len, MSG_NOSIGNAL) == (ssize_t)len)
		/* What is left of the request: its body. */
		read_request(fd, peer->request + strlen(peer->request),
			     sizeof(peer->request) - strlen(peer->request), "never");
	close(fd);
	return NULL;
}

static void peer_start(struct peer *peer, const char *answer)
{
	memset(peer, 0, sizeof(*peer));
	peer->answer = answer;
	strcpy(peer->dir, "/tmp/limpet-test-XXXXXX");
	assert_non_null(mkdtemp(peer->dir));
	peer->addr.sun_family = AF_UNIX;
	snprintf(peer->addr.sun_path, sizeof(peer->addr.sun_path), "%s/s", peer->dir);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(peer->fd >= 0);
	assert_int_equal(bind(peer->fd, (struct sockaddr *)&peer->addr, sizeof(peer->addr)), 0);
	assert_int_equal(listen(peer->fd, 1), 0);
	assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
}

static void peer_stop(struct peer *peer)
{
	assert_int_equal(pthread_join(peer->thread, NULL), 0);
	close(peer->fd);
	unlink(peer->addr.sun_path);
	rmdir(peer->dir);
}

static const struct cli_request get = { .method = "GET", .segments = { "status" } };

static int request(const struct peer *peer, const struct cli_request *what, long timeout_ms,
		   size_t max, json_t **answer, struct lp_err *err)
{
	struct cli_client client = {
		.socket = peer->addr.sun_path,
		.timeout_ms = timeout_ms,
		.answer_max = max,
	};

	return cli_client_request(&client, what, answer, err);
}

static void assert_begins(const char *text, const char *beginning)
{
	char *head = strndup(text, strlen(beginning));

	assert_non_null(head);
	assert_string_equal(head, beginning);
	free(head);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{\"a\": 1}"

static void get_request(void **state)
{
	struct peer peer;
	json_t *answer = NULL;
	struct lp_err err;

	(void)state;
	peer_start(&peer, OK);
	assert_int_equal(request(&peer, &get, 5000, 8, &answer, &err), 0);
	peer_stop(&peer);
	assert_int_equal(json_integer_value(json_object_get(answer, "a")), 1);
	json_decref(answer);
	assert_begins(peer.request, "GET /v1/status HTTP/1.1\r\n");
	assert_non_null(strstr(peer.request, "\r\nHost: limpet\r\n"));
	assert_non_null(strstr(peer.request, "\r\nUser-Agent: limpet/" LIMPET_VERSION "\r\n"));
	assert_null(strstr(peer.request, "Content-Type"));
}

static void post_request_with_body_and_query(void **state)
{
	json_t *body = json_pack("{s:s}", "action", "dr\"ain");
	struct cli_request post = {
		.method = "POST",
		.segments = { "backends", "a/b", "c d" },
		.query = { { "x", "1&2" }, { "y", "::1" } },
		.body = body,
	};
	struct peer peer;
	json_t *answer = NULL;
	struct lp_err err;

	(void)state;
	peer_start(&peer, OK);
	assert_int_equal(request(&peer, &post, 5000, 100, &answer, &err), 0);
	peer_stop(&peer);
	json_decref(answer);
	json_decref(body);
	assert_begins(peer.request, "POST /v1/backends/a%2Fb/c%20d?x=1%262&y=%3A%3A1 HTTP/1.1\r\n");
	assert_non_null(strstr(peer.request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(peer.request, "\r\nContent-Length: 20\r\n"));
	assert_non_null(strstr(peer.request, "\r\n\r\n{\"action\":\"dr\\\"ain\"}"));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void timeout(void **state)
{
	double start = now();
	struct peer peer;
	json_t *answer = NULL;
	char expected[256];
	struct lp_err err;

	(void)state;
	peer_start(&peer, "");
	assert_int_equal(request(&peer, &get, 300, 100, &answer, &err), -ETIMEDOUT);
	assert_true(now() - start >= 0.29);
	snprintf(expected, sizeof(expected), "limpetd at %s did not answer within 0.3 s",
		 peer.addr.sun_path);
	assert_string_equal(err.text, expected);
	assert_null(answer);
	peer_stop(&peer);
}

/* An answer that stops halfway is as late as none. */
static void timeout_within_the_answer(void **state)
{
	struct peer peer;
	json_t *answer = NULL;
	struct lp_err err;

	(void)state;
	peer_start(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\"");
	assert_int_equal(request(&peer, &get, 300, 100, &answer, &err), -ETIMEDOUT);
	assert_null(answer);
	peer_stop(&peer);
}

static void one_byte_too_many(void **state)
{
	struct peer peer;
	json_t *answer = NULL;
	char expected[256];
	struct lp_err err;

	(void)state;
	peer_start(&peer, OK);
	assert_int_equal(request(&peer, &get, 5000, 7, &answer, &err), -EMSGSIZE);
	peer_stop(&peer);
	snprintf(expected, sizeof(expected),
		 "what answers at %s sent more than 7 bytes: that is not limpetd",
		 peer.addr.sun_path);
	assert_string_equal(err.text, expected);
	assert_null(answer);
}

/* A length that is not announced is bounded as well. */
static void chunks_too_large(void **state)
{
	struct peer peer;
	json_t *answer = NULL;
	struct lp_err err;

	(void)state;
	peer_start(&peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "4\r\n{\"a\"\r\n4\r\n: 1}\r\n0\r\n\r\n");
	assert_int_equal(request(&peer, &get, 5000, 7, &answer, &err), -EMSGSIZE);
	peer_stop(&peer);
	assert_null(answer);
}

static void api_error(void **state)
{
	struct peer peer;
	json_t *answer = NULL;
	struct lp_err err;

	(void)state;
	peer_start(&peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 25\r\n\r\n"
			  "{\"error\": \"no VIP \\\"x\\\"\"}");
	assert_int_equal(request(&peer, &get, 5000, 100, &answer, &err), -EREMOTEIO);
	peer_stop(&peer);
	assert_string_equal(err.text, "no VIP \"x\"");
	assert_null(answer);
}

static void nobody_there(void **state)
{
	struct cli_client client = { .timeout_ms = 1000, .answer_max = 100 };
	json_t *answer = NULL;
	struct lp_err err;

	(void)state;
	client.socket = "/nonexistent/limpet.sock";
	assert_int_equal(cli_client_request(&client, &get, &answer, &err), -ENOENT);
	assert_string_equal(err.text, "limpetd does not run, or listens elsewhere: no socket at "
				      "/nonexistent/limpet.sock (--socket to say where)");
	client.socket = "/dev/null/limpet.sock";
	assert_int_equal(cli_client_request(&client, &get, &answer, &err), -ENOTDIR);
	client.socket = "/dev/null";
	assert_int_equal(cli_client_request(&client, &get, &answer, &err), -ECONNREFUSED);
	assert_string_equal(err.text, "limpetd does not run: nobody listens at /dev/null "
				      "(--socket to say where)");
	assert_null(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_request),
		cmocka_unit_test(post_request_with_body_and_query),
		cmocka_unit_test(timeout),
		cmocka_unit_test(timeout_within_the_answer),
		cmocka_unit_test(one_byte_too_many),
		cmocka_unit_test(chunks_too_large),
		cmocka_unit_test(api_error),
		cmocka_unit_test(nobody_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
