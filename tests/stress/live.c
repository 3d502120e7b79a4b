// SPDX-License-Identifier: GPL-2.0
#include "live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int make_pair(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	int ret = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

	if (!ret)
		ret = rtnl_link_veth_add(sock, LIVE_LIMPET, LIVE_PEER, getpid());
	nl_socket_free(sock);
	return ret;
}

static int set_up(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	ret = ioctl(fd, SIOCSIFFLAGS, &request) ? -errno : 0;
	close(fd);
	return ret;
}

int live_make(struct lp_err *err)
{
	int ret = make_pair();

	if (ret)
		return lp_err(err, -EIO, "no veth pair: %s", nl_geterror(ret));
	ret = set_up(LIVE_LIMPET);
	if (!ret)
		ret = set_up(LIVE_PEER);
	return ret ? lp_err(err, ret, "the veth pair stays down: %s", strerror(-ret)) : 0;
}

int live_socket(void)
{
	/* Protocol 0: it sends and does not listen. */
	const struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(LIVE_PEER),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int live_send(int fd, const void *frame, size_t len)
{
	if (send(fd, frame, len, MSG_DONTWAIT) == (ssize_t)len)
		return 0;
	return errno == ENOBUFS ? -EAGAIN : -errno;
}
