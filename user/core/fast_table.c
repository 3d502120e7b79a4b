// SPDX-License-Identifier: GPL-2.0
#include "core/fast_table.h"

#include <errno.h>
#include <limpet/csum.h>
#include <limpet/hash.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/vip_table_perfect.h"
#include "lib/addr.h"

#define SALTS_MAX 16 /* for each size */

/* The numbers of profiles are of 16 bits, and no key has the first. */
#define PROFILES_MAX (UINT16_MAX + 1u)

/* Keys of one family, in the order of the VIP table, sorted by key. */
struct keys {
	const struct lp_vip **vips;
	uint64_t *hashes;
	uint32_t *displacements; /* of->buckets + 1 */
	size_t n;
};

/* Does nothing of the source's last 64 bits count? */
static bool is_prefix6(const struct lp_addr *mask)
{
	return mask->d[1] == 0;
}

/* Of affinity tcp; affinity source has the next one. LP_FAST_NONE: not forwarded here. */
static uint8_t forward_class(const struct lp_vip *vip)
{
	if (vip->forward == LP_FORWARD_IPIP)
		return LP_FAST_TCP_IPIP;
	if (vip->forward == LP_FORWARD_SNAT ||
	    (vip->forward == LP_FORWARD_NAT && (vip->flags & LP_VIP_ENTRIES)))
		return LP_FAST_TCP_ENTRY;
	return vip->forward == LP_FORWARD_NAT ? LP_FAST_TCP_NAT : LP_FAST_NONE;
}

/* enum lp_fast_class of a key: LP_FAST_NONE if the complete walk has to serve it. */
static uint8_t class_of(const struct lp_vip *vip)
{
	uint8_t class = forward_class(vip);

	if (!class || vip->kind != LP_VIP_EXACT || vip->track == LP_TRACK_ALWAYS ||
	    vip->vip > UINT16_MAX || (vip->flags & (LP_VIP_POLICY | LP_VIP_REPLY)))
		return LP_FAST_NONE;
	if (vip->affinity == LP_AFFINITY_TCP)
		return class;
	if (vip->affinity != LP_AFFINITY_SOURCE || (vip->flags & LP_VIP_PROXIES))
		return LP_FAST_NONE;
	/* Its datagrams keep their clients' records in every slot (bpf/track.h T7). */
	if (vip->proto == IPPROTO_UDP && (vip->scope & LP_SCOPE_GROUP))
		return LP_FAST_NONE;
	if (lp_addr_is_v6(&vip->addr) && !is_prefix6(&vip->source_mask))
		return LP_FAST_NONE;
	return class + 1;
}

/* lp_fast_profile.life of a key of this class. */
static uint32_t life_of(const struct lp_vip *vip, uint8_t class)
{
	if (class == LP_FAST_TCP_ENTRY || class == LP_FAST_SOURCE_ENTRY)
		return vip->idle_timeout;
	if (class != LP_FAST_TCP_IPIP || vip->proto != IPPROTO_TCP || vip->track == LP_TRACK_NEVER)
		return 0;
	return vip->idle_timeout;
}

/* What a key that has a class shares with others. */
static struct lp_fast_profile profile_of(const struct lp_vip *vip)
{
	bool v6 = lp_addr_is_v6(&vip->addr);
	uint8_t class = class_of(vip);
	struct lp_fast_profile profile = {
		.service = { .port = vip->port, .proto = vip->proto, .class = class },
		.high = v6 ? vip->addr.d[0] : 0,
		.third = v6 ? vip->addr.w[2] : 0,
		.mask6 = 0, /* all of it: profiles are compared as bytes */
		.life = life_of(vip, class),
		.pool = vip->pool,
	};

	if (vip->affinity == LP_AFFINITY_SOURCE && v6)
		profile.mask6 = vip->source_mask.d[0];
	else if (vip->affinity == LP_AFFINITY_SOURCE)
		profile.mask4 = vip->source_mask.w[3];
	return profile;
}

static int compare_profiles(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct lp_fast_profile));
}

/* All there are, the first of none; of more than fit those that compare as lower. */
static int profiles_collect(struct dp_fast_table *table, const struct lp_vip *places, uint32_t n)
{
	struct lp_fast_profile *all = calloc((size_t)n + 1, sizeof(*all));
	uint32_t count = 1, last = 0;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (class_of(&places[i]))
			all[count++] = profile_of(&places[i]);
	qsort(all + 1, count - 1, sizeof(*all), compare_profiles);
	for (uint32_t i = 1; i < count && last + 1 < PROFILES_MAX; i++)
		if (compare_profiles(&all[last], &all[i]))
			all[++last] = all[i];
	table->profiles = all;
	table->n_profiles = last + 1;
	return 0;
}

/* The number of a key's profile; 0 if the complete walk has to serve it. */
static uint16_t profile_number(const struct dp_fast_table *table, const struct lp_vip *vip)
{
	struct lp_fast_profile profile, *found;

	if (!class_of(vip))
		return 0;
	profile = profile_of(vip);
	found = bsearch(&profile, table->profiles + 1, table->n_profiles - 1, sizeof(profile),
			compare_profiles);
	return found ? (uint16_t)(found - table->profiles) : 0;
}

static int compare_keys(const void *left, const void *right)
{
	const struct lp_vip *a = *(const struct lp_vip *const *)left;
	const struct lp_vip *b = *(const struct lp_vip *const *)right;
	int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	if (!order)
		order = memcmp(&a->port, &b->port, sizeof(a->port));
	return order ? order : (int)a->proto - (int)b->proto;
}

static int keys_collect(struct keys *keys, const struct dp_fast_table *table,
			const struct lp_vip *places, uint32_t n, bool v6)
{
	*keys = (struct keys) {
		.vips = calloc(n ? n : 1, sizeof(*keys->vips)),
		.hashes = calloc(n ? n : 1, sizeof(*keys->hashes)),
		.displacements = calloc(LP_FAST_BUCKETS, sizeof(*keys->displacements)),
	};
	if (!keys->vips || !keys->hashes || !keys->displacements)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (lp_addr_is_v6(&places[i].addr) == v6 && profile_number(table, &places[i]))
			keys->vips[keys->n++] = &places[i];
	/* Where a key stands in the VIP table depends on its size. */
	qsort(keys->vips, keys->n, sizeof(*keys->vips), compare_keys);
	if (keys->n > FAST_TABLE_KEYS)
		keys->n = FAST_TABLE_KEYS;
	return 0;
}

static void keys_free(struct keys *keys)
{
	free(keys->vips);
	free(keys->hashes);
	free(keys->displacements);
}

/* Two keys a bucket at most; a range of a part more than there are keys. */
static void choose_size(struct lp_fast_hash *of, size_t n, uint32_t places_max, unsigned int part)
{
	uint32_t range = (uint32_t)(n + n / part + 1), buckets = 1;

	while (buckets < LP_FAST_BUCKETS && buckets * 2ull < n)
		buckets *= 2;
	of->range = range < places_max ? range : places_max;
	of->buckets = buckets - 1;
}

static uint64_t hash_key(const struct lp_fast_hash *of, const struct lp_vip *vip, bool v6)
{
	uint32_t service = LP_FAST_SERVICE(vip->port, vip->proto, 0);

	return v6 ? lp_fast_hash6(of, &vip->addr, service)
		  : lp_fast_hash4(of, vip->addr.w[3], service);
}

/* Words of the hash for attempt i, from the secret key. */
static void choose_words(struct lp_fast_hash *of, const struct lp_hash_key *key, uint64_t i)
{
	for (size_t j = 0; j < 4; j++)
		of->word[j] = lp_siphash(key->word[0], key->word[1 + j], &i, sizeof(i));
}

/* A hash with which every key has a place of its own; -EAGAIN: none was found. */
static int solve(struct lp_fast_hash *of, struct keys *keys, const struct lp_hash_key *key, bool v6)
{
	struct vip_perfect *perfect = NULL;
	int ret = vip_perfect_new(keys->n, of->buckets + 1, fast_table_places(of),
				  &vip_perfect_fast, &perfect);

	if (ret)
		return ret;
	ret = -EAGAIN;
	for (uint64_t i = 0; i < SALTS_MAX && ret == -EAGAIN; i++) {
		choose_words(of, key, i);
		for (size_t j = 0; j < keys->n; j++)
			keys->hashes[j] = hash_key(of, keys->vips[j], v6);
		ret = vip_perfect_solve(perfect, keys->hashes, keys->displacements);
	}
	vip_perfect_free(&perfect);
	return ret;
}

/* The denser the better; tens of thousands of keys need more room. */
static int solve_densely(struct lp_fast_hash *of, struct keys *keys, const struct lp_hash_key *key,
			 uint32_t places_max, bool v6)
{
	int ret = -EAGAIN;

	for (unsigned int part = 8; part > 0 && ret == -EAGAIN; part /= 2) {
		choose_size(of, keys->n, places_max, part);
		ret = solve(of, keys, key, v6);
	}
	return ret;
}

static struct lp_fast_key key_of(const struct dp_fast_table *table, const struct lp_vip *vip)
{
	return (struct lp_fast_key) {
		.addr = vip->addr.w[3],
		.vip = (uint16_t)vip->vip,
		.profile = profile_number(table, vip),
	};
}

static struct lp_fast_nat key_nat(const struct lp_vip *vip)
{
	uint32_t sum = 0;

	for (int i = lp_addr_is_v6(&vip->addr) ? 0 : 3; i < 4; i++)
		sum = lp_csum_change32(sum, vip->addr.w[i], 0);
	return (struct lp_fast_nat) {
		.target = vip->target ? vip->target : vip->port,
		.sum = lp_csum_fold(sum),
	};
}

static void fill(struct dp_fast_table *table, const struct keys *keys, bool v6)
{
	const struct lp_fast_hash *of = &table->hash[v6];

	for (uint32_t i = 0; i <= of->buckets; i++)
		table->index[v6][i].displacement = (uint8_t)keys->displacements[i];
	for (size_t i = 0; i < keys->n; i++) {
		uint32_t bucket = lp_fast_bucket(keys->hashes[i], of->buckets);
		uint32_t place = lp_fast_place(keys->hashes[i], keys->displacements[bucket],
					       of->range);

		table->keys[v6][place] = key_of(table, keys->vips[i]);
		if (keys->vips[i]->forward != LP_FORWARD_IPIP)
			table->nats[v6][place] = key_nat(keys->vips[i]);
	}
}

static int build_family(struct dp_fast_table *table, const struct lp_hash_key *key,
			const struct lp_vip *places, uint32_t n, bool v6)
{
	struct lp_fast_hash *of = &table->hash[v6];
	struct keys keys;
	int ret = keys_collect(&keys, table, places, n, v6);

	if (!ret)
		ret = solve_densely(of, &keys, key, n, v6);
	if (!ret)
		fill(table, &keys, v6);
	else if (ret == -EAGAIN)
		ret = 0; /* an empty table: the complete walk serves them all */
	keys_free(&keys);
	return ret;
}

int fast_table_build(const struct lp_hash_key *key, const struct lp_vip *places, uint32_t n,
		     struct dp_fast_table **out)
{
	struct dp_fast_table *table = calloc(1, sizeof(*table));
	int ret = -ENOMEM;

	if (!table)
		return ret;
	for (int family = 0; family < 2; family++) {
		table->keys[family] = calloc((size_t)n + LP_FAST_WINDOW, sizeof(**table->keys));
		table->nats[family] = calloc((size_t)n + LP_FAST_WINDOW, sizeof(**table->nats));
	}
	if (table->keys[0] && table->keys[1] && table->nats[0] && table->nats[1])
		ret = profiles_collect(table, places, n);
	if (!ret)
		ret = build_family(table, key, places, n, false);
	if (!ret)
		ret = build_family(table, key, places, n, true);
	if (ret)
		fast_table_free(&table);
	else
		*out = table;
	return ret;
}

void fast_table_free(struct dp_fast_table **table)
{
	if (!*table)
		return;
	free((*table)->keys[0]);
	free((*table)->keys[1]);
	free((*table)->nats[0]);
	free((*table)->nats[1]);
	free((*table)->profiles);
	free(*table);
	*table = NULL;
}
