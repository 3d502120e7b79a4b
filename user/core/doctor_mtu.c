// SPDX-License-Identifier: GPL-2.0
/* Room for outer headers: what comes in, with its tunnel, has to fit on the way out. */
#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>

#include "core/doctor_internal.h"
#include "lib/addr.h"

/* RFC 8200 section 5: every link carries that, so nobody sends less because of us. */
#define IPV6_MTU_MIN 1280

#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define UDP_BYTES  8

/* One tunnel over one interface with one MTU: what a finding is about. */
struct tunnel {
	enum lp_forward forward;
	bool v6; /* outside */
	const struct doctor_backend *way;
};

static uint32_t overhead(const struct tunnel *tunnel)
{
	return (tunnel->v6 ? IPV6_BYTES : IPV4_BYTES) +
	       (tunnel->forward == LP_FORWARD_GUE ? UDP_BYTES : 0);
}

/*
 * The largest packet that can come in and take this tunnel. By the interface that the
 * tunnel leaves by itself, none above Ethernet's 1,500: a larger MTU of it is the room
 * that was made for the tunnel.
 */
static uint32_t largest(const struct doctor_facts *facts, const struct tunnel *tunnel)
{
	uint32_t most = 0;

	for (size_t i = 0; i < facts->config->n_interfaces; i++) {
		uint32_t mtu = facts->interfaces[i].present ? facts->interfaces[i].mtu : 0;

		if (mtu > ETH_DATA_LEN &&
		    !strcmp(facts->config->interfaces[i].name, tunnel->way->interface))
			mtu = ETH_DATA_LEN;
		most = mtu > most ? mtu : most;
	}
	return most;
}

static bool same(const struct tunnel *a, const struct tunnel *b)
{
	return a->forward == b->forward && a->v6 == b->v6 && a->way->mtu == b->way->mtu &&
	       !strcmp(a->way->interface, b->way->interface);
}

/* Tunnels that are alike, and whom they lead to: one finding for all of them. */
struct kind {
	struct tunnel tunnel;
	struct doctor_names names;
};

struct kinds {
	struct kind *list;
	size_t n;
};

static struct kind *find_kind(struct kinds *kinds, const struct tunnel *tunnel)
{
	struct kind *more;

	for (size_t i = 0; i < kinds->n; i++)
		if (same(&kinds->list[i].tunnel, tunnel))
			return &kinds->list[i];
	more = reallocarray(kinds->list, kinds->n + 1, sizeof(*more));
	if (!more)
		return NULL;
	kinds->list = more;
	more[kinds->n] = (struct kind) { .tunnel = *tunnel };
	return &more[kinds->n++];
}

/* The tunnels of one pool, whose first backend's way is `way`. */
static int gather_pool(const struct config_pool *pool, const struct doctor_backend *way,
		       enum lp_forward forward, struct kinds *kinds)
{
	for (size_t i = 0; i < pool->n_backends; i++) {
		const struct tunnel tunnel = { forward, lp_addr_is_v6(&pool->backends[i].address),
					       &way[i] };
		struct kind *kind;

		if (!way[i].mtu)
			continue; /* there is no way, which is said elsewhere */
		kind = find_kind(kinds, &tunnel);
		if (!kind)
			return -ENOMEM;
		doctor_names_add(&kind->names, "%s/%s", pool->name, pool->backends[i].name);
	}
	return 0;
}

static int gather(const struct doctor_facts *facts, enum lp_forward forward, struct kinds *kinds)
{
	const struct doctor_backend *way = facts->backends;
	int ret = 0;

	for (size_t i = 0; i < facts->config->n_pools && !ret; i++) {
		const struct config_pool *pool = &facts->config->pools[i];

		if (doctor_uses(facts->config, forward, pool->name))
			ret = gather_pool(pool, way, forward, kinds);
		way += pool->n_backends;
	}
	return ret;
}

static void find_small(const struct tunnel *tunnel, const char *names, uint32_t in,
		       struct doctor_report *report)
{
	uint32_t room = tunnel->way->mtu - overhead(tunnel);
	const char *name = tunnel->forward == LP_FORWARD_GUE ? "gue" : "ipip";
	struct doctor_finding *finding;

	if (tunnel->way->mtu < overhead(tunnel))
		room = 0;
	finding = doctor_find(
		report, room < IPV6_MTU_MIN ? DOCTOR_PROBLEM : DOCTOR_WARNING, "mtu",
		"%s to %s: packets above %u bytes do not fit (MTU %u of %s or its path, "
		"%u for the %s header), and %u can come in",
		name, names, room, tunnel->way->mtu, tunnel->way->interface, overhead(tunnel), name,
		in);
	if (room < IPV6_MTU_MIN)
		doctor_why(finding,
			   "clients are told (answer_too_big), but IPv6 clients cannot send less "
			   "than %u: uploads hang (drop_too_big)",
			   IPV6_MTU_MIN);
	else
		doctor_why(finding,
			   "clients are told (answer_too_big); where a firewall keeps ICMP from "
			   "them, uploads hang");
	doctor_fix(
		finding,
		"ip link set dev %s mtu %u, and the same on the whole way; or on the servers, for "
		"TCP: ip route change default via ... advmss %u",
		tunnel->way->interface, in + overhead(tunnel),
		room > IPV6_BYTES + 20 ? room - IPV6_BYTES - 20 : 0);
}

void doctor_judge_mtu(const struct doctor_facts *facts, struct doctor_report *report)
{
	struct kinds kinds = { 0 };
	size_t before = report->n;
	int ret;

	ret = gather(facts, LP_FORWARD_IPIP, &kinds);
	if (!ret)
		ret = gather(facts, LP_FORWARD_GUE, &kinds);
	if (ret)
		report->error = ret;
	for (size_t i = 0; i < kinds.n; i++) {
		struct kind *kind = &kinds.list[i];
		uint32_t in = largest(facts, &kind->tunnel);

		if (kind->tunnel.way->mtu < in + overhead(&kind->tunnel))
			find_small(&kind->tunnel, doctor_names_end(&kind->names), in, report);
	}
	if (kinds.n && report->n == before)
		doctor_find(report, DOCTOR_OK, "mtu",
			    "what comes in fits into every tunnel, as far as is known here");
	free(kinds.list);
}
