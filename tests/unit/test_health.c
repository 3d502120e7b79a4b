// SPDX-License-Identifier: GPL-2.0
/*
 * The health checks against real servers on loopback. Nothing here measures
 * time more closely than a busy machine allows: timeouts that must not fire are
 * seconds, and only what must time out has a short one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cpu_wait.h"
#include "health/health.h"
#include "health/http_shards.h"
#include "health_no_dns.h"
#include "health_peer.h"
#include "health_world.h"

static bool has_accepted(struct world *world, const void *peer)
{
	(void)world;
	return ((const struct peer *)peer)->accepted > 0;
}

static bool has_closed(struct world *world, const void *arg)
{
	const struct peer *peer = arg;

	(void)world;
	return peer->accepted && peer->closed == peer->accepted;
}

static struct config_status_range expect_2xx = { 200, 299 };

/* Checks a peer until it has changed state (it begins in the other one), and
 * looks at the words that came with the change. */
static void assert_verdict_at(const char *address, enum peer_kind kind, const char *text,
			      const char *flood, const struct config_check *check, bool up,
			      const char *words)
{
	struct world *world = world_new();
	size_t one = 1;
	struct peer peer;

	if (peer_open(&peer, &world->loop, address, kind, text)) {
		peer_close(&peer);
		world_free(world);
		print_message("skipped: cannot listen on %s\n", address);
		skip();
	}
	peer.flood = flood;
	set_one(world, address, peer.port, check, !up);
	assert_true(world_run_until(world, has_events, &one));
	assert_int_equal(world->events[0].backend, 1);
	assert_int_equal(world->events[0].up, up);
	assert_prefix(world->events[0].why, words);
	peer_close(&peer);
	world_free(world);
}

static void assert_verdict(enum peer_kind kind, const char *text, const struct config_check *check,
			   bool up, const char *words)
{
	assert_verdict_at("127.0.0.1", kind, text, NULL, check, up, words);
}

static const char reply_200[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void tcp_good(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_TCP);

	(void)state;
	assert_verdict(PEER_SILENT, NULL, &check, true, "connected in ");
	assert_verdict_at("::1", PEER_SILENT, NULL, NULL, &check, true, "connected in ");
}

/* A port that is taken and does not listen. */
static int refusing_socket(uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static void refused_by(enum config_check_type type)
{
	struct config_check check = check_of(type);
	struct world *world = world_new();
	size_t one = 1;
	uint16_t port;
	int fd = refusing_socket(&port);

	set_one(world, "127.0.0.1", port, &check, true);
	assert_true(world_run_until(world, has_events, &one));
	assert_false(world->events[0].up);
	assert_string_equal(world->events[0].why, "connection refused");
	close(fd);
	world_free(world);
}

static void refused(void **state)
{
	(void)state;
	refused_by(CONFIG_CHECK_TCP);
	refused_by(CONFIG_CHECK_HTTP);
}

/* A full accept queue: the kernel drops what comes, as a dead host would. */
static void tcp_hang(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_TCP);
	struct world *world = world_new();
	struct sockaddr_in addr = { .sin_family = AF_INET };
	size_t one = 1;
	int filler[4];
	int fd;

	(void)state;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = refusing_socket(&addr.sin_port);
	check.timeout = 0.3;
	set_one(world, "127.0.0.1", addr.sin_port, &check, true);
	addr.sin_port = htons(addr.sin_port);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(filler[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	assert_true(world_run_until(world, has_events, &one));
	assert_false(world->events[0].up);
	assert_string_equal(world->events[0].why, "timed out after 300ms");
	for (size_t i = 0; i < 4; i++)
		close(filler[i]);
	close(fd);
	world_free(world);
}

static void http_good(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);

	(void)state;
	assert_verdict(PEER_REPLY, reply_200, &check, true, "HTTP 200 in ");
	assert_verdict(PEER_REPLY, "HTTP/1.0 204 No\r\n\r\n", &check, true, "HTTP 204 in ");
	assert_verdict(PEER_REPLY, "HTTP/1.1 302 See\r\nLocation: /\r\n\r\n", &check, true,
		       "HTTP 302 in ");
	assert_verdict_at("::1", PEER_REPLY, reply_200, NULL, &check, true, "HTTP 200 in ");
}

static void http_bad_status(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct config_status_range two[] = { { 200, 299 }, { 401, 401 } };

	(void)state;
	assert_verdict(PEER_REPLY, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", &check, false,
		       "HTTP 503, expected 200-399");
	check.expect = two;
	check.n_expect = 2;
	assert_verdict(PEER_REPLY, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", &check, false,
		       "HTTP 404, expected 200-299, 401");
}

static void http_hang(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);

	(void)state;
	check.timeout = 0.3;
	assert_verdict(PEER_SILENT, NULL, &check, false, "timed out after 300ms");
	check.timeout = 1;
	assert_verdict(PEER_DRIP, "HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
		       &check, false, "timed out after 1s");
}

static void http_endless_headers(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	static const char words[] = "response headers over 64 KiB";

	(void)state;
	assert_verdict_at("127.0.0.1", PEER_FLOOD, "HTTP/1.1 200 OK\r\n", "X-Filler: 1234\r\n",
			  &check, false, words);
	assert_verdict_at("127.0.0.1", PEER_FLOOD, "HTTP/1.1 200 OK\r\nX: ", "a", &check, false,
			  words);
	assert_verdict_at("127.0.0.1", PEER_FLOOD, "HTTP/1.1 100 Go\r\n\r\n",
			  "HTTP/1.1 100 Go\r\n\r\n", &check, false, words);
}

static void http_endless_body(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);

	(void)state;
	assert_verdict_at("127.0.0.1", PEER_FLOOD, "HTTP/1.1 200 OK\r\n\r\n", "0123456789\n",
			  &check, true, "HTTP 200 in ");
	assert_verdict_at("127.0.0.1", PEER_FLOOD, "HTTP/1.1 503 No\r\n\r\n", "0123456789\n",
			  &check, false, "HTTP 503, expected 200-399");
}

static void http_broken(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);

	(void)state;
	assert_verdict(PEER_RESET, NULL, &check, false, "connection reset");
	assert_verdict(PEER_REPLY, "", &check, false, "closed without an answer");
	assert_verdict(PEER_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", &check, false,
		       "closed in the middle of the answer");
	assert_verdict(PEER_REPLY, "SSH-2.0-OpenSSH_9.2\x01\r\n", &check, false,
		       "not HTTP: \"SSH-2.0-OpenSSH_9.2.\"");
	assert_verdict(PEER_REPLY, "HTTP/7.5 200 OK\r\n\r\n", &check, false, "not HTTP: ");
	assert_verdict(PEER_REPLY,
		       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", &check,
		       false, "HTTP: ");
}

/* More than one read's worth of answer in the queue, and an error behind it. */
static void http_reset_after_data(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	char text[20000] = "HTTP/1.1 200 OK\r\n\r\n";

	(void)state;
	for (size_t i = strlen(text); i < sizeof(text) - 1; i++)
		text[i] = 'x';
	assert_verdict(PEER_RESET, text, &check, false, "connection reset");
	/* headers that say how much there is, and all of it there: good */
	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%0*d", 15000,
		 15000, 0);
	assert_verdict(PEER_RESET, text, &check, true, "HTTP 200 in ");
}

/* What is sent is what was configured; nobody is asked for the host's address,
 * and the proxy of the environment (see main()) is not used. */
static void http_request_is_literal(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	static char host[] = "pool.example.invalid", path[] = "/a/../b?c=d%20e";
	struct world *world = world_new();
	size_t one = 1;
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_REPLY, reply_200), 0);
	check.host = host;
	check.path = path;
	set_one(world, "127.0.0.1", peer.port, &check, false);
	assert_true(world_run_until(world, has_events, &one));
	assert_true(world->events[0].up);
	assert_prefix(peer.request, "GET /a/../b?c=d%20e HTTP/1.1\r\n");
	assert_non_null(strstr(peer.request, "\r\nHost: pool.example.invalid\r\n"));
	assert_null(strstr(strstr(peer.request, "Host: ") + 1, "Host: "));
	assert_non_null(strstr(peer.request, "\r\nUser-Agent: limpet/"));
	assert_int_equal(dns_lookups, 0);
	peer_close(&peer);
	world_free(world);
}

static void http_default_host(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	size_t one = 1;
	struct peer peer;
	char header[64];

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_REPLY, reply_200), 0);
	set_one(world, "127.0.0.1", peer.port, &check, false);
	assert_true(world_run_until(world, has_events, &one));
	snprintf(header, sizeof(header), "\r\nHost: 127.0.0.1:%u\r\n", peer.port);
	assert_non_null(strstr(peer.request, header));
	assert_int_equal(dns_lookups, 0);
	peer_close(&peer);
	world_free(world);
}

static void http_redirect_not_followed(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	struct checks three = { 1, 3 };
	struct peer from, to;
	char reply[128];

	(void)state;
	assert_int_equal(peer_open(&to, &world->loop, "127.0.0.1", PEER_REPLY, reply_200), 0);
	snprintf(reply, sizeof(reply), "HTTP/1.1 302 See\r\nLocation: http://127.0.0.1:%u/\r\n\r\n",
		 to.port);
	assert_int_equal(peer_open(&from, &world->loop, "127.0.0.1", PEER_REPLY, reply), 0);
	check.expect = &expect_2xx;
	set_one(world, "127.0.0.1", from.port, &check, true);
	assert_true(world_run_until(world, has_checks, &three));
	assert_int_equal(to.accepted, 0);
	assert_string_equal(status_of(world, 1).last, "HTTP 302, expected 200-299");
	peer_close(&from);
	peer_close(&to);
	world_free(world);
}

/* A server that would keep the connection gets a new one for each check. */
static void http_fresh_connections(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	struct checks five = { 1, 5 };
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_HOLD, reply_200), 0);
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_checks, &five));
	assert_in_range(peer.accepted, 5, status_of(world, 1).checks + 1);
	assert_int_equal(status_of(world, 1).failures, 0);
	peer_close(&peer);
	world_free(world);
}

static void count_handle(uv_handle_t *handle, void *count)
{
	(void)handle;
	++*(unsigned int *)count;
}

static bool has_handles(struct world *world, const void *n)
{
	unsigned int handles = 0;

	uv_walk(&world->loop, count_handle, &handles);
	return handles == *(const unsigned int *)n;
}

/* After more checks than a shard holds: the loop has the test's two handles (and
 * the peer's connections are gone), and one timer of the last shard. */
static void http_checks_leave_nothing(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct checks many = { 1, 3 * HTTP_SHARD_TRANSFERS };
	struct world *world = world_new();
	unsigned int three = 3;
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_REPLY, reply_200), 0);
	check.interval = 0.002;
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_checks, &many));
	assert_int_equal(health_set(world->health, NULL, 0), 0);
	assert_true(world_run_until(world, has_handles, &three));
	peer_close(&peer);
	world_free(world);
}

/* fall 3, rise 2; the script begins up. Changes come with the exact results. */
static void rise_and_fall(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	struct checks all = { 1, 16 };
	struct health_status status;
	struct peer peer;

	(void)state;
	/*                           up                       down      up      down       */
	assert_int_equal(
		peer_open(&peer, &world->loop, "127.0.0.1", PEER_SCRIPT, "+--+---+-+-++---"), 0);
	check.fall = 3;
	check.rise = 2;
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_checks, &all));
	status = status_of(world, 1);
	assert_int_equal(world->n_events, 3);
	assert_false(world->events[0].up);
	assert_string_equal(world->events[0].why, "HTTP 503, expected 200-399");
	assert_true(world->events[1].up);
	assert_prefix(world->events[1].why, "HTTP 200 in ");
	assert_false(world->events[2].up);
	assert_false(status.up);
	assert_int_equal(status.flaps, 3);
	assert_int_equal(status.failures, status.checks - 6);
	assert_true(status.since_s > 0 && status.last_at_s >= status.since_s);
	assert_true(status.latency_s > 0);
	peer_close(&peer);
	world_free(world);
}

static void streak_counts(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	struct checks three = { 1, 3 };
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_SCRIPT, "-"), 0);
	check.fall = 1000;
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_checks, &three));
	assert_int_equal(status_of(world, 1).streak, status_of(world, 1).checks);
	assert_int_equal(status_of(world, 1).since_s, 0);
	assert_true(status_of(world, 1).up);
	peer_close(&peer);
	world_free(world);
}

static void set_keeps_what_is_unchanged(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_TCP), same = check;
	struct world *world = world_new();
	struct checks five = { 1, 5 };
	struct health_target targets[3];
	struct peer a, b;

	(void)state;
	assert_int_equal(peer_open(&a, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	assert_int_equal(peer_open(&b, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	set_one(world, "127.0.0.1", a.port, &check, false);
	assert_true(world_run_until(world, has_checks, &five));

	/* the same target among others, its check from another place, not "initially up" */
	targets[0] = target_of(7, "127.0.0.1", b.port, &same);
	targets[1] = target_of(1, "127.0.0.1", a.port, &same);
	targets[2] = target_of(7, "127.0.0.1", a.port, &same); /* a second 7: not looked at */
	assert_int_equal(health_set(world->health, targets, 3), 0);
	assert_true(status_of(world, 1).checks >= 5);
	assert_true(status_of(world, 1).up);
	assert_int_equal(status_of(world, 7).checks, 0);
	assert_false(status_of(world, 7).up);

	/* another port, another history */
	targets[1].port = b.port;
	targets[1].initially_up = true;
	assert_int_equal(health_set(world->health, targets, 2), 0);
	assert_int_equal(status_of(world, 1).checks, 0);
	assert_int_equal(status_of(world, 1).last_at_s, 0);
	assert_string_equal(status_of(world, 1).last, "");
	assert_true(status_of(world, 1).up);

	/* another check */
	assert_true(world_run_until(world, has_checks, &five));
	same.fall++;
	assert_int_equal(health_set(world->health, targets, 2), 0);
	assert_int_equal(status_of(world, 1).checks, 0);
	assert_true(world_run_until(world, has_checks, &five));
	peer_close(&a);
	peer_close(&b);
	world_free(world);
}

static void set_restarts_an_http_check_that_changed(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	static char other_path[] = "/other", other_host[] = "x.invalid";
	struct world *world = world_new();
	struct checks two = { 1, 2 };
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_REPLY, reply_200), 0);
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_checks, &two));
	check.path = other_path;
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_int_equal(status_of(world, 1).checks, 0);
	assert_true(world_run_until(world, has_checks, &two));
	assert_prefix(peer.request, "GET /other ");
	check.host = other_host;
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_int_equal(status_of(world, 1).checks, 0);
	assert_true(world_run_until(world, has_checks, &two));
	check.expect = &expect_2xx;
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_int_equal(status_of(world, 1).checks, 0);
	peer_close(&peer);
	world_free(world);
}

static void unknown_backend(void **state)
{
	struct world *world = world_new();
	struct health_status status = { .checks = 42 };

	(void)state;
	assert_int_equal(health_status(world->health, 1, &status), -ENOENT);
	assert_int_equal(health_set(world->health, NULL, 0), 0);
	assert_int_equal(health_status(world->health, 1, &status), -ENOENT);
	assert_int_equal(status.checks, 42);
	world_free(world);
}

/* The connection of a removed target goes at once, and nothing is told of it. */
static void removed_in_flight(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	struct health_status status;
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_accepted, &peer));
	assert_int_equal(health_set(world->health, NULL, 0), 0);
	assert_int_equal(health_status(world->health, 1, &status), -ENOENT);
	assert_true(world_run_until(world, has_closed, &peer));
	world_run_for(world, 0.1);
	assert_int_equal(peer.accepted, 1);
	assert_int_equal(world->n_events, 0);
	peer_close(&peer);
	world_free(world);
}

static void closed_in_flight(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_accepted, &peer));
	health_close(&world->health);
	assert_null(world->health);
	assert_true(world_run_until(world, has_closed, &peer));
	assert_int_equal(world->n_events, 0);
	peer_close(&peer);
	world_free(world);
}

/* Thirty targets that all change, in the hands of a callback that pulls the rug. */
static void crowd_with(void (*callback)(struct world *), enum config_check_type type, size_t events)
{
	struct config_check check = check_of(type);
	struct world *world = world_new();
	struct health_target targets[30];
	struct peer peer;

	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_REPLY, reply_200), 0);
	for (uint32_t i = 0; i < 30; i++)
		targets[i] = target_of(i + 1, "127.0.0.1", peer.port, &check);
	world->on_changed = callback;
	assert_int_equal(health_set(world->health, targets, 30), 0);
	assert_true(world_run_until(world, has_events, &events));
	world_run_for(world, 0.1);
	assert_int_equal(world->n_events, events);
	peer_close(&peer);
	world_free(world);
}

static void remove_all(struct world *world)
{
	assert_int_equal(health_set(world->health, NULL, 0), 0);
}

static void close_all(struct world *world)
{
	health_close(&world->health);
}

/* Replaces the target whose callback this is by one that cannot be told apart
 * by number, five times; the sixth is left alone. */
static void replace(struct world *world)
{
	struct config_check check = check_of(CONFIG_CHECK_TCP);
	struct health_target target;

	if (world->n_events > 5)
		return;
	check.interval = 0.01 + (double)world->n_events / 1000;
	target = target_of(1, "127.0.0.1", 1, &check);
	target.initially_up = true; /* port 1 refuses */
	assert_int_equal(health_set(world->health, &target, 1), 0);
}

static void set_and_close_from_callback(void **state)
{
	(void)state;
	crowd_with(remove_all, CONFIG_CHECK_TCP, 1);
	crowd_with(remove_all, CONFIG_CHECK_HTTP, 1);
	crowd_with(close_all, CONFIG_CHECK_TCP, 1);
	crowd_with(close_all, CONFIG_CHECK_HTTP, 1);
	crowd_with(replace, CONFIG_CHECK_TCP, 6);
	crowd_with(replace, CONFIG_CHECK_HTTP, 6);
}

/* Takes away every descriptor that is free; returns the limit to put back. */
static struct rlimit take_descriptors(void)
{
	struct rlimit limit, tight;
	int next = dup(0);

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	tight.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	return limit;
}

static void no_descriptors_for(enum config_check_type type)
{
	struct config_check check = check_of(type);
	struct world *world = world_new();
	struct checks three = { 1, 3 };
	struct health_status status;
	struct rlimit limit;
	uint32_t one = 1;
	struct peer peer;

	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_REPLY, reply_200), 0);
	uv_run(&world->loop, UV_RUN_NOWAIT); /* what libuv opens late, it opens now */
	limit = take_descriptors();
	set_one(world, "127.0.0.1", peer.port, &check, true);
	world_run_until(world, has_result, &one);
	world_run_for(world, 0.1);
	status = status_of(world, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_string_equal(status.last, "not checked: too many open files");
	assert_true(status.up);
	assert_int_equal(status.checks, 0);
	assert_int_equal(status.failures, 0);
	assert_int_equal(status.streak, 0);
	assert_int_equal(world->n_events, 0);
	assert_true(world_run_until(world, has_checks, &three));
	assert_int_equal(status_of(world, 1).failures, 0);
	peer_close(&peer);
	world_free(world);
}

static void no_descriptors(void **state)
{
	(void)state;
	no_descriptors_for(CONFIG_CHECK_TCP);
	no_descriptors_for(CONFIG_CHECK_HTTP);
}

static bool lo_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &request);

	close(fd);
	return up;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return written;
}

static void fill_ports(uint16_t port, int *fds, size_t n)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (size_t i = 0; i < n; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fds[i], (struct sockaddr *)&addr, sizeof(addr));
	}
}

/* In a network of its own: all (two) local ports are in use towards the peer. */
static void no_ports_for(enum config_check_type type)
{
	struct config_check check = check_of(type);
	struct world *world = world_new();
	uint32_t one = 1;
	struct peer peer;
	int fds[2];

	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	assert_true(write_file("/proc/sys/net/ipv4/ip_local_port_range", "50000 50001"));
	fill_ports(peer.port, fds, 2);
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_result, &one));
	assert_string_equal(status_of(world, 1).last, "not checked: no free local port or address");
	assert_int_equal(status_of(world, 1).checks, 0);
	assert_true(status_of(world, 1).up);
	assert_true(write_file("/proc/sys/net/ipv4/ip_local_port_range", "32768 60999"));
	close(fds[0]);
	close(fds[1]);
	peer_close(&peer);
	world_free(world);
}

/* In a network without routes: says nothing about the backend. */
static void no_route_for(enum config_check_type type)
{
	struct config_check check = check_of(type);
	struct world *world = world_new();
	uint32_t one = 1;

	set_one(world, "192.0.2.1", 80, &check, true);
	assert_true(world_run_until(world, has_result, &one));
	assert_string_equal(status_of(world, 1).last, "not checked: no route");
	assert_int_equal(status_of(world, 1).checks, 0);
	assert_true(status_of(world, 1).up);
	world_free(world);
}

/* connect(2) fails at once (over a route that is a black hole), and the callback that
 * hears of it closes everything under the check that is just being started. */
static void close_at_once_for(enum config_check_type type)
{
	struct config_check check = check_of(type);
	struct world *world = world_new();
	size_t one = 1;

	world->on_changed = close_all;
	assert_int_equal(system("ip route add blackhole 192.0.2.0/24 2>/dev/null || "
				"ip route show type blackhole | grep -q 192.0.2.0/24"),
			 0);
	set_one(world, "192.0.2.1", 80, &check, true);
	assert_true(world_run_until(world, has_events, &one));
	assert_string_equal(world->events[0].why, "Invalid argument");
	world_free(world);
}

/* Runs the rest of the test in a network namespace that goes with the test. Only
 * the thread moves, so the old one is there to come back to. */
static int enter_empty_network(void)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(home >= 0);
	if (unshare(CLONE_NEWNET)) {
		print_message("skipped: no network namespace: %s\n", strerror(errno));
		close(home);
		skip();
	}
	assert_true(lo_up());
	return home;
}

static void in_empty_network(void (*first)(enum config_check_type))
{
	int home = enter_empty_network();

	first(CONFIG_CHECK_TCP);
	first(CONFIG_CHECK_HTTP);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
}

static void no_ports(void **state)
{
	(void)state;
	in_empty_network(no_ports_for);
}

static void no_route(void **state)
{
	(void)state;
	in_empty_network(no_route_for);
}

static void close_at_once(void **state)
{
	(void)state;
	in_empty_network(close_at_once_for);
}

/* A server in a process of its own, which answers whatever our loop does: after
 * 50 ms, so that the loop waits for it in vain at first (it wakes every 5 ms). */
static pid_t fork_server(int listener)
{
	char request[4096];
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not come to kill it */
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		usleep(50000);
		if (read(fd, request, sizeof(request)) > 0 &&
		    write(fd, reply_200, strlen(reply_200)) < 0)
			_exit(1);
		close(fd);
	}
	_exit(0);
}

/* After the sockets, before the timers: what is ready meanwhile has to wait. */
static void on_busy(uv_check_t *handle)
{
	(void)handle;
	usleep(400000);
}

/* A loop that is busy for longer than the timeout takes nobody down. The timeout is
 * under 200 ms, when a timer of curl's own would have it look at its sockets. */
static void busy_loop_is_not_held_against_backends(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	struct checks three = { 1, 3 };
	uv_check_t busy;
	uint16_t port;
	int listener = refusing_socket(&port);
	pid_t server;

	(void)state;
	assert_int_equal(listen(listener, 16), 0);
	server = fork_server(listener);
	assert_true(server > 0);
	uv_check_init(&world->loop, &busy);
	uv_check_start(&busy, on_busy);
	check.interval = 0.3;
	check.timeout = 0.19;
	check.fall = 1000;
	set_one(world, "127.0.0.1", port, &check, true);
	assert_true(world_run_until(world, has_checks, &three));
	assert_prefix(status_of(world, 1).last, "HTTP 200 in ");
	assert_int_equal(status_of(world, 1).failures, 0);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	close(listener);
	uv_close((uv_handle_t *)&busy, NULL);
	world_free(world);
}

#define CROWD 2000u

static bool is_hanging(uint32_t backend)
{
	return backend % 10 == 0;
}

static double max_lateness(struct world *world)
{
	double max = 0;

	for (uint32_t i = 1; i <= CROWD; i++) {
		struct health_status status = status_of(world, i);

		if (status.late_s > max)
			max = status.late_s;
	}
	return max;
}

static void set_crowd(struct world *world, const struct peer *good, const struct peer *hanging)
{
	struct config_check tcp = check_of(CONFIG_CHECK_TCP), http = check_of(CONFIG_CHECK_HTTP);
	struct health_target *targets = calloc(CROWD, sizeof(*targets));

	assert_non_null(targets);
	tcp.interval = http.interval = 1;
	tcp.timeout = http.timeout = 0.8;
	tcp.fall = 1000; /* the machine may be busy; the hanging ones are another matter */
	for (uint32_t i = 0; i < CROWD; i++) {
		bool hangs = is_hanging(i + 1);

		targets[i] = target_of(i + 1, "127.0.0.1", hangs ? hanging->port : good->port,
				       hangs ? &http : &tcp);
		targets[i].initially_up = true;
	}
	assert_int_equal(health_set(world->health, targets, CROWD), 0);
	free(targets);
}

static bool crowd_checked_twice(struct world *world, const void *arg)
{
	(void)arg;
	for (uint32_t i = 1; i <= CROWD; i++) {
		if (status_of(world, i).checks < 2)
			return false;
	}
	return true;
}

/* 2,000 targets at one check a second, one of ten never answers. What other
 * processes take of the machine is no fault of the checks. */
static void hanging_ones_delay_nobody(void **state)
{
	struct world *world = world_new();
	struct peer good, hanging;
	double late = 0, waited = cpu_waited();

	(void)state;
	assert_int_equal(peer_open(&good, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	assert_int_equal(peer_open(&hanging, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	set_crowd(world, &good, &hanging);
	for (int i = 0; i < 16; i++) {
		world_run_for(world, 0.25);
		late = fmax(late, max_lateness(world));
	}
	waited = cpu_waited() - waited;
	print_message("%u targets at 1 s, one of ten hanging: at most %.1f ms late "
		      "(%.0f ms in all without a CPU)\n",
		      CROWD, late * 1e3, waited * 1e3);
	assert_true(late < 0.5 + waited);
	assert_true(world_run_until(world, crowd_checked_twice, NULL));
	for (uint32_t i = 1; i <= CROWD; i++)
		assert_int_equal(status_of(world, i).up, !is_hanging(i));
	peer_close(&good);
	peer_close(&hanging);
	world_free(world);
}

/* Handles are added but the loop does not run: nothing is sent anywhere. */
static void shards_grow_and_shrink(void **state)
{
	static const struct http_multi_ops ops = { 0 };
	enum { HANDLES = 3 * HTTP_SHARD_TRANSFERS + 1 };
	struct http_shards shards = { .ops = &ops };
	CURL *easy[HANDLES];
	size_t shard[HANDLES];
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	shards.loop = &loop;
	for (size_t i = 0; i < HANDLES; i++) {
		easy[i] = curl_easy_init();
		assert_int_equal(http_shards_add(&shards, easy[i], &shard[i]), 0);
		assert_int_equal(shard[i], i / HTTP_SHARD_TRANSFERS);
	}
	assert_int_equal(shards.n, 4);
	http_shards_remove(&shards, shard[70], easy[70]); /* a gap is filled first */
	assert_int_equal(http_shards_add(&shards, easy[70], &shard[70]), 0);
	assert_int_equal(shard[70], 1);
	for (size_t i = HANDLES; i--;) {
		http_shards_remove(&shards, shard[i], easy[i]);
		curl_easy_cleanup(easy[i]);
		/* as many as are needed and one to spare */
		assert_in_range(shards.n, i / HTTP_SHARD_TRANSFERS + (i > 0),
				i / HTTP_SHARD_TRANSFERS + 2);
	}
	assert_int_equal(shards.n, 1);
	http_shards_fini(&shards);
	http_shards_fini(&shards);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* Descriptors for both ends of every connection of the crowd. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_good),
		cmocka_unit_test(refused),
		cmocka_unit_test(tcp_hang),
		cmocka_unit_test(http_good),
		cmocka_unit_test(http_bad_status),
		cmocka_unit_test(http_hang),
		cmocka_unit_test(http_endless_headers),
		cmocka_unit_test(http_endless_body),
		cmocka_unit_test(http_broken),
		cmocka_unit_test(http_reset_after_data),
		cmocka_unit_test(http_request_is_literal),
		cmocka_unit_test(http_default_host),
		cmocka_unit_test(http_redirect_not_followed),
		cmocka_unit_test(http_fresh_connections),
		cmocka_unit_test(http_checks_leave_nothing),
		cmocka_unit_test(rise_and_fall),
		cmocka_unit_test(streak_counts),
		cmocka_unit_test(set_keeps_what_is_unchanged),
		cmocka_unit_test(set_restarts_an_http_check_that_changed),
		cmocka_unit_test(unknown_backend),
		cmocka_unit_test(removed_in_flight),
		cmocka_unit_test(closed_in_flight),
		cmocka_unit_test(set_and_close_from_callback),
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(no_ports),
		cmocka_unit_test(no_route),
		cmocka_unit_test(close_at_once),
		cmocka_unit_test(busy_loop_is_not_held_against_backends),
		cmocka_unit_test(hanging_ones_delay_nobody),
		cmocka_unit_test(shards_grow_and_shrink),
	};

	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
