// SPDX-License-Identifier: GPL-2.0
/* The model's view of slot tables: built aside, and compared with each other. */
#include "oracle_internal.h"

#include <errno.h>
#include <limpet/hash.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/slot_table.h"
#include "core/slow_start.h"
#include "lib/addr.h"

/* --- slots ---------------------------------------------------------------------------- */

static uint32_t client_slot(const struct lp_hash_key *key, const struct flow *flow, bool v6)
{
	const struct spec_vip_kind *kind = &spec_vip_kinds[flow->vip];
	struct lp_addr mask, client = { 0 };

	lp_addr_mask(&mask, v6 ? kind->mask6 : kind->mask, v6);
	for (int i = v6 ? 0 : 3; i < 4; i++)
		client.w[i] = flow->src.w[i] & mask.w[i];
	return lp_hash_slot(lp_hash_client(key, &client, v6));
}

uint32_t oracle_slot(const struct oracle *oracle, const struct flow *flow)
{
	bool v6 = oracle->history->clients[flow->client].v6;
	struct lp_addr dst;

	if (oracle_client_of(oracle, flow) != UINT32_MAX)
		return client_slot(&oracle->key, flow, v6);
	spec_vip_addr(flow->vip, v6, &dst);
	return lp_hash_slot(lp_hash_flow(&oracle->key, &flow->src, &dst, htons(flow->sport),
					 htons(spec_vip_port(flow->vip)), v6));
}

/* --- building --------------------------------------------------------------------------- */

/* Without those in a slow start, or with them. Returns how many; *usable of them are. */
static size_t fill_members(const struct oracle *oracle, unsigned int pool, bool without,
			   struct slot_member members[SPEC_NAMES], size_t *usable)
{
	size_t n = 0;

	*usable = 0;
	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		const struct spec_member *member = &oracle->spec.pools[pool].members[i];
		uint32_t id = spec_id(pool, i, member->address);
		const struct oracle_backend *backend = &oracle->backends[id];
		char name[SPEC_NAME_SIZE];

		if (!member->present)
			continue;
		spec_backend_name(&oracle->spec, id, name);
		members[n++] = (struct slot_member) {
			.id = slot_member_id(SPEC_SEED, spec_pool_name(pool), name),
			.weight = oracle_weight(oracle, pool, i),
			.usable = without ? backend->usable_without : backend->usable,
			.backup = member->backup,
			.value = (uint16_t)id,
		};
		*usable += members[n - 1].usable;
	}
	return n;
}

static int new_table(struct oracle *oracle, struct oracle_table **out)
{
	if (oracle->n_tables >= oracle->room_tables) {
		size_t room = oracle->room_tables ? 2 * oracle->room_tables : 16;
		struct oracle_table *tables = realloc(oracle->tables, room * sizeof(*tables));

		if (!tables)
			return -ENOMEM;
		oracle->tables = tables;
		oracle->room_tables = room;
	}
	*out = &oracle->tables[oracle->n_tables];
	return 0;
}

static int build_one(const struct oracle *oracle, unsigned int pool, bool without,
		     uint16_t answers[LP_SLOTS], size_t *usable)
{
	struct slot_member members[SPEC_NAMES];
	size_t n = fill_members(oracle, pool, without, members, usable);

	return slot_table_build(oracle->spec.pools[pool].hash, members, n, answers);
}

/* The smallest part that a slow start of the pool has come to. */
static uint8_t least_part(const struct oracle *oracle, unsigned int pool)
{
	uint8_t least = SLOW_START_WHOLE;

	for (uint32_t id = 1; id < SPEC_BACKENDS; id++)
		if (spec_id_pool(id) == pool && oracle->backends[id].ramps &&
		    oracle->backends[id].part < least)
			least = oracle->backends[id].part;
	return least;
}

/* Those in a slow start have a part of their slots; what else would change waits for the
 * slowest. */
static void build_slow(const struct oracle *oracle, unsigned int pool, uint16_t answers[LP_SLOTS],
		       const uint16_t without[LP_SLOTS])
{
	uint8_t least = least_part(oracle, pool);

	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		const struct oracle_backend *backend = &oracle->backends[answers[i]];

		if (!slow_start_takes(backend->ramps ? backend->part : least, i))
			answers[i] = without[i];
	}
}

static int build(const struct oracle *oracle, unsigned int pool, struct oracle_table *table)
{
	uint16_t *answers = calloc(2, LP_SLOTS * sizeof(*answers));
	size_t usable;
	int ret = answers ? build_one(oracle, pool, false, answers, &usable) : -ENOMEM;

	if (!ret)
		ret = build_one(oracle, pool, true, answers + LP_SLOTS, &usable);
	if (!ret && usable)
		build_slow(oracle, pool, answers, answers + LP_SLOTS);
	_Static_assert(SPEC_BACKENDS <= 256, "identities fit into a byte");
	for (uint32_t i = 0; i < LP_SLOTS && !ret; i++)
		table->answer[i] = (uint8_t)answers[i];
	free(answers);
	return ret;
}

int oracle_build(struct oracle *oracle, unsigned int pool, bool cut)
{
	struct oracle_pool *at = &oracle->pools[pool];
	struct oracle_table *table;
	int ret = new_table(oracle, &table);

	if (!ret)
		ret = build(oracle, pool, table);
	if (ret)
		return ret;
	at->before = cut ? at->table : 0;
	if (at->table && !memcmp(table, &oracle->tables[at->table], sizeof(*table)))
		return 0;
	if (at->table)
		oracle_spread(oracle, pool, at->table, (uint16_t)oracle->n_tables);
	at->table = (uint16_t)oracle->n_tables++;
	return 0;
}

/* --- odds ------------------------------------------------------------------------------- */

static double compute_odds(const struct oracle *oracle, uint16_t from, uint16_t to,
			   uint32_t backend)
{
	const uint8_t *old = oracle->tables[from].answer, *new = oracle->tables[to].answer;
	uint32_t had = 0, lost = 0;

	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		had += old[i] == backend;
		lost += old[i] == backend && new[i] != backend;
	}
	return had ? (double)lost / had : 0;
}

double oracle_odds(struct oracle *oracle, uint16_t from, uint16_t to, uint32_t backend)
{
	uint32_t at = (from * 31u + to) * 31u + backend;
	struct oracle_odds *known = &oracle->odds[at % ORACLE_ODDS];

	if (known->from != from || known->to != to || known->backend != backend)
		*known = (struct oracle_odds) { from, to, backend,
						compute_odds(oracle, from, to, backend) };
	return known->odds;
}

/* --- P4 --------------------------------------------------------------------------------- */

/* Clients whose slot was `gone`'s, by who has it now. Returns how many. */
static uint32_t count_spread(const struct oracle *oracle, unsigned int pool, uint16_t from,
			     uint16_t to, uint32_t gone, uint32_t counts[SPEC_BACKENDS])
{
	uint32_t n = 0;

	memset(counts, 0, SPEC_BACKENDS * sizeof(*counts));
	for (size_t i = 0; i < oracle->history->n_flows; i++) {
		uint32_t slot = oracle->slots[i];

		if (spec_vip_kinds[oracle->history->flows[i].vip].pool != pool ||
		    oracle_client_of(oracle, &oracle->history->flows[i]) != UINT32_MAX ||
		    oracle->tables[from].answer[slot] != gone)
			continue;
		counts[oracle->tables[to].answer[slot]]++;
		n++;
	}
	return n;
}

static uint64_t usable_weight(const struct oracle *oracle, unsigned int pool)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		const struct spec_member *member = &oracle->spec.pools[pool].members[i];
		uint32_t id = spec_id(pool, i, member->address);

		if (member->present && oracle->backends[id].usable)
			sum += oracle_weight(oracle, pool, i);
	}
	return sum;
}

static void add_chi2(struct oracle *oracle, unsigned int pool, const uint32_t counts[SPEC_BACKENDS],
		     uint32_t n, uint64_t weights)
{
	double chi2 = 0;
	uint32_t cells = 0;

	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		const struct spec_member *member = &oracle->spec.pools[pool].members[i];
		uint32_t id = spec_id(pool, i, member->address);
		uint32_t weight = oracle_weight(oracle, pool, i);
		double expected = (double)n * weight / (double)weights;

		if (!member->present || !oracle->backends[id].usable || !weight)
			continue;
		if (expected < 5)
			return; /* too few for chi-square */
		chi2 += (counts[id] - expected) * (counts[id] - expected) / expected;
		cells++;
	}
	if (cells < 2)
		return;
	oracle->counts.spread += n;
	oracle->counts.spread_chi2 += chi2;
	oracle->counts.spread_freedom += cells - 1;
}

/* The backend that went away between two tables while nothing else changed; 0: none. */
static uint32_t find_gone(const struct oracle *oracle, uint16_t from, uint16_t to)
{
	const uint8_t *old = oracle->tables[from].answer, *new = oracle->tables[to].answer;
	bool was[SPEC_BACKENDS] = { false };
	uint32_t gone = 0;

	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		was[old[i]] = true;
		if (old[i] == new[i])
			continue;
		if (gone && old[i] != gone)
			return 0;
		gone = old[i];
	}
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		if (new[i] == gone || !was[new[i]])
			return 0;
	return gone;
}

/* Shares are not those of weights alone while somebody is in a slow start, or a backup used. */
static bool is_by_weight(const struct oracle *oracle, unsigned int pool)
{
	for (unsigned int i = 0; i < SPEC_NAMES; i++) {
		const struct spec_member *member = &oracle->spec.pools[pool].members[i];
		const struct oracle_backend *backend =
			&oracle->backends[spec_id(pool, i, member->address)];

		if (member->present && (backend->ramps || (backend->usable && member->backup)))
			return false;
	}
	return true;
}

void oracle_spread(struct oracle *oracle, unsigned int pool, uint16_t from, uint16_t to)
{
	uint32_t counts[SPEC_BACKENDS], gone = find_gone(oracle, from, to), n;
	uint64_t weights = usable_weight(oracle, pool);

	if (!gone || !weights || !is_by_weight(oracle, pool) ||
	    (oracle->spec.pools[pool].hash != CONFIG_HASH_MAGLEV &&
	     oracle->spec.pools[pool].hash != CONFIG_HASH_RENDEZVOUS))
		return;
	n = count_spread(oracle, pool, from, to, gone, counts);
	add_chi2(oracle, pool, counts, n, weights);
}
