// SPDX-License-Identifier: GPL-2.0
#include "net/request.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "lib/addr.h"
#include "net/neighs.h"

static unsigned char family_of(const struct lp_addr *addr)
{
	return lp_addr_is_v6(addr) ? AF_INET6 : AF_INET;
}

static int put_addr(struct nl_msg *msg, int type, const struct lp_addr *addr)
{
	bool v6 = lp_addr_is_v6(addr);

	return nla_put(msg, type, v6 ? 16 : 4, v6 ? addr->b : addr->b + 12);
}

struct route_call {
	const struct lp_addr *daddr;
	struct net_route *route;
};

static int route_answer(struct nlmsghdr *msg, void *arg)
{
	struct route_call *call = arg;

	return net_decode_route(msg, call->daddr, call->route);
}

static struct nl_msg *route_message(const struct lp_addr *daddr)
{
	struct rtmsg header = { .rtm_family = family_of(daddr) };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);

	header.rtm_dst_len = lp_addr_is_v6(daddr) ? 128 : 32;
	if (msg && !nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) &&
	    !put_addr(msg, RTA_DST, daddr))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* How the kernel says "no", by the type of the route (net/ipv4/fib_semantics.c,
 * fib_props; net/ipv6/route.c, ip6_rt_type_to_error()). */
static bool means_no_route(int err)
{
	return err == -ENETUNREACH || err == -EHOSTUNREACH || err == -EACCES || err == -EINVAL ||
	       err == -EAGAIN || err == -ENETDOWN;
}

int net_request_route(struct net_socket *socket, const struct lp_addr *daddr,
		      struct net_route *route)
{
	struct route_call call = { daddr, route };
	int ret = net_socket_call(socket, route_message(daddr), route_answer, &call);

	if (!means_no_route(ret))
		return ret;
	*route = (struct net_route) { .state = NET_NO_ROUTE };
	return 0;
}

static struct nl_msg *dump_message(int type)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC }; /* the longest of the three */
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);

	if (msg && !nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

int net_request_dump(struct net_socket *socket, int type, net_msg_fn fn, void *arg)
{
	return net_socket_call(socket, dump_message(type), fn, arg);
}

static struct nl_msg *neigh_message(int type, int flags, const struct net_key *neigh,
				    unsigned char ntf)
{
	struct ndmsg header = {
		.ndm_family = family_of(&neigh->addr),
		.ndm_ifindex = (int)neigh->ifindex,
		.ndm_flags = ntf,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg && !nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) &&
	    !put_addr(msg, NDA_DST, &neigh->addr))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static int neigh_answer(struct nlmsghdr *msg, void *arg)
{
	return net_decode_neigh(msg, arg);
}

int net_request_neigh(struct net_socket *socket, const struct net_key *key,
		      struct net_neigh_info *info)
{
	return net_socket_call(socket, neigh_message(RTM_GETNEIGH, 0, key, 0), neigh_answer, info);
}

int net_request_manage(struct net_socket *socket, const struct net_key *neigh, bool create)
{
	int flags = NLM_F_ACK | (create ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct nl_msg *msg = neigh_message(RTM_NEWNEIGH, flags, neigh, NTF_USE | NTF_EXT_LEARNED);

	if (msg && (nla_put_u32(msg, NDA_FLAGS_EXT, NTF_EXT_MANAGED) ||
		    nla_put_u8(msg, NDA_PROTOCOL, NET_NEIGH_PROTOCOL))) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return net_socket_call(socket, msg, NULL, NULL);
}

int net_request_release(struct net_socket *socket, const struct net_key *neigh)
{
	/* Without NLM_F_CREATE: what is gone stays gone. */
	return net_socket_call(socket, neigh_message(RTM_NEWNEIGH, NLM_F_ACK, neigh, NTF_USE), NULL,
			       NULL);
}

int net_request_use(struct net_socket *socket, const struct net_key *neigh)
{
	return net_socket_call(
		socket, neigh_message(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, neigh, NTF_USE), NULL,
		NULL);
}
