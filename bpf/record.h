/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The record table: what limpet remembers of connections and clients.
 *
 * A set-associative table in one array: a fingerprint's low bits name a bucket
 * of LP_WAYS records, two cache lines. Measured on a million keys it finds in a
 * quarter and writes in a fifth of the time of the kernel's LRU hash map.
 *
 * A record is 16 bytes: fingerprint, and one word with all that a packet needs.
 * Concurrency, with R1 to R4 cited below:
 *
 *   R1  A place changes hands only while its word is GONE. An empty place is taken
 *       by a compare-and-exchange of its fingerprint from EMPTY to BUSY; one with a
 *       record by a compare-and-exchange of its word, from the one that was judged
 *       to be worth less, to GONE. So what is evicted cannot be confirmed or
 *       refreshed in between, and a confirmed record is never out of sight. The new
 *       fingerprint and info are written, then the word is published by an
 *       exchange. BPF atomics that return a value order everything before and
 *       after them (Documentation/bpf/standardization/instruction-set.rst and
 *       the JITs), on every architecture.
 *   R2  A reader loads fingerprint, word, fingerprint, in this order (the
 *       addresses of the later loads depend on the earlier values, which orders
 *       loads on every architecture Linux knows but Alpha), and believes the
 *       word only if it names somebody and it saw its fingerprint both times. A place
 *       that has changed hands twice in between, away and back, is noticed by the
 *       word's tag, five bits of the fingerprint, 31 times in 32.
 *   R3  A word of a published record changes only by compare-and-exchange from
 *       the word that was read, so that nobody writes into a record that has
 *       become somebody else's: another record's word has another backend or
 *       expiry, or is equal, and then writing it changes nothing that matters.
 *   R4  Two CPUs may make the same record at once. Each looks through the bucket
 *       again after publishing; the record at the lower way stays and answers
 *       for both, the one at the higher way is dropped.
 *   R5  A record is dropped by one compare-and-exchange of its word, to one that
 *       has expired and names nobody: whoever drops can die at any moment and
 *       leaves nothing half done.
 *
 * Eviction order: empty, expired, unconfirmed ones of the middle of a flow, half
 * open ones (RECORD_OPENING), each by expiry. A confirmed record that lives is
 * never evicted: a flood of opening packets or of stray packets can only make
 * unconfirmed ones (P7). And stray packets make no half-open one go: of those that
 * they make a moving slot needs none (track.h T4), of half-open ones it needs each.
 *
 * This file compiles natively too; time is an argument.
 */
#ifndef LIMPET_BPF_RECORD_H
#define LIMPET_BPF_RECORD_H

#include <limpet/abi.h>

#include <stdbool.h>

#ifdef __bpf__
/* Zero, computed from x: an address that includes it is not known before x is. */
#define LP_AFTER(x)                                                                                \
	({                                                                                         \
		__u64 zero__ = (__u64)(x);                                                         \
		asm volatile("%[z] &= 0" : [z] "+r"(zero__));                                      \
		zero__;                                                                            \
	})
#define LP_LOAD64(p) (*(volatile const __u64 *)(p))
/* A function of its own to the verifier, which looks at it once and takes its
 * result for unknown; otherwise it would follow every way through every way. */
#define LP_RECORD_APART __attribute__((noinline))
#else
#define LP_AFTER(x)     ((__u64)(x)&0)
#define LP_LOAD64(p)    __atomic_load_n((const __u64 *)(p), __ATOMIC_ACQUIRE)
#define LP_RECORD_APART static inline
#endif

#define LP_RECORD_INLINE static inline __attribute__((always_inline))

/* Five bits of the fingerprint that no bucket's number has, beside the flags. */
LP_RECORD_INLINE __u8 record_tag(__u64 fingerprint)
{
	return (__u8)(fingerprint >> 56) & (__u8)~LP_RECORD_FLAGS;
}

/* Is this word, read with this fingerprint, its own, and neither GONE nor dropped? */
LP_RECORD_INLINE bool record_owns(__u64 fingerprint, __u64 word)
{
	struct lp_record_word w = { .word = word };

	return w.backend && (w.flags & (__u8)~LP_RECORD_FLAGS) == record_tag(fingerprint);
}

/* The word of way `i`, if it is this fingerprint's (R2). */
LP_RECORD_INLINE bool record_read(const struct lp_bucket *bucket, unsigned int i, __u64 fingerprint,
				  struct lp_record_word *out)
{
	const struct lp_record *record = &bucket->way[i];
	__u64 seen = LP_LOAD64(&record->fingerprint), word;
	const char *base;

	if (seen != fingerprint)
		return false;
	base = (const char *)record + LP_AFTER(seen);
	word = LP_LOAD64(base + __builtin_offsetof(struct lp_record, value));
	base = (const char *)record + LP_AFTER(word);
	if (LP_LOAD64(base) != fingerprint || !record_owns(fingerprint, word))
		return false;
	out->word = word;
	return true;
}

/* The way of a fingerprint in its bucket and its word; LP_WAYS if it is not there. */
LP_RECORD_INLINE unsigned int record_find(const struct lp_bucket *bucket, __u64 fingerprint,
					  struct lp_record_word *out)
{
	for (unsigned int i = 0; i < LP_WAYS; i++)
		if (record_read(bucket, i, fingerprint, out))
			return i;
	return LP_WAYS;
}

/* Expiry in 32 bits of seconds wraps after 136 years of uptime. */
LP_RECORD_INLINE bool record_expired(struct lp_record_word word, __u32 now)
{
	return word.expires <= now;
}

/*
 * How willingly a place is given away: 0 not at all, the larger the sooner.
 * Unconfirmed ones in the order in which they expire. Fits into 34 bits.
 */
#define RECORD_RANK_FREE    (3ull << 32)
#define RECORD_RANK_EXPIRED ((3ull << 32) - 1)
#define RECORD_RANK_FLOW    (1ull << 32) /* above it: not half open */

LP_RECORD_APART __u64 record_rank(__u64 fingerprint, __u64 word, __u32 now)
{
	struct lp_record_word w = { .word = word };

	if (fingerprint == LP_FINGERPRINT_EMPTY)
		return RECORD_RANK_FREE;
	if (fingerprint == LP_FINGERPRINT_BUSY || word == LP_RECORD_GONE)
		return 0;
	if (record_expired(w, now))
		return RECORD_RANK_EXPIRED;
	if (w.flags & LP_RECORD_CONFIRMED)
		return 0;
	return (w.flags & LP_RECORD_OPENING ? 1ull << 32 : 2ull << 32) - w.expires;
}

/*
 * The way to take: rank << 3 | way, of the highest rank; rank 0: none. `turn` is
 * any number: many records of a flood expire in the same second, and of those
 * another one is to go each time, not always the last that was made.
 */
LP_RECORD_INLINE __u64 record_choose(const struct lp_bucket *bucket, __u32 now, __u32 turn)
{
	__u64 best = 0;

	for (unsigned int i = 0; i < LP_WAYS; i++) {
		const struct lp_record *record = &bucket->way[i];
		__u64 rank = record_rank(LP_LOAD64(&record->fingerprint), LP_LOAD64(&record->value),
					 now);
		__u64 choice = rank << 3 | ((i + turn) & (LP_WAYS - 1));

		if (choice > best)
			best = choice;
	}
	return (best & ~(__u64)(LP_WAYS - 1)) | ((best - turn) & (LP_WAYS - 1));
}

enum record_made {
	RECORD_MADE,    /* in a place that was free or expired */
	RECORD_EVICTED, /* in the place of an unconfirmed one that lived */
	RECORD_FULL,    /* no place: nothing was made */
};

/* What a dropped record says: nothing, and that for ever (R5). Not GONE. */
LP_RECORD_INLINE struct lp_record_word record_dropped(struct lp_record_word word)
{
	struct lp_record_word dropped = {
		.incarnation = 1,
		.flags = word.flags & (__u8)~LP_RECORD_FLAGS,
	};

	return dropped;
}

/* Changes a word that was read at way `at` (R3). */
LP_RECORD_INLINE void record_change(struct lp_bucket *bucket, unsigned int at,
				    struct lp_record_word old, struct lp_record_word new)
{
	__sync_val_compare_and_swap(&bucket->way[at & (LP_WAYS - 1)].value.word, old.word,
				    new.word);
}

/* After publishing at `mine`: somebody else's record of the same key at a lower way
 * answers for both (R4). Returns its way, or `mine`. */
LP_RECORD_INLINE unsigned int record_settle(struct lp_bucket *bucket, unsigned int mine,
					    __u64 fingerprint, struct lp_record_word *word)
{
	for (unsigned int i = 0; i < LP_WAYS; i++) {
		struct lp_record_word other;

		if (i == mine || !record_read(bucket, i, fingerprint, &other))
			continue;
		if (i < mine) {
			record_change(bucket, mine, *word, record_dropped(*word));
			*word = other;
			return i;
		}
		record_change(bucket, i, other, record_dropped(other));
	}
	return mine;
}

/* Takes a place from who has it, `seen` and `old` (R1). */
LP_RECORD_INLINE bool record_take(struct lp_record *record, __u64 seen, __u64 old)
{
	if (seen == LP_FINGERPRINT_EMPTY)
		return __sync_val_compare_and_swap(&record->fingerprint, LP_FINGERPRINT_EMPTY,
						   LP_FINGERPRINT_BUSY) == LP_FINGERPRINT_EMPTY;
	if (__sync_val_compare_and_swap(&record->value.word, old, LP_RECORD_GONE) != old)
		return false;
	/* Before info is overwritten: whoever reads it looks at the fingerprint again. */
	__sync_lock_test_and_set(&record->fingerprint, LP_FINGERPRINT_BUSY);
	return true;
}

/* Is the newcomer worth the place? What is in the middle of a flow and not confirmed
 * takes none of a half-open one. */
LP_RECORD_INLINE bool record_deserves(struct lp_record_word word, __u64 rank)
{
	return rank > RECORD_RANK_FLOW ||
	       (rank && (word.flags & (LP_RECORD_OPENING | LP_RECORD_CONFIRMED)));
}

/*
 * Takes the cheapest place of a bucket for a record that says *word, whose tag is set. The
 * place is BUSY and GONE until record_publish(). Returns its way, LP_WAYS: no place is worth
 * less. *rank: what was there.
 */
LP_RECORD_INLINE unsigned int record_claim(struct lp_bucket *bucket, __u64 fingerprint,
					   struct lp_record_word *word, __u32 now, __u64 *rank)
{
	__u64 choice = record_choose(bucket, now, (__u32)(fingerprint >> 32)), seen, old;
	unsigned int at = choice & (LP_WAYS - 1);
	struct lp_record *record = &bucket->way[at];

	/* Once more: what is evicted is what is looked at now. */
	seen = LP_LOAD64(&record->fingerprint);
	old = LP_LOAD64(&record->value);
	*rank = record_rank(seen, old, now);
	if (choice < LP_WAYS || !record_deserves(*word, *rank) || !record_take(record, seen, old))
		return LP_WAYS; /* or lost a race for it; the next packet tries again */
	word->flags = (word->flags & LP_RECORD_FLAGS) | record_tag(fingerprint);
	return at;
}

/* The end of record_claim(): whatever is beside the record has been written. */
LP_RECORD_INLINE void record_publish(struct lp_bucket *bucket, unsigned int at, __u64 fingerprint,
				     struct lp_record_word word)
{
	struct lp_record *record = &bucket->way[at & (LP_WAYS - 1)];

	*(volatile __u64 *)&record->fingerprint = fingerprint;
	__sync_lock_test_and_set(&record->value.word, word.word);
}

/*
 * Makes a record in the cheapest place of its bucket. *word is what it says;
 * when another CPU was first, *word becomes what that one says. *about is what
 * is told of it; when one was evicted for it, about->slot becomes that one's. `info` may be NULL in
 * tests.
 */
LP_RECORD_INLINE enum record_made record_make(struct lp_bucket *bucket, struct lp_info_bucket *info,
					      __u64 fingerprint, struct lp_record_word *word,
					      struct lp_record_info *about, __u32 now)
{
	__u64 rank;
	unsigned int at = record_claim(bucket, fingerprint, word, now, &rank);

	if (at >= LP_WAYS)
		return RECORD_FULL;
	if (info) {
		__u32 slot = info->way[at].slot;

		info->way[at] = *about;
		about->slot = slot;
	}
	record_publish(bucket, at, fingerprint, *word);
	record_settle(bucket, at, fingerprint, word);
	return rank >= RECORD_RANK_EXPIRED ? RECORD_MADE : RECORD_EVICTED;
}

/*
 * The expiry to write for a life of `life` seconds from `now`. Records are
 * refreshed only when a sixteenth of their life has gone (at least a second), so
 * that a packet rarely writes; they are made to live that much longer (P1, P2
 * speak of the whole timeout).
 */
LP_RECORD_INLINE __u32 record_slack(__u32 life)
{
	return life / 16 + 1;
}

LP_RECORD_INLINE __u32 record_expiry(__u32 now, __u32 life)
{
	return now + life + record_slack(life) + 1;
}

LP_RECORD_INLINE bool record_stale(struct lp_record_word word, __u32 now, __u32 life)
{
	return word.expires <= now + life + 1;
}

#endif
