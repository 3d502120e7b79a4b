// SPDX-License-Identifier: GPL-2.0
#include "net/decode.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#define ADDR_POLICY                                                                                \
	{                                                                                          \
		.type = NLA_UNSPEC, .minlen = 4, .maxlen = 16                                      \
	}

/* Turns an attribute into an address; false if its length is not the family's. */
static bool addr_of(struct nlattr *attr, int family, struct lp_addr *addr)
{
	if (family == AF_INET && nla_len(attr) == 4) {
		memset(addr, 0, sizeof(*addr));
		addr->w[2] = htonl(0xffff);
		memcpy(&addr->w[3], nla_data(attr), 4);
		return true;
	}
	if (family == AF_INET6 && nla_len(attr) == 16) {
		memcpy(addr, nla_data(attr), 16);
		return true;
	}
	return false;
}

static bool is_ip(int family)
{
	return family == AF_INET || family == AF_INET6;
}

static int parse(struct nlmsghdr *msg, size_t header, struct nlattr **tb, int max,
		 const struct nla_policy *policy)
{
	return nlmsg_parse(msg, (int)header, tb, max, policy) < 0 ? -EBADMSG : 0;
}

static void decode_vlan(struct nlattr *data, struct net_link_info *link)
{
	static const struct nla_policy policy[IFLA_VLAN_MAX + 1] = {
		[IFLA_VLAN_ID] = { .type = NLA_U16 },
		[IFLA_VLAN_PROTOCOL] = { .type = NLA_U16 },
	};
	struct nlattr *tb[IFLA_VLAN_MAX + 1];

	if (!data || nla_parse_nested(tb, IFLA_VLAN_MAX, data, policy) < 0 || !tb[IFLA_VLAN_ID])
		return;
	link->vlan_id = nla_get_u16(tb[IFLA_VLAN_ID]);
	/* Absent before Linux 3.10, which knew 802.1Q only. */
	link->vlan_tpid = tb[IFLA_VLAN_PROTOCOL] ? nla_get_u16(tb[IFLA_VLAN_PROTOCOL])
						 : htons(0x8100);
}

static void decode_kind(struct nlattr *info, struct net_link_info *link)
{
	static const struct nla_policy policy[IFLA_INFO_MAX + 1] = {
		[IFLA_INFO_KIND] = { .type = NLA_STRING },
		[IFLA_INFO_DATA] = { .type = NLA_NESTED },
	};
	struct nlattr *tb[IFLA_INFO_MAX + 1];

	if (!info || nla_parse_nested(tb, IFLA_INFO_MAX, info, policy) < 0 || !tb[IFLA_INFO_KIND])
		return;
	nla_strlcpy(link->kind, tb[IFLA_INFO_KIND], sizeof(link->kind));
	if (!strcmp(link->kind, "vlan"))
		decode_vlan(tb[IFLA_INFO_DATA], link);
}

int net_decode_link(struct nlmsghdr *msg, struct net_link_info *out)
{
	static const struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING, .maxlen = IFNAMSIZ },
		[IFLA_MTU] = { .type = NLA_U32 },
		[IFLA_LINK] = { .type = NLA_U32 },
		[IFLA_LINKINFO] = { .type = NLA_NESTED },
	};
	struct nlattr *tb[IFLA_MAX + 1];
	struct net_link_info link = { 0 };
	struct ifinfomsg *header;

	if (parse(msg, sizeof(*header), tb, IFLA_MAX, policy))
		return -EBADMSG;
	header = nlmsg_data(msg);
	/* Bridge ports come as AF_BRIDGE; wireless events have no name. */
	if (header->ifi_family != AF_UNSPEC || !tb[IFLA_IFNAME])
		return -ENOMSG;
	link.ifindex = (uint32_t)header->ifi_index;
	link.flags = header->ifi_flags;
	link.type = header->ifi_type;
	nla_strlcpy(link.name, tb[IFLA_IFNAME], sizeof(link.name));
	if (tb[IFLA_MTU])
		link.mtu = nla_get_u32(tb[IFLA_MTU]);
	/* With LINK_NETNSID, LINK is a number of another namespace. */
	if (tb[IFLA_LINK] && !tb[IFLA_LINK_NETNSID])
		link.lower = nla_get_u32(tb[IFLA_LINK]);
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == sizeof(link.mac))
		memcpy(link.mac, nla_data(tb[IFLA_ADDRESS]), sizeof(link.mac));
	decode_kind(tb[IFLA_LINKINFO], &link);
	*out = link;
	return 0;
}

int net_decode_addr(struct nlmsghdr *msg, struct net_addr_info *out)
{
	static const struct nla_policy policy[IFA_MAX + 1] = {
		[IFA_LOCAL] = ADDR_POLICY,
		[IFA_ADDRESS] = ADDR_POLICY,
		[IFA_FLAGS] = { .type = NLA_U32 },
	};
	struct nlattr *tb[IFA_MAX + 1];
	struct net_addr_info addr = { 0 };
	struct ifaddrmsg *header;
	struct nlattr *local;

	if (parse(msg, sizeof(*header), tb, IFA_MAX, policy))
		return -EBADMSG;
	header = nlmsg_data(msg);
	if (!is_ip(header->ifa_family))
		return -ENOMSG;
	/* On a point-to-point link IFA_ADDRESS is the other side's. */
	local = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!local || !addr_of(local, header->ifa_family, &addr.key.addr))
		return -EBADMSG;
	addr.key.ifindex = header->ifa_index;
	addr.flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : header->ifa_flags;
	addr.prefix = header->ifa_prefixlen;
	addr.scope = header->ifa_scope;
	*out = addr;
	return 0;
}

int net_decode_neigh(struct nlmsghdr *msg, struct net_neigh_info *out)
{
	static const struct nla_policy policy[NDA_MAX + 1] = {
		[NDA_DST] = ADDR_POLICY,
		[NDA_PROTOCOL] = { .type = NLA_U8 },
		[NDA_FLAGS_EXT] = { .type = NLA_U32 },
	};
	struct nlattr *tb[NDA_MAX + 1];
	struct net_neigh_info neigh = { 0 };
	struct ndmsg *header;

	if (parse(msg, sizeof(*header), tb, NDA_MAX, policy))
		return -EBADMSG;
	header = nlmsg_data(msg);
	/* AF_BRIDGE: forwarding entries, on the same multicast group. */
	if (!is_ip(header->ndm_family) || header->ndm_flags & NTF_PROXY)
		return -ENOMSG;
	if (!tb[NDA_DST] || !addr_of(tb[NDA_DST], header->ndm_family, &neigh.key.addr))
		return -EBADMSG;
	neigh.key.ifindex = (uint32_t)header->ndm_ifindex;
	neigh.state = header->ndm_state;
	neigh.flags = header->ndm_flags;
	if (tb[NDA_PROTOCOL])
		neigh.protocol = nla_get_u8(tb[NDA_PROTOCOL]);
	if (tb[NDA_FLAGS_EXT])
		neigh.flags_ext = nla_get_u32(tb[NDA_FLAGS_EXT]);
	if (tb[NDA_LLADDR] && nla_len(tb[NDA_LLADDR]) == sizeof(neigh.mac)) {
		memcpy(neigh.mac, nla_data(tb[NDA_LLADDR]), sizeof(neigh.mac));
		neigh.has_mac = true;
	}
	*out = neigh;
	return 0;
}

static const struct nla_policy route_policy[RTA_MAX + 1] = {
	[RTA_DST] = ADDR_POLICY,
	[RTA_GATEWAY] = ADDR_POLICY,
	[RTA_PREFSRC] = ADDR_POLICY,
	[RTA_OIF] = { .type = NLA_U32 },
	[RTA_METRICS] = { .type = NLA_NESTED },
	[RTA_CACHEINFO] = { .type = NLA_UNSPEC, .minlen = sizeof(struct rta_cacheinfo) },
	[RTA_VIA] = { .type = NLA_UNSPEC, .minlen = sizeof(struct rtvia) },
};

int net_decode_route_event(struct nlmsghdr *msg, struct net_prefix *out)
{
	struct nlattr *tb[RTA_MAX + 1];
	struct net_prefix prefix = { 0 };
	struct rtmsg *header;

	if (parse(msg, sizeof(*header), tb, RTA_MAX, route_policy))
		return -EBADMSG;
	header = nlmsg_data(msg);
	if (!is_ip(header->rtm_family) || header->rtm_flags & RTM_F_CLONED)
		return -ENOMSG;
	prefix.v6 = header->rtm_family == AF_INET6;
	prefix.bits = header->rtm_dst_len;
	if (prefix.bits > (prefix.v6 ? 128 : 32))
		return -EBADMSG;
	if (!prefix.v6)
		prefix.addr.w[2] = htonl(0xffff);
	if (tb[RTA_DST] && !addr_of(tb[RTA_DST], header->rtm_family, &prefix.addr))
		return -EBADMSG;
	*out = prefix;
	return 0;
}

/*
 * The MTU of the route itself. One that path MTU discovery has learned (it
 * expires) is not taken: nothing tells when it is over.
 */
static uint32_t route_mtu(struct nlattr **tb)
{
	static const struct nla_policy policy[RTAX_MAX + 1] = { [RTAX_MTU] = { .type = NLA_U32 } };
	struct nlattr *metrics[RTAX_MAX + 1];
	const struct rta_cacheinfo *cache;

	if (!tb[RTA_METRICS] || nla_parse_nested(metrics, RTAX_MAX, tb[RTA_METRICS], policy) < 0)
		return 0;
	cache = tb[RTA_CACHEINFO] ? nla_data(tb[RTA_CACHEINFO]) : NULL;
	if (!metrics[RTAX_MTU] || (cache && cache->rta_expires))
		return 0;
	return nla_get_u32(metrics[RTAX_MTU]);
}

/* An IPv4 route's gateway of the other family (RFC 5549). */
static bool via_of(struct nlattr *attr, struct lp_addr *addr)
{
	const struct rtvia *via = nla_data(attr);

	if (via->rtvia_family != AF_INET6 || nla_len(attr) != (int)sizeof(*via) + 16)
		return false;
	memcpy(addr, via->rtvia_addr, 16);
	return true;
}

static bool next_hop_of(struct nlattr **tb, int family, struct lp_addr *next)
{
	if (tb[RTA_VIA])
		return via_of(tb[RTA_VIA], next);
	if (tb[RTA_GATEWAY])
		return addr_of(tb[RTA_GATEWAY], family, next);
	return true; /* on link: the destination itself */
}

static enum net_state route_state(const struct rtmsg *header, struct nlattr **tb)
{
	if (header->rtm_type == RTN_LOCAL || header->rtm_type == RTN_ANYCAST)
		return NET_LOCAL;
	if (header->rtm_type != RTN_UNICAST || !tb[RTA_OIF])
		return NET_NO_ROUTE;
	/* Lightweight tunnels (MPLS, SRv6): more than an Ethernet header is needed. */
	if (tb[RTA_ENCAP])
		return NET_NOT_ETHERNET;
	return tb[RTA_PREFSRC] ? NET_OK : NET_NO_SOURCE;
}

int net_decode_route(struct nlmsghdr *msg, const struct lp_addr *daddr, struct net_route *out)
{
	struct nlattr *tb[RTA_MAX + 1];
	struct net_route route = { .next = *daddr };
	struct rtmsg *header;

	if (parse(msg, sizeof(*header), tb, RTA_MAX, route_policy))
		return -EBADMSG;
	header = nlmsg_data(msg);
	if (!is_ip(header->rtm_family))
		return -ENOMSG;
	route.state = route_state(header, tb);
	if (route.state == NET_OK) {
		if (!addr_of(tb[RTA_PREFSRC], header->rtm_family, &route.saddr) ||
		    !next_hop_of(tb, header->rtm_family, &route.next))
			return -EBADMSG;
		route.ifindex = nla_get_u32(tb[RTA_OIF]);
		route.mtu = route_mtu(tb);
	}
	*out = route;
	return 0;
}
