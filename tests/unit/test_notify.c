// SPDX-License-Identifier: GPL-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>

#include "agent/notify.h"

static void test_addresses(void **state)
{
	struct sockaddr_un address;
	char path[sizeof(address.sun_path) + 1];

	(void)state;
	assert_int_equal(notify_address("/run/systemd/notify", &address),
			 offsetof(struct sockaddr_un, sun_path) + 20);
	assert_string_equal(address.sun_path, "/run/systemd/notify");
	assert_int_equal(notify_address("@abc", &address),
			 offsetof(struct sockaddr_un, sun_path) + 4);
	assert_memory_equal(address.sun_path, "\0abc", 5);
	assert_int_equal(notify_address("", &address), -EINVAL);
	assert_int_equal(notify_address("/", &address), -EINVAL);
	assert_int_equal(notify_address("run/notify", &address), -EINVAL);
	assert_int_equal(notify_address("vsock:2:1234", &address), -EINVAL);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(notify_address(path, &address), -EINVAL);
	path[sizeof(path) - 2] = '\0';
	assert_true(notify_address(path, &address) > 0);
}

static void test_watchdog(void **state)
{
	(void)state;
	assert_int_equal(notify_watchdog("30000000", "77", 77), 30000000);
	assert_int_equal(notify_watchdog("30000000", NULL, 77), 30000000);
	assert_int_equal(notify_watchdog("30000000", "78", 77), 0);
	assert_int_equal(notify_watchdog("30000000", "x", 77), 0);
	assert_int_equal(notify_watchdog(NULL, "77", 77), 0);
	assert_int_equal(notify_watchdog("30s", "77", 77), 0);
	assert_int_equal(notify_watchdog("0", "77", 77), 0);
}

static int listen_at(const char *name)
{
	struct sockaddr_un address;
	int len = notify_address(name, &address);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0 && len > 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)len), 0);
	return fd;
}

static void test_datagrams(void **state)
{
	struct notify notify;
	char name[64], text[256] = "";
	unsigned long long us;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@limpet-test-notify-%d", (int)getpid());
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "4000000", 1);
	notify_open(&notify);
	assert_int_equal(notify.watchdog_us, 4000000);
	notify_send(&notify, "READY=1\nSTATUS=%d VIPs", 3);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 21);
	assert_memory_equal(text, "READY=1\nSTATUS=3 VIPs", 21);
	notify_reloading(&notify);
	memset(text, 0, sizeof(text));
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%llu", &us), 1);
	assert_true(us > 0);
	close(fd);
	notify_send(&notify, "WATCHDOG=1"); /* to nobody: nothing happens */
	notify_close(&notify);
	notify_close(&notify);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
}

static void test_nobody_listens(void **state)
{
	struct notify notify;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_open(&notify);
	assert_int_equal(notify.fd, -1);
	assert_int_equal(notify.watchdog_us, 0);
	notify_send(&notify, "READY=1");
	setenv("NOTIFY_SOCKET", "@limpet-test-nobody", 1);
	notify_open(&notify);
	assert_true(notify.fd < 0);
	notify_send(&notify, "READY=1");
	notify_close(&notify);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_nobody_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
