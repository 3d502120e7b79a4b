// SPDX-License-Identifier: GPL-2.0
/* Checks of a machine that has lost its way to a backend: nothing is said of the backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health_peer.h"
#include "health_world.h"

static unsigned int notes;

static void on_note(void *arg, uint32_t backend, const char *text)
{
	(void)arg;
	assert_int_equal(backend, 1);
	assert_string_equal(text, "not checked: link down");
	notes++;
}

/* A port that nobody listens on as long as the socket is there. */
static int refusing(uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(addr);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static bool has_not_made(struct world *world, const void *n)
{
	return status_of(world, 1).not_made >= *(const uint64_t *)n;
}

/* `fall` is 1: each of these failures would have been enough. */
static void failures_without_a_way_for(enum config_check_type type)
{
	struct config_check check = check_of(type);
	struct world *world = world_new();
	const uint64_t ten = 10;
	const size_t one = 1;
	uint16_t port;
	int fd = refusing(&port);

	notes = 0;
	health_set_note(world->health, on_note);
	set_one(world, "127.0.0.1", port, &check, true);
	health_set_way(world->health, 1, "link down");
	assert_true(world_run_until(world, has_not_made, &ten));
	assert_int_equal(world->n_events, 0);
	assert_int_equal(notes, 1);
	assert_true(status_of(world, 1).up);
	assert_int_equal(status_of(world, 1).result, HEALTH_NOT_CHECKED);
	assert_string_equal(status_of(world, 1).last, "not checked: link down");
	assert_int_equal(status_of(world, 1).failures, 0);

	health_set_way(world->health, 1, NULL);
	assert_true(world_run_until(world, has_events, &one));
	assert_string_equal(world->events[0].why, "connection refused");
	assert_false(status_of(world, 1).up);
	close(fd);
	world_free(world);
}

static void failures_without_a_way(void **state)
{
	(void)state;
	failures_without_a_way_for(CONFIG_CHECK_TCP);
	failures_without_a_way_for(CONFIG_CHECK_HTTP);
}

/* Whatever is believed of the way: an answer is an answer. */
static void an_answer_counts_all_the_same(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_TCP);
	struct world *world = world_new();
	const size_t one = 1;
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	set_one(world, "127.0.0.1", peer.port, &check, false);
	health_set_way(world->health, 1, "link down");
	assert_true(world_run_until(world, has_events, &one));
	assert_true(status_of(world, 1).up);
	assert_int_equal(status_of(world, 1).not_made, 0);
	peer_close(&peer);
	world_free(world);
}

static bool has_accepted(struct world *world, const void *peer)
{
	(void)world;
	return ((const struct peer *)peer)->accepted > 0;
}

/* Lost and found again in the middle of a check that then times out: who knows what
 * became of its packets? The next one counts. */
static void a_moment_without_a_way(void **state)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTP);
	struct world *world = world_new();
	const uint64_t once = 1;
	const size_t one = 1;
	struct peer peer;

	(void)state;
	check.timeout = 0.2;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", PEER_SILENT, NULL), 0);
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_accepted, &peer));
	health_set_way(world->health, 1, "no route");
	health_set_way(world->health, 1, NULL);
	assert_true(world_run_until(world, has_not_made, &once));
	assert_string_equal(status_of(world, 1).last, "not checked: no route");
	assert_int_equal(world->n_events, 0);
	assert_true(world_run_until(world, has_events, &one));
	assert_string_equal(world->events[0].why, "timed out after 200ms");
	assert_int_equal(status_of(world, 1).not_made, 1);
	peer_close(&peer);
	world_free(world);
}

/* Of no use, and no harm. */
static void a_way_to_nobody(void **state)
{
	struct world *world = world_new();

	(void)state;
	health_set_way(world->health, 7, "link down");
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_without_a_way),
		cmocka_unit_test(an_answer_counts_all_the_same),
		cmocka_unit_test(a_moment_without_a_way),
		cmocka_unit_test(a_way_to_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
