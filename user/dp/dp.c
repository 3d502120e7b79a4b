// SPDX-License-Identifier: GPL-2.0
/* The part of the datapath's interface that is the same over any memory. */
#include "dp/dp_internal.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <limpet/count.h>
#include <limpet/csum.h>
#include <stdlib.h>
#include <string.h>

/* Does it keep the order of loads (total store order)? */
static bool machine_in_order(void)
{
#if defined(__x86_64__) || defined(__i386__) || defined(__s390x__)
	return true;
#else
	return false;
#endif
}

int dp_init(struct dp *dp, const struct dp_ops *ops, const struct dp_size *size, uint32_t cpus)
{
	dp->ops = ops;
	dp->size = *size;
	if (!dp->size.entries)
		dp->size.entries = 1;
	dp->cpus = cpus;
	dp->epoch = 1;
	dp->in_order = machine_in_order();
	dp->table_left = calloc(size->tables, sizeof(*dp->table_left));
	dp->hop_left = calloc(size->backends, sizeof(*dp->hop_left));
	if (!dp->table_left || !dp->hop_left) {
		dp_fini(dp);
		return -ENOMEM;
	}
	return 0;
}

void dp_fini(struct dp *dp)
{
	free(dp->table_left);
	free(dp->hop_left);
	dp->table_left = NULL;
	dp->hop_left = NULL;
}

void dp_control_init(struct dp *dp)
{
	struct lp_control *control = dp->maps.control;

	control->abi = LP_ABI_VERSION;
	control->vips_max = dp->size.vips;
	control->pools_max = dp->size.pools;
	control->backends_max = dp->size.backends;
	control->tables_max = dp->size.tables;
	control->index_max = dp->size.index;
	control->places_max = dp->size.places;
	control->ranges_max = dp->size.ranges;
	control->buckets_max = dp->size.buckets;
	control->entries_max = dp->size.entries;
	control->cpus = dp->cpus;
}

const struct dp_size *dp_size(const struct dp *dp)
{
	return &dp->size;
}

bool dp_size_fits(const struct dp_size *have, const struct dp_size *need)
{
	return have->vips >= need->vips && have->pools >= need->pools &&
	       have->backends >= need->backends && have->tables >= need->tables &&
	       have->index >= need->index && have->places >= need->places &&
	       have->ranges >= need->ranges && have->buckets >= need->buckets &&
	       have->entries >= need->entries;
}

const struct lp_control *dp_control(const struct dp *dp)
{
	return dp->maps.control;
}

const struct lp_vip_index *dp_vip_index(const struct dp *dp, unsigned int half)
{
	return dp->maps.vip_index + (size_t)half * dp->size.index;
}

const struct lp_vip *dp_vips(const struct dp *dp, unsigned int half)
{
	return dp->maps.vips + (size_t)half * dp->size.places;
}

const struct lp_range *dp_ranges(const struct dp *dp, unsigned int half)
{
	return dp->maps.vip_ranges + (size_t)half * dp->size.ranges;
}

static struct lp_pool *pool_at(const struct dp *dp, unsigned int half, uint32_t pool)
{
	return dp->maps.pools + (size_t)half * dp->size.pools + pool;
}

struct lp_pool dp_pool(const struct dp *dp, unsigned int half, uint32_t pool)
{
	return *pool_at(dp, half, pool);
}

static struct lp_slot *slots_at(const struct dp *dp, uint32_t table)
{
	return (dp->maps.slots + (size_t)table * LP_TABLE_LINES)->slot;
}

const struct lp_slot *dp_slots(const struct dp *dp, uint32_t table)
{
	return slots_at(dp, table);
}

const struct lp_backend *dp_backend(const struct dp *dp, uint32_t backend)
{
	return dp->maps.backends + backend;
}

struct lp_vip_meta *dp_vip_meta(struct dp *dp, uint32_t vip)
{
	return dp->maps.vip_meta + vip;
}

struct lp_pool_meta *dp_pool_meta(struct dp *dp, uint32_t pool)
{
	return dp->maps.pool_meta + pool;
}

struct lp_group_meta *dp_group_meta(struct dp *dp, uint32_t group)
{
	return dp->maps.group_meta + group;
}

struct lp_backend_meta *dp_backend_meta(struct dp *dp, uint32_t backend)
{
	return dp->maps.backend_meta + backend;
}

int dp_sync(struct dp *dp)
{
	dp->ops->sync(dp);
	dp->epoch++;
	return 0;
}

/* D1: waits if packets may still be looking at what was left in `left`. */
static void wait_for(struct dp *dp, uint64_t left)
{
	if (left == dp->epoch)
		dp_sync(dp);
}

/*
 * D2: before packets are sent to what has been written. The fast path chooses half and slot table
 * by branches that are foreseen (bpf/fast.h): a CPU may read there before it has read that it is
 * to, and on some machines what it has read counts. After a grace period none has read so early.
 */
static void show_written(struct dp *dp)
{
	if (!dp->in_order)
		wait_for(dp, dp->written);
}

/* D1 and D2: before something is written that packets may be sent to. `left` as in wait_for(). */
static void before_write(struct dp *dp, uint64_t left)
{
	wait_for(dp, left);
	dp->written = dp->epoch;
}

bool dp_table_waits(const struct dp *dp, uint32_t table)
{
	return dp->table_left[table] == dp->epoch;
}

unsigned int dp_active_half(const struct dp *dp)
{
	return dp->maps.control->active & 1;
}

static bool table_in_use(const struct dp *dp, uint32_t table)
{
	for (uint32_t i = 1; i < dp->size.pools; i++)
		if (pool_at(dp, dp_active_half(dp), i)->table == table)
			return true;
	return false;
}

static uint32_t *times_at(const struct dp *dp, uint32_t table)
{
	return (dp->maps.slot_times + (size_t)table * LP_TABLE_LINES)->since;
}

const uint32_t *dp_slot_times(const struct dp *dp, uint32_t table)
{
	return times_at(dp, table);
}

static __u16 *settled_at(const struct dp *dp, uint32_t table)
{
	return dp->maps.settled + (size_t)table * LP_SLOTS;
}

static __u16 settled_word(struct lp_slot slot)
{
	return slot.prev == LP_SLOT_SETTLED ? slot.cur : 0;
}

/* After the slot was changed: a packet may be changing it again (abi.h, `settled`). */
static void settled_write(struct dp *dp, uint32_t table, uint32_t slot, struct lp_slot now)
{
	__u16 *at = &settled_at(dp, table)[slot];

	__atomic_store_n(at, settled_word(now), __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&slots_at(dp, table)[slot].word, __ATOMIC_SEQ_CST) != now.word)
		__atomic_store_n(at, 0, __ATOMIC_SEQ_CST);
}

int dp_slots_write(struct dp *dp, uint32_t table, const struct lp_slot *slots,
		   const uint32_t *since)
{
	if (!table || table >= dp->size.tables)
		return -ERANGE;
	if (table_in_use(dp, table))
		return -EBUSY;
	before_write(dp, dp->table_left[table]);
	memcpy(slots_at(dp, table), slots, LP_SLOTS * sizeof(*slots));
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		settled_at(dp, table)[i] = settled_word(slots[i]);
	memcpy(times_at(dp, table), since, LP_SLOTS * sizeof(*since));
	return 0;
}

int dp_slot_change(struct dp *dp, uint32_t table, uint32_t slot, struct lp_slot old,
		   struct lp_slot new, uint32_t since)
{
	uint32_t expected = old.word;

	if (!table || table >= dp->size.tables || slot >= LP_SLOTS)
		return -ERANGE;
	if (!__atomic_compare_exchange_n(&slots_at(dp, table)[slot].word, &expected, new.word,
					 false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return -EAGAIN;
	settled_write(dp, table, slot, new);
	times_at(dp, table)[slot] = since;
	return 0;
}

void dp_phase(struct dp *dp)
{
	uint32_t next = dp->maps.control->phase + 1;

	memset(&dp->maps.audit_seen[(size_t)(next & 1) * LP_AUDIT_SEEN_WORDS], 0,
	       LP_AUDIT_SEEN_WORDS * sizeof(*dp->maps.audit_seen));
	__atomic_store_n(&dp->maps.control->phase, next, __ATOMIC_RELEASE);
}

/* Elements of a half, of each of the arrays. */
static size_t fast_size(const struct dp *dp)
{
	return dp->size.places + LP_FAST_WINDOW;
}

/* Their end is one of zeroes, if they have not taken all the room. */
static void fast_write_profiles(struct dp *dp, unsigned int half, const struct dp_fast_table *fast)
{
	struct lp_fast_profile *to = dp->maps.fast_profiles + half * fast_size(dp);

	for (uint32_t i = 1; i < fast->n_profiles; i++) {
		to[i] = fast->profiles[i];
		to[i].pool = (uint16_t)(to[i].pool + half * dp->size.pools);
	}
	if (fast->n_profiles < fast_size(dp))
		to[fast->n_profiles] = (struct lp_fast_profile) { 0 };
}

/* Guesses of the profiles of a pool, 0: of all pools. Packets may use them meanwhile. */
static void fast_guess(struct dp *dp, unsigned int half, uint32_t pool)
{
	struct lp_fast_profile *at = dp->maps.fast_profiles + half * fast_size(dp);

	for (size_t i = 1; i < fast_size(dp) && at[i].service.word; i++)
		if (!pool || at[i].pool == half * dp->size.pools + pool)
			__atomic_store_n(&at[i].table, (uint16_t)dp->maps.pools[at[i].pool].table,
					 __ATOMIC_RELAXED);
}

/* Without keys nothing is found: the place that is looked at is empty. */
static void fast_clear(struct dp *dp, unsigned int half)
{
	for (unsigned int family = 0; family < 2; family++) {
		uint32_t index = (half * 2 + family) * LP_FAST_BUCKETS;

		dp->maps.control->fast[half][family] = (struct lp_fast_hash) {
			.first = (uint32_t)(half * fast_size(dp)),
			.index = index,
		};
		dp->maps.fast_index[index].displacement = 0;
	}
	dp->maps.fast4[half * fast_size(dp)] = (struct lp_fast_key) { 0 };
	dp->maps.fast6[half * fast_size(dp)] = (struct lp_fast_key) { 0 };
	memset(dp->maps.fast_profiles + half * fast_size(dp), 0,
	       2 * sizeof(struct lp_fast_profile));
}

static void fast_write(struct dp *dp, unsigned int half, const struct dp_fast_table *fast)
{
	struct lp_fast_hash *hash = dp->maps.control->fast[half];

	fast_clear(dp, half);
	/* A pool's number in both halves has to fit into 16 bits. */
	if (!fast || 2 * dp->size.pools > UINT16_MAX)
		return;
	memcpy(dp->maps.fast_index + (size_t)half * 2 * LP_FAST_BUCKETS, fast->index,
	       sizeof(fast->index));
	memcpy(dp->maps.fast4 + half * fast_size(dp), fast->keys[0],
	       fast_table_places(&fast->hash[0]) * sizeof(**fast->keys));
	memcpy(dp->maps.fast6 + half * fast_size(dp), fast->keys[1],
	       fast_table_places(&fast->hash[1]) * sizeof(**fast->keys));
	for (unsigned int family = 0; family < 2; family++)
		memcpy(dp->maps.fast_nats + (family * 2 + half) * fast_size(dp), fast->nats[family],
		       fast_table_places(&fast->hash[family]) * sizeof(**fast->nats));
	fast_write_profiles(dp, half, fast);
	for (unsigned int family = 0; family < 2; family++) {
		uint32_t first = hash[family].first, index = hash[family].index;

		hash[family] = fast->hash[family];
		hash[family].first = first;
		hash[family].index = index;
	}
}

static bool is_v6(const struct lp_addr *addr)
{
	return addr->d[0] || addr->w[2] != htonl(0xffff);
}

/* Takes an address into the range of its family. */
static void guard_widen(struct lp_fast_hash *fast, const struct lp_addr *addr, bool v6)
{
	uint64_t top = v6 ? be64toh(addr->d[0]) : ntohl(addr->w[3]);
	uint64_t last = fast->guard_first + fast->guard_span;

	if (fast->guard_first == UINT64_MAX)
		fast->guard_first = last = top;
	if (top < fast->guard_first)
		fast->guard_first = top;
	fast->guard_span = (top > last ? top : last) - fast->guard_first;
}

/* Replies of the VIP's backends come back through here, and from where they may come. */
static __u32 replies_of(const struct lp_vip *place)
{
	bool come = place->kind != LP_VIP_EMPTY &&
		    ((place->flags & LP_VIP_REPLY) || place->forward == LP_FORWARD_SNAT);

	if (!come)
		return 0;
	return LP_REPLIES_COME | (place->flags & LP_VIP_GUARDED ? LP_REPLIES_GUARDED : 0);
}

/* Addresses that packets must not claim to come from: a bit for each, and their range. */
static void guard_write(struct dp *dp, unsigned int half, const struct lp_vip *places)
{
	struct lp_guard *guard = &dp->maps.guard[half];
	struct lp_fast_hash *fast = dp->maps.control->fast[half];

	memset(guard, 0, sizeof(*guard));
	for (unsigned int family = 0; family < 2; family++) {
		fast[family].guard_first = UINT64_MAX;
		fast[family].guard_span = 0;
	}
	dp->maps.control->replies[half] = 0;
	for (uint32_t i = 0; i < dp->size.places; i++) {
		const __be32 *w = places[i].addr.w;
		bool v6 = is_v6(&places[i].addr);
		uint32_t bit = LP_GUARD_BIT(v6 ? w[0] ^ w[1] ^ w[2] ^ w[3] : w[3]);

		dp->maps.control->replies[half] |= replies_of(&places[i]);
		if (!(places[i].flags & LP_VIP_REPLY) && places[i].kind != LP_VIP_EMPTY) {
			guard->bits[bit / 32] |= 1u << bit % 32;
			guard_widen(&fast[v6], &places[i].addr, v6);
		}
	}
}

int dp_vip_table_write(struct dp *dp, unsigned int half, const struct dp_vip_table *table)
{
	if (half > 1 || table->n_ranges > dp->size.ranges)
		return -ERANGE;
	if (table->fast && (fast_table_places(&table->fast->hash[0]) > fast_size(dp) ||
			    fast_table_places(&table->fast->hash[1]) > fast_size(dp) ||
			    table->fast->n_profiles > fast_size(dp)))
		return -ERANGE;
	if (half == dp_active_half(dp))
		return -EBUSY;
	before_write(dp, dp->half_left[half]);
	memcpy(dp->maps.vip_index + (size_t)half * dp->size.index, table->index,
	       dp->size.index * sizeof(*table->index));
	memcpy(dp->maps.vips + (size_t)half * dp->size.places, table->places,
	       dp->size.places * sizeof(*table->places));
	if (table->n_ranges)
		memcpy(dp->maps.vip_ranges + (size_t)half * dp->size.ranges, table->ranges,
		       table->n_ranges * sizeof(*table->ranges));
	dp->maps.control->salt[half] = table->salt;
	dp->maps.control->sources_id[half] = table->sources_id;
	fast_write(dp, half, table->fast);
	guard_write(dp, half, table->places);
	return 0;
}

int dp_pool_write(struct dp *dp, unsigned int half, uint32_t pool, struct lp_pool value)
{
	if (half > 1 || !pool || pool >= dp->size.pools || value.table >= dp->size.tables)
		return -ERANGE;
	if (half == dp_active_half(dp))
		return -EBUSY;
	before_write(dp, dp->half_left[half]);
	*pool_at(dp, half, pool) = value;
	return 0;
}

static struct lp_snat_list *snat_at(const struct dp *dp, unsigned int half, uint32_t vip)
{
	return dp->maps.snat_lists + (size_t)half * dp->size.vips + vip;
}

const struct lp_snat_list *dp_snat(const struct dp *dp, unsigned int half, uint32_t vip)
{
	return dp->size.entries > 1 ? snat_at(dp, half, vip) : NULL;
}

int dp_snat_write(struct dp *dp, unsigned int half, uint32_t vip, const struct lp_snat_list *list)
{
	if (half > 1 || !vip || vip >= dp->size.vips)
		return -ERANGE;
	if (half == dp_active_half(dp))
		return -EBUSY;
	if (dp->size.entries <= 1)
		return list ? -ENOSPC : 0;
	wait_for(dp, dp->half_left[half]);
	*snat_at(dp, half, vip) = list ? *list : (struct lp_snat_list) { 0 };
	return 0;
}

void dp_own_ports(struct dp *dp, uint16_t first, uint16_t last)
{
	dp->maps.control->own_first = first;
	dp->maps.control->own_last = last;
}

static bool backend_in_use(const struct dp *dp, uint32_t backend)
{
	for (uint32_t i = 1; i < dp->size.pools; i++) {
		uint32_t table = pool_at(dp, dp_active_half(dp), i)->table;
		const struct lp_slot *slots = slots_at(dp, table);

		/* The pool of the number says which table it can be in. */
		if (!table || dp->maps.backends[backend].pool != i)
			continue;
		for (uint32_t j = 0; j < LP_SLOTS; j++)
			if (slots[j].cur == backend || slots[j].prev == backend)
				return true;
	}
	return false;
}

/* What the fast path wants to know of it: can it be used, and what is IPv6's outer_sum? */
static void hop_judge(struct lp_hop *hop)
{
	hop->flags &= (__u8) ~(LP_HOP_PLAIN | LP_HOP_SECOND);
	if (hop->ifindex && !hop->tags)
		hop->flags |= LP_HOP_PLAIN;
	if (hop->flags & LP_HOP_V6) {
		hop->outer_sum = 0;
		for (int i = 0; i < 4; i++)
			hop->outer_sum = lp_csum_add32(hop->outer_sum, hop->daddr.w[i]);
	}
}

bool dp_hop_is(const struct lp_hop *there, const struct lp_hop *hop)
{
	struct lp_hop judged = *hop;

	hop_judge(&judged);
	return !memcmp(there, &judged, sizeof(judged));
}

int dp_backend_write(struct dp *dp, uint32_t backend, const struct lp_backend *value)
{
	if (!backend || backend >= dp->size.backends)
		return -ERANGE;
	if (backend_in_use(dp, backend))
		return -EBUSY;
	before_write(dp, dp->last_left);
	dp->maps.backends[backend] = *value;
	for (int i = 0; i < 2; i++)
		hop_judge(&dp->maps.backends[backend].hop[i]);
	return 0;
}

/* Remembers that packets are sent away from the table, unless the new value names it. */
static void leave_table(struct dp *dp, struct lp_pool old, uint32_t new_table)
{
	if (old.table == new_table)
		return;
	dp->table_left[old.table] = dp->epoch;
	dp->last_left = dp->epoch;
}

int dp_flip(struct dp *dp, unsigned int half, uint64_t generation)
{
	struct lp_control *control = dp->maps.control;

	if (half > 1)
		return -ERANGE;
	control->generation = generation;
	fast_guess(dp, half, 0);
	show_written(dp);
	__atomic_store_n(&control->active, half, __ATOMIC_RELEASE);
	dp->half_left[!half] = dp->epoch;
	for (uint32_t i = 1; i < dp->size.pools; i++)
		leave_table(dp, *pool_at(dp, !half, i), pool_at(dp, half, i)->table);
	return 0;
}

int dp_pool_flip(struct dp *dp, uint32_t pool, struct lp_pool value)
{
	struct lp_pool *at = pool_at(dp, dp_active_half(dp), pool);
	struct lp_pool old;

	if (!pool || pool >= dp->size.pools || value.table >= dp->size.tables)
		return -ERANGE;
	show_written(dp);
	old = *at;
	__atomic_store_n(&at->word, value.word, __ATOMIC_RELEASE);
	fast_guess(dp, dp_active_half(dp), pool);
	leave_table(dp, old, value.table);
	return 0;
}

int dp_backend_flip(struct dp *dp, uint32_t backend, const struct lp_hop *hop)
{
	struct lp_backend *at = dp->maps.backends + backend;
	struct lp_hop new = *hop;
	bool second;

	if (!backend || backend >= dp->size.backends)
		return -ERANGE;
	wait_for(dp, dp->hop_left[backend]);
	hop_judge(&new);
	second = LP_HOP(at) == &at->hop[0];
	if (!second)
		new.flags |= LP_HOP_SECOND; /* until it is written */
	at->hop[second] = new;
	__atomic_store_n(&at->hop[0].flags, at->hop[0].flags ^ LP_HOP_SECOND, __ATOMIC_RELEASE);
	dp->hop_left[backend] = dp->epoch;
	return 0;
}

int dp_backend_link(struct dp *dp, uint32_t backend, uint32_t bits)
{
	if (!backend || backend >= dp->size.backends)
		return -ERANGE;
	__atomic_store_n(&dp->maps.backends[backend].link_bits, bits, __ATOMIC_RELEASE);
	return 0;
}

int dp_backend_state(struct dp *dp, uint32_t backend, struct lp_backend_state state)
{
	if (!backend || backend >= dp->size.backends)
		return -ERANGE;
	__atomic_store_n(&dp->maps.backends[backend].state.word, state.word, __ATOMIC_RELEASE);
	return 0;
}

int dp_proxy_add(struct dp *dp, const struct lp_proxy_key *key)
{
	return dp->ops->proxy_add(dp, key);
}

int dp_proxies_clear(struct dp *dp, unsigned int half)
{
	return dp->ops->proxies_clear(dp, half);
}

int dp_policy_add(struct dp *dp, const struct lp_policy_key *key, enum lp_policy answer)
{
	return dp->ops->policy_add(dp, key, answer);
}

int dp_policy_clear(struct dp *dp, unsigned int half)
{
	return dp->ops->policy_clear(dp, half);
}

/* bpf/record.h R2: what was read between two equal fingerprints belongs to them. */
static bool read_record(const struct lp_record *at, const struct lp_record_info *about,
			struct lp_record *record, struct lp_record_info *info)
{
	record->fingerprint = __atomic_load_n(&at->fingerprint, __ATOMIC_ACQUIRE);
	if (record->fingerprint <= LP_FINGERPRINT_BUSY)
		return false;
	record->value.word = __atomic_load_n(&at->value.word, __ATOMIC_ACQUIRE);
	if (info)
		*info = *about;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return record->value.backend &&
	       __atomic_load_n(&at->fingerprint, __ATOMIC_RELAXED) == record->fingerprint;
}

bool dp_record(const struct dp *dp, uint32_t bucket, unsigned int way, struct lp_record *record,
	       struct lp_record_info *info)
{
	return read_record(&dp->maps.records[bucket].way[way],
			   &dp->maps.record_info[bucket].way[way], record, info);
}

/* The place is still the fingerprint's, whatever was read beside it. */
static bool stayed(const struct lp_record *at, const struct lp_record *record)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&at->fingerprint, __ATOMIC_RELAXED) == record->fingerprint;
}

bool dp_entry(const struct dp *dp, uint32_t bucket, unsigned int way, struct lp_record *record,
	      struct lp_entry_port *to, struct lp_addr *addr)
{
	const struct lp_entries *at = &dp->maps.entries[bucket];

	if (!read_record(&at->index.way[way], NULL, record, NULL))
		return false;
	*to = at->to[way];
	*addr = at->addr[way];
	return stayed(&at->index.way[way], record);
}

bool dp_is_source(const struct dp *dp, const struct lp_addr *addr)
{
	const __be32 *w = addr->w;
	uint32_t bit = LP_GUARD_BIT(is_v6(addr) ? w[0] ^ w[1] ^ w[2] ^ w[3] : w[3]);

	return dp->maps.snat_guard->bits[bit / 32] >> bit % 32 & 1;
}

bool dp_return(const struct dp *dp, uint32_t bucket, unsigned int way, struct lp_record *record,
	       struct lp_return *of)
{
	const struct lp_returns *at = &dp->maps.returns[bucket];

	if (!read_record(&at->index.way[way], NULL, record, NULL))
		return false;
	*of = at->of[way];
	return stayed(&at->index.way[way], record);
}

bool dp_audit(const struct dp *dp, uint32_t bucket, unsigned int way, struct lp_record *record,
	      struct lp_record_info *info)
{
	return read_record(&dp->maps.audit[bucket].way[way], &dp->maps.audit_info[bucket].way[way],
			   record, info);
}

void dp_audit_counter(const struct dp *dp, uint32_t pool, struct lp_audit_counter *sum)
{
	*sum = (struct lp_audit_counter) { 0 };
	for (uint32_t cpu = 0; cpu < dp->cpus; cpu++) {
		const struct lp_audit_counter *at =
			&dp->maps.audit_counters[(size_t)cpu * dp->size.pools + pool];

		sum->broken += __atomic_load_n(&at->broken, __ATOMIC_RELAXED);
		sum->lost += __atomic_load_n(&at->lost, __ATOMIC_RELAXED);
		sum->moved += __atomic_load_n(&at->moved, __ATOMIC_RELAXED);
		sum->opened += __atomic_load_n(&at->opened, __ATOMIC_RELAXED);
	}
}

/* bpf/record.h R5: one compare-and-exchange, to a word that names nobody. */
/* From the word that was read (R3 in bpf/record.h). */
static void record_change(struct dp *dp, uint32_t bucket, unsigned int way,
			  const struct lp_record *record, struct lp_record_word new)
{
	__u64 word = record->value.word;

	__atomic_compare_exchange_n(&dp->maps.records[bucket].way[way].value.word, &word, new.word,
				    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void dp_record_drop(struct dp *dp, uint32_t bucket, unsigned int way,
		    const struct lp_record *record)
{
	const struct lp_record_word dropped = {
		.incarnation = 1,
		.flags = record->value.flags & (__u8)~LP_RECORD_FLAGS,
	};

	record_change(dp, bucket, way, record, dropped);
}

void dp_record_confirm(struct dp *dp, uint32_t bucket, unsigned int way,
		       const struct lp_record *record)
{
	struct lp_record_word confirmed = record->value;

	confirmed.flags |= LP_RECORD_CONFIRMED;
	confirmed.flags &= (__u8)~LP_RECORD_OPENING;
	record_change(dp, bucket, way, record, confirmed);
}

void dp_record_counters(const struct dp *dp, struct lp_record_counters *sum)
{
	*sum = (struct lp_record_counters) { 0 };
	for (uint32_t cpu = 0; cpu < dp->cpus; cpu++) {
		const struct lp_record_counters *at = &dp->maps.record_counters[cpu];

		sum->made += __atomic_load_n(&at->made, __ATOMIC_RELAXED);
		sum->evicted += __atomic_load_n(&at->evicted, __ATOMIC_RELAXED);
		sum->full += __atomic_load_n(&at->full, __ATOMIC_RELAXED);
	}
}

int dp_held_fd(const struct dp *dp)
{
	return dp->ops->held_fd ? dp->ops->held_fd(dp) : -1;
}

void dp_held_take(struct dp *dp, dp_held_fn *fn, void *arg)
{
	if (dp->ops->held_take)
		dp->ops->held_take(dp, fn, arg);
}

int dp_held_send(struct dp *dp, const struct lp_held *held)
{
	return dp->ops->held_send ? dp->ops->held_send(dp, held) : -EOPNOTSUPP;
}

bool dp_fragment_known(const struct dp *dp, uint64_t fingerprint)
{
	const struct lp_bucket *bucket =
		&dp->maps.fragments[fingerprint & (LP_FRAGMENT_BUCKETS - 1)];
	struct lp_record record;

	for (unsigned int way = 0; way < LP_WAYS; way++)
		if (read_record(&bucket->way[way], NULL, &record, NULL) &&
		    record.fingerprint == fingerprint)
			return true;
	return false;
}

int dp_attach(struct dp *dp, unsigned int ifindex, const char *name, enum dp_xdp_mode mode,
	      struct lp_err *err)
{
	return dp->ops->attach(dp, ifindex, name, mode, err);
}

int dp_detach(struct dp *dp, const char *name, struct lp_err *err)
{
	return dp->ops->detach(dp, name, err);
}

size_t dp_interfaces(const struct dp *dp, struct dp_interface *interfaces, size_t n)
{
	return dp->ops->interfaces(dp, interfaces, n);
}

int dp_publish(struct dp *dp, struct lp_err *err)
{
	return dp->ops->publish(dp, err);
}

/* --- counters --- */

/* Adds the sum of stripes `stride` apart, one for each CPU and one of totals more (abi.h). */
static void add_cpus(const struct dp *dp, const __u64 *counts, const struct lp_counter *totals,
		     size_t stride, struct lp_counter *sum)
{
	for (uint32_t cpu = 0; cpu <= dp->cpus; cpu++) {
		const struct lp_counter *at = &totals[cpu * stride];
		struct lp_counter total = {
			.packets = __atomic_load_n(&at->packets, __ATOMIC_ACQUIRE),
			.bytes = __atomic_load_n(&at->bytes, __ATOMIC_ACQUIRE),
		};

		if (cpu < dp->cpus)
			lp_count_catch_up(&total,
					  __atomic_load_n(&counts[cpu * stride], __ATOMIC_RELAXED));
		sum->packets += total.packets;
		sum->bytes += total.bytes;
	}
}

void dp_vip_counter(const struct dp *dp, uint32_t vip, struct lp_counter *sum)
{
	*sum = (struct lp_counter) { 0 };
	add_cpus(dp, dp->maps.vip_counts + vip, dp->maps.vip_totals + vip, dp->size.vips, sum);
}

void dp_add_sent(const struct dp *dp, uint32_t backend, enum lp_sent way, struct lp_counter *sum)
{
	size_t at = (size_t)backend * LP_SENT_WAYS + way;

	add_cpus(dp, dp->maps.backend_counts + at, dp->maps.backend_totals + at,
		 (size_t)dp->size.backends * LP_SENT_WAYS, sum);
}

void dp_backend_counter(const struct dp *dp, uint32_t backend, struct lp_counter *sum)
{
	*sum = (struct lp_counter) { 0 };
	for (enum lp_sent way = 0; way < LP_SENT_WAYS; way++)
		dp_add_sent(dp, backend, way, sum);
}

void dp_reasons(const struct dp *dp, uint64_t packets[LP_REASON_COUNT])
{
	struct lp_counter back = { 0 };

	memset(packets, 0, LP_REASON_COUNT * sizeof(*packets));
	for (uint32_t cpu = 0; cpu < dp->cpus; cpu++)
		for (int i = 0; i < LP_REASON_COUNT; i++)
			packets[i] += __atomic_load_n(&dp->maps.reason_counters[cpu].packets[i],
						      __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < dp->size.backends; i++)
		dp_add_sent(dp, i, LP_SENT_BACK, &back);
	packets[LP_FORWARD_TX] = back.packets;
}

void dp_close(struct dp **dp)
{
	if (!*dp)
		return;
	dp_fini(*dp);
	(*dp)->ops->close(*dp);
	*dp = NULL;
}
