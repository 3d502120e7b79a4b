// SPDX-License-Identifier: GPL-2.0
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const unsigned char network_router[6] = { 0x02, 0, 0, 0, 2, 1 };
const unsigned char network_own[6] = { 0x02, 0, 0, 0, 2, 2 };

/* Of ip-batch: 192.0.2.1 and fd01::1 are the router's. */
static const char commands[] =
	"link set lo up\n"
	"link add " NETWORK_INTERFACE " address 02:00:00:00:02:02 type veth peer name far0\n"
	"link set " NETWORK_INTERFACE " up\n"
	"link set far0 up\n"
	"address add 192.0.2.2/24 dev " NETWORK_INTERFACE "\n"
	"address add fd01::2/64 dev " NETWORK_INTERFACE " nodad\n"
	"neighbour add 192.0.2.1 lladdr 02:00:00:00:02:01 dev " NETWORK_INTERFACE " nud permanent\n"
	"neighbour add fd01::1 lladdr 02:00:00:00:02:01 dev " NETWORK_INTERFACE " nud permanent\n"
	"route add default via 192.0.2.1\n"
	"route add default via fd01::1\n";

struct network {
	int home, own;
};

/* `path` below /proc/sys/net, which is the process's own. */
static int network_sysctl(const char *path, struct lp_err *err)
{
	FILE *file = fopen(path, "we");
	int ret = file && fputs("1", file) >= 0 ? 0 : -errno;

	if (file && fclose(file))
		ret = -errno;
	return ret ? lp_err(err, ret, "%s: %s", path, strerror(-ret)) : 0;
}

static int network_links(struct lp_err *err)
{
	FILE *ip = popen("ip -batch -", "we");

	if (!ip)
		return lp_err(err, -errno, "ip: %s", strerror(errno));
	fputs(commands, ip);
	if (pclose(ip))
		return lp_err(err, -EPROTO, "ip -batch fails: no network to send replies to");
	return 0;
}

static int network_make(struct network *network, struct lp_err *err)
{
	int ret;

	if (unshare(CLONE_NEWNET))
		return lp_err(err, -errno, "no network namespace of our own: %s", strerror(errno));
	network->own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (network->own < 0)
		return lp_err(err, -errno, "/proc/self/ns/net: %s", strerror(errno));
	ret = network_sysctl("/proc/sys/net/ipv4/ip_forward", err);
	if (!ret)
		ret = network_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", err);
	return ret ? ret : network_links(err);
}

int network_open(struct network **out, struct lp_err *err)
{
	struct network *network = malloc(sizeof(*network));
	int ret;

	if (!network)
		return lp_err(err, -ENOMEM, "out of memory");
	network->own = -1;
	network->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (network->home < 0) {
		ret = lp_err(err, -errno, "/proc/self/ns/net: %s", strerror(errno));
		free(network);
		return ret;
	}
	ret = network_make(network, err);
	if (!ret)
		ret = network_leave(network, err);
	if (ret)
		network_close(&network);
	else
		*out = network;
	return ret;
}

void network_close(struct network **network)
{
	if (!*network)
		return;
	setns((*network)->home, CLONE_NEWNET);
	close((*network)->home);
	if ((*network)->own >= 0)
		close((*network)->own);
	free(*network);
	*network = NULL;
}

static int network_go(int fd, struct lp_err *err)
{
	if (setns(fd, CLONE_NEWNET))
		return lp_err(err, -errno, "another network namespace: %s", strerror(errno));
	return 0;
}

int network_enter(const struct network *network, struct lp_err *err)
{
	return network_go(network->own, err);
}

int network_leave(const struct network *network, struct lp_err *err)
{
	return network_go(network->home, err);
}
