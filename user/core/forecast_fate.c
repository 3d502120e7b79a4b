// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of one sampled connection or client: the rules of docs/affinity.md (T1 to
 * T4), asked before the change.
 */
#include <arpa/inet.h>
#include <limpet/hash.h>
#include <string.h>

#include "core/forecast_world.h"
#include "core/prefix.h"
#include "lib/addr.h"

#define NO_SLOT UINT32_MAX

/* One sampled thing, before and after. */
struct question {
	const struct forecast_world *world;
	const struct config_vip *old, *new;
	const struct lp_record_info *info;
	bool client; /* the thing is a client */
	bool v6;
	uint32_t backend; /* where it is */
	uint32_t pool, slot;
	uint32_t next_pool, next_slot; /* NO_SLOT: nobody can tell */
	bool same_slot; /* of the same pool, by the same hash, and records are found */
};

/* --- which VIP ---------------------------------------------------------------------- */

/* A port of `any` that the coming VIP of the same name has, if there is one. */
static uint16_t port_of_any(const struct question *q)
{
	const struct config_vip *same = config_vip_find(q->world->input->coming, q->old->name);

	return same && same->ports[0].first ? same->ports[0].first : 1;
}

/* A client comes to any of the ports: it is served as long as one of them is. */
static const struct config_vip *find_for_client(const struct question *q,
						const struct lp_addr *addr)
{
	const struct config_vip *vip = NULL;

	for (size_t i = 0; i < q->old->n_ports && !vip; i++) {
		uint16_t first = q->old->ports[i].first;

		vip = forecast_at(q->world, q->old, addr, first ? first : port_of_any(q));
	}
	return vip;
}

/* The VIP that takes over; NULL if there is none for one of the addresses that it may
 * have come to (F2). */
static const struct config_vip *find_successor(const struct question *q)
{
	const struct config_vip *found = NULL;

	for (size_t i = 0; i < q->old->n_addresses; i++) {
		const struct lp_addr *addr = &q->old->addresses[i];
		const struct config_vip *vip;

		if (lp_addr_is_v6(addr) != q->v6)
			continue;
		if (q->client)
			vip = find_for_client(q, addr);
		else
			vip = forecast_at(q->world, q->old, addr, ntohs(q->info->dport));
		if (!vip)
			return NULL;
		found = found ? found : vip;
	}
	return found;
}

/* --- which slot --------------------------------------------------------------------- */

static bool counts_clients(const struct question *q, const struct config_vip *vip)
{
	return vip->affinity == LP_AFFINITY_SOURCE && !prefix_is_proxy(vip, &q->info->src);
}

static unsigned int mask_bits(const struct question *q, const struct config_vip *vip)
{
	return q->v6 ? vip->mask6 : vip->mask;
}

/* As which client the VIP counts the source. */
static struct lp_addr client_of(const struct question *q, const struct config_vip *vip)
{
	struct lp_addr mask, client = q->info->src;

	lp_addr_mask(&mask, mask_bits(q, vip), q->v6);
	for (int i = 0; i < 4; i++)
		client.w[i] &= mask.w[i];
	return client;
}

/* Of a client the record has no more bits than it was counted by. */
static bool is_client_known(const struct question *q)
{
	return !q->client || mask_bits(q, q->new) <= mask_bits(q, q->old);
}

static uint32_t client_slot(const struct question *q)
{
	struct lp_addr client = client_of(q, q->new);

	if (!is_client_known(q))
		return NO_SLOT;
	return lp_hash_slot(lp_hash_client(q->world->input->key, &client, q->v6));
}

/* The address that the connection came to, if there is but one. */
static const struct lp_addr *only_address(const struct question *q)
{
	const struct lp_addr *only = NULL;

	for (size_t i = 0; i < q->old->n_addresses; i++) {
		if (lp_addr_is_v6(&q->old->addresses[i]) != q->v6)
			continue;
		if (only)
			return NULL;
		only = &q->old->addresses[i];
	}
	return only;
}

static uint32_t flow_slot(const struct question *q)
{
	const struct lp_addr *dst = only_address(q);

	if (q->client || !dst)
		return NO_SLOT;
	return lp_hash_slot(lp_hash_flow(q->world->input->key, &q->info->src, dst, q->info->sport,
					 q->info->dport, q->v6));
}

/* Is what is hashed the same? Under another mask some clients are who they were. */
static bool is_same_key(const struct question *q)
{
	struct lp_addr before, after;

	if (q->world->rekeyed || counts_clients(q, q->old) != counts_clients(q, q->new))
		return false;
	if (!counts_clients(q, q->old))
		return true;
	before = client_of(q, q->old);
	after = client_of(q, q->new);
	return is_client_known(q) && lp_addr_equal(&before, &after);
}

static void find_slots(struct question *q)
{
	bool same = is_same_key(q);

	q->pool = q->info->slot >> LP_SLOTS_BITS;
	q->slot = q->info->slot % LP_SLOTS;
	q->next_pool = runtime_pool(q->world->input->next, q->new->table_pool);
	if (same)
		q->next_slot = q->slot;
	else
		q->next_slot = counts_clients(q, q->new) ? client_slot(q) : flow_slot(q);
	q->same_slot = same && q->pool == q->next_pool;
}

/* --- which backend ------------------------------------------------------------------ */

static bool same_server(const struct question *q, uint32_t number)
{
	return number && forecast_server(q->world, number) == forecast_server(q->world, q->backend);
}

/* The slot's answer after the change. */
static uint32_t next_cur(const struct question *q)
{
	struct forecast_table table = forecast_next(q->world, q->next_pool);

	return q->next_slot == NO_SLOT ? 0 : forecast_cur(&table, q->next_slot);
}

static bool is_moved(const struct question *q)
{
	struct forecast_table table = forecast_running(q->world, q->pool);
	uint32_t before = forecast_cur(&table, q->slot), after = next_cur(q);

	if (q->same_slot)
		return before != after;
	return !after || forecast_server(q->world, before) != forecast_server(q->world, after);
}

/* Who gets a packet in the middle of a flow that no record knows (T4, T8); 0: nobody. */
static uint32_t middle(const struct question *q)
{
	struct forecast_table table = forecast_next(q->world, q->next_pool);
	const struct slot_alive alive = { q->world->alive, q->world->n_backends, table.resets };
	uint32_t cur = next_cur(q);
	struct lp_slot slot;

	if (!cur || !table.running || q->new->track == LP_TRACK_NEVER)
		return cur;
	slot.word = __atomic_load_n(&table.running[q->next_slot].word, __ATOMIC_RELAXED);
	slot = slot_next(slot, (uint16_t)cur, &alive);
	if (slot_is_orphaned(slot))
		return config_vip_resets(q->new) ? 0 : slot.cur;
	return slot_is_moving(slot) ? slot.prev : slot.cur;
}

static bool is_translated(const struct config_vip *vip)
{
	return vip->forward == LP_FORWARD_NAT || vip->forward == LP_FORWARD_SNAT;
}

/* Is it remembered, or is its past, as P1 says? A VIP that has never tracked may have it
 * elsewhere than its slot's past. */
static bool is_kept(const struct question *q)
{
	return q->same_slot && q->old->track != LP_TRACK_NEVER && q->new->track != LP_TRACK_NEVER &&
	       q->world->alive[q->backend];
}

static bool connection_stays(const struct question *q)
{
	if (is_translated(q->old) != is_translated(q->new))
		return false; /* the server knows it by other addresses */
	return is_kept(q) || same_server(q, middle(q));
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Are records of clients found again? */
static bool is_same_scope(const struct question *q)
{
	return same_text(q->old->group, q->new->group) &&
	       (q->old->group || !strcmp(q->old->name, q->new->name));
}

static bool client_stays(const struct question *q)
{
	if (is_kept(q) && is_same_scope(q) && !q->world->offline[q->backend])
		return true;
	return same_server(q, next_cur(q));
}

/* --- all ---------------------------------------------------------------------------- */

static enum forecast_fate find_fate(const struct question *q)
{
	bool stays = q->client ? client_stays(q) : connection_stays(q);

	if (!stays)
		return FORECAST_LOST;
	if (!q->client && q->world->leaves[q->backend] && !same_server(q, next_cur(q)))
		return FORECAST_LEAVING;
	return FORECAST_KEPT;
}

struct forecast_verdict forecast_judge(const struct forecast_world *world,
				       const struct config_vip *vip, const struct lp_record *record,
				       const struct lp_record_info *info)
{
	struct question q = {
		.world = world,
		.old = vip,
		.info = info,
		.client = record->value.flags & LP_RECORD_CLIENT,
		.v6 = lp_addr_is_v6(&info->src),
		.backend = record->value.backend,
	};

	q.new = record->value.backend < world->n_backends ? find_successor(&q) : NULL;
	if (!q.new)
		return (struct forecast_verdict) { FORECAST_LOST, true };
	find_slots(&q);
	return (struct forecast_verdict) { find_fate(&q), is_moved(&q) };
}
