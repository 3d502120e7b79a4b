// SPDX-License-Identifier: GPL-2.0
#include "net/survey.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "net/decode.h"
#include "net/links.h"
#include "net/neighs.h"
#include "net/request.h"
#include "net/socket.h"

#define REQUESTS_BUFFER (1 << 20)

/* A dump that a change has made inconsistent is asked for again. */
#define DUMP_TRIES 5

/* What net_link_info does not say. */
struct xdp {
	uint32_t ifindex, id;
	bool generic;
};

struct net_survey {
	struct net_socket socket;
	struct net_links links;
	struct xdp *xdp; /* of links with a program */
	size_t n_xdp;
};

/* --- links ------------------------------------------------------------------------- */

static int add_xdp(struct net_survey *survey, const struct xdp *xdp)
{
	struct xdp *more = reallocarray(survey->xdp, survey->n_xdp + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	survey->xdp = more;
	survey->xdp[survey->n_xdp++] = *xdp;
	return 0;
}

/* With programs in the driver and in the stack, the driver's is the first to run. */
static int read_xdp(struct net_survey *survey, struct nlmsghdr *msg)
{
	struct nlattr *tb[IFLA_MAX + 1], *in[IFLA_XDP_MAX + 1];
	const struct ifinfomsg *header = nlmsg_data(msg);
	struct xdp xdp = { .ifindex = (uint32_t)header->ifi_index };
	int id;

	if (nlmsg_parse(msg, sizeof(*header), tb, IFLA_MAX, NULL) < 0)
		return -EBADMSG;
	if (!tb[IFLA_XDP] || nla_parse_nested(in, IFLA_XDP_MAX, tb[IFLA_XDP], NULL) < 0 ||
	    !in[IFLA_XDP_ATTACHED] || nla_get_u8(in[IFLA_XDP_ATTACHED]) == XDP_ATTACHED_NONE)
		return 0;
	xdp.generic = nla_get_u8(in[IFLA_XDP_ATTACHED]) == XDP_ATTACHED_SKB;
	id = in[IFLA_XDP_DRV_PROG_ID] ? IFLA_XDP_DRV_PROG_ID : IFLA_XDP_PROG_ID;
	if (in[id])
		xdp.id = nla_get_u32(in[id]);
	return add_xdp(survey, &xdp);
}

static int on_link(struct nlmsghdr *msg, void *arg)
{
	struct net_survey *survey = arg;
	struct net_link_info info;
	int ret = net_decode_link(msg, &info);

	if (!ret)
		ret = net_links_update(&survey->links, &info);
	if (ret >= 0)
		ret = read_xdp(survey, msg);
	return ret == -ENOMSG || ret == -EBADMSG ? 0 : ret;
}

static int read_links(struct net_survey *survey)
{
	int ret = -EINTR;

	for (int i = 0; i < DUMP_TRIES && ret == -EINTR; i++) {
		survey->n_xdp = 0;
		net_links_begin(&survey->links);
		ret = net_request_dump(&survey->socket, RTM_GETLINK, on_link, survey);
	}
	if (!ret)
		net_links_sweep(&survey->links);
	return ret;
}

int net_survey_open(struct net_survey **out, struct lp_err *err)
{
	struct net_survey *survey = calloc(1, sizeof(*survey));
	int ret = survey ? net_links_init(&survey->links) : -ENOMEM;

	if (ret) {
		free(survey);
		return lp_err(err, ret, "netlink: %s", strerror(-ret));
	}
	ret = net_socket_open(&survey->socket, REQUESTS_BUFFER, err);
	if (!ret) {
		ret = read_links(survey);
		if (ret)
			lp_err(err, ret, "netlink: cannot read links: %s", strerror(-ret));
	}
	if (ret)
		net_survey_close(&survey);
	else
		*out = survey;
	return ret;
}

void net_survey_close(struct net_survey **survey)
{
	if (!*survey)
		return;
	net_socket_close(&(*survey)->socket);
	net_links_fini(&(*survey)->links);
	free((*survey)->xdp);
	free(*survey);
	*survey = NULL;
}

static void fill_xdp(const struct net_survey *survey, struct net_survey_link *link)
{
	for (size_t i = 0; i < survey->n_xdp; i++) {
		if (survey->xdp[i].ifindex != link->ifindex)
			continue;
		link->xdp_id = survey->xdp[i].id;
		link->generic = survey->xdp[i].generic;
	}
}

int net_survey_link(const struct net_survey *survey, const char *name, struct net_survey_link *link)
{
	/* Looking for a name changes nothing. */
	struct net_links *links = (struct net_links *)(uintptr_t)&survey->links;
	const struct net_link_info *info = net_links_find_name(links, name), *peer;
	struct net_survey_link found = { 0 };

	if (!info)
		return -ENODEV;
	found.ifindex = info->ifindex;
	found.mtu = info->mtu;
	found.up = net_link_is_up(info);
	snprintf(found.kind, sizeof(found.kind), "%s", info->kind);
	peer = strcmp(info->kind, "veth") ? NULL : net_links_find(links, info->lower);
	snprintf(found.peer, sizeof(found.peer), "%s", peer ? peer->name : "");
	fill_xdp(survey, &found);
	*link = found;
	return 0;
}

/* --- ways ---------------------------------------------------------------------------- */

static int ask_route(struct net_survey *survey, const struct lp_addr *addr, struct net_route *route)
{
	return net_request_route(&survey->socket, addr, route);
}

/* The kernel's word on a neighbour, in net_neigh_state()'s terms. */
static int neighbour_state(struct net_survey *survey, const struct net_route *route,
			   enum net_state *state)
{
	const struct net_key key = { .addr = route->next, .ifindex = route->ifindex };
	struct net_neigh neigh = { 0 };
	int ret = net_request_neigh(&survey->socket, &key, &neigh.info);

	if (ret == -ENOENT) {
		*state = NET_RESOLVING;
		return 0;
	}
	if (ret)
		return ret;
	neigh.failed = neigh.info.state & NUD_FAILED;
	*state = net_neigh_state(&neigh);
	return 0;
}

static void name_interface(const struct net_survey *survey, uint32_t ifindex,
			   struct net_survey_way *way)
{
	const struct net_link_info *link = net_links_find(&survey->links, ifindex);

	snprintf(way->interface, sizeof(way->interface), "%s", link ? link->name : "");
}

int net_survey_way(struct net_survey *survey, const struct lp_addr *addr,
		   struct net_survey_way *way)
{
	struct net_survey_way found = { 0 };
	struct net_egress egress = { 0 };
	struct net_route route;
	int ret = ask_route(survey, addr, &route);

	if (ret)
		return ret;
	found.state = route.state;
	if (route.state == NET_OK) {
		name_interface(survey, route.ifindex, &found);
		found.on_link = lp_addr_equal(&route.next, addr);
		found.state = net_links_egress(&survey->links, route.ifindex, &egress);
	}
	if (found.state == NET_OK) {
		name_interface(survey, egress.ifindex, &found);
		found.mtu = route.mtu && route.mtu < egress.mtu ? route.mtu : egress.mtu;
		ret = neighbour_state(survey, &route, &found.state);
	}
	if (!ret)
		*way = found;
	return ret;
}

int net_survey_ask(struct net_survey *survey, const struct lp_addr *addr)
{
	struct net_route route;
	int ret = ask_route(survey, addr, &route);

	if (ret || route.state != NET_OK)
		return ret;
	return net_request_use(&survey->socket,
			       &(struct net_key) { .addr = route.next, .ifindex = route.ifindex });
}

bool net_survey_is_local(struct net_survey *survey, const struct lp_addr *addr)
{
	struct net_route route;

	return !ask_route(survey, addr, &route) && route.state == NET_LOCAL;
}
