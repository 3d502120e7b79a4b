// SPDX-License-Identifier: GPL-2.0
#include "core/config_read.h"

#include <netinet/in.h>
#include <stdlib.h>

/* A VIP, its `affinity`, and what its keys say that the model has no place for yet. */
struct affinity_values {
	unsigned int mode;
	uint32_t mask, mask6;
	double timeout;
	char *group;
	size_t n_proxies;
	unsigned int track;
};

struct vip_values {
	struct config_vip vip;
	unsigned int protocol, on_backend_down;
	size_t n_interfaces, n_allow, n_deny;
	struct affinity_values affinity;
};

static const size_t none = 0;

static const struct config_word modes[] = {
	{ "source", LP_AFFINITY_SOURCE, CONFIG_FEATURE_BASE },
	{ "tcp", LP_AFFINITY_TCP, CONFIG_FEATURE_BASE },
};
static const struct config_words mode_words = { "affinity mode", modes, CONFIG_COUNT(modes) };

static const struct config_word tracks[] = {
	{ "needed", 0, CONFIG_FEATURE_BASE },
	{ "always", 1, CONFIG_FEATURE_TRACK_ALWAYS },
	{ "never", 2, CONFIG_FEATURE_TRACK_NEVER },
};
static const struct config_words track_words = { "tracking", tracks, CONFIG_COUNT(tracks) };

#define AFFINITY_FIELD(member) .offset = offsetof(struct affinity_values, member)

static const struct config_field affinity_fields[] = {
	{ .key = "mode", .read = config_read_word, AFFINITY_FIELD(mode), .words = &mode_words },
	{ .key = "timeout", .read = config_read_duration, AFFINITY_FIELD(timeout), .min = 1 },
	{ .key = "mask", .read = config_read_u32, AFFINITY_FIELD(mask), .max = 32 },
	{ .key = "mask6", .read = config_read_u32, AFFINITY_FIELD(mask6), .max = 128 },
	{ .key = "group",
	  .read = config_read_name,
	  AFFINITY_FIELD(group),
	  .feature = CONFIG_FEATURE_GROUP,
	  .instead = "leave it out" },
	{ .key = "proxies",
	  .read = config_read_prefixes,
	  AFFINITY_FIELD(n_proxies),
	  .feature = CONFIG_FEATURE_PROXIES,
	  .today = &none,
	  .today_size = sizeof(none),
	  .instead = "allowed: an empty list" },
	{ .key = "track", .read = config_read_word, AFFINITY_FIELD(track), .words = &track_words },
};
static const struct config_schema affinity_schema = { "a map with mode, timeout, mask and mask6",
						      affinity_fields,
						      CONFIG_COUNT(affinity_fields) };

static int read_affinity(const struct config_reader *reader, const struct config_node *node,
			 const struct config_field *field, void *to)
{
	(void)field;
	return config_read_map(reader, node, &affinity_schema, to);
}

static const struct config_word protocols[] = {
	{ "tcp", IPPROTO_TCP, CONFIG_FEATURE_BASE },
	{ "udp", IPPROTO_UDP, CONFIG_FEATURE_BASE },
};
static const struct config_words protocol_words = { "protocol", protocols,
						    CONFIG_COUNT(protocols) };

static const struct config_word forwards[] = {
	{ "nat", LP_FORWARD_NAT, CONFIG_FEATURE_FORWARD_NAT },
	{ "snat", LP_FORWARD_SNAT, CONFIG_FEATURE_FORWARD_SNAT },
	{ "dsr", LP_FORWARD_DSR, CONFIG_FEATURE_BASE },
	{ "ipip", LP_FORWARD_IPIP, CONFIG_FEATURE_BASE },
	{ "gue", LP_FORWARD_GUE, CONFIG_FEATURE_BASE },
};
static const struct config_words forward_words = { "forwarding mode", forwards,
						   CONFIG_COUNT(forwards) };

static const struct config_word backend_down[] = {
	{ "reset", 0, CONFIG_FEATURE_RESET },
	{ "reroute", 1, CONFIG_FEATURE_BASE },
};
static const struct config_words backend_down_words = { "behaviour", backend_down,
							CONFIG_COUNT(backend_down) };

#define VIP_FIELD(member) .offset = offsetof(struct vip_values, member)
#define EMPTY_FOR_NOW                                                                              \
	.today = &none, .today_size = sizeof(none), .instead = "allowed: an empty list"

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
	{ .key = "interfaces",
	  .read = config_read_interface_names,
	  VIP_FIELD(n_interfaces),
	  .feature = CONFIG_FEATURE_VIP_INTERFACES,
	  EMPTY_FOR_NOW },
	{ .key = "allow",
	  .read = config_read_prefixes,
	  VIP_FIELD(n_allow),
	  .feature = CONFIG_FEATURE_SOURCE_POLICY,
	  EMPTY_FOR_NOW },
	{ .key = "deny",
	  .read = config_read_prefixes,
	  VIP_FIELD(n_deny),
	  .feature = CONFIG_FEATURE_SOURCE_POLICY,
	  EMPTY_FOR_NOW },
	{ .key = "idle_timeout",
	  .read = config_read_duration,
	  VIP_FIELD(vip.idle_timeout),
	  .min = 1 },
	{ .key = "on_backend_down",
	  .read = config_read_word,
	  VIP_FIELD(on_backend_down),
	  .words = &backend_down_words },
	{ .key = "affinity", .read = read_affinity, VIP_FIELD(affinity) },
};
static const struct config_schema vip_schema = { "a map with the keys of a VIP", vip_fields,
						 CONFIG_COUNT(vip_fields) };

/* A VIP without `forward` gets the first mode of DESIGN section 3, once that works. */
static int check_default_forward(const struct config_reader *reader, const struct config_node *node)
{
	if (config_node_get(node, "forward") || config_supports(CONFIG_FEATURE_FORWARD_NAT))
		return 0;
	return config_fail_missing(reader, node, "forward",
				   "nat (the default) is not supported yet; set dsr, ipip or gue");
}

static void set_vip(struct config_vip *vip, const struct vip_values *values)
{
	*vip = values->vip;
	vip->protocol = (uint8_t)values->protocol;
	vip->affinity = (enum lp_affinity)values->affinity.mode;
	vip->mask = values->affinity.mask;
	vip->mask6 = values->affinity.mask6;
	vip->affinity_timeout = values->affinity.timeout;
}

static int read_vip(const struct config_reader *reader, const struct config_node *node,
		    struct config_vip *vip)
{
	struct vip_values values = {
		.vip = { .forward = LP_FORWARD_NAT, .idle_timeout = 1800 },
		.protocol = IPPROTO_TCP,
		.affinity = { .mode = LP_AFFINITY_SOURCE,
			      .mask = 32,
			      .mask6 = 64,
			      .timeout = 1800 },
	};
	int ret;

	ret = config_read_map(reader, node, &vip_schema, &values);
	set_vip(vip, &values);
	free(values.affinity.group);
	return ret ? ret : check_default_forward(reader, node);
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
