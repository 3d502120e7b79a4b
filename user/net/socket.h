/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An rtnetlink socket, opened and configured with libnl, read here: libnl's
 * receive functions turn errno into fewer numbers of their own, and "no route",
 * "unreachable" and "messages were lost" have to be told apart.
 */
#ifndef LIMPET_NET_SOCKET_H
#define LIMPET_NET_SOCKET_H

#include <linux/netlink.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include "lib/err.h"

struct net_socket {
	struct nl_sock *sk;
	unsigned char *buffer;
};

/* Handles one message; a negative errno ends the reading and is passed on. */
typedef int (*net_msg_fn)(struct nlmsghdr *msg, void *arg);

/*
 * Opens a socket in the current network namespace whose receive buffer is
 * `buffer` bytes (less if the limit is lower and we may not exceed it).
 */
int net_socket_open(struct net_socket *socket, int buffer, struct lp_err *err);

/* For a socket that was opened, or is all zero. */
void net_socket_close(struct net_socket *socket);

/*
 * Sends the request and gives its answers to fn: all parts of a dump, or the one
 * message of another request. A request with NLM_F_ACK has no answer but
 * success. fn may be NULL. Frees msg (NULL: -ENOMEM).
 *
 * Returns 0, the kernel's -errno, what fn returned, or -EINTR for a dump that a
 * change has made inconsistent.
 */
int net_socket_call(struct net_socket *socket, struct nl_msg *msg, net_msg_fn fn, void *arg);

/*
 * Reads one datagram of a non-blocking socket. 0; -EAGAIN: there is none;
 * -ENOBUFS: messages were lost.
 */
int net_socket_read(struct net_socket *socket, net_msg_fn fn, void *arg);

#endif
