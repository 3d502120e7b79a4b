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

#include "agent/interfaces.h"
#include "core/prefix.h"
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

static json_t *view_addresses(const struct lp_addr *addresses, size_t n)
{
	json_t *list = json_array();
	char text[LP_ADDR_TEXT];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(lp_addr_format(&addresses[i], text)));
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
		else if (range->target)
			snprintf(text, sizeof(text), "%u:%u", range->first, range->target);
		else if (range->first == range->last)
			snprintf(text, sizeof(text), "%u", range->first);
		else
			snprintf(text, sizeof(text), "%u-%u", range->first, range->last);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static const char *track_name(enum lp_track track)
{
	static const char *const names[] = {
		[LP_TRACK_NEEDED] = "needed",
		[LP_TRACK_ALWAYS] = "always",
		[LP_TRACK_NEVER] = "never",
	};

	return names[track];
}

static json_t *make_prefixes(const struct config_prefix *prefixes, size_t n)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(prefix_format(&prefixes[i], text)));
	return list;
}

static json_t *view_prefixes(const struct config_prefixes *prefixes)
{
	return make_prefixes(prefixes->items, prefixes->n);
}

/* Where it answers: all of the names if it names none. */
static json_t *view_vip_interfaces(const struct config *config, const struct config_vip *vip)
{
	json_t *list = json_array();

	for (size_t i = 0; i < vip->n_interfaces; i++)
		json_array_append_new(list, json_string(vip->interfaces[i]));
	for (size_t i = 0; i < config->n_interfaces && !vip->n_interfaces; i++)
		json_array_append_new(list, json_string(config->interfaces[i].name));
	return list;
}

static json_t *make_affinity(const struct config_vip *vip)
{
	return json_pack("{s:s, s:i, s:i, s:f, s:s?, s:o, s:s}", "mode",
			 view_affinity(vip->affinity), "mask", (int)vip->mask, "mask6",
			 (int)vip->mask6, "timeout_s", vip->affinity_timeout, "group", vip->group,
			 "proxies", make_prefixes(vip->proxies, vip->n_proxies), "track",
			 track_name(vip->track));
}

json_t *view_vip(struct agent *agent, const struct config_vip *vip)
{
	uint32_t number = runtime_vip(&agent->engine.runtime, vip->name);
	struct lp_counter counter;

	dp_vip_counter(agent->dp, number, &counter);
	return json_pack(
		"{s:s, s:I, s:o, s:s, s:o, s:s, s:s, s:o, s:f, s:o, s:o, s:o, s:o, s:s, s:I, s:I}",
		"name", vip->name, "number", (json_int_t)number, "addresses",
		view_addresses(vip->addresses, vip->n_addresses), "protocol",
		vip->protocol == IPPROTO_TCP ? "tcp" : "udp", "ports", view_ports(vip), "pool",
		vip->pool, "forward", view_forward(vip->forward), "snat_addresses",
		view_addresses(vip->snat_addresses, vip->n_snat_addresses), "idle_timeout_s",
		vip->idle_timeout, "affinity", make_affinity(vip), "interfaces",
		view_vip_interfaces(agent->config, vip), "allow", view_prefixes(&vip->allow),
		"deny", view_prefixes(&vip->deny), "ping", config_ping_name(vip->ping), "packets",
		(json_int_t)counter.packets, "bytes", (json_int_t)counter.bytes);
}

json_t *view_vips(struct agent *agent)
{
	json_t *list = json_array();

	for (size_t i = 0; i < agent->config->n_vips; i++)
		json_array_append_new(list, view_vip(agent, &agent->config->vips[i]));
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

static json_t *view_interface(struct agent *agent, const struct config_interface *interface,
			      const struct dp_interface *attached)
{
	const char *name = interface->name;
	struct net_link link = { 0 };
	char mac[18], other[IF_NAMESIZE];
	bool renamed = interfaces_renamed(name, agent->net, agent->dp, other);

	net_link(agent->net, renamed ? other : name, &link);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", link.mac[0], link.mac[1],
		 link.mac[2], link.mac[3], link.mac[4], link.mac[5]);
	return json_pack("{s:s, s:s?, s:I, s:s, s:b, s:s, s:I, s:b, s:o, s:o}", "name", name,
			 "renamed_to", renamed ? other : NULL, "ifindex", (json_int_t)link.ifindex,
			 "mode",
			 attached && attached->mode == DP_XDP_GENERIC ? "generic" : "native",
			 "attached", attached && link.ifindex && attached->ifindex == link.ifindex,
			 "mac", mac, "mtu", (json_int_t)link.mtu, "up", link.up, "reject_sources",
			 view_prefixes(&interface->reject_sources), "allow_hairpin",
			 view_prefixes(&interface->allow_hairpin));
}

json_t *view_interfaces(struct agent *agent)
{
	size_t n = dp_interfaces(agent->dp, NULL, 0);
	struct dp_interface *all = calloc(n + 1, sizeof(*all));
	json_t *list = json_array();

	n = all ? dp_interfaces(agent->dp, all, n) : 0;
	for (size_t i = 0; i < agent->config->n_interfaces; i++) {
		const struct config_interface *interface = &agent->config->interfaces[i];

		json_array_append_new(
			list,
			view_interface(agent, interface, find_interface(all, n, interface->name)));
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
	return json_pack("{s:s, s:I, s:s}", "file", agent->config_file, "loaded_at",
			 (json_int_t)agent->loaded_at, "text", agent->config_text);
}

/* --- status ---------------------------------------------------------------------------- */

/* Of all pools: slots that move, those that are residual, and how long the last one moves. */
struct unsettled {
	json_int_t moving, residual, hold_s;
};

static struct unsettled sum_pools(const json_t *pools)
{
	struct unsettled sum = { 0 };
	const json_t *pool;
	size_t i;

	json_array_foreach (pools, i, pool) {
		json_int_t hold = json_integer_value(json_object_get(pool, "hold_s"));

		sum.moving += json_integer_value(json_object_get(pool, "moving_slots"));
		sum.residual += json_integer_value(json_object_get(pool, "residual_slots"));
		sum.hold_s = hold > sum.hold_s ? hold : sum.hold_s;
	}
	return sum;
}

/* Counts of records are those of the sweep's last whole pass, some seconds old. */
static json_t *view_records(const struct agent *agent, const json_t *pools)
{
	const struct sweep_counts *last = &agent->engine.sweep.last;
	const struct unsettled unsettled = sum_pools(pools);
	struct lp_record_counters counters;

	dp_record_counters(agent->dp, &counters);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I}", "capacity",
			 (json_int_t)dp_size(agent->dp)->buckets * LP_WAYS, "connections",
			 (json_int_t)last->connections, "clients", (json_int_t)last->clients,
			 "unconfirmed", (json_int_t)last->unconfirmed, "moving_slots",
			 unsettled.moving, "residual_slots", unsettled.residual, "hold_s",
			 unsettled.moving ? json_integer(unsettled.hold_s) : json_null(), "made",
			 (json_int_t)counters.made, "evicted", (json_int_t)counters.evicted, "full",
			 (json_int_t)counters.full);
}

json_t *view_status(struct agent *agent)
{
	json_t *pools = view_pools(agent);
	json_t *records = view_records(agent, pools);

	return json_pack(
		"{s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
		LIMPET_VERSION, "generation", (json_int_t)dp_control(agent->dp)->generation,
		"config", agent->config_file, "uptime_s", (json_int_t)age(agent->started_at),
		"interfaces", view_interfaces(agent), "vips", view_vips(agent), "pools", pools,
		"health", view_health(agent), "records", records, "entries", view_entries(agent),
		"audit", view_audit_totals(agent), "reasons", reasons_by_name(agent));
}
