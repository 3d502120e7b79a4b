// SPDX-License-Identifier: GPL-2.0
/* What decides a VIP's backend. */
#include "core/config_read.h"

static const struct config_word modes[] = {
	{ "source", LP_AFFINITY_SOURCE },
	{ "tcp", LP_AFFINITY_TCP },
};
static const struct config_words mode_words = { "affinity mode", modes, CONFIG_COUNT(modes) };

static const struct config_word tracks[] = {
	{ "needed", LP_TRACK_NEEDED },
	{ "always", LP_TRACK_ALWAYS },
	{ "never", LP_TRACK_NEVER },
};
static const struct config_words track_words = { "tracking", tracks, CONFIG_COUNT(tracks) };

#define VIP_FIELD(member) .offset = offsetof(struct config_vip, member)

static const struct config_field fields[] = {
	{ .key = "mode", .read = config_read_word, VIP_FIELD(affinity), .words = &mode_words },
	{ .key = "timeout", .read = config_read_duration, VIP_FIELD(affinity_timeout), .min = 1 },
	{ .key = "mask", .read = config_read_u32, VIP_FIELD(mask), .max = 32 },
	{ .key = "mask6", .read = config_read_u32, VIP_FIELD(mask6), .max = 128 },
	{ .key = "group", .read = config_read_name, VIP_FIELD(group) },
	{ .key = "proxies", .read = config_read_proxies, .offset = 0 },
	{ .key = "track", .read = config_read_word, VIP_FIELD(track), .words = &track_words },
};
static const struct config_schema schema = {
	"a map with mode, timeout, mask, mask6, group, proxies and track", fields,
	CONFIG_COUNT(fields)
};

/* What is about clients means nothing where connections are on their own. */
static int check_mode(const struct config_reader *reader, const struct config_node *node,
		      const struct config_vip *vip)
{
	const struct config_node *mode = config_node_get(node, "mode");
	const struct config_node *group = config_node_get(node, "group");
	const struct config_node *proxies = config_node_get(node, "proxies");

	if (vip->affinity != LP_AFFINITY_TCP)
		return 0;
	if (group)
		return config_fail(reader, group,
				   "%s: a group shares client records, and affinity mode tcp "
				   "(line %zu) has none; set mode source, or leave the group out",
				   CONFIG_QUOTE(group->text), config_line(reader, mode));
	if (vip->n_proxies)
		return config_fail(reader, proxies,
				   "these sources would get affinity mode tcp, which all have "
				   "(line %zu); set mode source, or leave proxies out",
				   config_line(reader, mode));
	return 0;
}

int config_read_affinity(const struct config_reader *reader, const struct config_node *node,
			 const struct config_field *field, void *to)
{
	int ret;

	(void)field;
	ret = config_read_map(reader, node, &schema, to);
	return ret ? ret : check_mode(reader, node, to);
}
