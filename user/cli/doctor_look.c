// SPDX-License-Identifier: GPL-2.0
/* limpet doctor: what this host says. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor_facts.h"
#include "dp/preflight.h"
#include "net/ethtool.h"
#include "net/host.h"
#include "net/survey.h"

/*
 * The kernel asks for a neighbour three times, a second apart, before it is failed
 * (mcast_solicit and retrans_time of net/core/neighbour.c).
 */
#define NEIGHBOUR_TRIES   8
#define NEIGHBOUR_WAIT_NS 500000000L

static enum doctor_known known(int value)
{
	return value < 0 ? DOCTOR_UNKNOWN : value ? DOCTOR_YES : DOCTOR_NO;
}

/* --- the host ------------------------------------------------------------------------ */

static int look_at_kernel(struct doctor_host *host, int pid, struct lp_err *err)
{
	struct preflight preflight;
	struct lp_err words;
	int ret = preflight_read(&preflight);

	if (ret)
		return lp_err(err, ret, "limpet doctor: cannot read the kernel's release: %s",
			      strerror(-ret));
	/* A limpetd that runs has had them; it may be one whose /proc is not seen here. */
	if (pid && net_capabilities(pid, &preflight.capabilities))
		preflight.capabilities = UINT64_MAX;
	snprintf(host->release, sizeof(host->release), "%s", preflight.release);
	if (preflight_check(&preflight, &words))
		snprintf(host->trouble, sizeof(host->trouble), "%.511s", words.text);
	return 0;
}

static void look_at_clock(struct doctor_host *host)
{
	struct timex clock = { .modes = 0 };
	int state = adjtimex(&clock);

	host->clock_synced = state < 0                                          ? DOCTOR_UNKNOWN
			     : state == TIME_ERROR || clock.status & STA_UNSYNC ? DOCTOR_NO
										: DOCTOR_YES;
}

static int look_at_host(struct doctor_host *host, int pid, struct lp_err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	host->jit = net_sysctl("net/core/bpf_jit_enable");
	host->forward4 = net_sysctl("net/ipv4/ip_forward");
	host->forward6 = net_sysctl("net/ipv6/conf/all/forwarding");
	host->cpus = cpus > 0 ? (unsigned int)cpus : 0;
	host->n_pids = net_processes("limpetd", host->pids, DOCTOR_PIDS_MAX);
	look_at_clock(host);
	return look_at_kernel(host, pid, err);
}

/* --- interfaces ------------------------------------------------------------------------ */

static void look_at_driver(struct doctor_interface *interface, const char *name)
{
	struct net_ethtool driver;

	if (net_ethtool_read(name, &driver))
		return;
	snprintf(interface->driver, sizeof(interface->driver), "%s", driver.driver);
	interface->lro = known(driver.lro);
	interface->rx_queues = driver.rx_queues;
	interface->rx_queues_max = driver.rx_queues_max;
	interface->combined = driver.combined == 1;
	interface->rx_ring = driver.rx_ring;
	interface->rx_ring_max = driver.rx_ring_max;
}

static void look_at_peer(struct doctor_interface *interface)
{
	struct net_ethtool driver;

	if (*interface->peer && !net_ethtool_read(interface->peer, &driver))
		interface->peer_csum = known(driver.tx_csum);
}

static void look_at_interface(struct doctor_interface *interface, const struct net_survey *survey,
			      const char *name)
{
	struct net_survey_link link;

	interface->rp_filter = net_rp_filter(name);
	if (net_survey_link(survey, name, &link))
		return;
	interface->present = true;
	interface->up = link.up;
	interface->mtu = link.mtu;
	interface->xdp_id = link.xdp_id;
	if (link.xdp_id)
		interface->xdp = link.generic ? DOCTOR_XDP_GENERIC : DOCTOR_XDP_NATIVE;
	snprintf(interface->kind, sizeof(interface->kind), "%s", link.kind);
	snprintf(interface->peer, sizeof(interface->peer), "%s", link.peer);
	look_at_driver(interface, name);
	look_at_peer(interface);
}

/* --- ways -------------------------------------------------------------------------------- */

static enum doctor_way way_of(enum net_state state)
{
	static const enum doctor_way ways[] = {
		[NET_OK] = DOCTOR_WAY_OK,
		[NET_NO_ROUTE] = DOCTOR_WAY_NO_ROUTE,
		[NET_LOCAL] = DOCTOR_WAY_LOCAL,
		[NET_RESOLVING] = DOCTOR_WAY_RESOLVING,
		[NET_NEIGHBOUR_FAILED] = DOCTOR_WAY_NEIGHBOUR,
		[NET_LINK_DOWN] = DOCTOR_WAY_LINK,
		[NET_NOT_ETHERNET] = DOCTOR_WAY_ETHERNET,
		[NET_TOO_MANY_TAGS] = DOCTOR_WAY_TAGS,
		[NET_NO_SOURCE] = DOCTOR_WAY_SOURCE,
	};

	return ways[state];
}

static int look_at_backend(struct doctor_backend *backend, struct net_survey *survey,
			   const struct lp_addr *addr)
{
	struct net_survey_way way;
	int ret = net_survey_way(survey, addr, &way);

	if (ret)
		return ret;
	backend->way = way_of(way.state);
	backend->mtu = way.mtu;
	backend->on_link = way.on_link;
	snprintf(backend->interface, sizeof(backend->interface), "%s", way.interface);
	return 0;
}

/* All backends; how many are still being resolved. With `ask`, those are asked for. */
static int look_at_backends(struct doctor_facts *facts, struct net_survey *survey, bool ask)
{
	struct doctor_backend *backend = facts->backends;
	int resolving = 0, ret;

	for (size_t i = 0; i < facts->config->n_pools; i++) {
		const struct config_pool *pool = &facts->config->pools[i];

		for (size_t j = 0; j < pool->n_backends; j++, backend++) {
			ret = look_at_backend(backend, survey, &pool->backends[j].address);
			if (ret)
				return ret;
			if (backend->way != DOCTOR_WAY_RESOLVING)
				continue;
			resolving++;
			if (ask)
				net_survey_ask(survey, &pool->backends[j].address);
		}
	}
	return resolving;
}

static int look_at_ways(struct doctor_facts *facts, struct net_survey *survey, bool ask)
{
	const struct timespec wait = { .tv_nsec = NEIGHBOUR_WAIT_NS };
	int resolving = look_at_backends(facts, survey, ask);

	for (int i = 0; ask && resolving > 0 && i < NEIGHBOUR_TRIES; i++) {
		nanosleep(&wait, NULL);
		resolving = look_at_backends(facts, survey, false);
	}
	return resolving < 0 ? resolving : 0;
}

static void look_at_vips(struct doctor_facts *facts, struct net_survey *survey)
{
	for (size_t i = 0; i < facts->config->n_vips; i++) {
		const struct config_vip *vip = &facts->config->vips[i];

		for (size_t j = 0; j < vip->n_addresses; j++)
			if (net_survey_is_local(survey, &vip->addresses[j]))
				facts->local[facts->n_local++] = vip->addresses[j];
	}
}

static int look_at_network(struct doctor_facts *facts, bool ask, struct lp_err *err)
{
	struct net_survey *survey = NULL;
	int ret = net_survey_open(&survey, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < facts->config->n_interfaces; i++)
		look_at_interface(&facts->interfaces[i], survey, facts->config->interfaces[i].name);
	ret = look_at_ways(facts, survey, ask);
	if (ret)
		lp_err(err, ret, "limpet doctor: cannot ask for routes: %s", strerror(-ret));
	else
		look_at_vips(facts, survey);
	net_survey_close(&survey);
	return ret;
}

int doctor_look(struct doctor_facts *facts, int pid, struct lp_err *err)
{
	int ret = look_at_host(&facts->host, pid, err);

	if (ret || facts->elsewhere)
		return ret;
	return look_at_network(facts, !pid, err);
}
