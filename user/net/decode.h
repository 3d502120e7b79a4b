/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rtnetlink messages turned into structs. Pure: bytes in, struct out. Attributes
 * are read with libnl's message parser and not as libnl-route's objects, which
 * (3.7) do not know managed neighbours (NDA_FLAGS_EXT, Linux 5.16) and cannot
 * tell an IPv4 route's IPv6 gateway from none (RTA_VIA).
 *
 * All return 0; -ENOMSG for a message that is valid but says nothing of
 * interest (bridge ports, proxies, cached routes); -EBADMSG for a broken one.
 * *out is untouched then.
 */
#ifndef LIMPET_NET_DECODE_H
#define LIMPET_NET_DECODE_H

#include <limpet/abi.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/map.h"
#include "net/net.h"

/* A link. No padding, so that two can be compared as bytes. */
struct net_link_info {
	uint32_t ifindex;
	uint32_t flags; /* IFF_ */
	uint32_t mtu;
	uint32_t lower;          /* ifindex of the device below; 0: none in this namespace */
	uint16_t type;           /* ARPHRD_ */
	uint16_t vlan_id;        /* of a VLAN device */
	__be16 vlan_tpid;        /* of a VLAN device; 0: not a VLAN device */
	uint8_t mac[6];          /* zero if it has none of 6 bytes */
	char name[16], kind[16]; /* kind: "veth", "vlan", ...; "" for a physical NIC */
};
LP_ASSERT_SIZE(struct net_link_info, 60);

int net_decode_link(struct nlmsghdr *msg, struct net_link_info *out);

struct net_addr_info {
	struct net_key key;
	uint32_t flags; /* IFA_F_ */
	uint8_t prefix;
	uint8_t scope;
};

int net_decode_addr(struct nlmsghdr *msg, struct net_addr_info *out);

struct net_neigh_info {
	struct net_key key;
	uint16_t state; /* NUD_ */
	uint8_t flags;  /* NTF_ */
	uint8_t protocol;
	uint32_t flags_ext; /* NTF_EXT_ */
	uint8_t mac[6];
	bool has_mac; /* an Ethernet address is known */
};

int net_decode_neigh(struct nlmsghdr *msg, struct net_neigh_info *out);

/* What a route event is about: a destination prefix. */
struct net_prefix {
	struct lp_addr addr;
	unsigned int bits; /* 0 to 32 or 128 */
	bool v6;
};

int net_decode_route_event(struct nlmsghdr *msg, struct net_prefix *out);

/* The kernel's answer to RTM_GETROUTE for one destination. */
struct net_route {
	enum net_state state; /* NET_OK, NET_LOCAL, NET_NO_ROUTE, NET_NO_SOURCE, NET_NOT_ETHERNET */
	uint32_t ifindex;
	uint32_t mtu;         /* of the route; 0: none */
	struct lp_addr next;  /* whose MAC is wanted: gateway or destination */
	struct lp_addr saddr; /* the source address that the kernel would take */
};

int net_decode_route(struct nlmsghdr *msg, const struct lp_addr *daddr, struct net_route *out);

#endif
