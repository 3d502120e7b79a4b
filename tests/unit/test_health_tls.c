// SPDX-License-Identifier: GPL-2.0
/* https checks against TLS servers with good and bad certificates, and against what
 * is no TLS server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "health/notes.h"
#include "health/tls.h"
#include "health_no_dns.h"
#include "health_peer.h"
#include "health_world.h"
#include "tls_peer.h"

#define DAY 86400L

static const char reply_200[] =
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
static const char names[] = "DNS:pool.example.invalid,DNS:*.wild.invalid,IP:127.0.0.1,IP:::1";
static char host[] = "pool.example.invalid";
static char roots_file[] = "/tmp/limpet-roots-XXXXXX";
static struct tls_identity root, good, expired, early, stranger, brief;
static char note[256]; /* the last one */
static unsigned int notes;

static void on_note(void *arg, uint32_t backend, const char *text)
{
	(void)arg;
	assert_int_equal(backend, 1);
	snprintf(note, sizeof(note), "%s", text);
	notes++;
}

static struct config_check verifying(void)
{
	struct config_check check = check_of(CONFIG_CHECK_HTTPS);

	check.verify = true;
	check.ca = roots_file;
	check.host = host;
	check.expiry_warning = 14 * DAY;
	return check;
}

/* What a check of the server says, which begins in the other state; its status. */
static struct health_status assert_says_at(const char *address, uint16_t port,
					   const struct config_check *check, bool up,
					   const char *words)
{
	struct world *world = world_new();
	struct health_status status;
	size_t one = 1;

	health_set_note(world->health, on_note);
	notes = 0;
	set_one(world, address, port, check, !up);
	assert_true(world_run_until(world, has_events, &one));
	assert_prefix(world->events[0].why, words);
	assert_int_equal(world->events[0].up, up);
	status = status_of(world, 1);
	world_free(world);
	assert_int_equal(dns_lookups, 0);
	return status;
}

static struct health_status assert_says(const struct tls_identity *identity, const char *reply,
					const struct config_check *check, bool up,
					const char *words)
{
	struct tls_server server = tls_server_start(AF_INET, identity, reply);
	struct health_status status = assert_says_at("127.0.0.1", server.port, check, up, words);

	tls_server_stop(&server);
	return status;
}

static void assert_ends_in(const struct health_status *status, long days)
{
	int64_t left = (int64_t)status->certificate_end_s - (int64_t)time(NULL);

	assert_true(left <= days * DAY && left > days * DAY - 300);
}

static void verified(void **state)
{
	struct config_check check = verifying();
	struct health_status status;

	(void)state;
	status = assert_says(&good, reply_200, &check, true, "HTTP 200 in ");
	assert_ends_in(&status, 90);
	assert_int_equal(notes, 0);
	assert_says(&good, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", &check, false,
		    "HTTP 503, expected 200-399");
}

/* The certificate is asked for under the host's name, and has to name it. */
static void server_name(void **state)
{
	struct config_check check = verifying();
	static char wild[] = "a.wild.invalid", port[] = "pool.example.invalid:8443";

	(void)state;
	assert_says(&good, "SNI", &check, true, "HTTP 204 in ");
	check.host = port;
	assert_says(&good, "SNI", &check, true, "HTTP 204 in ");
	check.host = wild;
	assert_says(&good, reply_200, &check, true, "HTTP 200 in ");
}

/* Without a host the certificate has to name the address. */
static void address_is_the_name(void **state)
{
	struct config_check check = verifying();
	struct tls_server server = tls_server_start(AF_INET6, &good, reply_200);
	static char v6[] = "[::1]:443";

	(void)state;
	check.host = NULL;
	assert_says(&good, reply_200, &check, true, "HTTP 200 in ");
	assert_says_at("::1", server.port, &check, true, "HTTP 200 in ");
	check.host = v6;
	assert_says_at("::1", server.port, &check, true, "HTTP 200 in ");
	tls_server_stop(&server);
}

static void wrong_name(void **state)
{
	struct config_check check = verifying();
	static char other[] = "other.example.invalid", v4[] = "192.0.2.1";

	(void)state;
	check.host = other;
	assert_says(&good, reply_200, &check, false,
		    "certificate is for pool.example.invalid, *.wild.invalid, not for "
		    "other.example.invalid");
	check.host = v4;
	assert_says(&good, reply_200, &check, false,
		    "certificate is for pool.example.invalid, *.wild.invalid, not for 192.0.2.1");
	check.verify = false;
	check.ca = NULL;
	assert_says(&good, reply_200, &check, true, "HTTP 200 in ");
}

static void out_of_time(void **state)
{
	struct config_check check = verifying();
	struct health_status status;

	(void)state;
	status = assert_says(&expired, reply_200, &check, false, "certificate expired 3 days ago");
	assert_true(status.certificate_end_s && status.certificate_end_s < (uint64_t)time(NULL));
	assert_says(&early, reply_200, &check, false, "certificate: certificate is not yet valid");
}

static void not_trusted(void **state)
{
	struct config_check check = verifying();

	(void)state;
	assert_says(&stranger, reply_200, &check, false, "certificate: self-signed certificate");
	check.ca = NULL; /* the system's roots know nothing of ours */
	assert_says(&good, reply_200, &check, false,
		    "certificate: unable to get local issuer certificate");
}

/* verify: false still says when it ends, and warns. */
static void expiry_without_verification(void **state)
{
	struct config_check check = verifying();
	struct health_status status;

	(void)state;
	check.verify = false;
	check.ca = NULL;
	status = assert_says(&expired, reply_200, &check, true, "HTTP 200 in ");
	assert_int_equal(notes_days_left(status.certificate_end_s, (uint64_t)time(NULL)), -4);
	assert_int_equal(notes, 1);
	assert_string_equal(note, "certificate expired 3 days ago");
	status = assert_says(&brief, reply_200, &check, true, "HTTP 200 in ");
	assert_int_equal(notes_days_left(status.certificate_end_s, (uint64_t)time(NULL)), 6);
	assert_string_equal(note, "certificate expires in 6 days");
	check.expiry_warning = 5 * DAY;
	assert_says(&brief, reply_200, &check, true, "HTTP 200 in ");
	assert_int_equal(notes, 0);
}

/* One warning for many checks of a day. */
static void one_warning_a_day(void **state)
{
	struct tls_server server = tls_server_start(AF_INET, &brief, reply_200);
	struct config_check check = verifying();
	struct world *world = world_new();
	struct checks five = { 1, 5 };

	(void)state;
	health_set_note(world->health, on_note);
	notes = 0;
	set_one(world, "127.0.0.1", server.port, &check, true);
	assert_true(world_run_until(world, has_checks, &five));
	assert_int_equal(notes, 1);
	world_free(world);
	tls_server_stop(&server);
}

static void says_peer(enum peer_kind kind, const char *text, double timeout, const char *words)
{
	struct config_check check = verifying();
	struct world *world = world_new();
	size_t one = 1;
	struct peer peer;

	check.timeout = timeout;
	assert_int_equal(peer_open(&peer, &world->loop, "127.0.0.1", kind, text), 0);
	peer.raw = true;
	set_one(world, "127.0.0.1", peer.port, &check, true);
	assert_true(world_run_until(world, has_events, &one));
	assert_prefix(world->events[0].why, words);
	assert_int_equal(status_of(world, 1).certificate_end_s, 0);
	peer_close(&peer);
	world_free(world);
}

static void no_tls(void **state)
{
	(void)state;
	says_peer(PEER_SILENT, NULL, 0.3, "timed out after 300ms");
	says_peer(PEER_DRIP, "\x16\x03\x03\x40\x01\x02\x03\x3c\x03\x03", 0.5,
		  "timed out after 500ms");
	says_peer(PEER_REPLY, reply_200, 20, "TLS: wrong version number");
	says_peer(PEER_REPLY, "", 20, "closed in the TLS handshake");
	says_peer(PEER_RESET, NULL, 20, "connection reset");
}

/* A file of roots that changes is read again with the next configuration. */
static void roots_change(void **state)
{
	struct tls_server server = tls_server_start(AF_INET, &stranger, reply_200);
	struct config_check check = verifying();
	struct world *world = world_new();
	size_t one = 1, two = 2;

	(void)state;
	set_one(world, "127.0.0.1", server.port, &check, true);
	assert_true(world_run_until(world, has_events, &one));
	assert_false(world->events[0].up);
	tls_write_roots(roots_file, &stranger);
	set_one(world, "127.0.0.1", server.port, &check, true);
	assert_int_equal(status_of(world, 1).flaps, 1); /* the same target as before */
	assert_true(world_run_until(world, has_events, &two));
	assert_true(world->events[1].up);
	tls_write_roots(roots_file, &root);
	world_free(world);
	tls_server_stop(&server);
}

static void roots_are_looked_at(void **state)
{
	struct config_check check = verifying();
	static char missing[] = "/nonexistent/roots.pem", nothing[] = "/etc/hostname";
	struct lp_err err;

	(void)state;
	assert_int_equal(health_verify(&check, &err), 0);
	check.ca = missing;
	assert_int_equal(health_verify(&check, &err), -EINVAL);
	assert_string_equal(err.text, "ca \"/nonexistent/roots.pem\": No such file or directory");
	assert_says(&good, reply_200, &check, false, "certificate: ");
	check.ca = nothing;
	assert_int_equal(health_verify(&check, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no certificates"));
}

static void days_in_words(void **state)
{
	char text[48];

	(void)state;
	assert_string_equal(tls_days(100 * DAY, 100 * DAY + 1, text, sizeof(text)),
			    "less than a day ago");
	assert_string_equal(tls_days(100 * DAY, 98 * DAY, text, sizeof(text)), "in 2 days");
	assert_string_equal(tls_days(100 * DAY, 98 * DAY + 1, text, sizeof(text)), "in 1 day");
	assert_string_equal(tls_days(98 * DAY, 100 * DAY, text, sizeof(text)), "2 days ago");
	assert_int_equal(notes_days_left(100, 100), 0);
	assert_int_equal(notes_days_left(100, 101), -1);
	assert_int_equal(notes_days_left(100 + DAY, 100), 1);
	assert_int_equal(notes_days_left(99 + DAY, 100), 0);
}

static int make_identities(void **state)
{
	int fd = mkstemp(roots_file);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	root = tls_identity_new(NULL, "Test root", NULL, -DAY, 365 * DAY);
	good = tls_identity_new(&root, "good", names, -DAY, 90 * DAY);
	brief = tls_identity_new(&root, "brief", names, -DAY, 6 * DAY + 3600);
	expired = tls_identity_new(&root, "expired", names, -90 * DAY, -3 * DAY - 60);
	early = tls_identity_new(&root, "early", names, DAY, 90 * DAY);
	stranger = tls_identity_new(NULL, "stranger", names, -DAY, 90 * DAY);
	tls_write_roots(roots_file, &root);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	tls_identity_free(&root);
	tls_identity_free(&good);
	tls_identity_free(&brief);
	tls_identity_free(&expired);
	tls_identity_free(&early);
	tls_identity_free(&stranger);
	return unlink(roots_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verified),
		cmocka_unit_test(server_name),
		cmocka_unit_test(address_is_the_name),
		cmocka_unit_test(wrong_name),
		cmocka_unit_test(out_of_time),
		cmocka_unit_test(not_trusted),
		cmocka_unit_test(expiry_without_verification),
		cmocka_unit_test(one_warning_a_day),
		cmocka_unit_test(no_tls),
		cmocka_unit_test(roots_change),
		cmocka_unit_test(roots_are_looked_at),
		cmocka_unit_test(days_in_words),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("health: https", tests, make_identities,
					   free_identities);
}
