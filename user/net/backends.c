// SPDX-License-Identifier: GPL-2.0
#include "net/backends.h"

#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

static struct net_backend *to_backend(struct net_node *node)
{
	return net_map_entry(node, struct net_backend, node);
}

int net_backends_init(struct net_backends *backends)
{
	memset(backends, 0, sizeof(*backends));
	return net_map_init(&backends->map);
}

static void release(struct net_node *node)
{
	free(to_backend(node));
}

static void unsort(struct net_backends *backends)
{
	free(backends->sorted);
	backends->sorted = NULL;
}

void net_backends_fini(struct net_backends *backends)
{
	unsort(backends);
	net_map_fini(&backends->map, release);
}

struct net_backend *net_backends_find(struct net_backends *backends, const struct lp_addr *addr)
{
	struct net_key key = { .addr = *addr };
	struct net_node *node = net_map_find(&backends->map, &key);

	return node ? to_backend(node) : NULL;
}

struct net_backend *net_backends_get(struct net_backends *backends, const struct lp_addr *addr)
{
	struct net_backend *backend = net_backends_find(backends, addr);

	if (backend)
		return backend;
	backend = calloc(1, sizeof(*backend));
	if (!backend)
		return NULL;
	backend->node.key.addr = *addr;
	net_map_add(&backends->map, &backend->node);
	unsort(backends);
	return backend;
}

void net_backends_drop(struct net_backends *backends, struct net_backend *backend)
{
	net_map_remove(&backends->map, &backend->node);
	free(backend);
	unsort(backends);
}

static int by_address(const void *a, const void *b)
{
	const struct net_backend *const *x = a, *const *y = b;

	return lp_addr_compare(&(*x)->node.key.addr, &(*y)->node.key.addr);
}

static void append(struct net_node *node, void *arg)
{
	struct net_backend ***at = arg;

	*(*at)++ = to_backend(node);
}

static bool sort(struct net_backends *backends)
{
	size_t n = backends->map.count;
	struct net_backend **at;

	if (backends->sorted || !n)
		return true;
	backends->sorted = at = calloc(n, sizeof(*at));
	if (!at)
		return false;
	net_map_each(&backends->map, append, &at);
	qsort(backends->sorted, n, sizeof(*backends->sorted), by_address);
	return true;
}

void net_backends_doubt_all(struct net_backends *backends)
{
	backends->doubt_all = true;
}

/* Number of backends in `sorted` whose address is below `addr`. */
static size_t below(const struct net_backends *backends, const struct lp_addr *addr)
{
	size_t low = 0, high = backends->map.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (lp_addr_compare(&backends->sorted[middle]->node.key.addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool in_prefix(const struct lp_addr *addr, const struct net_prefix *prefix,
		      const struct lp_addr *mask)
{
	return !((addr->d[0] ^ prefix->addr.d[0]) & mask->d[0]) &&
	       !((addr->d[1] ^ prefix->addr.d[1]) & mask->d[1]);
}

bool net_backends_doubt(struct net_backends *backends, const struct net_prefix *prefix)
{
	struct lp_addr mask;
	bool any = false;

	if (!sort(backends)) {
		net_backends_doubt_all(backends);
		return true;
	}
	lp_addr_mask(&mask, prefix->bits, prefix->v6);
	for (size_t i = below(backends, &prefix->addr); i < backends->map.count; i++) {
		struct net_backend *backend = backends->sorted[i];

		if (!in_prefix(&backend->node.key.addr, prefix, &mask))
			break;
		/* ::/0 has IPv4-mapped addresses in it, but no IPv4 destination. */
		if (lp_addr_is_v6(&backend->node.key.addr) == prefix->v6)
			any = backend->doubted = true;
	}
	backends->doubt_some |= any;
	return any;
}

static void settle(struct net_node *node, void *arg)
{
	const struct net_backends *backends = arg;
	struct net_backend *backend = to_backend(node);

	if (backends->doubt_all || backend->doubted)
		backend->fresh = false;
	backend->doubted = false;
}

void net_backends_settle(struct net_backends *backends)
{
	if (backends->doubt_all || backends->doubt_some)
		net_map_each(&backends->map, settle, backends);
	backends->doubt_all = backends->doubt_some = false;
}
