// SPDX-License-Identifier: GPL-2.0
/* Room for outer headers: what comes in, with its tunnel, has to fit on the way out. */
#include <stdio.h>
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

/* The largest packet that can come in. */
static uint32_t largest(const struct doctor_facts *facts)
{
	uint32_t mtu = 0;

	for (size_t i = 0; i < facts->config->n_interfaces; i++)
		if (facts->interfaces[i].present && facts->interfaces[i].mtu > mtu)
			mtu = facts->interfaces[i].mtu;
	return mtu;
}

static bool same(const struct tunnel *a, const struct tunnel *b)
{
	return a->forward == b->forward && a->v6 == b->v6 && a->way->mtu == b->way->mtu &&
	       !strcmp(a->way->interface, b->way->interface);
}

typedef void (*tunnel_fn)(const struct tunnel *tunnel, const char *pool, const char *backend,
			  void *arg);

static void each_backend(const struct doctor_facts *facts, enum lp_forward forward, tunnel_fn fn,
			 void *arg)
{
	const struct doctor_backend *way = facts->backends;

	for (size_t i = 0; i < facts->config->n_pools; i++) {
		const struct config_pool *pool = &facts->config->pools[i];
		bool used = doctor_uses(facts->config, forward, pool->name);

		for (size_t j = 0; j < pool->n_backends; j++, way++) {
			const struct tunnel tunnel = { forward,
						       lp_addr_is_v6(&pool->backends[j].address),
						       way };

			if (used && way->mtu)
				fn(&tunnel, pool->name, pool->backends[j].name, arg);
		}
	}
}

struct gathered {
	const struct tunnel *like;
	struct doctor_names names;
	const struct doctor_backend *first;
};

static void gather(const struct tunnel *tunnel, const char *pool, const char *backend, void *arg)
{
	struct gathered *gathered = arg;

	if (!same(tunnel, gathered->like))
		return;
	if (!gathered->first)
		gathered->first = tunnel->way;
	doctor_names_add(&gathered->names, "%s/%s", pool, backend);
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
			   "they are dropped (drop_too_big), and IPv6 clients cannot send less "
			   "than %u: uploads hang",
			   IPV6_MTU_MIN);
	else
		doctor_why(finding, "they are dropped (drop_too_big): uploads hang, or begin late");
	doctor_fix(
		finding,
		"ip link set dev %s mtu %u, and the same on the whole way; or on the servers, for "
		"TCP: ip route change default via ... advmss %u",
		tunnel->way->interface, in + overhead(tunnel),
		room > IPV6_BYTES + 20 ? room - IPV6_BYTES - 20 : 0);
}

struct search {
	const struct doctor_facts *facts;
	struct doctor_report *report;
	uint32_t in;
	size_t tunnels;
};

/* One finding for all backends that are alike, at the first of them. */
static void judge(const struct tunnel *tunnel, const char *pool, const char *backend, void *arg)
{
	struct search *search = arg;
	struct gathered gathered = { .like = tunnel };

	(void)pool;
	(void)backend;
	search->tunnels++;
	if (tunnel->way->mtu >= search->in + overhead(tunnel))
		return;
	each_backend(search->facts, tunnel->forward, gather, &gathered);
	if (gathered.first == tunnel->way)
		find_small(tunnel, doctor_names_end(&gathered.names), search->in, search->report);
}

void doctor_judge_mtu(const struct doctor_facts *facts, struct doctor_report *report)
{
	struct search search = { .facts = facts, .report = report, .in = largest(facts) };
	size_t before = report->n;

	if (!search.in)
		return;
	each_backend(facts, LP_FORWARD_IPIP, judge, &search);
	each_backend(facts, LP_FORWARD_GUE, judge, &search);
	if (search.tunnels && report->n == before)
		doctor_find(report, DOCTOR_OK, "mtu",
			    "packets of %u bytes fit into every tunnel, as far as is known here",
			    search.in);
}
