// SPDX-License-Identifier: GPL-2.0
#include "health/exec_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "health/exec_spawner.h"

/* Of a login: select(2) works, and no program closes a million descriptors. */
#define CHILD_FILES 1024

/* What the child has of the parent. */
struct plan {
	const struct exec_request *request;
	pid_t parent;
	int input, output, failed;
};

/* --- the child: nothing but system calls ------------------------------------------------- */

/* By system call: the C library would want all threads to follow, and they have
 * stayed behind. */
static int become(const struct exec_user *user)
{
	if (!user->change)
		return 0;
	return syscall(SYS_setgroups, (size_t)user->n_groups, user->groups) ||
	       syscall(SYS_setresgid, user->gid, user->gid, user->gid) ||
	       syscall(SYS_setresuid, user->uid, user->uid, user->uid);
}

/* A program that is to run as root runs without root's capabilities: what limpetd has
 * of them is for limpetd. With no_new_privs, execve(2) does not give them back. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return (int)syscall(SYS_capset, &header, none);
}

/*
 * The kernel's call and not glibc's, which keeps two signals to itself and yet leaves
 * them ignored in what its posix_spawn(3) starts: limpetd may have been started so.
 */
static void default_signals(void)
{
	/* struct sigaction as the kernel has it (SIG_DFL is 0), or somewhat more. */
	static const unsigned long action[8];
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		syscall(SYS_rt_sigaction, number, action, NULL, (NSIG - 1) / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int take_descriptors(const struct plan *plan)
{
	return dup2(plan->input, 0) < 0 || dup2(plan->output, 1) < 0 || dup2(plan->output, 2) < 0 ||
	       close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
}

/* The parent's death is asked for last: a change of user forgets it. It may have
 * died before that. */
static int die_with_parent(const struct plan *plan)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -1;
	if (getppid() != plan->parent)
		_exit(127);
	return 0;
}

static int settle(const struct plan *plan)
{
	static const struct rlimit files = { CHILD_FILES, CHILD_FILES }, core = { 0, 0 };

	return setsid() < 0 || chdir("/") || setrlimit(RLIMIT_NOFILE, &files) ||
	       setrlimit(RLIMIT_CORE, &core) || take_descriptors(plan) ||
	       become(&plan->request->user) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       drop_capabilities() || die_with_parent(plan);
}

static void __attribute__((noreturn)) run(const struct plan *plan)
{
	const struct exec_request *request = plan->request;
	int err;

	default_signals();
	if (!settle(plan))
		execve(request->argv[0], request->argv, request->environment);
	err = errno;
	if (write(plan->failed, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

/* --- the parent -------------------------------------------------------------------------- */

static void close_both(int pipe[2])
{
	close(pipe[0]);
	close(pipe[1]);
}

/* fork(2) with a pidfd from the beginning. Signals wait until the child has its own
 * handlers: it must not run limpetd's. */
static pid_t fork_with_pidfd(bool sibling, int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | (sibling ? CLONE_PARENT : 0),
		.pidfd = (__u64)(uintptr_t)pidfd,
		.exit_signal = sibling ? 0 : SIGCHLD, /* a sibling has ours */
	};
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid)
		sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

int exec_child_fork(const struct exec_request *request, pid_t parent, bool sibling, int output,
		    int failed, pid_t *pid, int *pidfd)
{
	const struct plan plan = {
		.request = request,
		.parent = parent,
		.input = open("/dev/null", O_RDONLY | O_CLOEXEC),
		.output = output,
		.failed = failed,
	};
	int fd = -1, err = 0;
	pid_t child;

	if (plan.input < 0)
		return -errno;
	child = fork_with_pidfd(sibling, &fd);
	if (!child)
		run(&plan);
	if (child < 0)
		err = errno == EAGAIN ? -EUSERS : -errno;
	close(plan.input);
	if (err)
		return err;
	*pid = child;
	*pidfd = fd;
	return 0;
}

static int spawn(struct exec_spawner *spawner, const struct exec_request *request,
		 const int output[2], const int failed[2], struct exec_child *child)
{
	pid_t pid;
	int pidfd, err;

	if (spawner)
		err = exec_spawner_run(spawner, request, output[1], failed[1], &pid, &pidfd);
	else
		err = exec_child_fork(request, getpid(), false, output[1], failed[1], &pid, &pidfd);
	if (err)
		return err;
	*child = (struct exec_child) {
		.pid = pid, .pidfd = pidfd, .output = output[0], .failed = failed[0]
	};
	return 0;
}

int exec_child_start(struct exec_spawner *spawner, const struct exec_request *request,
		     struct exec_child *child)
{
	int output[2], failed[2], err;

	if (pipe2(output, O_CLOEXEC))
		return -errno;
	if (pipe2(failed, O_CLOEXEC)) {
		err = -errno;
		close_both(output);
		return err;
	}
	/* Only our ends: programs expect to block. */
	fcntl(output[0], F_SETFL, O_NONBLOCK);
	fcntl(failed[0], F_SETFL, O_NONBLOCK);
	err = spawn(spawner, request, output, failed, child);
	if (err) {
		close_both(output);
		close_both(failed);
		return err;
	}
	close(output[1]);
	close(failed[1]);
	return 0;
}

/* Just after the fork the child may not lead its group yet. */
void exec_child_kill(const struct exec_child *child)
{
	kill(-child->pid, SIGKILL);
	syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
}

/* While it is not reaped nobody else can have its number, so what is killed is
 * its group. */
int exec_child_reap(struct exec_child *child, int *status)
{
	int ended;

	kill(-child->pid, SIGKILL);
	if (waitpid(child->pid, &ended, WNOHANG) != child->pid)
		return -ECHILD;
	*status = ended;
	return 0;
}
