// SPDX-License-Identifier: GPL-2.0
/*
 * Exec checks with real programs: well behaved and not. The shell is theirs, as it
 * would be an operator's; limpet starts none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "health/exec.h"
#include "health/exec_output.h"
#include "health/exec_user.h"
#include "health_world.h"

static char shell[] = "/bin/sh", dash_c[] = "-c";

struct script {
	char text[1024];
	char *command[4];
	struct config_check check;
};

/* A check that runs `text` by a shell; the program may take its time. */
static struct config_check *script_of(struct script *script, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static struct config_check *script_of(struct script *script, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(script->text, sizeof(script->text), fmt, ap);
	va_end(ap);
	script->command[0] = shell;
	script->command[1] = dash_c;
	script->command[2] = script->text;
	script->command[3] = NULL;
	script->check = check_of(CONFIG_CHECK_EXEC);
	script->check.command = script->command;
	script->check.n_command = 3;
	return &script->check;
}

static void set_program(struct world *world, const struct config_check *check, bool initially_up)
{
	struct health_target target = target_of(1, "192.0.2.7", 4443, check);

	target.pool = "front-end";
	target.name = "fe1";
	target.initially_up = initially_up;
	assert_int_equal(health_set(world->health, &target, 1), 0);
}

static void assert_change(const struct config_check *check, bool up, const char *words)
{
	struct world *world = world_new();
	size_t one = 1;

	set_program(world, check, !up);
	assert_true(world_run_until(world, has_events, &one));
	assert_int_equal(world->events[0].up, up);
	assert_string_equal(world->events[0].why, words);
	world_free(world);
}

static void assert_not_checked(const struct config_check *check, const char *words)
{
	struct world *world = world_new();
	struct health_status status;
	uint32_t one = 1;

	set_program(world, check, true);
	assert_true(world_run_until(world, has_result, &one));
	world_run_for(world, 0.1);
	status = status_of(world, 1);
	assert_string_equal(status.last, words);
	assert_int_equal(status.result, HEALTH_NOT_CHECKED);
	assert_true(status.not_made > 0);
	assert_int_equal(status.checks, 0);
	assert_int_equal(world->n_events, 0);
	world_free(world);
}

static void first_line_is_the_words(void **state)
{
	struct script s;

	(void)state;
	assert_change(script_of(&s, "echo; echo replica 3 s behind; echo more"), true,
		      "replica 3 s behind");
	assert_change(script_of(&s, "echo no database >&2; exit 3"), false, "exit 3: no database");
	assert_change(script_of(&s, "printf 'without an end'; exit 1"), false,
		      "exit 1: without an end");
	assert_change(script_of(&s, "exit 255"), false, "exit 255");
	assert_change(script_of(&s, "printf 'a\\tb\\033[31m\\377\\n'; exit 1"), false,
		      "exit 1: a?b?[31m?");
}

static void good_without_words(void **state)
{
	struct world *world = world_new();
	size_t one = 1;
	struct script s;

	(void)state;
	set_program(world, script_of(&s, "exit 0"), false);
	assert_true(world_run_until(world, has_events, &one));
	assert_true(world->events[0].up);
	assert_prefix(world->events[0].why, "exit 0 in ");
	assert_true(status_of(world, 1).latency_s > 0);
	world_free(world);
}

static void killed_by_a_signal(void **state)
{
	struct script s;

	(void)state;
	assert_change(script_of(&s, "kill -SEGV $$"), false,
		      "killed by signal 11 (Segmentation fault)");
}

static void environment(void **state)
{
	struct script s;

	(void)state;
	assert_change(script_of(&s, "echo $LIMPET_ADDRESS $LIMPET_PORT $LIMPET_POOL "
				    "$LIMPET_BACKEND $LIMPET_CHECK $LIMPET_TIMEOUT $LC_ALL; "
				    "exit 1"),
		      false, "exit 1: 192.0.2.7 4443 front-end fe1 test 20 C");
	setenv("LIMPET_TEST_SECRET", "s3cret", 1);
	assert_change(
		script_of(&s, "exec /usr/bin/env | sort | cut -d= -f1 | tr '\\n' ' '; exit 1"),
		false,
		"exit 1: LC_ALL LIMPET_ADDRESS LIMPET_BACKEND LIMPET_CHECK LIMPET_POOL "
		"LIMPET_PORT LIMPET_TIMEOUT PATH PWD ");
	unsetenv("LIMPET_TEST_SECRET");
}

/* Nothing of ours is the program's: descriptors, ignored signals, the directory. */
static void nothing_inherited(void **state)
{
	int leak = open("/dev/null", O_RDONLY); /* not closed on exec, as a library's may be */
	struct script s;

	(void)state;
	assert_true(leak > 2);
	assert_change(script_of(&s,
				"n=0; while [ $n -le %d ]; do [ -e /proc/$$/fd/$n ] && "
				"open=\"$open$n \"; n=$((n+1)); done; echo $open$PWD; exit 1",
				leak + 50),
		      false, "exit 1: 0 1 2 /");
	assert_change(script_of(&s, "grep -E 'Sig(Blk|Ign)|NoNewPrivs' /proc/self/status | "
				    "tr -s '\\t\\n' '  '; exit 1"),
		      false,
		      "exit 1: SigBlk: 0000000000000000 SigIgn: 0000000000000000 NoNewPrivs: 1 ");
	close(leak);
}

/* Whoever limpetd is, the program is nobody by default, with nobody's groups. */
static void another_user(void **state)
{
	static char daemon[] = "daemon", missing[] = "no-such-user";
	struct config_check *check;
	struct script s;

	(void)state;
	if (geteuid()) {
		print_message("skipped: only root can run programs as others\n");
		skip();
	}
	assert_change(
		script_of(&s, "echo $(id -un) $(id -G) $(grep CapEff /proc/self/status); exit 1"),
		false, "exit 1: nobody 65534 CapEff: 0000000000000000");
	check = script_of(&s, "echo $(id -un); exit 1");
	check->user = daemon;
	assert_change(check, false, "exit 1: daemon");
	check->user = missing;
	assert_not_checked(check, "not checked: user \"no-such-user\": there is no such user");
}

static bool is_running(pid_t pid)
{
	char path[64], state = 'X';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 'X';
	fclose(file);
	return state != 'Z' && state != 'X';
}

/* A directory that any user may write to, for what programs leave. */
struct place {
	char directory[64], file[80];
};

static void place_make(struct place *place)
{
	snprintf(place->directory, sizeof(place->directory), "/tmp/limpet-exec-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	assert_int_equal(chmod(place->directory, 0777), 0);
	snprintf(place->file, sizeof(place->file), "%s/file", place->directory);
}

static void place_remove(const struct place *place)
{
	unlink(place->file);
	assert_int_equal(rmdir(place->directory), 0);
}

static bool has_written(struct world *world, const void *file)
{
	struct stat st;

	(void)world;
	return !stat(file, &st) && st.st_size > 0;
}

/* Pids of the place's file, one a line. */
static size_t pids_of(const struct place *place, pid_t *pids, size_t max)
{
	FILE *file = fopen(place->file, "r");
	size_t n = 0;

	assert_non_null(file);
	while (n < max && fscanf(file, "%d", &pids[n]) == 1)
		n++;
	fclose(file);
	return n;
}

static bool all_gone(struct world *world, const void *arg)
{
	pid_t pids[64];
	size_t n = pids_of(arg, pids, 64);

	(void)world;
	for (size_t i = 0; i < n; i++) {
		if (is_running(pids[i]))
			return false;
	}
	return n;
}

/* The whole group dies with the timeout: the shell, its child, its grandchild. */
static void hanging_group_is_killed(void **state)
{
	struct world *world = world_new();
	struct config_check *check;
	struct place place;
	struct script s;
	size_t one = 1;

	(void)state;
	place_make(&place);
	check = script_of(&s,
			  "trap '' TERM INT HUP; (sleep 1000 & echo $!; wait) >>%s & "
			  "echo $$ >>%s; sleep 1000",
			  place.file, place.file);
	check->timeout = 0.3;
	check->interval = 0.3;
	set_program(world, check, true);
	assert_true(world_run_until(world, has_events, &one));
	assert_false(world->events[0].up);
	assert_string_equal(world->events[0].why, "timed out after 300ms");
	assert_int_equal(health_set(world->health, NULL, 0), 0);
	assert_true(world_run_until(world, all_gone, &place));
	world_free(world);
	place_remove(&place);
}

/* The verdict does not wait for what runs on in the background, which is killed. */
static void background_is_killed(void **state)
{
	struct world *world = world_new();
	struct place place;
	struct script s;
	size_t one = 1;

	(void)state;
	place_make(&place);
	set_program(world,
		    script_of(&s, "sleep 1000 & echo $! >>%s; echo done; exit 1", place.file),
		    true);
	assert_true(world_run_until(world, has_events, &one));
	assert_string_equal(world->events[0].why, "exit 1: done");
	assert_int_equal(health_set(world->health, NULL, 0), 0);
	assert_true(world_run_until(world, all_gone, &place));
	world_free(world);
	place_remove(&place);
}

/* Stops checks while one runs: its program is killed, and nobody hears of it. */
static void assert_ends_in_flight(void (*stop)(struct world *world))
{
	struct world *world = world_new();
	struct place place;
	struct script s;

	place_make(&place);
	set_program(world, script_of(&s, "echo $$ >>%s; sleep 1000", place.file), true);
	assert_true(world_run_until(world, has_written, place.file));
	stop(world);
	assert_true(world_run_until(world, all_gone, &place));
	assert_int_equal(world->n_events, 0);
	world_free(world);
	place_remove(&place);
}

static void remove_all(struct world *world)
{
	assert_int_equal(health_set(world->health, NULL, 0), 0);
}

static void close_checks(struct world *world)
{
	health_close(&world->health);
}

static void removed_in_flight(void **state)
{
	(void)state;
	assert_ends_in_flight(remove_all);
}

static void closed_in_flight(void **state)
{
	(void)state;
	assert_ends_in_flight(close_checks);
}

static void megabytes(void **state)
{
	struct script s;

	(void)state;
	assert_change(script_of(&s, "echo hello; while :; do echo 0123456789; done"), false,
		      "output over 64 KiB");
	assert_change(script_of(&s, "head -c 2000000 /dev/zero"), false, "output over 64 KiB");
	/* just allowed: 65,536 bytes */
	assert_change(script_of(&s, "echo fine; head -c 65531 /dev/zero"), true, "fine");
}

/* A program that closes its output and goes on is waited for, not spun upon. */
static void closed_output_is_no_busy_loop(void **state)
{
	struct world *world = world_new();
	struct rusage before, after;
	struct script s;
	size_t one = 1;
	double cpu;

	(void)state;
	getrusage(RUSAGE_SELF, &before);
	set_program(world, script_of(&s, "exec >&- 2>&-; sleep 1; exit 1"), true);
	assert_true(world_run_until(world, has_events, &one));
	getrusage(RUSAGE_SELF, &after);
	assert_string_equal(world->events[0].why, "exit 1");
	cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
	      (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
	      (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
	      (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
	assert_true(cpu < 0.5);
	world_free(world);
}

static void cannot_be_run(void **state)
{
	static char missing[] = "/nonexistent/check";
	char *command[] = { missing, NULL };
	struct config_check check = check_of(CONFIG_CHECK_EXEC);
	struct place place;
	struct lp_err err;
	int fd;

	(void)state;
	check.command = command;
	check.n_command = 1;
	assert_not_checked(
		&check,
		"not checked: cannot run \"/nonexistent/check\": No such file or directory");
	assert_int_equal(health_verify(&check, &err), -EINVAL);
	assert_string_equal(err.text, "command \"/nonexistent/check\": No such file or directory");

	place_make(&place);
	fd = open(place.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	command[0] = place.file;
	assert_int_equal(health_verify(&check, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a program that can be run"));
	assert_int_equal(chmod(place.file, 0755), 0);
	assert_int_equal(health_verify(&check, &err), 0);
	assert_int_equal(chmod(place.file, 0), 0);
	place_remove(&place);
}

static bool has_any_result(struct world *world, const void *targets)
{
	for (uint32_t i = 1; i <= *(const uint32_t *)targets; i++) {
		if (status_of(world, i).last_at_s)
			return true;
	}
	return false;
}

/* As many as can run at a time hang; one more is not made, and counts for nothing. */
static void no_more_than_the_limit(void **state)
{
	const uint32_t n_targets = EXEC_CHILDREN_MAX + 1;
	static char sleep_path[] = "/bin/sleep", seconds[] = "1000";
	char *command[] = { sleep_path, seconds, NULL };
	struct config_check check = check_of(CONFIG_CHECK_EXEC);
	struct health_target *targets = calloc(n_targets, sizeof(*targets));
	struct world *world = world_new();
	unsigned int refused = 0;

	(void)state;
	assert_non_null(targets);
	check.command = command;
	check.n_command = 2;
	check.interval = 1;
	for (uint32_t i = 0; i < n_targets; i++)
		targets[i] = target_of(i + 1, "192.0.2.7", 80, &check);
	assert_int_equal(health_set(world->health, targets, n_targets), 0);
	assert_true(world_run_until(world, has_any_result, &n_targets));
	for (uint32_t i = 1; i <= n_targets; i++) {
		struct health_status status = status_of(world, i);

		if (!status.last_at_s)
			continue;
		assert_string_equal(status.last,
				    "not checked: too many programs of checks are running");
		assert_int_equal(status.checks, 0);
		refused++;
	}
	assert_int_equal(refused, 1);
	assert_int_equal(world->n_events, 0);
	free(targets);
	world_free(world);
}

static void stop_everything(struct world *world)
{
	health_close(&world->health);
}

static void closed_from_callback(void **state)
{
	struct world *world = world_new();
	size_t one = 1;
	struct script s;

	(void)state;
	world->on_changed = stop_everything;
	set_program(world, script_of(&s, "exit 1"), true);
	assert_true(world_run_until(world, has_events, &one));
	world_run_for(world, 0.1);
	assert_int_equal(world->n_events, 1);
	world_free(world);
}

static void output_in_pieces(void **state)
{
	struct exec_output output = { 0 };
	char text[3 * PROBE_WORDS];

	(void)state;
	exec_output_add(&output, "\r\n", 2);
	exec_output_add(&output, "hel", 3);
	exec_output_add(&output, "", 0);
	exec_output_add(&output, "lo\nworld", 8);
	exec_output_add(&output, "!\n", 2);
	assert_string_equal(output.line, "hello");
	assert_int_equal(output.bytes, 15);
	output = (struct exec_output) { 0 };
	memset(text, 'x', sizeof(text));
	exec_output_add(&output, text, sizeof(text));
	assert_int_equal(strlen(output.line), PROBE_WORDS - 1);
	assert_int_equal(output.bytes, sizeof(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_line_is_the_words),
		cmocka_unit_test(good_without_words),
		cmocka_unit_test(killed_by_a_signal),
		cmocka_unit_test(environment),
		cmocka_unit_test(nothing_inherited),
		cmocka_unit_test(another_user),
		cmocka_unit_test(hanging_group_is_killed),
		cmocka_unit_test(background_is_killed),
		cmocka_unit_test(removed_in_flight),
		cmocka_unit_test(closed_in_flight),
		cmocka_unit_test(megabytes),
		cmocka_unit_test(closed_output_is_no_busy_loop),
		cmocka_unit_test(cannot_be_run),
		cmocka_unit_test(no_more_than_the_limit),
		cmocka_unit_test(closed_from_callback),
		cmocka_unit_test(output_in_pieces),
	};

	signal(SIGPIPE, SIG_IGN); /* as limpetd does */
	return cmocka_run_group_tests_name("health: exec", tests, NULL, NULL);
}
