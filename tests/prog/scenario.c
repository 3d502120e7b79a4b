// SPDX-License-Identifier: GPL-2.0
#include "scenario.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limpet/hash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vip_table.h"
#include "lib/addr.h"

static int bad(struct lp_err *err, const char *what, const json_error_t *error)
{
	return lp_err(err, -EINVAL, "%s: %s", what, error->text);
}

static int parse_addr(const char *text, struct lp_addr *addr, struct lp_err *err)
{
	if (lp_addr_parse(text, addr))
		return lp_err(err, -EINVAL, "\"%s\": no address", text);
	return 0;
}

static int parse_mac(const char *text, uint8_t mac[6], struct lp_err *err)
{
	char rest;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &rest) != 6)
		return lp_err(err, -EINVAL, "\"%s\": no MAC address", text);
	return 0;
}

/* --- VIPs ----------------------------------------------------------------------- */

static int read_rule(const json_t *json, struct vip_rule *rule, struct lp_err *err)
{
	int protocol, first, last, vip, pool, forward, affinity, mask, flags = 0, target = 0;
	int idle_timeout = 0, ping = 0;
	json_error_t error;
	const char *address, *rewrite = NULL;

	if (json_unpack_ex((json_t *)json, &error, JSON_STRICT,
			   "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s?i, s?i, s?s, s?i, s?i}",
			   "address", &address, "protocol", &protocol, "first", &first, "last",
			   &last, "vip", &vip, "pool", &pool, "forward", &forward, "affinity",
			   &affinity, "mask", &mask, "flags", &flags, "target", &target, "rewrite",
			   &rewrite, "idle_timeout", &idle_timeout, "ping", &ping))
		return bad(err, "rules", &error);
	*rule = (struct vip_rule) {
		.proto = (uint8_t)protocol,
		.first = (uint16_t)first,
		.last = (uint16_t)last,
		.vip = { .vip = (uint32_t)vip,
			 .pool = (uint16_t)pool,
			 .ping = (uint8_t)ping,
			 .forward = (uint8_t)forward,
			 .affinity = (uint8_t)affinity,
			 .flags = (uint8_t)flags,
			 .target = htons((uint16_t)target),
			 .scope = (uint16_t)vip,
			 .idle_timeout = (uint32_t)idle_timeout,
			 .client_timeout = (uint32_t)idle_timeout },
	};
	if (parse_addr(address, &rule->addr, err))
		return -EINVAL;
	if (rewrite)
		return parse_addr(rewrite, &rule->vip.rewrite, err);
	lp_addr_mask(&rule->vip.source_mask, (unsigned int)mask, lp_addr_is_v6(&rule->addr));
	return 0;
}

static int read_rules(const json_t *json, struct vip_rule **out, size_t *n, struct lp_err *err)
{
	struct vip_rule *rules = calloc(json_array_size(json) + 1, sizeof(*rules));
	const json_t *item;
	size_t i;
	int ret = rules ? 0 : lp_err(err, -ENOMEM, "out of memory");

	json_array_foreach (json, i, item) {
		if (!ret)
			ret = read_rule(item, &rules[i], err);
	}
	if (ret) {
		free(rules);
		return ret;
	}
	*out = rules;
	*n = json_array_size(json);
	return 0;
}

/* --- backends ------------------------------------------------------------------- */

static int read_tags(const json_t *json, struct lp_hop *hop, struct lp_err *err)
{
	json_error_t error;
	const json_t *item;
	size_t i;

	if (json_array_size(json) > 2)
		return lp_err(err, -EINVAL, "tags: more than two");
	json_array_foreach (json, i, item) {
		int tpid, tci;

		if (json_unpack_ex((json_t *)item, &error, JSON_STRICT, "[i, i]", &tpid, &tci))
			return bad(err, "tags", &error);
		hop->tag[i].tpid = htons((uint16_t)tpid);
		hop->tag[i].tci = htons((uint16_t)tci);
	}
	hop->tags = (uint8_t)json_array_size(json);
	return 0;
}

/* A backend's number, the pool whose records may name it, the way to it and its network. */
static int read_hop(const json_t *json, int *number, int *pool, struct lp_hop *hop,
		    uint32_t *link_bits, struct lp_err *err)
{
	const char *dst, *src, *saddr, *daddr;
	int ifindex, mtu, v6, keep_tags, bits = 0, ret;
	json_error_t error;
	json_int_t sum;
	json_t *tags;

	if (json_unpack_ex((json_t *)json, &error, JSON_STRICT,
			   "{s:i, s:i, s:i, s:b, s:b, s:o, s:s, s:s, s:s, s:s, s:I, s?i, s?i}",
			   "backend", number, "ifindex", &ifindex, "mtu", &mtu, "v6", &v6,
			   "keep_tags", &keep_tags, "tags", &tags, "dst", &dst, "src", &src,
			   "saddr", &saddr, "daddr", &daddr, "outer_sum", &sum, "pool", pool,
			   "link_bits", &bits))
		return bad(err, "backends", &error);
	*link_bits = (uint32_t)bits;
	*hop = (struct lp_hop) {
		.ifindex = (uint32_t)ifindex,
		.mtu = (uint16_t)mtu,
		.flags = (uint8_t)((v6 ? LP_HOP_V6 : 0) | (keep_tags ? LP_HOP_KEEP_TAGS : 0)),
		.outer_sum = (uint32_t)sum,
	};
	ret = read_tags(tags, hop, err);
	if (!ret)
		ret = parse_mac(dst, hop->dst, err);
	if (!ret)
		ret = parse_mac(src, hop->src, err);
	if (!ret)
		ret = parse_addr(saddr, &hop->saddr, err);
	return ret ? ret : parse_addr(daddr, &hop->daddr, err);
}

static int write_backends(struct dp *dp, const json_t *json, struct lp_err *err)
{
	const json_t *item;
	int number, ret = 0;
	size_t i;

	json_array_foreach (json, i, item) {
		int pool = 0;
		struct lp_backend backend = { .state = { .flags = LP_BACKEND_ALIVE,
							 .incarnation = 1 } };

		ret = read_hop(item, &number, &pool, &backend.hop[0], &backend.link_bits, err);
		if (ret)
			return ret;
		backend.pool = (uint32_t)pool;
		ret = dp_backend_write(dp, (uint32_t)number, &backend);
		if (ret)
			return lp_err(err, ret, "backend %d: %s", number, strerror(-ret));
	}
	return 0;
}

/* --- pools ---------------------------------------------------------------------- */

/* All slots with one `prev`: 0, LP_SLOT_SETTLED; or a backend, they move. */
static int write_slots(struct dp *dp, uint32_t table, const json_t *json, int prev,
		       struct lp_err *err)
{
	size_t n = json_array_size(json);
	struct lp_slot *slots;
	uint32_t *since;
	int ret = -ENOMEM;

	if (!n)
		return lp_err(err, -EINVAL, "slots: empty");
	slots = calloc(LP_SLOTS, sizeof(*slots));
	since = calloc(LP_SLOTS, sizeof(*since));
	for (size_t i = 0; slots && i < LP_SLOTS; i++) {
		slots[i].cur = (uint16_t)json_integer_value(json_array_get(json, i % n));
		slots[i].prev = (uint16_t)prev;
	}
	if (slots && since)
		ret = dp_slots_write(dp, table, slots, since);
	free(slots);
	free(since);
	return ret ? lp_err(err, ret, "table %u: %s", table, strerror(-ret)) : 0;
}

static int write_pools(struct dp *dp, unsigned int half, const json_t *json, struct lp_err *err)
{
	json_error_t error;
	const json_t *item;
	size_t i;

	json_array_foreach (json, i, item) {
		int pool, table, prev = LP_SLOT_SETTLED, ret = 0;
		json_t *slots = NULL;

		if (json_unpack_ex((json_t *)item, &error, JSON_STRICT, "{s:i, s:i, s?o, s?i}",
				   "pool", &pool, "table", &table, "slots", &slots, "prev", &prev))
			return bad(err, "pools", &error);
		if (slots)
			ret = write_slots(dp, (uint32_t)table, slots, prev, err);
		if (ret)
			return ret;
		ret = dp_pool_write(dp, half, (uint32_t)pool,
				    (struct lp_pool) { .table = (uint32_t)table, .generation = 1 });
		if (ret)
			return lp_err(err, ret, "pool %d: %s", pool, strerror(-ret));
	}
	return 0;
}

/* --- policy --------------------------------------------------------------------- */

static int read_policy(const json_t *json, unsigned int half, struct lp_policy_key *key,
		       enum lp_policy *answer, struct lp_err *err)
{
	int vip, ifindex, bits, admit, ret;
	const char *address;
	json_error_t error;
	struct lp_addr addr;
	bool v6;

	if (json_unpack_ex((json_t *)json, &error, JSON_STRICT, "{s:i, s:i, s:s, s:i, s:b}", "vip",
			   &vip, "ifindex", &ifindex, "address", &address, "bits", &bits, "admit",
			   &admit))
		return bad(err, "policy", &error);
	ret = parse_addr(address, &addr, err);
	if (ret)
		return ret;
	v6 = lp_addr_is_v6(&addr);
	*key = (struct lp_policy_key) {
		.prefixlen = LP_POLICY_BITS + (v6 ? 0 : 96) + (uint32_t)bits,
		.scope = LP_POLICY_SCOPE(vip, v6, half),
		.ifindex = (uint32_t)ifindex,
		.addr = addr,
	};
	*answer = admit ? LP_POLICY_ADMIT : LP_POLICY_DENY;
	return 0;
}

static int write_policy(struct dp *dp, unsigned int half, const json_t *json, struct lp_err *err)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json, i, item) {
		struct lp_policy_key key;
		enum lp_policy answer = LP_POLICY_NONE;
		int ret = read_policy(item, half, &key, &answer, err);

		if (ret)
			return ret;
		ret = dp_policy_add(dp, &key, answer);
		if (ret)
			return lp_err(err, ret, "policy %zu: %s", i, strerror(-ret));
	}
	return 0;
}

/* --- entries -------------------------------------------------------------------- */

static int read_snat(const json_t *json, int *vip, struct lp_snat_list *list, struct lp_err *err)
{
	json_error_t error;
	json_t *addresses;
	size_t i;
	json_t *item;

	if (json_unpack_ex((json_t *)json, &error, JSON_STRICT, "{s:i, s:o}", "vip", vip,
			   "addresses", &addresses))
		return bad(err, "snat", &error);
	if (json_array_size(addresses) > LP_SNAT_ADDRESSES_MAX)
		return lp_err(err, -EINVAL, "snat: more than %u addresses", LP_SNAT_ADDRESSES_MAX);
	*list = (struct lp_snat_list) { .n = (uint32_t)json_array_size(addresses) };
	json_array_foreach (addresses, i, item) {
		const char *text = json_string_value(item);

		if (parse_addr(text ? text : "", &list->addr[i], err))
			return -EINVAL;
	}
	return 0;
}

static int write_snat(struct dp *dp, unsigned int half, const json_t *scenario, struct lp_err *err)
{
	const json_t *own = json_object_get(scenario, "own_ports"), *item;
	size_t i;

	dp_own_ports(dp, (uint16_t)json_integer_value(json_array_get(own, 0)),
		     (uint16_t)json_integer_value(json_array_get(own, 1)));
	json_array_foreach (json_object_get(scenario, "snat"), i, item) {
		struct lp_snat_list list;
		int vip = 0, ret = read_snat(item, &vip, &list, err);

		if (ret)
			return ret;
		ret = dp_snat_write(dp, half, (uint32_t)vip, &list);
		if (ret)
			return lp_err(err, ret, "snat %zu: %s", i, strerror(-ret));
	}
	return 0;
}

/* --- all of it ------------------------------------------------------------------ */

/* One more than the largest `key` of the objects in an array: numbers begin at 1. */
static uint32_t count_numbers(const json_t *array, const char *key)
{
	json_int_t most = 0;
	const json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		json_int_t number = json_integer_value(json_object_get(item, key));

		most = number > most ? number : most;
	}
	return (uint32_t)most + 1;
}

static void measure(const json_t *scenario, const struct vip_rule *rules, size_t n_rules,
		    struct dp_size *size)
{
	const json_t *pools = json_object_get(scenario, "pools");
	struct vip_table_size vips;

	vip_table_size(rules, n_rules, &vips);
	*size = (struct dp_size) {
		.vips = count_numbers(json_object_get(scenario, "rules"), "vip"),
		.pools = count_numbers(pools, "pool"),
		.backends = count_numbers(json_object_get(scenario, "backends"), "backend"),
		.tables = count_numbers(pools, "table") + 2, /* and for scenario_move() */
		.index = vips.index,
		.places = vips.places,
		.ranges = vips.ranges ? vips.ranges : 1,
		.buckets = 1024,
		.entries = (uint32_t)json_integer_value(json_object_get(scenario, "entries")),
	};
}

/* Writes all into the half that packets do not see, then flips. */
static int fill(struct dp *dp, const json_t *scenario, const struct vip_table *table,
		struct lp_err *err)
{
	unsigned int half = !(dp_control(dp)->active & 1);
	int ret = write_backends(dp, json_object_get(scenario, "backends"), err);

	if (!ret)
		ret = write_pools(dp, half, json_object_get(scenario, "pools"), err);
	if (!ret)
		ret = write_policy(dp, half, json_object_get(scenario, "policy"), err);
	if (!ret)
		ret = write_snat(dp, half, scenario, err);
	if (ret)
		return ret;
	ret = vip_table_write(table, dp, half);
	if (!ret)
		ret = dp_flip(dp, half, dp_control(dp)->generation + 1);
	return ret ? lp_err(err, ret, "VIP table: %s", strerror(-ret)) : 0;
}

static int open_with(const json_t *scenario, const char *pin_dir, const struct lp_hash_key *key,
		     const struct vip_rule *rules, size_t n_rules, struct dp **out,
		     struct lp_err *err)
{
	struct dp_bpf_options options = { .pin_dir = pin_dir, .key = *key };
	struct vip_table *table = NULL;
	struct vip_table_size room;
	struct dp *dp = NULL;
	bool adopted;
	int ret;

	measure(scenario, rules, n_rules, &options.size);
	ret = dp_bpf_open(&options, &dp, &adopted, err);
	if (ret)
		return ret;
	/* The datapath may be larger than what was asked for. */
	room = (struct vip_table_size) { dp_size(dp)->index, dp_size(dp)->places,
					 dp_size(dp)->ranges };
	ret = vip_table_build(key, rules, n_rules, &room, &table, err);
	if (!ret)
		ret = fill(dp, scenario, table, err);
	vip_table_free(&table);
	if (ret)
		dp_close(&dp);
	else
		*out = dp;
	return ret;
}

int scenario_open(const json_t *scenario, const char *pin_dir, struct dp **out, struct lp_err *err)
{
	const char *seed = json_string_value(json_object_get(scenario, "seed"));
	struct vip_rule *rules = NULL;
	struct lp_hash_key key;
	size_t n_rules = 0;
	int ret;

	if (!seed)
		return lp_err(err, -EINVAL, "seed: missing");
	lp_hash_key_make(&key, seed, strlen(seed));
	ret = read_rules(json_object_get(scenario, "rules"), &rules, &n_rules, err);
	if (!ret)
		ret = open_with(scenario, pin_dir, &key, rules, n_rules, out, err);
	free(rules);
	return ret;
}

int scenario_move(struct dp *dp, const json_t *pool, struct lp_err *err)
{
	int number, table, ret;
	json_error_t error;
	json_t *slots;

	if (json_unpack_ex((json_t *)pool, &error, JSON_STRICT, "{s:i, s:i, s:o}", "pool", &number,
			   "table", &table, "slots", &slots))
		return bad(err, "pool", &error);
	ret = write_slots(dp, (uint32_t)table, slots, LP_SLOT_SETTLED, err);
	if (ret)
		return ret;
	ret = dp_pool_flip(dp, (uint32_t)number,
			   (struct lp_pool) { .table = (uint32_t)table, .generation = 2 });
	return ret ? lp_err(err, ret, "pool %d: %s", number, strerror(-ret)) : 0;
}
