// SPDX-License-Identifier: GPL-2.0
#include "net/socket.h"

#include <errno.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* The largest part of a dump that the kernel makes is 32 KiB. */
#define BUFFER_SIZE 65536

/* rtnetlink answers before send() returns; this ends a wait that cannot be. */
#define ANSWER_TIMEOUT_S 5

static int configure(struct nl_sock *sk, int buffer)
{
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd = nl_socket_get_fd(sk);

	nl_socket_disable_auto_ack(sk);
	/* Beyond net.core.rmem_max with CAP_NET_ADMIN, else up to it. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)))
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	return 0;
}

int net_socket_open(struct net_socket *socket, int buffer, struct lp_err *err)
{
	struct net_socket new = { nl_socket_alloc(), malloc(BUFFER_SIZE) };
	int ret = -ENOMEM;

	if (!new.sk || !new.buffer)
		goto fail;
	errno = 0;
	ret = nl_connect(new.sk, NETLINK_ROUTE);
	if (ret < 0) {
		ret = lp_err(err, errno ? -errno : -EIO, "netlink: cannot open a socket: %s",
			     nl_geterror(ret));
		goto fail;
	}
	ret = configure(new.sk, buffer);
	if (ret) {
		lp_err(err, ret, "netlink: cannot configure the socket: %s", strerror(-ret));
		goto fail;
	}
	*socket = new;
	return 0;

fail:
	net_socket_close(&new);
	return ret == -ENOMEM ? lp_err(err, ret, "netlink: no memory") : ret;
}

void net_socket_close(struct net_socket *socket)
{
	if (socket->sk)
		nl_socket_free(socket->sk);
	free(socket->buffer);
	memset(socket, 0, sizeof(*socket));
}

/* Length of a datagram from the kernel, or -errno. */
static int receive(struct net_socket *socket)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { socket->buffer, BUFFER_SIZE };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t n;

	do {
		n = recvmsg(nl_socket_get_fd(socket->sk), &msg, 0);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid));
	if (n < 0)
		return -errno;
	return msg.msg_flags & MSG_TRUNC ? -ENOBUFS : (int)n;
}

int net_socket_read(struct net_socket *socket, net_msg_fn fn, void *arg)
{
	struct nlmsghdr *msg = (void *)socket->buffer;
	int left = receive(socket), ret;

	if (left < 0)
		return left;
	for (; nlmsg_ok(msg, left); msg = nlmsg_next(msg, &left)) {
		ret = fn(msg, arg);
		if (ret < 0)
			return ret;
	}
	return 0;
}

struct call {
	uint32_t sequence;
	bool ack;
	bool interrupted;
	bool done;
	int result; /* once done */
	net_msg_fn fn;
	void *arg;
};

/* A dump ends with a number, other requests with a struct that begins with one. */
static int end_of(struct nlmsghdr *msg, const struct call *call)
{
	int error = 0;

	if (nlmsg_valid_hdr(msg, sizeof(error)))
		memcpy(&error, nlmsg_data(msg), sizeof(error));
	else if (msg->nlmsg_type == NLMSG_ERROR)
		return -EBADMSG;
	return !error && call->interrupted ? -EINTR : error;
}

static int answer(struct nlmsghdr *msg, void *arg)
{
	struct call *call = arg;

	/* Left over from a call that ended early. */
	if (msg->nlmsg_seq != call->sequence || call->done)
		return 0;
	if (msg->nlmsg_flags & NLM_F_DUMP_INTR)
		call->interrupted = true;
	if (msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE) {
		call->result = end_of(msg, call);
		call->done = true;
		return 0;
	}
	if (call->fn)
		call->result = call->fn(msg, call->arg);
	call->done = call->result < 0 || (!(msg->nlmsg_flags & NLM_F_MULTI) && !call->ack);
	return 0;
}

int net_socket_call(struct net_socket *socket, struct nl_msg *msg, net_msg_fn fn, void *arg)
{
	struct call call = { .fn = fn, .arg = arg };
	struct nlmsghdr *header;
	int ret = 0;

	if (!msg)
		return -ENOMEM;
	nl_complete_msg(socket->sk, msg);
	header = nlmsg_hdr(msg);
	call.sequence = header->nlmsg_seq;
	call.ack = header->nlmsg_flags & NLM_F_ACK;
	if (send(nl_socket_get_fd(socket->sk), header, header->nlmsg_len, 0) < 0)
		ret = -errno;
	nlmsg_free(msg);
	while (!ret && !call.done)
		ret = net_socket_read(socket, answer, &call);
	if (ret)
		return ret == -EAGAIN ? -ETIMEDOUT : ret;
	return call.result;
}
