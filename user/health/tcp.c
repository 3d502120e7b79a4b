// SPDX-License-Identifier: GPL-2.0
#include "health/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/addr.h"

struct tcp_probe {
	struct probe base;
	uv_poll_t poll;
	uint64_t start_ns;
	int fd;
};

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t sockaddr_fill(union sockaddr_any *any, const struct lp_addr *address,
			       uint16_t port)
{
	memset(any, 0, sizeof(*any));
	if (lp_addr_is_v6(address)) {
		any->v6.sin6_family = AF_INET6;
		any->v6.sin6_port = htons(port);
		memcpy(&any->v6.sin6_addr, address->b, 16);
		return sizeof(any->v6);
	}
	any->v4.sin_family = AF_INET;
	any->v4.sin_port = htons(port);
	memcpy(&any->v4.sin_addr, address->b + 12, 4);
	return sizeof(any->v4);
}

/* To any address and a free port, which the kernel chooses now, not in connect(2). */
static int mark_and_bind(int fd, int family, uint32_t mark)
{
	union sockaddr_any any = { .sa.sa_family = (sa_family_t)family };
	socklen_t len = family == AF_INET6 ? sizeof(any.v6) : sizeof(any.v4);

	return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) || bind(fd, &any.sa, len);
}

int tcp_socket(int family, uint32_t mark)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	int err;

	if (fd < 0)
		return -errno;
	/* Cannot fail on a TCP socket; if it did, the close would be an ordinary one. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (mark && mark_and_bind(fd, family, mark)) {
		err = errno == EADDRINUSE ? -EADDRNOTAVAIL : -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int connect_start(const struct lp_addr *address, uint16_t port, uint32_t mark)
{
	union sockaddr_any any;
	socklen_t len = sockaddr_fill(&any, address, port);
	int fd = tcp_socket(any.sa.sa_family, mark);
	int err;

	if (fd < 0)
		return fd;
	if (!connect(fd, &any.sa, len) || errno == EINPROGRESS)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* libuv is told before the descriptor is closed, as uv_poll_init() wants it. */
static void tcp_probe_end(struct tcp_probe *tcp)
{
	uv_close((uv_handle_t *)&tcp->poll, on_poll_closed);
	close(tcp->fd);
}

static void tcp_probe_cancel(struct probe *probe)
{
	tcp_probe_end((struct tcp_probe *)probe);
}

/* A failed connect arrives as POLLERR, for which libuv has a status of its own
 * (UV_EBADF); the reason is in SO_ERROR either way. */
static void on_connected(uv_poll_t *poll, int status, int events)
{
	struct tcp_probe *tcp = poll->data;
	struct probe_result result;
	socklen_t len = sizeof(int);
	int err = 0;

	(void)status;
	(void)events;
	if (getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	if (err)
		probe_result_errno(&result, -err);
	else
		probe_result_good(&result, probe_elapsed(tcp->start_ns), "connected");
	tcp_probe_end(tcp);
	tcp->base.done(tcp->base.arg, &result);
}

int tcp_probe_start(uv_loop_t *loop, const struct lp_addr *address, uint16_t port, uint32_t mark,
		    probe_done_fn done, void *arg, struct probe **out)
{
	struct tcp_probe *tcp = calloc(1, sizeof(*tcp));
	int err;

	if (!tcp)
		return -ENOMEM;
	tcp->base = (struct probe) { .done = done, .arg = arg, .cancel = tcp_probe_cancel };
	tcp->start_ns = uv_hrtime();
	tcp->fd = connect_start(address, port, mark);
	if (tcp->fd < 0) {
		err = tcp->fd;
		goto fail;
	}
	err = uv_poll_init(loop, &tcp->poll, tcp->fd);
	if (err)
		goto fail_fd;
	tcp->poll.data = tcp;
	err = uv_poll_start(&tcp->poll, UV_WRITABLE, on_connected);
	if (err) {
		tcp_probe_end(tcp);
		return err;
	}
	*out = &tcp->base;
	return 0;

fail_fd:
	close(tcp->fd);
fail:
	free(tcp);
	return err;
}
