// SPDX-License-Identifier: GPL-2.0
#include "cli/decap_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_signals(struct decap_watch *watch)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, &watch->mask);
	watch->signals = fd;
	return 0;
}

static int open_netlink(struct decap_watch *watch)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK,
				     .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	int ret, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&local, sizeof(local))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	watch->netlink = fd;
	return 0;
}

int decap_watch_open(struct decap_watch *watch, struct lp_err *err)
{
	int ret = open_netlink(watch);

	if (ret)
		return lp_err(err, ret, "opening netlink: %s", strerror(-ret));
	ret = open_signals(watch);
	if (ret) {
		close(watch->netlink);
		return lp_err(err, ret, "taking signals: %s", strerror(-ret));
	}
	return 0;
}

/* The messages do not matter: the list is read anew. An overrun (ENOBUFS) is one more. */
static void drain(int fd)
{
	char buffer[8192];

	for (int i = 0; i < 1024; i++) {
		if (recv(fd, buffer, sizeof(buffer), 0) < 0 && errno != ENOBUFS)
			return;
	}
}

int decap_watch_wait(struct decap_watch *watch, struct lp_err *err)
{
	struct pollfd fds[] = { { .fd = watch->signals, .events = POLLIN },
				{ .fd = watch->netlink, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0) {
		if (errno != EINTR)
			return lp_err(err, -errno, "waiting: %s", strerror(errno));
	}
	if (fds[0].revents)
		return 0;
	drain(watch->netlink);
	return 1;
}

void decap_watch_close(struct decap_watch *watch)
{
	struct signalfd_siginfo taken;

	/* A second Ctrl-C while we end is the same wish. */
	while (read(watch->signals, &taken, sizeof(taken)) > 0)
		;
	sigprocmask(SIG_SETMASK, &watch->mask, NULL);
	close(watch->signals);
	close(watch->netlink);
}
