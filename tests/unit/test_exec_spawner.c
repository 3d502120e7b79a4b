// SPDX-License-Identifier: GPL-2.0
/* The process that starts programs: what comes back, and what when it is not there. */
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
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "health/exec_child.h"
#include "health/exec_spawner.h"

struct world {
	struct exec_spawner spawner;
	char environment[EXEC_ENVIRONMENT][32];
	struct exec_request request;
};

static void request_fill(struct world *world, char *const *argv)
{
	world->request = (struct exec_request) { .argv = argv };
	for (int i = 0; i < EXEC_ENVIRONMENT; i++) {
		snprintf(world->environment[i], sizeof(world->environment[i]), "V%d=%d", i, i * i);
		world->request.environment[i] = world->environment[i];
	}
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	*state = world;
	return !world || exec_spawner_start(&world->spawner);
}

static int close_world(void **state)
{
	struct world *world = *state;
	int status;

	exec_spawner_stop(&world->spawner);
	exec_spawner_stop(&world->spawner);
	if (world->spawner.pid && waitpid(world->spawner.pid, &status, 0) == world->spawner.pid)
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	free(world);
	return 0;
}

/* What the program writes, up to its end, and its status. */
static void run_to_end(struct world *world, char *text, size_t size, int *status)
{
	struct exec_child child;
	struct pollfd end;
	ssize_t n;

	assert_int_equal(exec_child_start(&world->spawner, &world->request, &child), 0);
	end = (struct pollfd) { .fd = child.pidfd, .events = POLLIN };
	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_int_equal(exec_child_reap(&child, status), 0);
	n = read(child.output, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(child.output);
	close(child.failed);
	close(child.pidfd);
}

static void test_a_program(void **state)
{
	static char shell[] = "/bin/sh", c[] = "-c",
		    script[] = "echo $PPID \"$0\" \"$1\" $V7; exit 3", zero[] = "zero",
		    empty[] = "";
	static char *const argv[] = { shell, c, script, zero, empty, NULL };
	struct world *world = *state;
	char text[256], expected[256];
	int status;

	request_fill(world, argv);
	for (int i = 0; i < 20; i++) {
		run_to_end(world, text, sizeof(text), &status);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 3);
		/* Our child, and not the spawner's. */
		snprintf(expected, sizeof(expected), "%d zero  49\n", (int)getpid());
		assert_string_equal(text, expected);
	}
}

static void test_a_program_that_is_not_there(void **state)
{
	static char program[] = "/nowhere/check";
	static char *const argv[] = { program, NULL };
	struct world *world = *state;
	struct exec_child child;
	struct pollfd end;
	int status, err = 0;

	request_fill(world, argv);
	assert_int_equal(exec_child_start(&world->spawner, &world->request, &child), 0);
	end = (struct pollfd) { .fd = child.pidfd, .events = POLLIN };
	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_int_equal(exec_child_reap(&child, &status), 0);
	assert_int_equal(read(child.failed, &err, sizeof(err)), sizeof(err));
	assert_int_equal(err, ENOENT);
	close(child.output);
	close(child.failed);
	close(child.pidfd);
}

static void test_a_command_that_is_too_long(void **state)
{
	size_t len = 70000;
	static char program[] = "/bin/true";
	char *text = malloc(len + 1);
	static char *argv[3];
	struct world *world = *state;
	struct exec_child child = { .pid = 77 };

	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	argv[0] = program;
	argv[1] = text;
	request_fill(world, argv);
	assert_int_equal(exec_child_start(&world->spawner, &world->request, &child), -E2BIG);
	assert_int_equal(child.pid, 77);
	text[60000] = '\0';
	assert_int_equal(exec_child_start(&world->spawner, &world->request, &child), 0);
	close(child.output);
	close(child.failed);
	assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
	close(child.pidfd);
	free(text);
}

static void test_it_dies(void **state)
{
	static char program[] = "/bin/true";
	static char *const argv[] = { program, NULL };
	struct world *world = *state;
	struct exec_child child = { .pid = 77 };

	request_fill(world, argv);
	assert_int_equal(kill(world->spawner.pid, SIGKILL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(exec_child_start(&world->spawner, &world->request, &child),
				 -EOWNERDEAD);
	assert_int_equal(child.pid, 77);
	assert_int_equal(world->spawner.fd, -1);
}

/* It ends by itself when there is nobody to ask it. */
static void test_it_ends(void **state)
{
	struct world *world = *state;
	int status;

	exec_spawner_stop(&world->spawner);
	assert_int_equal(waitpid(world->spawner.pid, &status, 0), world->spawner.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	world->spawner.pid = 0;
}

static void test_garbage(void **state)
{
	static char program[] = "/bin/true";
	static char *const argv[] = { program, NULL };
	struct world *world = *state;
	int answer[2], status;
	char text[16];

	assert_int_equal(send(world->spawner.fd, "garbage", 7, 0), 7);
	assert_int_equal(recv(world->spawner.fd, answer, sizeof(answer), 0), sizeof(answer));
	assert_int_equal(answer[0], -EINVAL);
	request_fill(world, argv); /* and it goes on */
	run_to_end(world, text, sizeof(text), &status);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_program),
		TEST(test_a_program_that_is_not_there),
		TEST(test_a_command_that_is_too_long),
		TEST(test_it_dies),
		TEST(test_it_ends),
		TEST(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
