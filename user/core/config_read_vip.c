// SPDX-License-Identifier: GPL-2.0
#include "core/config_read.h"

#include <netinet/in.h>
#include <stdlib.h>

/* A VIP, and words as they are read. */
struct vip_values {
	struct config_vip vip;
	unsigned int protocol, on_backend_down, ping;
};

static const struct config_word protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
};
static const struct config_words protocol_words = { "protocol", protocols,
						    CONFIG_COUNT(protocols) };

static const struct config_word forwards[] = {
	{ "nat", LP_FORWARD_NAT },   { "snat", LP_FORWARD_SNAT }, { "dsr", LP_FORWARD_DSR },
	{ "ipip", LP_FORWARD_IPIP }, { "gue", LP_FORWARD_GUE },
};
static const struct config_words forward_words = { "forwarding mode", forwards,
						   CONFIG_COUNT(forwards) };

static const struct config_word backend_down[] = {
	{ "reset", true },
	{ "reroute", false },
};
static const struct config_words backend_down_words = { "behaviour", backend_down,
							CONFIG_COUNT(backend_down) };

static const struct config_word pings[] = {
	{ "reply", LP_PING_REPLY },
	{ "pass", LP_PING_PASS },
	{ "drop", LP_PING_DROP },
};
static const struct config_words ping_words = { "behaviour", pings, CONFIG_COUNT(pings) };

#define VIP_FIELD(member) .offset = offsetof(struct vip_values, member)

static const struct config_field vip_fields[] = {
	{ .key = "addresses", .read = config_read_addresses, VIP_FIELD(vip), .required = true },
	{ .key = "protocol",
	  .read = config_read_word,
	  VIP_FIELD(protocol),
	  .words = &protocol_words },
	{ .key = "ports", .read = config_read_ports, VIP_FIELD(vip), .required = true },
	{ .key = "pool", .read = config_read_name, VIP_FIELD(vip.pool), .required = true },
	{ .key = "forward",
	  .read = config_read_word,
	  VIP_FIELD(vip.forward),
	  .words = &forward_words },
	{ .key = "snat_addresses", .read = config_read_snat_addresses, VIP_FIELD(vip) },
	{ .key = "interfaces", .read = config_read_vip_interfaces, VIP_FIELD(vip) },
	{ .key = "allow", .read = config_read_prefixes, VIP_FIELD(vip.allow) },
	{ .key = "deny", .read = config_read_prefixes, VIP_FIELD(vip.deny) },
	{ .key = "idle_timeout",
	  .read = config_read_duration,
	  VIP_FIELD(vip.idle_timeout),
	  .min = 1 },
	{ .key = "on_backend_down",
	  .read = config_read_word,
	  VIP_FIELD(on_backend_down),
	  .words = &backend_down_words },
	{ .key = "affinity", .read = config_read_affinity, VIP_FIELD(vip) },
	{ .key = "ping", .read = config_read_word, VIP_FIELD(ping), .words = &ping_words },
};
static const struct config_schema vip_schema = { "a map with the keys of a VIP", vip_fields,
						 CONFIG_COUNT(vip_fields) };

static int read_vip(const struct config_reader *reader, const struct config_node *node,
		    struct config_vip *vip)
{
	struct vip_values values = {
		.vip = { .forward = LP_FORWARD_NAT,
			 .idle_timeout = 1800,
			 .affinity = LP_AFFINITY_SOURCE,
			 .affinity_timeout = 1800,
			 .mask = 32,
			 .mask6 = 64,
			 .track = LP_TRACK_NEEDED },
		.protocol = IPPROTO_TCP,
		.on_backend_down = true,
	};
	int ret;

	ret = config_read_map(reader, node, &vip_schema, &values);
	*vip = values.vip;
	vip->protocol = (uint8_t)values.protocol;
	vip->reset = values.on_backend_down;
	vip->ping = (enum lp_ping)values.ping;
	return ret;
}

int config_read_vips(const struct config_reader *reader, const struct config_node *node,
		     const struct config_field *field, void *to)
{
	struct config *config = to;
	int ret;

	(void)field;
	ret = config_want(reader, node, CONFIG_NODE_MAP, "a map of VIPs by name");
	if (ret || !node->n)
		return ret;
	config->vips = calloc(node->n, sizeof(*config->vips));
	if (!config->vips)
		return config_fail_memory(reader);
	for (const struct config_node *item = node->first; item && !ret; item = item->next) {
		struct config_vip *vip = &config->vips[config->n_vips++];

		ret = config_check_name(reader, item->key);
		if (!ret)
			ret = read_vip(reader, item, vip);
		if (!ret)
			ret = config_store_text(reader, item->key->text, &vip->name);
	}
	return ret;
}
