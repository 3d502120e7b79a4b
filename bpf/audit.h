/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sampled audit: one flow and one client in LP_AUDIT_SAMPLE, by a keyed hash,
 * is followed whatever the state of its slot, in a table that no decision is
 * taken from. It is the witness of P1 and P2 in production: a packet in the
 * middle of a flow that goes elsewhere than the flow did before is counted, for
 * its pool, as broken if its backend lives and as lost if not.
 *
 * Sampling costs a multiplication and a compare for each packet; what is sampled
 * costs a lookup.
 */
#ifndef LIMPET_BPF_AUDIT_H
#define LIMPET_BPF_AUDIT_H

#include <limpet/hash.h>
#include "affinity.h"
#include "maps.h"
#include "parse.h"
#include "record.h"
#include "track.h"

__noinline int audit_find(__u64 fingerprint, struct lp_record_word *out)
{
	__u32 at = (__u32)fingerprint & (LP_AUDIT_BUCKETS - 1);
	const struct lp_bucket *bucket = bpf_map_lookup_elem(&audit, &at);

	return bucket && out ? (int)record_find(bucket, fingerprint, out) : (int)LP_WAYS;
}

__noinline int audit_make(struct making *making)
{
	struct lp_info_bucket *info;
	struct lp_bucket *bucket;
	__u32 at;

	if (!making)
		return 0;
	at = (__u32)making->fingerprint & (LP_AUDIT_BUCKETS - 1);
	bucket = bpf_map_lookup_elem(&audit, &at);
	info = bpf_map_lookup_elem(&audit_info, &at);
	if (bucket && info)
		record_make(bucket, info, making->fingerprint, &making->word, &making->info,
			    making->now);
	return 0;
}

__noinline int audit_change(__u64 fingerprint, __u32 way, __u64 old, __u64 new)
{
	__u32 at = (__u32)fingerprint & (LP_AUDIT_BUCKETS - 1);
	struct lp_bucket *bucket = bpf_map_lookup_elem(&audit, &at);

	if (bucket)
		record_change(bucket, way, (struct lp_record_word) { .word = old },
			      (struct lp_record_word) { .word = new });
	return 0;
}

static __always_inline struct lp_audit_counter *audit_counter(const struct track *t)
{
	__u32 at = t->cpu * LP_SIZE(pools) + (t->where >> LP_SLOTS_BITS);

	return bpf_map_lookup_elem(&audit_counters, &at);
}

/* The witness's entry of a key, as it should be now. */
static __always_inline struct lp_record_word audit_word(const struct track *t, __u32 backend,
							__u8 flags, __u32 life)
{
	struct lp_record_word word = {
		.backend = (__u16)backend,
		.incarnation = (__u8)backend_state(backend).incarnation,
		.flags = flags,
		.expires = record_expiry(t->now, life),
	};

	return word;
}

static __always_inline void audit_write(struct track *t, const struct lookup *look,
					struct lp_record_word word)
{
	struct making *making = &t->noting;

	if (look->way < (int)LP_WAYS) {
		word.flags |= record_tag(look->fingerprint);
		if (look->word.word != word.word)
			audit_change(look->fingerprint, look->way, look->word.word, word.word);
		return;
	}
	making->fingerprint = look->fingerprint;
	making->word = word;
	making->info.src = word.flags & LP_RECORD_CLIENT ? t->client : t->src;
	making->info.sport = t->sport;
	making->info.dport = t->dport;
	making->info.vip = t->vip;
	making->info.slot = t->where;
	making->info.created = t->now;
	making->now = t->now;
	making->cpu = t->cpu;
	audit_make(making);
}

static __always_inline bool audit_look(struct lookup *look, __u64 fingerprint)
{
	look->fingerprint = fingerprint;
	look->word.word = 0;
	look->way = audit_find(fingerprint, &look->word);
	return look->way < (int)LP_WAYS;
}

/* A packet in the middle of a flow that is known to be elsewhere. */
static __always_inline void audit_flow_moved(const struct track *t, const struct lookup *look)
{
	struct lp_audit_counter *counter = audit_counter(t);

	if (!counter || record_expired(look->word, t->now))
		return; /* silent for longer than is promised */
	if (lookup_lives(look, t))
		counter->broken++;
	else
		counter->lost++;
}

static __always_inline void audit_flow(struct track *t, __u32 backend)
{
	struct lp_audit_counter *counter = audit_counter(t);
	struct lookup *look = &t->of_flow;
	bool known = audit_look(look, flow_fingerprint(t));
	/* What has ended stays so until it is opened again. Nobody's (T8): it has ended,
	 * whatever its client thinks. */
	bool ended = t->ending || !backend || (!t->opening && (look->word.flags & LP_AUDIT_ENDED));
	__u32 life = ended ? LP_AUDIT_CLOSING_S : t->idle_timeout;
	struct lp_record_word word = audit_word(
		t, backend, LP_RECORD_CONFIRMED | (ended ? LP_AUDIT_ENDED : 0), life);

	if (known) {
		if (!t->opening && look->word.backend != word.backend)
			audit_flow_moved(t, look);
		/* Who lives on is written now and then. */
		if (look->word.backend == word.backend && !t->opening && !t->ending &&
		    !record_stale(look->word, t->now, life))
			return;
	} else if (t->opening && counter) {
		counter->opened++;
	} else if (!backend) {
		return; /* and it was not followed */
	}
	audit_write(t, look, word);
}

/* An opening packet of a client that was on another backend, which would take it. */
static __always_inline void audit_client(struct track *t, __u32 backend)
{
	struct lp_record_word word = audit_word(t, backend, LP_RECORD_CLIENT | LP_RECORD_CONFIRMED,
						t->client_timeout);
	struct lp_audit_counter *counter = audit_counter(t);
	struct lookup *look = &t->of_client;

	if (audit_look(look, client_fingerprint(t)) && counter &&
	    look->word.backend != word.backend && !record_expired(look->word, t->now) &&
	    lookup_lives(look, t) &&
	    !(backend_state(look->word.backend).flags & LP_BACKEND_OFFLINE))
		counter->moved++;
	audit_write(t, look, word);
}

/* The bits of this flow on this backend, and the word that they are in. */
static __always_inline __u64 *audit_seen_word(__u64 flow, __u16 backend, __u64 *bits)
{
	__u64 at = lp_audit_seen(flow, backend, tables_control()->phase, bits);

	barrier_var(at); /* it is less, as Linux 6.1 does not see */
	return &TABLE(audit_seen)[at & (2 * LP_AUDIT_SEEN_WORDS - 1)];
}

/* Has the audit seen this sampled flow in this phase, on this backend? */
static __always_inline bool audit_has_seen(__u64 flow, __u32 backend)
{
	__u64 bits, word = *audit_seen_word(flow, (__u16)backend, &bits);

	return (word & bits) == bits;
}

/*
 * Another CPU may write to the same word: what is forgotten is looked at once more, and so
 * is what had a bit in common with a flow that goes.
 */
static __always_inline void audit_see(const struct track *t)
{
	__u64 bits, *word = audit_seen_word(t->flow, t->backend, &bits);
	const struct lookup *was = &t->of_flow;

	/* An opening or ending packet is always news, and so is who comes back. */
	if (t->opening || t->ending)
		*word &= ~bits;
	else
		*word |= bits;
	if (was->way < (int)LP_WAYS && was->word.backend != t->backend) {
		word = audit_seen_word(t->flow, was->word.backend, &bits);
		*word &= ~bits;
	}
}

/* A global function: verified once. */
__noinline int audit_packet(struct track *t)
{
	if (!t)
		return 0;
	if (t->audit & LP_AUDIT_FLOW) {
		audit_flow(t, t->backend);
		audit_see(t);
	}
	if (t->audit & LP_AUDIT_CLIENT)
		audit_client(t, t->backend);
	t->audit = 0;
	return 0;
}

/* Are these the bits of one hash in LP_AUDIT_SAMPLE? */
static __always_inline bool audit_samples(__u64 hash)
{
	return !(hash >> (40 - LP_AUDIT_BITS) & (LP_AUDIT_SAMPLE - 1));
}

static __always_inline bool audit_samples_client(const struct affinity *affinity,
						 const struct packet *pkt)
{
	return affinity->source && packet_is_opening(pkt) && audit_samples(affinity->hash);
}

/*
 * Called with the backend that the packet goes to, or TRACK_ORPHAN: leaves word for audit_after(),
 * which has a stack of its own to work with.
 */
static __always_inline void audit_witness(const struct affinity *affinity, const struct view *view,
					  const struct lp_vip *vip, const struct packet *pkt,
					  __u32 cpu, __u32 backend)
{
	__u64 flow = affinity_flow(affinity, pkt);
	__u32 what = 0;
	struct track *t;

	if (audit_samples(flow))
		what |= LP_AUDIT_FLOW;
	if (audit_samples_client(affinity, pkt))
		what |= LP_AUDIT_CLIENT;
	if (!what)
		return;
	t = affinity_scratch(affinity, view, vip, pkt, cpu);
	if (!t)
		return;
	t->backend = (__u16)backend; /* 0: an orphan's */
	t->flow = flow;
	t->audit = what;
}

static __always_inline void audit_after(struct track *t)
{
	if (t->audit)
		audit_packet(t);
}

#endif
