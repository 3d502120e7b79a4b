/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 4b: remembering, for slots that are not settled and for opening packets
 * in `source` mode. The rules are those of docs/affinity.md:
 *
 *   T1  A connection's own record decides (P3), if the backend that it names
 *       lives in the same incarnation, and, where the slot is residual or the
 *       VIP tracks always, if it has not expired.
 *   T2  Otherwise an opening packet goes to its client's record (P2), under the
 *       same condition and if that backend is not offline; a moving slot takes
 *       the record whatever its age, because its owner may be silent but alive.
 *   T3  Otherwise an opening packet goes to `cur`.
 *   T4  Otherwise a packet in the middle of a flow goes to `prev` in a moving
 *       slot whose old backend lives: it belongs to the past (P1). Else to `cur`.
 *   T5  What the slot would answer wrongly later is written down: in a moving
 *       slot every connection, in a residual one those that differ from `cur`,
 *       with `track: always` every one.
 *
 *   T6  A record that could not be made, or has been evicted though it lived, is
 *       missed when its slot is not moving any more: the slot's hold time begins
 *       again. While it moves, T4 answers for the past without any memory, so
 *       however long a flood lasts, it breaks no connection that is silent most
 *       of the time.
 *
 *       So it does in a residual slot when a record is written that differs from
 *       `cur`: the sweep's pass may have gone by its place already, and must not
 *       settle the slot (S1 in user/core/sweep.h).
 *   T7  A datagram of a VIP with `source` affinity in a group shows where its client
 *       is, as an opening packet does, in every slot: the client's next packet may
 *       be a SYN to another VIP of the group, which has nothing else to go by.
 *   T8  A TCP packet in the middle of a flow whose backend is dead is nobody's: in a
 *       slot whose past is dead (orphaned) one without a record, in every slot that is not settled
 * one whose record is of a life that is over. If its VIP has LP_VIP_RESET, it is answered by a RST
 * (reset.h), unless it is one. A connection that was opened since has a record of its own (T5);
 * where one could not be kept (T6), an orphaned slot becomes residual, and no packet without a
 * record is reset any more.
 *
 * Records begin unconfirmed, those that opening packets make half open
 * (LP_HALF_OPEN_S); the second packet of their owner confirms them. In
 * a settled slot nobody looks at records, so an opening packet marks the slot
 * (OPENING), and while the mark stands the other packets look whether their
 * client's record wants to be confirmed.
 *
 * UDP has no opening packets: all are in the middle of a flow, and in `source`
 * mode the client's record is the connection's. Without a group nothing but
 * datagrams asks for it, so a settled slot needs none.
 */
#ifndef LIMPET_BPF_TRACK_H
#define LIMPET_BPF_TRACK_H

#include <limpet/hash.h>
#include "maps.h"
#include "parse.h"
#include "record.h"

/* What the record table says of a key. */
struct lookup {
	__u64 fingerprint;
	struct lp_record_word word;
	int way; /* LP_WAYS: not found */
};

/* A record to be made, and what it becomes if another CPU made it first. */
struct making {
	__u64 fingerprint;
	struct lp_record_word word;
	struct lp_record_info info;
	__u32 now;
	__u32 cpu;
};

/* Work for the audit, track.audit. */
#define LP_AUDIT_FLOW   1
#define LP_AUDIT_CLIENT 2

/* What the slow path needs, copied so that the fast one keeps its registers; in a
 * map, because two frames of the stack have 512 bytes together. */
struct track {
	struct lp_addr src, dst, client; /* client: masked */
	__be16 sport, dport;
	__u8 proto;
	bool v6, opening, reset, ending, source;
	bool resets; /* T8 is for its VIP and protocol */
	__u8 mode;   /* enum lp_track */
	struct lp_slot slot;
	__u32 phase;
	__u32 cpu;
	__u32 vip;
	__u32 where; /* pool << 16 | slot: lp_record_info.slot */
	__u16 scope;
	__u32 idle_timeout, client_timeout;
	__u32 now;
	__u32 at;             /* of the slot among `slots`, to mark it */
	__u64 flow;           /* hash by which the audit takes samples */
	__u32 backend, audit; /* what the audit is to note: LP_AUDIT_* */
	/* Work space of the steps below. */
	struct making making[2]; /* records to be made by track_after() */
	__u32 makings;
	__u32 differs;        /* a record was written that names another backend than the slot */
	struct making noting; /* the audit's */
	struct lookup of_flow, of_client;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct track);
} track_scratch SEC(".maps");

#define TRACK_ORPHAN 0x10000u /* the backend of a packet that is to be reset: no number (T8) */

/* ORPHANED too. */
static __always_inline bool track_is_moving(struct lp_slot slot)
{
	return slot.prev != LP_SLOT_SETTLED && slot.prev < LP_SLOT_OPENING;
}

static __always_inline bool track_is_settled(struct lp_slot slot)
{
	return slot.prev == LP_SLOT_SETTLED ||
	       (slot.prev >= LP_SLOT_OPENING && slot.prev <= LP_SLOT_OPENING + 1);
}

/*
 * The record table by fingerprint. Global functions: the verifier looks at each
 * of them once, and not at all their ways from every caller.
 */
__noinline int records_find(__u64 fingerprint, struct lp_record_word *out)
{
	__u32 at = (__u32)fingerprint & (lp_buckets_max - 1);
	const struct lp_bucket *bucket = bpf_map_lookup_elem(&records, &at);

	return bucket && out ? (int)record_find(bucket, fingerprint, out) : (int)LP_WAYS;
}

/* T8: what was orphaned is forgotten, because not all of the others are known any more. */
static __always_inline void slot_adopt(__u64 at)
{
	struct lp_slot old = { .word = 0 }, new;

	if (!TABLES_HAS(at, all_slots))
		return;
	old.word = ((const volatile struct lp_slot *)&TABLE(slots)[at])->word;
	if (old.prev != LP_SLOT_ORPHANED)
		return;
	new = old;
	new.prev = LP_SLOT_RESIDUAL;
	__sync_val_compare_and_swap(&TABLE(slots)[at].word, old.word, new.word);
}

/* T6: the hold time of a slot begins again. `where` as in lp_record_info.slot. */
__noinline int slot_hold(__u32 where, __u32 now)
{
	__u32 pool = where >> LP_SLOTS_BITS, line, half;
	const volatile struct lp_pool *at;
	struct lp_slot_times *times;
	__u64 of_half;

	half = tables_control()->active & 1;
	of_half = half * LP_SIZE(pools) + pool;
	if (!TABLES_HAS(of_half, all_pools))
		return 0;
	at = &TABLE(pools)[of_half];
	line = at->table * LP_TABLE_LINES + where % LP_SLOTS / LP_LINE_SLOTS;
	times = bpf_map_lookup_elem(&slot_times, &line);
	if (times)
		((volatile struct lp_slot_times *)times)->since[where % LP_LINE_SLOTS] = now;
	slot_adopt((__u64)line * LP_LINE_SLOTS + where % LP_LINE_SLOTS);
	return 0;
}

__noinline int records_make(struct making *making)
{
	struct lp_info_bucket *info;
	struct lp_bucket *bucket;
	__u32 at;

	if (!making)
		return RECORD_FULL;
	at = (__u32)making->fingerprint & (lp_buckets_max - 1);
	bucket = bpf_map_lookup_elem(&records, &at);
	info = bpf_map_lookup_elem(&record_info, &at);
	if (!bucket || !info)
		return RECORD_FULL;
	return record_make(bucket, info, making->fingerprint, &making->word, &making->info,
			   making->now);
}

/* Apart from records_make(), whose stack has to be small (512 bytes for all frames). */
__noinline int records_count(__u32 cpu, int made)
{
	struct lp_record_counters *counters = bpf_map_lookup_elem(&record_counters, &cpu);

	if (!counters)
		return 0;
	counters->made += made != RECORD_FULL;
	counters->evicted += made == RECORD_EVICTED;
	counters->full += made == RECORD_FULL;
	return 0;
}

__noinline int records_change(__u64 fingerprint, __u32 way, __u64 old, __u64 new)
{
	__u32 at = (__u32)fingerprint & (lp_buckets_max - 1);
	struct lp_bucket *bucket = bpf_map_lookup_elem(&records, &at);

	if (bucket)
		record_change(bucket, way, (struct lp_record_word) { .word = old },
			      (struct lp_record_word) { .word = new });
	return 0;
}

static __always_inline bool lookup_find(struct lookup *look, __u64 fingerprint)
{
	look->fingerprint = fingerprint;
	look->word.word = 0;
	look->way = records_find(fingerprint, &look->word);
	return look->way < (int)LP_WAYS;
}

/* An entry of `backends`, or NULL for a number that cannot be. */
static __always_inline const struct lp_backend *backend_at(__u64 number)
{
	if (!TABLES_HAS(number, backends) || !number)
		return NULL;
	return &TABLE(backends)[number];
}

static __always_inline struct lp_backend_state backend_state(__u32 number)
{
	const volatile struct lp_backend *backend = backend_at(number);
	struct lp_backend_state state = { .word = backend ? backend->state.word : 0 };

	return state;
}

/* Does the record name a backend of this pool that lives, in the same life? */
static __always_inline bool lookup_lives(const struct lookup *look, const struct track *t)
{
	const volatile struct lp_backend *backend = backend_at(look->word.backend);
	struct lp_backend_state state;

	if (!backend || backend->pool != t->where >> LP_SLOTS_BITS)
		return false;
	state.word = backend->state.word;
	return (state.flags & LP_BACKEND_ALIVE) &&
	       (__u8)state.incarnation == look->word.incarnation;
}

/*
 * Changes the record that lookup_find() found, or leaves word to make the one that
 * it did not find: track_after() does that, with a stack of its own.
 */
static __always_inline void lookup_write(struct lookup *look, struct track *t, __u32 backend,
					 __u8 flags, __u32 life)
{
	struct making *making = &t->making[t->makings & 1];

	making->word.backend = (__u16)backend;
	making->word.incarnation = (__u8)backend_state(backend).incarnation;
	making->word.flags = flags | record_tag(look->fingerprint);
	making->word.expires = record_expiry(t->now, life);
	t->differs |= backend != t->slot.cur;
	if (look->way < (int)LP_WAYS) {
		records_change(look->fingerprint, look->way, look->word.word, making->word.word);
		return;
	}
	making->fingerprint = look->fingerprint;
	making->info.src = flags & LP_RECORD_CLIENT ? t->client : t->src;
	making->info.sport = flags & LP_RECORD_CLIENT ? 0 : t->sport;
	making->info.dport = flags & LP_RECORD_CLIENT ? 0 : t->dport;
	making->info.vip = t->vip;
	making->info.slot = t->where;
	making->info.created = t->now;
	making->now = t->now;
	making->cpu = t->cpu;
	t->makings++;
}

/* Confirms and refreshes a record that was found, if it is worth a write. */
static __always_inline void lookup_refresh(struct lookup *look, const struct track *t, bool confirm,
					   __u32 life)
{
	struct lp_record_word word = look->word;

	if (confirm) {
		word.flags |= LP_RECORD_CONFIRMED;
		word.flags &= (__u8)~LP_RECORD_OPENING;
	}
	if (word.flags & LP_RECORD_OPENING)
		life = LP_HALF_OPEN_S;
	if (word.flags == look->word.flags && !record_stale(word, t->now, life))
		return;
	word.expires = record_expiry(t->now, life);
	if (word.word == look->word.word)
		return;
	records_change(look->fingerprint, look->way, look->word.word, word.word);
}

static __always_inline __u64 client_fingerprint(const struct track *t)
{
	return lp_fingerprint_client(&lp_key, &t->client, t->scope, t->v6);
}

static __always_inline __u64 flow_fingerprint(const struct track *t)
{
	if (t->proto == IPPROTO_UDP && t->source)
		return client_fingerprint(t);
	return lp_fingerprint_flow(&lp_key, &t->src, &t->dst, t->sport, t->dport, t->proto, t->v6);
}

/* A client's record anew: unconfirmed, and of an opening packet half open. */
static __always_inline void client_write(struct track *t, __u32 backend)
{
	if (t->opening)
		lookup_write(&t->of_client, t, backend, LP_RECORD_CLIENT | LP_RECORD_OPENING,
			     LP_HALF_OPEN_S);
	else
		lookup_write(&t->of_client, t, backend, LP_RECORD_CLIENT, t->client_timeout);
}

/*
 * T2: where an opening packet's client is remembered to be, otherwise `backend`. The
 * record is refreshed, or written to say so; in the place of one that is not good
 * for this packet, too: it is where the client is from now on.
 */
static __always_inline __u32 client_open(struct track *t, __u32 backend)
{
	struct lookup *look = &t->of_client;

	if (lookup_find(look, client_fingerprint(t)) && lookup_lives(look, t) &&
	    (track_is_moving(t->slot) || !record_expired(look->word, t->now)) &&
	    !(backend_state(look->word.backend).flags & LP_BACKEND_OFFLINE)) {
		lookup_refresh(look, t, false, t->client_timeout);
		return look->word.backend;
	}
	client_write(t, backend);
	return backend;
}

/* A packet in the middle of a flow confirms its client's record and keeps it alive. */
static __always_inline bool client_refresh(struct track *t)
{
	struct lookup *look = &t->of_client;

	if (!lookup_find(look, client_fingerprint(t)))
		return false;
	if (lookup_lives(look, t))
		lookup_refresh(look, t, true, t->client_timeout);
	return true;
}

/*
 * The client of a connection that goes to `backend`. An opening packet that follows
 * its own old connection (T1) says where its client is as any other does (T2). One
 * in the middle confirms, and in a moving slot makes the record if there is none:
 * confirmed, if the flow is known and thus this is not the first packet.
 */
static __always_inline void client_keep(struct track *t, __u32 backend, bool known)
{
	if (t->opening)
		client_open(t, backend);
	else if (!client_refresh(t) && track_is_moving(t->slot))
		lookup_write(&t->of_client, t, backend,
			     LP_RECORD_CLIENT | (known ? LP_RECORD_CONFIRMED : 0),
			     t->client_timeout);
}

/* Marks a settled slot, so that the next packets look at their client's record. */
static __always_inline void slot_mark(const struct track *t)
{
	struct lp_slot old = t->slot, new = t->slot;
	__u64 at = t->at;

	new.prev = (__u16)(LP_SLOT_OPENING + t->phase);
	if (old.word == new.word)
		return;
	if (!TABLES_HAS(at, all_slots))
		return;
	if (__sync_val_compare_and_swap(&TABLE(slots)[at].word, old.word, new.word) == old.word)
		((volatile __u16 *)TABLE(settled))[at] = 0;
}

/* In a settled slot there is one answer; the client is remembered with it, whatever
 * an older record said. */
static __always_inline void client_settle(struct track *t)
{
	struct lookup *look = &t->of_client;

	if (lookup_find(look, client_fingerprint(t)) && look->word.backend == t->slot.cur &&
	    lookup_lives(look, t))
		lookup_refresh(look, t, !t->opening, t->client_timeout);
	else
		client_write(t, t->slot.cur);
}

/* T7 */
static __always_inline bool track_shows_client(bool source, __u8 proto, __u16 scope)
{
	return source && proto == IPPROTO_UDP && (scope & LP_SCOPE_GROUP);
}

static __always_inline __u32 track_settled(struct track *t)
{
	bool shown = track_shows_client(t->source, t->proto, t->scope);

	if (!t->source || (t->proto != IPPROTO_TCP && !shown) || t->reset)
		return t->slot.cur;
	if (t->opening)
		slot_mark(t);
	if (t->opening || shown)
		client_settle(t);
	else
		client_refresh(t);
	return t->slot.cur;
}

/* Is the connection's record good for this packet? (T1) */
static __always_inline bool flow_known(const struct lookup *look, const struct track *t)
{
	if (look->way >= (int)LP_WAYS || !lookup_lives(look, t))
		return false;
	if (t->opening && (backend_state(look->word.backend).flags & LP_BACKEND_OFFLINE))
		return false;
	return track_is_moving(t->slot) || !record_expired(look->word, t->now);
}

/* T8, of a flow that is not known. */
static __always_inline bool flow_is_orphan(const struct lookup *look, const struct track *t)
{
	if (!t->resets || t->opening || t->reset)
		return false;
	if (look->way < (int)LP_WAYS && !lookup_lives(look, t))
		return true;
	/* ORPHANED is no backend's number; and one that has just died is about to be that. */
	return track_is_moving(t->slot) && !(backend_state(t->slot.prev).flags & LP_BACKEND_ALIVE);
}

static __always_inline __u32 flow_life(const struct track *t)
{
	return t->proto == IPPROTO_UDP && t->source ? t->client_timeout : t->idle_timeout;
}

static __always_inline __u8 flow_flags(const struct track *t)
{
	if (t->proto == IPPROTO_UDP && t->source)
		return LP_RECORD_CLIENT;
	return t->opening ? LP_RECORD_OPENING : 0;
}

/* T2 to T4: where a packet goes whose connection is not known. */
static __always_inline __u32 flow_unknown(struct track *t)
{
	if (t->opening)
		return t->source ? client_open(t, t->slot.cur) : t->slot.cur;
	if (track_is_moving(t->slot) && (backend_state(t->slot.prev).flags & LP_BACKEND_ALIVE))
		return t->slot.prev;
	return t->slot.cur;
}

/*
 * T1 for nearly all packets of a flow that is followed, at a fraction of the cost of
 * track_packet(): in the middle of a TCP flow, by a record that is confirmed, lives, and is
 * not worth a write yet (so it has not expired either). Nothing is written; 0: for
 * track_packet() to decide. With `source` affinity the client's record would want a look,
 * too. `life` is the VIP's idle timeout.
 */
static __always_inline int record_hit(__u64 fingerprint, __u32 pool, __u32 life)
{
	const volatile struct lp_backend *backend;
	struct lp_record_word word = { .word = 0 };
	struct lp_backend_state state;

	if (records_find(fingerprint, &word) >= (int)LP_WAYS)
		return 0;
	backend = backend_at(word.backend);
	if (!backend || backend->pool != pool || !(word.flags & LP_RECORD_CONFIRMED) ||
	    record_stale(word, lp_now(), life))
		return 0;
	state.word = backend->state.word;
	if (!(state.flags & LP_BACKEND_ALIVE) || (__u8)state.incarnation != word.incarnation)
		return 0;
	return word.backend;
}

/* A global function: verified once, with a stack of its own. */
__noinline int track_hit(const struct packet *pkt, __u32 pool, __u32 life)
{
	if (!pkt || pkt->proto != IPPROTO_TCP ||
	    (pkt->flags & (LP_TCP_SYN | LP_TCP_FIN | LP_TCP_RST)))
		return 0;
	return record_hit(lp_fingerprint_flow(&lp_key, &pkt->src, &pkt->dst, pkt->sport, pkt->dport,
					      IPPROTO_TCP, pkt->v6),
			  pool, life);
}

/* A packet of a TCP flow is a sign of life of its client too. */
static __always_inline bool shows_client(const struct track *t)
{
	return t->source && !t->reset && t->proto == IPPROTO_TCP;
}

static __always_inline __u32 track_flow(struct track *t)
{
	struct lookup *look = &t->of_flow;
	bool known, write;
	__u32 backend;

	lookup_find(look, flow_fingerprint(t));
	known = flow_known(look, t);
	if (!known && flow_is_orphan(look, t)) {
		if (t->source)
			client_refresh(t); /* who lives all the same */
		return TRACK_ORPHAN;
	}
	backend = known ? look->word.backend : flow_unknown(t);
	if (t->reset)
		return backend; /* the end of a flow is not worth a record */
	if (known)
		lookup_refresh(look, t, !t->opening, flow_life(t));
	/* A record of the past that was not good for this packet must not be good
	 * for the next one. */
	write = track_is_moving(t->slot) || backend != t->slot.cur || t->mode == LP_TRACK_ALWAYS ||
		look->way < (int)LP_WAYS || track_shows_client(t->source, t->proto, t->scope);
	if (!known && write)
		lookup_write(look, t, backend, flow_flags(t),
			     t->opening ? LP_HALF_OPEN_S : flow_life(t));
	if (shows_client(t) && (known || !t->opening))
		client_keep(t, backend, known);
	return backend;
}

/* The backend that answers, or TRACK_ORPHAN. A global function: verified once, not for each way to
 * it. */
__noinline __u32 track_packet(struct track *t)
{
	if (!t)
		return 0;
	if (t->mode == LP_TRACK_NEEDED && track_is_settled(t->slot))
		return track_settled(t);
	return track_flow(t);
}

static __always_inline void track_make(struct track *t, struct making *making)
{
	int made = records_make(making);

	records_count(t->cpu, made);
	if (made != RECORD_MADE)
		slot_hold(making->info.slot, making->now);
}

/* Makes the records that the walk has left word of. */
static __always_inline void track_after(struct track *t)
{
	/* The second that has begun may be the one that the pass began in. */
	if (t->differs && t->slot.prev == LP_SLOT_RESIDUAL)
		slot_hold(t->where, t->now + 1);
	t->differs = 0;
	if (t->makings > 0)
		track_make(t, &t->making[0]);
	if (t->makings > 1)
		track_make(t, &t->making[1]);
	t->makings = 0;
}

#endif
