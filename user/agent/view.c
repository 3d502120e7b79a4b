// SPDX-License-Identifier: GPL-2.0
#include "agent/view.h"

#include <limpet/reasons.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/addr.h"

static uint64_t age(uint64_t since)
{
	uint64_t now = (uint64_t)time(NULL);

	return since && now > since ? now - since : 0;
}

const char *view_forward(enum lp_forward forward)
{
	static const char *const names[] = {
		[LP_FORWARD_NONE] = "none", [LP_FORWARD_DSR] = "dsr", [LP_FORWARD_IPIP] = "ipip",
		[LP_FORWARD_GUE] = "gue",   [LP_FORWARD_NAT] = "nat", [LP_FORWARD_SNAT] = "snat",
	};

	return names[forward];
}

const char *view_affinity(enum lp_affinity affinity)
{
	return affinity == LP_AFFINITY_SOURCE ? "source" : "tcp";
}

json_t *view_version(const struct agent *agent)
{
	return json_pack("{s:s, s:i, s:i, s:I}", "version", LIMPET_VERSION, "abi", LP_ABI_VERSION,
			 "pid", (int)getpid(), "started_at", (json_int_t)agent->started_at);
}

/* --- VIPs -------------------------------------------------------------------------- */

static json_t *view_addresses(const struct config_vip *vip)
{
	json_t *list = json_array();
	char text[LP_ADDR_TEXT];

	for (size_t i = 0; i < vip->n_addresses; i++)
		json_array_append_new(list, json_string(lp_addr_format(&vip->addresses[i], text)));
	return list;
}

static json_t *view_ports(const struct config_vip *vip)
{
	json_t *list = json_array();

	for (size_t i = 0; i < vip->n_ports; i++) {
		const struct config_port_range *range = &vip->ports[i];
		char text[16];

		if (!range->first)
			snprintf(text, sizeof(text), "any");
		else if (range->first == range->last)
			snprintf(text, sizeof(text), "%u", range->first);
		else
			snprintf(text, sizeof(text), "%u-%u", range->first, range->last);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

json_t *view_vip(struct agent *agent, const struct config_vip *vip)
{
	uint32_t number = runtime_vip(&agent->engine.runtime, vip->name);
	struct lp_counter counter;

	dp_vip_counter(agent->dp, number, &counter);
	return json_pack("{s:s, s:I, s:o, s:s, s:o, s:s, s:s, s:{s:s, s:i, s:i, s:f}, s:I, s:I}",
			 "name", vip->name, "number", (json_int_t)number, "addresses",
			 view_addresses(vip), "protocol",
			 vip->protocol == IPPROTO_TCP ? "tcp" : "udp", "ports", view_ports(vip),
			 "pool", vip->pool, "forward", view_forward(vip->forward), "affinity",
			 "mode", view_affinity(vip->affinity), "mask", (int)vip->mask, "mask6",
			 (int)vip->mask6, "timeout_s", vip->affinity_timeout, "packets",
			 (json_int_t)counter.packets, "bytes", (json_int_t)counter.bytes);
}

json_t *view_vips(struct agent *agent)
{
	json_t *list = json_array();

	for (size_t i = 0; i < agent->config->n_vips; i++)
		json_array_append_new(list, view_vip(agent, &agent->config->vips[i]));
	return list;
}

/* --- pools ------------------------------------------------------------------------- */

json_t *view_next_hop(struct agent *agent, const struct runtime_backend *backend)
{
	char name[IF_NAMESIZE] = "", mac[18];
	const struct lp_hop *hop = &backend->hop;
	struct lp_hop fresh;
	enum net_state state = net_resolve(agent->net, &backend->address, &fresh);

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", hop->dst[0], hop->dst[1],
		 hop->dst[2], hop->dst[3], hop->dst[4], hop->dst[5]);
	if (hop->ifindex)
		if_indextoname(hop->ifindex, name);
	return json_pack("{s:s, s:s?, s:s?}", "state", net_state_name(state), "interface",
			 *name ? name : NULL, "mac", hop->ifindex ? mac : NULL);
}

static json_t *view_check(const struct agent *agent, uint32_t number)
{
	struct health_status status;

	if (health_status(agent->health, number, &status))
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:i, s:I, s:I, s:I, s:f, s:f}", "last", status.last,
			 "last_at", (json_int_t)status.last_at_s, "since_at",
			 (json_int_t)status.since_s, "streak", (int)status.streak, "checks",
			 (json_int_t)status.checks, "failures", (json_int_t)status.failures,
			 "flaps", (json_int_t)status.flaps, "latency_s", status.latency_s, "late_s",
			 status.late_s);
}

/* Slots by backend number, and the weight that takes new clients. */
struct shares {
	uint32_t *slots;
	uint64_t usable_weight;
	uint32_t table, generation;
};

static bool shares_count(struct agent *agent, const struct config_pool *pool, struct shares *shares)
{
	unsigned int half = dp_control(agent->dp)->active & 1;
	struct lp_pool now = dp_pool(agent->dp, half,
				     runtime_pool(&agent->engine.runtime, pool->name));
	const struct lp_slot *slots = dp_slots(agent->dp, now.table);

	*shares = (struct shares) { .table = now.table, .generation = now.generation };
	shares->slots = calloc(LP_BACKENDS_MAX + 1, sizeof(*shares->slots));
	if (!shares->slots)
		return false;
	for (uint32_t i = 0; now.table && i < LP_SLOTS; i++)
		shares->slots[slots[i].cur]++;
	for (size_t i = 0; i < pool->n_backends; i++)
		if (runtime_usable(runtime_backend(&agent->engine.runtime, pool->name,
						   pool->backends[i].name)))
			shares->usable_weight += pool->backends[i].weight;
	return true;
}

static json_t *make_backend(struct agent *agent, const struct config_pool *pool,
			    const struct config_backend *config, const struct shares *shares)
{
	const struct runtime_backend *backend = runtime_backend(&agent->engine.runtime, pool->name,
								config->name);
	char address[LP_ADDR_TEXT];
	struct lp_counter counter;
	double weight_share = 0;

	if (runtime_usable(backend) && shares->usable_weight)
		weight_share = (double)config->weight / (double)shares->usable_weight;
	dp_backend_counter(agent->dp, backend->number, &counter);
	return json_pack(
		"{s:s, s:s, s:I, s:s, s:I, s:s, s:I, s:b, s:o, s:I, s:f, s:f, s:o, s:I, s:I}",
		"name", backend->name, "pool", backend->pool, "number", (json_int_t)backend->number,
		"address", lp_addr_format(&backend->address, address), "weight",
		(json_int_t)config->weight, "state", runtime_state(backend), "since_s",
		(json_int_t)age(backend->since), "healthy", backend->healthy, "next_hop",
		view_next_hop(agent, backend), "slots", (json_int_t)shares->slots[backend->number],
		"share", (double)shares->slots[backend->number] / LP_SLOTS, "weight_share",
		weight_share, "check", view_check(agent, backend->number), "packets",
		(json_int_t)counter.packets, "bytes", (json_int_t)counter.bytes);
}

static size_t count_usable(const struct agent *agent, const struct config_pool *pool)
{
	size_t usable = 0;

	for (size_t i = 0; i < pool->n_backends; i++)
		usable += runtime_usable(runtime_backend(&agent->engine.runtime, pool->name,
							 pool->backends[i].name));
	return usable;
}

json_t *view_pool(struct agent *agent, const struct config_pool *pool)
{
	json_t *backends = json_array();
	struct shares shares;

	if (!shares_count(agent, pool, &shares)) {
		json_decref(backends);
		return NULL;
	}
	for (size_t i = 0; i < pool->n_backends; i++)
		json_array_append_new(backends,
				      make_backend(agent, pool, &pool->backends[i], &shares));
	free(shares.slots);
	return json_pack("{s:s, s:I, s:s, s:s?, s:I, s:I, s:o, s:I}", "name", pool->name, "number",
			 (json_int_t)runtime_pool(&agent->engine.runtime, pool->name), "hash",
			 pool->hash == CONFIG_HASH_MAGLEV ? "maglev" : "rendezvous", "check",
			 pool->check, "generation", (json_int_t)shares.generation, "table",
			 (json_int_t)shares.table, "backends", backends, "usable",
			 (json_int_t)count_usable(agent, pool));
}

json_t *view_backend(struct agent *agent, const struct config_pool *pool, const char *name)
{
	struct shares shares;
	json_t *backend = NULL;

	if (!shares_count(agent, pool, &shares))
		return NULL;
	for (size_t i = 0; i < pool->n_backends && !backend; i++)
		if (!strcmp(pool->backends[i].name, name))
			backend = make_backend(agent, pool, &pool->backends[i], &shares);
	free(shares.slots);
	return backend;
}

json_t *view_pools(struct agent *agent)
{
	json_t *list = json_array();

	for (size_t i = 0; i < agent->config->n_pools; i++)
		json_array_append_new(list, view_pool(agent, &agent->config->pools[i]));
	return list;
}

/* --- interfaces, reasons, configuration ---------------------------------------------- */

static const struct dp_interface *find_interface(const struct dp_interface *all, size_t n,
						 const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].name, name))
			return &all[i];
	return NULL;
}

static json_t *view_interface(struct agent *agent, const char *name,
			      const struct dp_interface *attached)
{
	struct net_link link = { 0 };
	char mac[18];

	net_link(agent->net, name, &link);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", link.mac[0], link.mac[1],
		 link.mac[2], link.mac[3], link.mac[4], link.mac[5]);
	return json_pack("{s:s, s:I, s:s, s:b, s:s, s:I, s:b}", "name", name, "ifindex",
			 (json_int_t)link.ifindex, "mode",
			 attached && attached->mode == DP_XDP_GENERIC ? "generic" : "native",
			 "attached", attached && link.ifindex && attached->ifindex == link.ifindex,
			 "mac", mac, "mtu", (json_int_t)link.mtu, "up", link.up);
}

json_t *view_interfaces(struct agent *agent)
{
	size_t n = dp_interfaces(agent->dp, NULL, 0);
	struct dp_interface *all = calloc(n + 1, sizeof(*all));
	json_t *list = json_array();

	n = all ? dp_interfaces(agent->dp, all, n) : 0;
	for (size_t i = 0; i < agent->config->n_interfaces; i++) {
		const char *name = agent->config->interfaces[i].name;

		json_array_append_new(list,
				      view_interface(agent, name, find_interface(all, n, name)));
	}
	free(all);
	return list;
}

static const struct {
	const char *name, *class, *text;
} reasons[LP_REASON_COUNT] = {
#define REASON_TEXT(symbol, name, class, text) [LP_##symbol] = { name, #class, text },
	LP_REASONS(REASON_TEXT)
#undef REASON_TEXT
};

json_t *view_reasons(const struct agent *agent)
{
	uint64_t packets[LP_REASON_COUNT];
	json_t *list = json_array();

	dp_reasons(agent->dp, packets);
	for (int i = 0; i < LP_REASON_COUNT; i++) {
		char class[16];

		snprintf(class, sizeof(class), "%s", reasons[i].class);
		for (char *c = class; *c; c++)
			*c = (char)(*c | 0x20);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:I}", "name", reasons[i].name,
						"class", class, "text", reasons[i].text, "packets",
						(json_int_t)packets[i]));
	}
	return list;
}

static json_t *reasons_by_name(const struct agent *agent)
{
	uint64_t packets[LP_REASON_COUNT];
	json_t *object = json_object();

	dp_reasons(agent->dp, packets);
	for (int i = 0; i < LP_REASON_COUNT; i++)
		json_object_set_new(object, reasons[i].name, json_integer((json_int_t)packets[i]));
	return object;
}

json_t *view_config(const struct agent *agent)
{
	return json_pack("{s:s, s:I, s:s}", "file", agent->options->config, "loaded_at",
			 (json_int_t)agent->loaded_at, "text", agent->config_text);
}

json_t *view_status(struct agent *agent)
{
	return json_pack("{s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:o}", "version", LIMPET_VERSION,
			 "generation", (json_int_t)dp_control(agent->dp)->generation, "config",
			 agent->options->config, "uptime_s", (json_int_t)age(agent->started_at),
			 "interfaces", view_interfaces(agent), "vips", view_vips(agent), "pools",
			 view_pools(agent), "reasons", reasons_by_name(agent));
}
