/* SPDX-License-Identifier: GPL-2.0 */
/* What a driver says of its interface, by the ioctl of ethtool(8), linux/ethtool.h. */
#ifndef LIMPET_NET_ETHTOOL_H
#define LIMPET_NET_ETHTOOL_H

/* -1, or 0 for numbers, where the driver does not say. */
struct net_ethtool {
	char driver[32];              /* "" if it does not say */
	int lro;                      /* large receive offload is on: 0 or 1 */
	int tx_csum;                  /* packets are sent with checksums left to the card: 0 or 1 */
	int rx_queues, rx_queues_max; /* that take packets, combined ones included */
	int combined;                 /* queues both send and receive, "combined": 0 or 1 */
	int rx_ring, rx_ring_max;     /* packets */
};

/*
 * Asks about an interface of the current network namespace. What a driver does not
 * answer is left unknown; -errno only if nothing can be asked at all, with *out
 * untouched: -ENODEV if there is no such interface.
 */
int net_ethtool_read(const char *name, struct net_ethtool *out);

#endif
