// SPDX-License-Identifier: GPL-2.0
#include "core/fast_table.h"

#include <errno.h>
#include <limpet/hash.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/vip_table_perfect.h"
#include "lib/addr.h"

#define SALTS_MAX 64

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

/* enum lp_fast_class of a key: LP_FAST_NONE if the complete walk has to serve it. */
static uint8_t class_of(const struct lp_vip *vip)
{
	if (vip->kind != LP_VIP_EXACT || vip->forward != LP_FORWARD_IPIP ||
	    vip->track == LP_TRACK_ALWAYS || vip->vip > UINT16_MAX || (vip->flags & LP_VIP_POLICY))
		return LP_FAST_NONE;
	if (vip->affinity == LP_AFFINITY_TCP)
		return LP_FAST_TCP_IPIP;
	if (vip->affinity != LP_AFFINITY_SOURCE || (vip->flags & LP_VIP_PROXIES))
		return LP_FAST_NONE;
	/* Its datagrams keep their clients' records in every slot (bpf/track.h T7). */
	if (vip->proto == IPPROTO_UDP && (vip->scope & LP_SCOPE_GROUP))
		return LP_FAST_NONE;
	if (lp_addr_is_v6(&vip->addr) && !is_prefix6(&vip->source_mask))
		return LP_FAST_NONE;
	return LP_FAST_SOURCE_IPIP;
}

static struct lp_fast_service service_of(const struct lp_vip *vip)
{
	return (struct lp_fast_service) {
		.port = vip->port,
		.proto = vip->proto,
		.class = class_of(vip),
	};
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

static int keys_collect(struct keys *keys, const struct lp_vip *places, uint32_t n, bool v6)
{
	*keys = (struct keys) {
		.vips = calloc(n ? n : 1, sizeof(*keys->vips)),
		.hashes = calloc(n ? n : 1, sizeof(*keys->hashes)),
		.displacements = calloc(LP_FAST_BUCKETS, sizeof(*keys->displacements)),
	};
	if (!keys->vips || !keys->hashes || !keys->displacements)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (class_of(&places[i]) && lp_addr_is_v6(&places[i].addr) == v6)
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

/* Four keys a bucket, and places for an eighth more than there are keys. */
static void choose_size(struct lp_fast_hash *of, size_t n, uint32_t places_max)
{
	uint32_t places = (uint32_t)(n + n / 8 + 1), buckets = 1;

	while (buckets < LP_FAST_BUCKETS && buckets * 4ull < n)
		buckets *= 2;
	of->places = places < places_max ? places : places_max;
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
	int ret = vip_perfect_new(keys->n, of->buckets + 1, of->places, &vip_perfect_fast,
				  &perfect);

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

/* lp_fast4.life of a key, or 0 if its connections have no records. */
static uint32_t life_of(const struct lp_vip *vip)
{
	return vip->track == LP_TRACK_NEVER || vip->proto != IPPROTO_TCP ? 0 : vip->idle_timeout;
}

static void fill4(struct lp_fast4 *at, const struct lp_vip *vip)
{
	*at = (struct lp_fast4) {
		.addr = vip->addr.w[3],
		.service = service_of(vip),
		.vip = (uint16_t)vip->vip,
		.pool = (uint16_t)vip->pool,
		.mask = vip->source_mask.w[3],
	};
	if (at->service.class == LP_FAST_TCP_IPIP)
		at->life = life_of(vip);
}

static void fill6(struct lp_fast6 *at, const struct lp_vip *vip)
{
	*at = (struct lp_fast6) {
		.addr = vip->addr,
		.service = service_of(vip),
		.vip = (uint16_t)vip->vip,
		.pool = (uint16_t)vip->pool,
		.mask = vip->source_mask.d[0],
	};
	if (at->service.class == LP_FAST_TCP_IPIP)
		at->life = life_of(vip);
}

static void fill(struct dp_fast_table *table, const struct keys *keys, bool v6)
{
	const struct lp_fast_hash *of = &table->hash[v6];

	for (uint32_t i = 0; i <= of->buckets; i++)
		table->index[v6][i].displacement = (uint16_t)keys->displacements[i];
	for (size_t i = 0; i < keys->n; i++) {
		uint32_t bucket = lp_fast_bucket(keys->hashes[i], of->buckets);
		uint32_t place = lp_place(keys->hashes[i], keys->displacements[bucket], of->places);

		if (v6)
			fill6(&table->v6[place], keys->vips[i]);
		else
			fill4(&table->v4[place], keys->vips[i]);
	}
}

static int build_family(struct dp_fast_table *table, const struct lp_hash_key *key,
			const struct lp_vip *places, uint32_t n, bool v6)
{
	struct lp_fast_hash *of = &table->hash[v6];
	struct keys keys;
	int ret = keys_collect(&keys, places, n, v6);

	if (!ret) {
		choose_size(of, keys.n, n);
		ret = solve(of, &keys, key, v6);
	}
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
	table->v4 = calloc(n ? n : 1, sizeof(*table->v4));
	table->v6 = calloc(n ? n : 1, sizeof(*table->v6));
	if (table->v4 && table->v6)
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
	free((*table)->v4);
	free((*table)->v6);
	free(*table);
	*table = NULL;
}
