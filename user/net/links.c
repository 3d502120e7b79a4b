// SPDX-License-Identifier: GPL-2.0
#include "net/links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

struct link {
	struct net_node node;
	struct net_link_info info;
	uint32_t round;
	uint32_t vlans; /* VLAN devices on it; right if links.counted */
};

static struct link *to_link(struct net_node *node)
{
	return net_map_entry(node, struct link, node);
}

int net_links_init(struct net_links *links)
{
	memset(links, 0, sizeof(*links));
	return net_map_init(&links->map);
}

static void release(struct net_node *node)
{
	free(to_link(node));
}

void net_links_fini(struct net_links *links)
{
	net_map_fini(&links->map, release);
}

static struct link *find(const struct net_links *links, uint32_t ifindex)
{
	struct net_key key = { .ifindex = ifindex };
	struct net_node *node = net_map_find(&links->map, &key);

	return node ? to_link(node) : NULL;
}

static struct link *add(struct net_links *links, uint32_t ifindex)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->node.key.ifindex = ifindex;
	net_map_add(&links->map, &link->node);
	return link;
}

int net_links_update(struct net_links *links, const struct net_link_info *info)
{
	struct link *link = find(links, info->ifindex);

	if (!link)
		link = add(links, info->ifindex);
	if (!link)
		return -ENOMEM;
	link->round = links->round;
	if (!memcmp(&link->info, info, sizeof(*info)))
		return 0;
	link->info = *info;
	links->counted = false;
	return 1;
}

static void drop(struct net_links *links, struct link *link)
{
	net_map_remove(&links->map, &link->node);
	free(link);
	links->counted = false;
}

bool net_links_remove(struct net_links *links, uint32_t ifindex)
{
	struct link *link = find(links, ifindex);

	if (!link)
		return false;
	drop(links, link);
	return true;
}

static void drop_if_old(struct net_node *node, void *arg)
{
	struct net_links *links = arg;
	struct link *link = to_link(node);

	if (link->round != links->round)
		drop(links, link);
}

void net_links_begin(struct net_links *links)
{
	links->round++;
}

void net_links_sweep(struct net_links *links)
{
	net_map_each(&links->map, drop_if_old, links);
}

const struct net_link_info *net_links_find(const struct net_links *links, uint32_t ifindex)
{
	struct link *link = find(links, ifindex);

	return link ? &link->info : NULL;
}

struct name_search {
	const char *name;
	const struct net_link_info *found;
};

static void match_name(struct net_node *node, void *arg)
{
	struct name_search *search = arg;
	struct link *link = to_link(node);

	if (!strcmp(link->info.name, search->name))
		search->found = &link->info;
}

const struct net_link_info *net_links_find_name(struct net_links *links, const char *name)
{
	struct name_search search = { .name = name };

	net_map_each(&links->map, match_name, &search);
	return search.found;
}

bool net_link_is_up(const struct net_link_info *link)
{
	return link->flags & IFF_UP && link->flags & IFF_RUNNING;
}

static bool is_vlan(const struct net_link_info *link)
{
	return link->vlan_tpid && link->lower;
}

static void reset_vlans(struct net_node *node, void *arg)
{
	(void)arg;
	to_link(node)->vlans = 0;
}

static void count_vlan(struct net_node *node, void *arg)
{
	struct link *link = to_link(node), *lower;

	if (!is_vlan(&link->info))
		return;
	lower = find(arg, link->info.lower);
	if (lower)
		lower->vlans++;
}

static void count_vlans(struct net_links *links)
{
	if (links->counted)
		return;
	net_map_each(&links->map, reset_vlans, NULL);
	net_map_each(&links->map, count_vlan, links);
	links->counted = true;
}

/* Tags are met innermost first. */
static void push_tag(struct net_egress *egress, const struct net_link_info *vlan)
{
	memmove(&egress->tag[1], &egress->tag[0], sizeof(egress->tag[0]));
	egress->tag[0].tpid = vlan->vlan_tpid;
	egress->tag[0].tci = htons(vlan->vlan_id); /* priority 0 */
	egress->tags++;
}

/* One step down. NET_OK: `link` is where packets leave; NET_RESOLVING: go on. */
static enum net_state step(const struct link *link, struct net_egress *egress)
{
	if (!link || !net_link_is_up(&link->info))
		return NET_LINK_DOWN;
	if (link->info.mtu < egress->mtu)
		egress->mtu = link->info.mtu;
	if (!is_vlan(&link->info)) {
		egress->ifindex = link->info.ifindex;
		egress->keep_tags = !link->vlans;
		return link->info.type == ARPHRD_ETHER ? NET_OK : NET_NOT_ETHERNET;
	}
	if (egress->tags == NET_TAGS_MAX)
		return NET_TOO_MANY_TAGS;
	push_tag(egress, &link->info);
	return NET_RESOLVING;
}

enum net_state net_links_egress(struct net_links *links, uint32_t ifindex,
				struct net_egress *egress)
{
	struct net_egress way = { .mtu = UINT32_MAX };
	struct link *link = find(links, ifindex);
	enum net_state state;

	count_vlans(links);
	if (link)
		memcpy(way.src, link->info.mac, sizeof(way.src));
	/* Ends: each step down takes a place for a tag. */
	while ((state = step(link, &way)) == NET_RESOLVING)
		link = find(links, link->info.lower);
	if (state == NET_OK)
		*egress = way;
	return state;
}
