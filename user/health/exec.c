// SPDX-License-Identifier: GPL-2.0
#include "health/exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "health/exec_child.h"
#include "health/exec_output.h"

struct exec {
	uv_loop_t *loop;
	struct exec_spawner *spawner; /* not owned; NULL: by itself */
	struct exec_probe *probes;    /* all, those that are only waited for as well */
	unsigned int n_probes;
};

struct exec_probe {
	struct probe base; /* done: NULL once it is only waited for */
	struct exec *exec; /* NULL: gone */
	struct exec_probe *next, **at;
	const struct exec_request *request;
	struct exec_child child;
	struct exec_output output;
	uv_poll_t end_poll, output_poll;
	unsigned int handles; /* open ones */
	bool reading;         /* output_poll is open */
	bool too_much;
	uint64_t start_ns;
};

/* --- its life ---------------------------------------------------------------------------- */

static void unlink_probe(struct exec_probe *probe)
{
	if (!probe->exec)
		return;
	*probe->at = probe->next;
	if (probe->next)
		probe->next->at = probe->at;
	probe->exec->n_probes--;
	probe->exec = NULL;
}

static void link_probe(struct exec *exec, struct exec_probe *probe)
{
	probe->exec = exec;
	probe->next = exec->probes;
	probe->at = &exec->probes;
	if (probe->next)
		probe->next->at = &probe->next;
	exec->probes = probe;
	exec->n_probes++;
}

static void on_closed(uv_handle_t *handle)
{
	struct exec_probe *probe = handle->data;

	if (!--probe->handles)
		free(probe);
}

/* libuv is told before a descriptor is closed, as uv_poll_init() wants it. */
static void stop_reading(struct exec_probe *probe)
{
	if (!probe->reading)
		return;
	probe->reading = false;
	uv_close((uv_handle_t *)&probe->output_poll, on_closed);
	close(probe->child.output);
}

/* The memory goes with the last handle. */
static void probe_end(struct exec_probe *probe)
{
	unlink_probe(probe);
	stop_reading(probe);
	uv_close((uv_handle_t *)&probe->end_poll, on_closed);
	close(probe->child.pidfd);
	close(probe->child.failed);
}

/* Killed, and waited for by nobody but us: without that it would stay a zombie. */
static void exec_probe_cancel(struct probe *base)
{
	struct exec_probe *probe = (struct exec_probe *)base;

	exec_child_kill(&probe->child);
	stop_reading(probe);
	base->done = NULL;
}

/* --- its verdict --------------------------------------------------------------------------- */

/* The errno with which it could not be run; 0: it ran. */
static int start_failure(const struct exec_probe *probe)
{
	int err = 0;

	return read(probe->child.failed, &err, sizeof(err)) == sizeof(err) ? err : 0;
}

static void result_exited(const struct exec_probe *probe, int code, struct probe_result *result)
{
	const char *line = probe->output.line;

	if (!code) {
		probe_result_good(result, probe_elapsed(probe->start_ns), *line ? line : "exit 0");
		if (*line) /* the program's own words, without ours */
			snprintf(result->words, sizeof(result->words), "%s", line);
	} else if (*line) {
		probe_result_set(result, PROBE_BAD, "exit %d: %s", code, line);
	} else {
		probe_result_set(result, PROBE_BAD, "exit %d", code);
	}
}

static void exec_result(const struct exec_probe *probe, int status, struct probe_result *result)
{
	int err = start_failure(probe);

	if (err)
		probe_result_set(result, PROBE_NOT_MADE, "not checked: cannot run \"%.64s\": %s",
				 probe->request->argv[0], strerror(err));
	else if (probe->too_much)
		probe_result_set(result, PROBE_BAD, "output over %u KiB", EXEC_OUTPUT_MAX >> 10);
	else if (WIFSIGNALED(status))
		probe_result_set(result, PROBE_BAD, "killed by signal %d (%s)", WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
	else
		result_exited(probe, WEXITSTATUS(status), result);
}

/* --- the loop ------------------------------------------------------------------------------ */

/* Reads some of what is there: how much; 0 at its end, or -errno. */
static ssize_t read_some(struct exec_probe *probe)
{
	char data[4096];
	ssize_t n = read(probe->child.output, data, sizeof(data));

	if (n < 0)
		return -errno;
	exec_output_add(&probe->output, data, (size_t)n);
	return n;
}

/* One read at a time: a program that never stops writing must not hold the loop. */
static void on_output(uv_poll_t *poll, int status, int events)
{
	struct exec_probe *probe = poll->data;
	ssize_t n = read_some(probe);

	(void)status;
	(void)events;
	if (n <= 0) {
		if (n != -EAGAIN && n != -EINTR)
			stop_reading(probe);
		return;
	}
	if (probe->output.bytes <= EXEC_OUTPUT_MAX)
		return;
	probe->too_much = true;
	stop_reading(probe);
	exec_child_kill(&probe->child);
}

/* What was written before the end is in the pipe, which is no larger than what is
 * allowed; its other end may be somebody's who lives on. */
static void read_rest(struct exec_probe *probe)
{
	while (probe->reading && probe->output.bytes <= EXEC_OUTPUT_MAX && read_some(probe) > 0)
		;
	if (probe->output.bytes > EXEC_OUTPUT_MAX)
		probe->too_much = true;
}

static void on_end(uv_poll_t *poll, int poll_status, int events)
{
	struct exec_probe *probe = poll->data;
	struct probe base = probe->base;
	struct probe_result result;
	int status = 0, err;

	(void)poll_status;
	(void)events;
	err = exec_child_reap(&probe->child, &status);
	if (base.done && err) {
		probe_result_errno(&result, err);
	} else if (base.done) {
		read_rest(probe);
		exec_result(probe, status, &result);
	}
	probe_end(probe);
	if (base.done)
		base.done(base.arg, &result);
}

static int watch(struct exec_probe *probe, uv_loop_t *loop)
{
	int err = uv_poll_init(loop, &probe->end_poll, probe->child.pidfd);

	if (err)
		return err;
	probe->end_poll.data = probe->output_poll.data = probe;
	probe->handles = 1;
	err = uv_poll_start(&probe->end_poll, UV_READABLE, on_end);
	if (err)
		return err;
	err = uv_poll_init(loop, &probe->output_poll, probe->child.output);
	if (err)
		return err;
	probe->handles = 2;
	probe->reading = true;
	return uv_poll_start(&probe->output_poll, UV_READABLE, on_output);
}

/* A program that runs and cannot be watched: waited for here, once it is killed. */
static void give_up(struct exec_probe *probe)
{
	exec_child_kill(&probe->child);
	waitpid(probe->child.pid, NULL, 0);
	if (probe->handles < 2)
		close(probe->child.output);
	if (probe->handles) {
		probe_end(probe);
		return;
	}
	close(probe->child.pidfd);
	close(probe->child.failed);
	free(probe);
}

int exec_probe_start(struct exec *exec, const struct exec_request *request, probe_done_fn done,
		     void *arg, struct probe **out)
{
	struct exec_probe *probe;
	int err;

	if (exec->n_probes >= EXEC_CHILDREN_MAX)
		return -EBUSY;
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return -ENOMEM;
	probe->base = (struct probe) { .done = done, .arg = arg, .cancel = exec_probe_cancel };
	probe->request = request;
	probe->start_ns = uv_hrtime();
	err = exec_child_start(exec->spawner, request, &probe->child);
	if (err) {
		free(probe);
		return err;
	}
	err = watch(probe, exec->loop);
	if (err) {
		give_up(probe);
		return err;
	}
	link_probe(exec, probe);
	*out = &probe->base;
	return 0;
}

int exec_open(uv_loop_t *loop, struct exec **out)
{
	struct exec *exec = calloc(1, sizeof(*exec));

	if (!exec)
		return -ENOMEM;
	exec->loop = loop;
	*out = exec;
	return 0;
}

void exec_set_spawner(struct exec *exec, struct exec_spawner *spawner)
{
	exec->spawner = spawner;
}

void exec_close(struct exec **exec)
{
	struct exec *e = *exec;
	int status;

	if (!e)
		return;
	*exec = NULL;
	while (e->probes) {
		exec_child_reap(&e->probes->child, &status);
		probe_end(e->probes);
	}
	free(e);
}

/* Whether the user may run it is found out by running it: here only what holds for
 * everybody. It may be where only that user can look. */
int exec_verify(const struct config_check *check, struct lp_err *err)
{
	const char *program = check->command[0];
	struct exec_user user;
	struct stat st;

	if (stat(program, &st) && errno == EACCES)
		return exec_user_find(check->user, &user, err);
	if (stat(program, &st))
		return lp_err(err, -EINVAL, "command \"%s\": %s", program, strerror(errno));
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return lp_err(err, -EINVAL, "command \"%s\": not a program that can be run",
			      program);
	return exec_user_find(check->user, &user, err);
}
