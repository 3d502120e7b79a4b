// SPDX-License-Identifier: GPL-2.0
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/log.h"
#include "net/outer.h"
#include "net/priv.h"
#include "net/request.h"

/* Each new managed neighbour makes an event of about 1 KiB of socket memory;
 * 10,000 of them, and a few other things, have to fit between two turns of the
 * loop. The memory is only used while events wait. */
#define EVENTS_BUFFER   (32 << 20)
#define REQUESTS_BUFFER (1 << 20)

/* A neighbour that somebody else deletes again and again is asked for at most
 * so often; one that the kernel refuses, so often. */
#define NEIGH_AGAIN_MS   100
#define NEIGH_REFUSED_MS 1000
#define ROUTE_REFUSED_MS 1000

const char *net_state_name(enum net_state state)
{
	static const char *const names[] = {
		[NET_OK] = "ok",
		[NET_NO_ROUTE] = "no route",
		[NET_LOCAL] = "local address",
		[NET_RESOLVING] = "resolving neighbour",
		[NET_NEIGHBOUR_FAILED] = "neighbour does not answer",
		[NET_LINK_DOWN] = "link down",
		[NET_NOT_ETHERNET] = "not Ethernet",
		[NET_TOO_MANY_TAGS] = "more than two VLAN tags",
		[NET_NO_SOURCE] = "no source address",
	};

	if ((size_t)state >= sizeof(names) / sizeof(names[0]))
		return "unknown";
	return names[state];
}

bool net_state_is_own(enum net_state state)
{
	return state == NET_NO_ROUTE || state == NET_LINK_DOWN || state == NET_NO_SOURCE;
}

/* --- opening and closing --- */

static void fini(struct net *net)
{
	net_socket_close(&net->events);
	net_socket_close(&net->requests);
	net_backends_fini(&net->backends);
	net_neighs_fini(&net->neighs);
	net_addrs_fini(&net->addrs);
	net_links_fini(&net->links);
}

static int init_tables(struct net *net)
{
	int ret = net_links_init(&net->links);

	if (!ret)
		ret = net_addrs_init(&net->addrs);
	if (!ret)
		ret = net_neighs_init(&net->neighs);
	if (!ret)
		ret = net_backends_init(&net->backends);
	return ret;
}

static int open_sockets(struct net *net, struct lp_err *err)
{
	int ret = net_socket_open(&net->requests, REQUESTS_BUFFER, err);

	if (!ret)
		ret = net_socket_open(&net->events, EVENTS_BUFFER, err);
	if (!ret)
		ret = net_events_subscribe(net, err);
	return ret;
}

/* Nothing after uv_poll_init() can fail but in a way that closes on the loop. */
static int init_handles(struct net *net, uv_loop_t *loop, struct lp_err *err)
{
	int ret = uv_poll_init(loop, &net->poll, nl_socket_get_fd(net->events.sk));

	if (ret)
		return lp_err(err, ret, "netlink: cannot poll: %s", uv_strerror(ret));
	uv_timer_init(loop, &net->burst);
	uv_timer_init(loop, &net->retry);
	net->poll.data = net->burst.data = net->retry.data = net;
	net->handles = 3;
	return 0;
}

int net_open(uv_loop_t *loop, net_changed_fn changed, void *arg, struct net **out,
	     struct lp_err *err)
{
	struct net *net = calloc(1, sizeof(*net));
	int ret;

	if (!net)
		return lp_err(err, -ENOMEM, "netlink: no memory");
	net->changed = changed;
	net->arg = arg;
	ret = init_tables(net);
	if (ret) {
		lp_err(err, ret, "netlink: %s", strerror(-ret));
		goto fail;
	}
	ret = open_sockets(net, err);
	if (ret)
		goto fail;
	ret = init_handles(net, loop, err);
	if (ret)
		goto fail;
	ret = net_events_read_all(net);
	uv_timer_stop(&net->burst); /* all is new, but nothing has changed */
	if (!ret)
		ret = net_events_start(net);
	if (ret) {
		lp_err(err, ret, "netlink: cannot read links, addresses and neighbours: %s",
		       strerror(-ret));
		net_close(&net);
		return ret;
	}
	*out = net;
	return 0;

fail:
	fini(net);
	free(net);
	return ret;
}

static void on_closed(uv_handle_t *handle)
{
	struct net *net = handle->data;

	if (!--net->handles)
		free(net);
}

void net_close(struct net **net)
{
	struct net *old = *net;

	if (!old)
		return;
	*net = NULL;
	uv_close((uv_handle_t *)&old->poll, on_closed);
	uv_close((uv_handle_t *)&old->burst, on_closed);
	uv_close((uv_handle_t *)&old->retry, on_closed);
	fini(old);
}

/* --- the neighbour --- */

/*
 * A neighbour of which no event has told yet may be there nevertheless: the
 * kernel does not tell of one that it has begun to ask (a health check's SYN was
 * first), and events may wait. It may be a permanent one.
 */
static int try_manage(struct net *net, struct net_neigh *neigh)
{
	const struct net_key *key = &neigh->node.key;
	struct net_neigh_info info;
	int ret = net_request_manage(&net->requests, key, !neigh->present);

	if (ret == -EEXIST) {
		ret = net_request_neigh(&net->requests, key, &info);
		if (!ret)
			ret = net_neighs_update(&net->neighs, &info);
		if (ret < 0 || !net_neigh_wants_managing(neigh))
			return ret < 0 ? ret : 0;
		ret = net_request_manage(&net->requests, key, false);
	} else if (ret == -ENOENT) {
		/* Gone, and the event waits. */
		ret = net_request_manage(&net->requests, key, true);
	}
	if (!ret)
		net_neigh_set_managed(neigh, true);
	return ret;
}

static void manage(struct net *net, struct net_neigh *neigh)
{
	uint64_t now = net_now();
	int ret;

	if (now < neigh->retry_at) {
		net_events_retry(net, neigh->retry_at - now);
		return;
	}
	ret = try_manage(net, neigh);
	neigh->retry_at = now + (ret ? NEIGH_REFUSED_MS : NEIGH_AGAIN_MS);
	if (!ret)
		return;
	/* One line a second, not one for each of 10,000. */
	if (!uv_is_active((uv_handle_t *)&net->retry))
		lp_warning("netlink: the kernel refuses to manage a neighbour: %s", strerror(-ret));
	net_events_retry(net, NEIGH_REFUSED_MS);
}

static void release_neigh(struct net *net, struct net_neigh *neigh)
{
	/* Gone meanwhile, or refused: nothing is left to do about it. */
	if (!net_request_release(&net->requests, &neigh->node.key))
		net_neigh_set_managed(neigh, false);
}

/* --- the route --- */

static void put_neigh(struct net *net, struct net_backend *backend)
{
	if (backend->neigh && backend->neigh->users == 1 && net_neigh_is_ours(backend->neigh))
		release_neigh(net, backend->neigh);
	net_neighs_put(&net->neighs, &backend->neigh);
}

/* Uses the new next hop before it lets go of the old one: mostly they are one. */
static int set_route(struct net *net, struct net_backend *backend, const struct net_route *route)
{
	struct net_key key = { .addr = route->next, .ifindex = route->ifindex };
	struct net_neigh *neigh = NULL;

	if (route->state == NET_OK) {
		neigh = net_neighs_get(&net->neighs, &key);
		if (!neigh)
			return -ENOMEM;
	}
	put_neigh(net, backend);
	backend->neigh = neigh;
	backend->route = *route;
	return 0;
}

static void refresh_route(struct net *net, struct net_backend *backend)
{
	struct net_route route;
	int ret = net_request_route(&net->requests, &backend->node.key.addr, &route);

	if (!ret)
		ret = set_route(net, backend, &route);
	if (!ret) {
		backend->fresh = true;
		return;
	}
	if (!uv_is_active((uv_handle_t *)&net->retry))
		lp_warning("netlink: cannot ask for a route: %s", strerror(-ret));
	net_events_retry(net, ROUTE_REFUSED_MS);
}

/* --- the answer --- */

static __u16 hop_mtu(const struct net_route *route, const struct net_egress *egress)
{
	uint32_t mtu = egress->mtu;

	if (route->mtu && route->mtu < mtu)
		mtu = route->mtu;
	return mtu > UINT16_MAX ? UINT16_MAX : (__u16)mtu;
}

static void fill(struct lp_hop *hop, const struct net_backend *backend,
		 const struct net_egress *egress)
{
	bool v6 = lp_addr_is_v6(&hop->daddr);

	hop->ifindex = egress->ifindex;
	hop->mtu = hop_mtu(&backend->route, egress);
	hop->flags = (v6 ? LP_HOP_V6 : 0) | (egress->keep_tags ? LP_HOP_KEEP_TAGS : 0);
	hop->tags = egress->tags;
	memcpy(hop->dst, backend->neigh->info.mac, sizeof(hop->dst));
	memcpy(hop->src, egress->src, sizeof(hop->src));
	memcpy(hop->tag, egress->tag, sizeof(hop->tag));
	hop->saddr = backend->route.saddr;
	if (!v6)
		hop->outer_sum = net_outer_sum(hop->saddr.w[3], hop->daddr.w[3]);
}

enum net_state net_resolve(struct net *net, const struct lp_addr *addr, struct lp_hop *hop)
{
	struct net_backend *backend = net_backends_get(&net->backends, addr);
	struct net_egress egress;
	enum net_state state;

	memset(hop, 0, sizeof(*hop));
	hop->daddr = *addr;
	/* What cannot be asked for now says nothing about the way: it is asked again. */
	if (!backend) {
		net_events_retry(net, ROUTE_REFUSED_MS);
		return NET_RESOLVING;
	}
	if (!backend->fresh)
		refresh_route(net, backend);
	if (!backend->fresh)
		return NET_RESOLVING;
	if (backend->route.state != NET_OK)
		return backend->route.state;
	state = net_links_egress(&net->links, backend->route.ifindex, &egress);
	if (state != NET_OK)
		return state;
	if (net_neigh_wants_managing(backend->neigh))
		manage(net, backend->neigh);
	state = net_neigh_state(backend->neigh);
	if (state == NET_OK)
		fill(hop, backend, &egress);
	return state;
}

unsigned int net_link_bits(struct net *net, const struct lp_addr *addr)
{
	const struct net_backend *backend = net_backends_find(&net->backends, addr);
	unsigned int bits;

	if (!backend || backend->route.state != NET_OK ||
	    !lp_addr_equal(&backend->route.next, addr))
		return 128;
	bits = net_addrs_bits(&net->addrs, backend->route.ifindex, addr);
	return bits ? bits : 128;
}

/* --- what is no longer asked for --- */

static void drop_unless_kept(struct net_node *node, void *arg)
{
	struct net_backend *backend = net_map_entry(node, struct net_backend, node);
	struct net *net = arg;

	if (backend->kept) {
		backend->kept = false;
		return;
	}
	put_neigh(net, backend);
	net_backends_drop(&net->backends, backend);
}

static void release_if_unused(struct net_node *node, void *arg)
{
	struct net_neigh *neigh = net_map_entry(node, struct net_neigh, node);

	if (!neigh->users && net_neigh_is_ours(neigh))
		release_neigh(arg, neigh);
}

void net_retain(struct net *net, const struct lp_addr *backends, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct net_backend *backend = net_backends_find(&net->backends, &backends[i]);

		if (backend)
			backend->kept = true;
	}
	net_map_each(&net->backends.map, drop_unless_kept, net);
	net_map_each(&net->neighs.map, release_if_unused, net);
}

/* --- links and addresses --- */

int net_link(struct net *net, const char *name, struct net_link *link)
{
	const struct net_link_info *info = net_links_find_name(&net->links, name);

	if (!info)
		return -ENODEV;
	memset(link, 0, sizeof(*link));
	link->ifindex = info->ifindex;
	link->mtu = info->mtu;
	link->up = net_link_is_up(info);
	memcpy(link->mac, info->mac, sizeof(link->mac));
	memcpy(link->driver_kind, info->kind, sizeof(link->driver_kind));
	return 0;
}
