// SPDX-License-Identifier: GPL-2.0
#include "health/exec_spawner.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "health/exec_child.h"

#define ARGUMENTS_MAX 256u
#define TEXT_MAX      (64u << 10) /* bytes of all strings; a datagram takes twice that */
#define FDS           2

/* A fork takes a millisecond. After this the two do not understand each other. */
#define ANSWER_S 10

struct message {
	uint32_t n_arguments;
	struct exec_user user;
	char text[TEXT_MAX]; /* arguments, then the environment: each ends with a zero */
};

struct answer {
	int32_t error; /* -errno, or 0 */
	int32_t pid;
};

/* --- descriptors beside the data (unix(7)) ------------------------------------------------ */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS * sizeof(int))];
};

static ssize_t send_with(int fd, void *data, size_t len, const int *fds, size_t n)
{
	struct iovec iov = { data, len };
	union control control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *header;

	if (n) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(header), fds, n * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* Of the descriptors that came those that are missing are -1. */
static ssize_t receive_with(int fd, void *data, size_t len, int *fds, size_t n)
{
	struct iovec iov = { data, len };
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const struct cmsghdr *header;
	ssize_t got;

	for (size_t i = 0; i < n; i++)
		fds[i] = -1;
	do
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	header = got > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (header && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len <= CMSG_LEN(n * sizeof(int)))
		memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
	return got;
}

/* --- the spawner ---------------------------------------------------------------------------- */

/* The next string of a text of `len` bytes; NULL at its end. */
static char *next_text(char *text, size_t len, size_t *at)
{
	char *start = text + *at;
	const char *end = *at < len ? memchr(start, 0, len - *at) : NULL;

	if (!end)
		return NULL;
	*at += (size_t)(end - start) + 1;
	return start;
}

/* Takes a message of `len` bytes of text apart: argv has room for ARGUMENTS_MAX + 1. */
static int read_message(struct message *message, size_t len, char **argv,
			struct exec_request *request)
{
	size_t at = 0;

	if (!message->n_arguments || message->n_arguments > ARGUMENTS_MAX ||
	    message->user.n_groups < 0 || message->user.n_groups > EXEC_GROUPS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < message->n_arguments; i++)
		if (!(argv[i] = next_text(message->text, len, &at)))
			return -EINVAL;
	argv[message->n_arguments] = NULL;
	*request = (struct exec_request) { .argv = argv, .user = message->user };
	for (size_t i = 0; i < EXEC_ENVIRONMENT; i++)
		if (!(request->environment[i] = next_text(message->text, len, &at)))
			return -EINVAL;
	return 0;
}

static void serve(int fd, pid_t parent, struct message *message, size_t len, const int fds[FDS])
{
	char *argv[ARGUMENTS_MAX + 1];
	struct exec_request request;
	struct answer answer = { .error = -EINVAL };
	int pidfd = -1;

	if (len >= offsetof(struct message, text) && fds[0] >= 0 && fds[1] >= 0)
		answer.error = read_message(message, len - offsetof(struct message, text), argv,
					    &request);
	if (!answer.error)
		answer.error = exec_child_fork(&request, parent, true, fds[0], fds[1], &answer.pid,
					       &pidfd);
	send_with(fd, &answer, sizeof(answer), &pidfd, pidfd >= 0);
	if (pidfd >= 0)
		close(pidfd);
}

/* Of what limpetd was given, what it takes to become another user. */
static void keep_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint32_t kept;

	if (syscall(SYS_capget, &header, data))
		return; /* every kernel that loads the program has it */
	kept = data[0].permitted & (1u << CAP_SETUID | 1u << CAP_SETGID);
	memset(data, 0, sizeof(data));
	data[0].permitted = data[0].effective = kept;
	syscall(SYS_capset, &header, data);
}

static void __attribute__((noreturn)) spawn_all(int fd, pid_t parent)
{
	static struct message message;
	ssize_t len;
	int fds[FDS];

	prctl(PR_SET_NAME, "limpetd-spawner");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	keep_capabilities();
	signal(SIGINT, SIG_IGN); /* of a terminal: limpetd says when it is over */
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* to all of a service: checks may still be running */
	while (getppid() == parent &&
	       (len = receive_with(fd, &message, sizeof(message), fds, FDS)) > 0) {
		serve(fd, parent, &message, (size_t)len, fds);
		for (size_t i = 0; i < FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	_exit(0);
}

int exec_spawner_start(struct exec_spawner *spawner)
{
	static const struct timeval patience = { .tv_sec = ANSWER_S };
	pid_t pid, parent = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(fds[0]);
		close(fds[1]);
		return err;
	}
	if (!pid) {
		close(fds[0]);
		spawn_all(fds[1], parent);
	}
	close(fds[1]);
	*spawner = (struct exec_spawner) { .fd = fds[0], .pid = pid };
	return 0;
}

/* --- limpetd -------------------------------------------------------------------------------- */

static bool add_text(struct message *message, size_t *at, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > sizeof(message->text) - *at)
		return false;
	memcpy(message->text + *at, text, len);
	*at += len;
	return true;
}

/* Bytes of the message, or -E2BIG. */
static ssize_t write_message(const struct exec_request *request, struct message *message)
{
	size_t at = 0;

	message->n_arguments = 0;
	message->user = request->user;
	for (char *const *argument = request->argv; *argument; argument++)
		if (++message->n_arguments > ARGUMENTS_MAX || !add_text(message, &at, *argument))
			return -E2BIG;
	for (size_t i = 0; i < EXEC_ENVIRONMENT; i++)
		if (!add_text(message, &at, request->environment[i]))
			return -E2BIG;
	return (ssize_t)(offsetof(struct message, text) + at);
}

int exec_spawner_run(struct exec_spawner *spawner, const struct exec_request *request, int output,
		     int failed, pid_t *pid, int *pidfd)
{
	static struct message message; /* one thread starts programs */
	const int fds[FDS] = { output, failed };
	ssize_t len = write_message(request, &message);
	struct answer answer;
	int fd;

	if (len < 0)
		return (int)len;
	if (spawner->fd < 0 || send_with(spawner->fd, &message, (size_t)len, fds, FDS) != len ||
	    receive_with(spawner->fd, &answer, sizeof(answer), &fd, 1) != sizeof(answer)) {
		exec_spawner_stop(spawner);
		return -EOWNERDEAD;
	}
	if (answer.error)
		return answer.error;
	if (fd < 0)
		return -EMFILE; /* the pidfd did not fit: the caller's limit */
	*pid = answer.pid;
	*pidfd = fd;
	return 0;
}

void exec_spawner_stop(struct exec_spawner *spawner)
{
	if (spawner->fd >= 0)
		close(spawner->fd);
	spawner->fd = -1;
}
