// SPDX-License-Identifier: GPL-2.0
/*
 * Follows the kernel's changes. A change that matters starts the burst timer;
 * when it ends, what is in doubt becomes stale and the owner is called, once.
 *
 * When the event socket overflows, it is first read empty and then everything
 * is dumped again: the kernel drops all messages between the overflow and the
 * moment the queue is empty (af_netlink.c, NETLINK_S_CONGESTED), so what is
 * queued after that moment is complete, and newer than what a message before it
 * could say.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <string.h>

#include "lib/log.h"
#include "net/priv.h"
#include "net/request.h"

#define BURST_MS 10
#define RETRY_MS 1000

/* Datagrams read before other handles of the loop get their turn. */
#define READS_MAX 4096

/* Attempts to dump while changes make dumps inconsistent. */
#define DUMPS_MAX 10

uint64_t net_now(void)
{
	return uv_hrtime() / 1000000;
}

static void on_burst_end(uv_timer_t *timer)
{
	struct net *net = timer->data;

	net_backends_settle(&net->backends);
	net->changed(net->arg);
}

static void touch(struct net *net)
{
	if (!uv_is_active((uv_handle_t *)&net->burst))
		uv_timer_start(&net->burst, on_burst_end, BURST_MS, 0);
}

static void touch_routes(struct net *net)
{
	net_backends_doubt_all(&net->backends);
	touch(net);
}

static int on_link(struct net *net, struct nlmsghdr *msg)
{
	struct net_link_info info;
	int ret = net_decode_link(msg, &info);

	if (ret)
		return ret;
	if (msg->nlmsg_type == RTM_DELLINK)
		ret = net_links_remove(&net->links, info.ifindex);
	else
		ret = net_links_update(&net->links, &info);
	/* IPv4 routes come and go with their link, without a word. */
	if (ret > 0)
		touch_routes(net);
	return ret;
}

static int on_addr(struct net *net, struct nlmsghdr *msg)
{
	struct net_addr_info info;
	int ret = net_decode_addr(msg, &info);

	if (ret)
		return ret;
	if (msg->nlmsg_type == RTM_DELADDR) {
		net_addrs_remove(&net->addrs, &info.key);
		ret = 1;
	} else {
		ret = net_addrs_update(&net->addrs, &info);
	}
	if (ret > 0)
		touch_routes(net);
	return ret;
}

static int on_neigh(struct net *net, struct nlmsghdr *msg)
{
	struct net_neigh_info info;
	int ret = net_decode_neigh(msg, &info);

	if (ret)
		return ret;
	if (msg->nlmsg_type == RTM_DELNEIGH)
		ret = net_neighs_remove(&net->neighs, &info.key);
	else
		ret = net_neighs_update(&net->neighs, &info);
	if (ret > 0)
		touch(net);
	return ret;
}

static int on_route(struct net *net, struct nlmsghdr *msg)
{
	struct net_prefix prefix;
	int ret = net_decode_route_event(msg, &prefix);

	if (!ret && net_backends_doubt(&net->backends, &prefix))
		touch(net);
	return ret;
}

static int dispatch(struct net *net, struct nlmsghdr *msg)
{
	switch (msg->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return on_link(net, msg);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return on_addr(net, msg);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return on_neigh(net, msg);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return on_route(net, msg);
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		touch_routes(net);
		return 0;
	default:
		return 0;
	}
}

/* A message that is not understood must not hide those behind it. */
static int on_message(struct nlmsghdr *msg, void *arg)
{
	return dispatch(arg, msg) == -ENOMEM ? -ENOMEM : 0;
}

int net_events_subscribe(struct net *net, struct lp_err *err)
{
	static const int groups[] = {
		RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP,
	};
	int ret;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		ret = nl_socket_add_membership(net->events.sk, groups[i]);
		if (ret < 0)
			return lp_err(err, -EIO, "netlink: cannot join multicast group %d: %s",
				      groups[i], nl_geterror(ret));
	}
	ret = nl_socket_set_nonblocking(net->events.sk);
	if (ret < 0)
		return lp_err(err, -EIO, "netlink: %s", nl_geterror(ret));
	return 0;
}

static int dump(struct net *net, int type)
{
	int ret = -EINTR;

	for (int i = 0; i < DUMPS_MAX && ret == -EINTR; i++)
		ret = net_request_dump(&net->requests, type, on_message, net);
	return ret;
}

int net_events_read_all(struct net *net)
{
	static const int types[] = { RTM_GETLINK, RTM_GETADDR, RTM_GETNEIGH };
	int ret;

	net_links_begin(&net->links);
	net_addrs_begin(&net->addrs);
	net_neighs_begin(&net->neighs);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ret = dump(net, types[i]);
		if (ret)
			return ret;
	}
	net_links_sweep(&net->links);
	net_addrs_sweep(&net->addrs);
	net_neighs_sweep(&net->neighs);
	return 0;
}

static void recover(struct net *net)
{
	int ret = net_events_read_all(net);

	if (ret) {
		lp_warning("netlink: cannot read all again, next attempt in %d ms: %s", RETRY_MS,
			   strerror(-ret));
		net_events_retry(net, RETRY_MS);
		return;
	}
	net->lost = false;
	touch_routes(net);
}

/* Reads until there is no more, or it is the others' turn. */
static bool read_events(struct net *net)
{
	for (int i = 0; i < READS_MAX; i++) {
		int ret = net_socket_read(&net->events, on_message, net);

		if (ret == -EAGAIN)
			return true;
		if (ret && !net->lost) {
			lp_warning("netlink: events were lost (%s), reading all again",
				   strerror(-ret));
			net->lost = true;
		}
	}
	return false;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct net *net = poll->data;

	(void)events;
	/* libuv stops polling at POLLERR, which here means no more than ENOBUFS. */
	if (status < 0)
		net_events_start(net);
	if (read_events(net) && net->lost)
		recover(net);
}

int net_events_start(struct net *net)
{
	return uv_poll_start(&net->poll, UV_READABLE, on_poll);
}

static void on_retry(uv_timer_t *timer)
{
	struct net *net = timer->data;

	if (net->lost)
		recover(net);
	net->changed(net->arg);
}

void net_events_retry(struct net *net, uint64_t ms)
{
	if (!uv_is_active((uv_handle_t *)&net->retry))
		uv_timer_start(&net->retry, on_retry, ms, 0);
}
