// SPDX-License-Identifier: GPL-2.0
/* Capabilities and system calls that limpetd gives up: each try in a child of its own,
 * which ends with the errno of what it tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/privileges.h"
#include "agent/seccomp.h"

#define BIT(capability) (1ull << (capability))

/* The errno of `try` in a child that has called `first`; 0: it was done. */
static int tried(int (*first)(void), int (*try)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		if (first())
			_exit(255);
		_exit(try() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

static int nothing(void)
{
	return 0;
}

static int filter(void)
{
	struct lp_err err;

	return seccomp_begin(&err);
}

static int start(void)
{
	return privileges_begin();
}

static int service(void)
{
	return privileges_begin() || privileges_settle();
}

/* --- what is tried ------------------------------------------------------------------------ */

static int try_execve(void)
{
	char program[] = "/bin/true", *const argv[] = { program, NULL };

	return execve(argv[0], argv, argv + 1);
}

static int try_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (!pid)
		_exit(0);
	return pid;
}

static int try_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_mount(void)
{
	return mount("none", "/", "nosuchfs", 0, NULL);
}

static int try_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_setuid(void)
{
	return setresuid(65534, 65534, 65534);
}

static int try_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static int try_tcp(void)
{
	return socket(AF_INET6, SOCK_STREAM, 0);
}

static int try_file(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int try_unshare(void)
{
	return (int)syscall(SYS_unshare, 0x40000000 /* CLONE_NEWNET */);
}

static int try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int try_other_limits(void)
{
	return (int)syscall(SYS_prlimit64, getppid(), 7, NULL, NULL);
}

static int try_terminal(void)
{
	return (int)syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
}

static int try_map(void)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "test", 4, 4, 1, NULL);
}

static void *run_nothing(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, run_nothing, NULL);

	if (!err)
		err = pthread_join(thread, NULL);
	errno = err;
	return err ? -1 : 0;
}

/* A file of somebody else, which its mode keeps everybody from. */
static int try_foreign_file(void)
{
	return open("/tmp/limpet-test-foreign", O_RDONLY);
}

static int try_chown(void)
{
	return chown("/tmp/limpet-test-foreign", 1, 1);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void test_what_stays(void **state)
{
	const uint64_t all = ~0ull,
		       four = BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_NET_ADMIN) | BIT(CAP_KILL);

	(void)state;
	assert_int_equal(privileges_in_service(all), four);
	assert_int_equal(privileges_at_start(all),
			 four | BIT(CAP_SYS_ADMIN) | BIT(CAP_CHOWN) | BIT(CAP_SETPCAP));
	assert_int_equal(privileges_in_service(privileges_at_start(all)), four);
	assert_int_equal(privileges_in_service(0), 0);
	assert_int_equal(privileges_in_service(BIT(CAP_NET_ADMIN)), BIT(CAP_NET_ADMIN));
	/* The old way to be allowed what CAP_BPF allows. */
	assert_int_equal(privileges_in_service(BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_ADMIN)),
			 BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_ADMIN));
}

static void need_root(void)
{
	if (getuid()) {
		print_message("skipped: capabilities can only be dropped by root\n");
		skip();
	}
}

static int make_foreign_file(void **state)
{
	int fd = open("/tmp/limpet-test-foreign", O_WRONLY | O_CREAT | O_CLOEXEC, 0);

	(void)state;
	if (fd < 0)
		return -1;
	return (getuid() == 0 && fchown(fd, 65534, 65534)) | close(fd);
}

static int remove_foreign_file(void **state)
{
	(void)state;
	return unlink("/tmp/limpet-test-foreign");
}

static void test_capabilities(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(tried(nothing, try_foreign_file), 0);
	assert_int_equal(tried(start, try_foreign_file), EACCES);
	assert_int_equal(tried(service, try_foreign_file), EACCES);
	assert_int_equal(tried(start, try_chown), 0);
	assert_int_equal(tried(service, try_chown), EPERM);
	assert_int_equal(tried(start, try_mount), ENODEV);
	assert_int_equal(tried(service, try_mount), EPERM);
	assert_int_equal(tried(nothing, try_setuid), 0);
	assert_int_equal(tried(start, try_setuid), EPERM);
	assert_int_equal(tried(service, try_packet_socket), EPERM);
	assert_int_equal(tried(service, try_map), 0);
}

static int service_bounding(void)
{
	if (service())
		return -1;
	for (int i = 0; i < 64; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1 && i != CAP_BPF && i != CAP_PERFMON &&
		    i != CAP_NET_ADMIN && i != CAP_KILL)
			return -1;
	return 0;
}

static void test_bounding_set(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(tried(service_bounding, nothing), 0);
}

static void test_refused(void **state)
{
	static int (*const refused[])(void) = {
		try_execve,  try_fork,     try_ptrace,       try_mount,    try_packet_socket,
		try_unshare, try_dumpable, try_other_limits, try_terminal, try_setuid,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(tried(filter, refused[i]), EPERM);
}

/* Without the filter they are not refused, or not like that. */
static void test_refused_by_the_filter(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(tried(nothing, try_fork), 0);
	assert_int_equal(tried(nothing, try_ptrace), 0);
	assert_int_equal(tried(nothing, try_mount), ENODEV);
	assert_int_equal(tried(nothing, try_dumpable), 0);
	assert_int_equal(tried(nothing, try_other_limits), 0);
	assert_int_equal(tried(nothing, try_packet_socket), 0);
}

static void test_allowed(void **state)
{
	(void)state;
	assert_int_equal(tried(filter, try_netlink), 0);
	assert_int_equal(tried(filter, try_tcp), 0);
	assert_int_equal(tried(filter, try_file), 0);
	assert_int_equal(tried(filter, try_thread), 0);
	if (!getuid())
		assert_int_equal(tried(filter, try_map), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_stays),
		cmocka_unit_test_setup_teardown(test_capabilities, make_foreign_file,
						remove_foreign_file),
		cmocka_unit_test(test_bounding_set),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_by_the_filter),
		cmocka_unit_test(test_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
