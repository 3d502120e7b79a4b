// SPDX-License-Identifier: GPL-2.0
#include "core/desired.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/nat.h"
#include "core/pool_choice.h"
#include "lib/addr.h"

/* --- pools ---------------------------------------------------------------------- */

static int make_pool(const struct config_pool *pool, struct runtime *runtime,
		     const struct desired_known *known, struct desired_pool *out)
{
	struct pool_choice choice;
	int ret = pool_choice_make(pool, runtime, &choice);

	if (ret)
		return ret;
	out->number = runtime_pool(runtime, pool->name);
	out->digest = pool_choice_digest(&choice);
	if (!known || out->number >= known->n || known->digest[out->number] != out->digest) {
		out->table = malloc(LP_SLOTS * sizeof(*out->table));
		ret = out->table ? pool_choice_build(&choice, out->table) : -ENOMEM;
		out->built = !ret;
	}
	pool_choice_free(&choice);
	return ret;
}

static uint32_t whole_seconds(double seconds)
{
	return (uint32_t)ceil(seconds);
}

/* How long old flows and clients of each pool may be silent and still alive. */
static void find_holds(struct desired *desired, const struct config *config)
{
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		const struct config_pool *pool = config_pool_find(config, vip->table_pool);
		struct desired_pool *out = &desired->pools[pool - config->pools];
		double longest = vip->idle_timeout;

		if (vip->track == LP_TRACK_NEVER)
			continue;
		if (vip->affinity == LP_AFFINITY_SOURCE && vip->affinity_timeout > longest)
			longest = vip->affinity_timeout;
		out->tracked = true;
		out->resets |= config_vip_resets(vip);
		if (whole_seconds(longest) > out->hold)
			out->hold = whole_seconds(longest);
	}
}

static int make_pools(struct desired *desired, const struct config *config, struct runtime *runtime,
		      const struct desired_known *known)
{
	desired->pools = calloc(config->n_pools + 1, sizeof(*desired->pools));
	if (!desired->pools)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_pools; i++) {
		struct desired_pool *out = &desired->pools[desired->n_pools++];
		int ret = make_pool(&config->pools[i], runtime, known, out);

		if (ret)
			return ret;
	}
	find_holds(desired, config);
	return 0;
}

/* --- VIPs ------------------------------------------------------------------------- */

static size_t count_rules(const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_vips; i++)
		n += config->vips[i].n_addresses * config->vips[i].n_ports;
	return n;
}

/* Numbers are 0 when only the size is asked for, before they are assigned. */
static struct lp_vip make_template(const struct config *config, const struct config_vip *vip,
				   const struct runtime *runtime, bool entries)
{
	uint32_t number = runtime ? runtime_vip(runtime, vip->name) : 0;
	uint32_t scope = number;

	if (runtime && vip->group)
		scope = runtime_group(runtime, vip->group) | LP_SCOPE_GROUP;
	return (struct lp_vip) {
		.vip = number,
		.pool = (__u16)(runtime ? runtime_pool(runtime, vip->table_pool) : 0),
		.ping = (__u8)vip->ping,
		.forward = (__u8)vip->forward,
		.affinity = (__u8)vip->affinity,
		.track = (__u8)vip->track,
		.flags = (__u8)((vip->n_proxies ? LP_VIP_PROXIES : 0) |
				(config_vip_resets(vip) ? LP_VIP_RESET : 0) |
				(entries ? LP_VIP_ENTRIES : 0) | policy_flags(config, vip)),
		.scope = (__u16)scope,
		.idle_timeout = whole_seconds(vip->idle_timeout),
		.client_timeout = whole_seconds(vip->affinity_timeout),
	};
}

static struct vip_rule make_rule(const struct config_vip *vip, const struct lp_vip *template,
				 const struct lp_addr *addr, const struct config_port_range *ports)
{
	bool v6 = lp_addr_is_v6(addr);
	struct vip_rule rule = {
		.addr = *addr,
		.proto = vip->protocol,
		.first = ports->first,
		.last = ports->last,
		.vip = *template,
	};

	rule.vip.target = htons(ports->target);
	lp_addr_mask(&rule.vip.source_mask, v6 ? vip->mask6 : vip->mask, v6);
	return rule;
}

/* Of VIPs, behind those that are there. */
static void add_rules(const struct config *config, const struct runtime *runtime,
		      const bool *ambiguous, struct vip_rule *rules, size_t *n)
{
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];
		const struct lp_vip template = make_template(config, vip, runtime, ambiguous[i]);

		for (size_t j = 0; j < vip->n_addresses; j++)
			for (size_t k = 0; k < vip->n_ports; k++)
				rules[(*n)++] = make_rule(vip, &template, &vip->addresses[j],
							  &vip->ports[k]);
	}
}

/* Of VIPs, and of the replies to nat VIPs. `*replies` says how many of these. */
static struct vip_rule *make_rules(const struct config *config, const struct runtime *runtime,
				   size_t *n, size_t *replies)
{
	struct vip_rule *back = NULL, *rules = NULL;
	bool *ambiguous = NULL;

	if (nat_rules(config, runtime, &back, replies))
		return NULL;
	if (!nat_ambiguous(config, &ambiguous))
		rules = calloc(count_rules(config) + *replies + 1, sizeof(*rules));
	if (rules) {
		memcpy(rules, back, *replies * sizeof(*rules));
		*n = *replies;
		add_rules(config, runtime, ambiguous, rules, n);
	}
	free(ambiguous);
	free(back);
	return rules;
}

static int make_vips(struct desired *desired, const struct config *config,
		     const struct runtime *runtime, const struct dp_size *size,
		     const struct lp_hash_key *key, struct lp_err *err)
{
	const struct vip_table_size capacity = { size->index, size->places, size->ranges };
	struct vip_rule *rules;
	size_t n = 0, replies;
	int ret;

	rules = make_rules(config, runtime, &n, &replies);
	if (!rules)
		return lp_err(err, -ENOMEM, "out of memory");
	ret = vip_table_build(key, rules, n, &capacity, &desired->vips, err);
	free(rules);
	return ret;
}

static int compare_proxies(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct lp_proxy_key));
}

static int make_proxies(struct desired *desired, const struct config *config,
			const struct runtime *runtime)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_vips; i++)
		n += config->vips[i].n_proxies;
	desired->proxies = calloc(n + 1, sizeof(*desired->proxies));
	if (!desired->proxies)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];

		for (size_t j = 0; j < vip->n_proxies; j++) {
			const struct config_prefix *prefix = &vip->proxies[j];
			unsigned int before = lp_addr_is_v6(&prefix->addr) ? 0 : 96;

			desired->proxies[desired->n_proxies++] = (struct lp_proxy_key) {
				.prefixlen = 32 + before + prefix->bits,
				.vip = 2 * runtime_vip(runtime, vip->name),
				.addr = prefix->addr,
			};
		}
	}
	qsort(desired->proxies, desired->n_proxies, sizeof(*desired->proxies), compare_proxies);
	return 0;
}

/*
 * So that another list is another table (plan.c): what the tries hold is not read back.
 * Never 0, which is what a half has that was never written.
 */
static uint64_t digest_sources(const struct desired *desired)
{
	uint64_t digest = lp_siphash(1, desired->n_proxies, desired->proxies,
				     desired->n_proxies * sizeof(*desired->proxies));

	digest = lp_siphash(digest, desired->n_policy, desired->policy,
			    desired->n_policy * sizeof(*desired->policy));
	digest = lp_siphash(digest, desired->n_snats, desired->snats,
			    desired->n_snats * sizeof(*desired->snats));
	return digest ? digest : 1;
}

/* Keys of the tries, and their digest in the VIP table that goes with them. */
static int make_sources(struct desired *desired, const struct config *config,
			const struct runtime *runtime, struct lp_err *err)
{
	if (make_proxies(desired, config, runtime) ||
	    policy_make(config, runtime, &desired->policy, &desired->n_policy) ||
	    snat_make(config, runtime, &desired->snats, &desired->n_snats))
		return lp_err(err, -ENOMEM, "out of memory");
	desired->vips->sources_id = digest_sources(desired);
	return 0;
}

/* --- all -------------------------------------------------------------------------- */

int desired_make(const struct config *config, struct runtime *runtime, const struct dp_size *size,
		 const struct lp_hash_key *key, const struct desired_known *known, bool with_vips,
		 struct desired **out, struct lp_err *err)
{
	struct desired *desired = calloc(1, sizeof(*desired));
	int ret;

	if (!desired)
		return lp_err(err, -ENOMEM, "out of memory");
	ret = make_pools(desired, config, runtime, known);
	if (ret)
		lp_err(err, ret, "building slot tables: %s", strerror(-ret));
	else if (with_vips)
		ret = make_vips(desired, config, runtime, size, key, err);
	if (!ret && with_vips)
		ret = make_sources(desired, config, runtime, err);
	if (ret) {
		desired_free(&desired);
		return ret;
	}
	*out = desired;
	return 0;
}

void desired_remember(const struct desired *desired, uint64_t *digest, size_t n)
{
	memset(digest, 0, n * sizeof(*digest));
	for (size_t i = 0; i < desired->n_pools; i++)
		if (desired->pools[i].number < n)
			digest[desired->pools[i].number] = desired->pools[i].digest;
}

void desired_free(struct desired **desired)
{
	if (!*desired)
		return;
	for (size_t i = 0; i < (*desired)->n_pools; i++)
		free((*desired)->pools[i].table);
	free((*desired)->pools);
	vip_table_free(&(*desired)->vips);
	free((*desired)->proxies);
	free((*desired)->policy);
	free((*desired)->snats);
	free(*desired);
	*desired = NULL;
}

/* Two million records, in 32 MiB and 64 MiB beside them. With a million living ones
 * six in a thousand find all eight ways of their bucket taken. */
#define DESIRED_BUCKETS (1u << 18)

int desired_size(const struct config *config, struct dp_size *size, struct lp_err *err)
{
	struct vip_table_size vips;
	struct vip_rule *rules;
	size_t backends = 0, n = 0, replies = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		backends += config->pools[i].n_backends;
	if (backends >= LP_BACKENDS_MAX)
		return lp_err(err, -ENOSPC, "%zu backends: no more than %u are possible", backends,
			      LP_BACKENDS_MAX - 1);
	rules = make_rules(config, NULL, &n, &replies);
	if (!rules)
		return lp_err(err, -ENOMEM, "out of memory");
	vip_table_size(rules, n, &vips);
	free(rules);
	if (replies) { /* backends that leave have theirs beside those of their successors */
		vips.index *= 2;
		vips.places *= 2;
		vips.ranges *= 2;
	}
	*size = (struct dp_size) {
		.vips = (uint32_t)(2 * config->n_vips + 1),
		.pools = (uint32_t)(2 * config->n_pools + 1),
		.backends = (uint32_t)(2 * backends + 1),
		/* Each pool's table, and another for each while all change at once. */
		.tables = (uint32_t)(2 * config->n_pools + 1),
		.index = vips.index,
		.places = vips.places,
		.ranges = vips.ranges,
		.buckets = DESIRED_BUCKETS,
	};
	if (snat_size(config, &size->entries))
		return lp_err(err, -ENOMEM, "out of memory");
	if (size->vips > LP_SCOPE_GROUP)
		return lp_err(err, -ENOSPC, "%zu VIPs: no more than %u are possible",
			      config->n_vips, LP_SCOPE_GROUP / 2);
	if (size->backends > LP_BACKENDS_MAX)
		size->backends = LP_BACKENDS_MAX;
	return 0;
}

/* The next power of two, at least `least`. */
static uint32_t round_up(uint32_t n, uint32_t least)
{
	uint32_t size = least;

	while (size < n)
		size *= 2;
	return size;
}

void desired_roomy(struct dp_size *size)
{
	size->vips = round_up(size->vips, 64);
	size->pools = round_up(size->pools, 16);
	size->backends = round_up(size->backends, 256);
	if (size->backends > LP_BACKENDS_MAX)
		size->backends = LP_BACKENDS_MAX;
	/* The largest map by far, 256 KiB a table: an eighth more. */
	size->tables += size->tables / 8 + 8;
	size->index = round_up(size->index, 64);
	size->places = round_up(size->places, 256);
	size->ranges = round_up(size->ranges, 64);
}
