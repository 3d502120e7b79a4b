// SPDX-License-Identifier: GPL-2.0
#include "net/ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct device {
	int fd;
	struct ifreq request;
};

/* `data` begins with its command. */
static int ask(struct device *device, void *data)
{
	device->request.ifr_data = data;
	return ioctl(device->fd, SIOCETHTOOL, &device->request) ? -errno : 0;
}

static void read_driver(struct device *device, struct net_ethtool *out)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (!ask(device, &info))
		snprintf(out->driver, sizeof(out->driver), "%.31s", info.driver);
}

static void read_offloads(struct device *device, struct net_ethtool *out)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ethtool_value csum = { .cmd = ETHTOOL_GTXCSUM };

	if (!ask(device, &flags))
		out->lro = (flags.data & ETH_FLAG_LRO) != 0;
	if (!ask(device, &csum))
		out->tx_csum = csum.data != 0;
}

static void read_queues(struct device *device, struct net_ethtool *out)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };

	if (ask(device, &channels))
		return;
	out->rx_queues = (int)(channels.rx_count + channels.combined_count);
	out->combined = channels.max_combined != 0;
	out->rx_queues_max = (int)(channels.max_rx + channels.max_combined);
}

static void read_ring(struct device *device, struct net_ethtool *out)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };

	if (ask(device, &ring))
		return;
	out->rx_ring = (int)ring.rx_pending;
	out->rx_ring_max = (int)ring.rx_max_pending;
}

int net_ethtool_read(const char *name, struct net_ethtool *out)
{
	struct device device = { .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
	struct net_ethtool facts = { .lro = -1, .tx_csum = -1 };
	int ret = 0;

	if (device.fd < 0)
		return -errno;
	snprintf(device.request.ifr_name, sizeof(device.request.ifr_name), "%s", name);
	if (ioctl(device.fd, SIOCGIFINDEX, &device.request))
		ret = -errno;
	if (!ret) {
		read_driver(&device, &facts);
		read_offloads(&device, &facts);
		read_queues(&device, &facts);
		read_ring(&device, &facts);
		*out = facts;
	}
	close(device.fd);
	return ret;
}
