/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of links, and which of them a packet really leaves by: a route over
 * VLAN devices means the interface below them and their tags. Pure: no netlink.
 */
#ifndef LIMPET_NET_LINKS_H
#define LIMPET_NET_LINKS_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/decode.h"
#include "net/map.h"
#include "net/net.h"

#define NET_TAGS_MAX 2 /* of struct lp_hop */

struct net_links {
	struct net_map map;
	uint32_t round; /* of reading all again: net_links_begin() */
	bool counted;   /* the numbers of VLAN devices on each link are right */
};

int net_links_init(struct net_links *links);
void net_links_fini(struct net_links *links);

/* 1: new or changed; 0: as it was; -ENOMEM. */
int net_links_update(struct net_links *links, const struct net_link_info *info);

/* Was it there? */
bool net_links_remove(struct net_links *links, uint32_t ifindex);

/* Reading all again: begin, update each, and sweep removes what was not updated. */
void net_links_begin(struct net_links *links);
void net_links_sweep(struct net_links *links);

/* NULL if there is none. Valid until the table changes. */
const struct net_link_info *net_links_find(const struct net_links *links, uint32_t ifindex);
const struct net_link_info *net_links_find_name(struct net_links *links, const char *name);

/* Operationally up (RFC 2863). */
bool net_link_is_up(const struct net_link_info *link);

/* How packets leave by a link. */
struct net_egress {
	uint32_t ifindex; /* of the interface below all VLAN devices */
	uint32_t mtu;     /* the smallest on the way down */
	uint8_t src[6];   /* of the link itself */
	bool keep_tags;   /* no VLAN device sits on ifindex */
	uint8_t tags;
	struct lp_tag tag[NET_TAGS_MAX]; /* outermost first */
};

/*
 * Fills *egress and returns NET_OK, or returns NET_LINK_DOWN (this link or one
 * below it is not up, or not there), NET_NOT_ETHERNET or NET_TOO_MANY_TAGS and
 * leaves *egress untouched. A VLAN device whose lower device is in another
 * namespace puts its tag on by itself: it counts as a plain interface. So do
 * bonds, bridges and all others.
 */
enum net_state net_links_egress(struct net_links *links, uint32_t ifindex,
				struct net_egress *egress);

#endif
