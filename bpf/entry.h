/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entries: the two sides of a connection whose source is translated (abi.h: struct
 * lp_entries, struct lp_returns). Buckets, words and eviction are the record table's
 * (record.h); what differs is who owns what:
 *
 *   E1  The return owns the tuple (backend and port, source and port): while it lives, no
 *       other connection gets that. It is made first and confirmed first, and expires no
 *       earlier than the entry that points to it.
 *   E2  Two CPUs may want one tuple for two connections. So a return is published as
 *       PENDING first (its word has expired, at 0: replies do not see it), then its maker
 *       looks through the bucket, and whoever sees another one of the same tuple, pending
 *       or living, drops his own. Publishing is a full barrier: of two at least one sees the
 *       other. Then the word becomes what it is to be by compare-and-exchange; whoever took
 *       the place meanwhile has won it. Both may lose, and try other ports.
 *   E3  A return that is not confirmed may lose its tuple to an opening packet that has found
 *       no free one (`force`): a flood of opening packets takes ports of its own kind, never
 *       those of established connections (P7). So who follows an entry that is not confirmed
 *       has to look whether the return is still its own.
 *   E4  What has expired is nobody's any more, and is never refreshed.
 *
 * This file compiles natively too; time is an argument.
 */
#ifndef LIMPET_BPF_ENTRY_H
#define LIMPET_BPF_ENTRY_H

#include "record.h"

enum entry_claim {
	ENTRY_CLAIMED, /* the tuple is this connection's from now on */
	ENTRY_OWN,     /* it was already */
	ENTRY_TAKEN,   /* it is another's */
	ENTRY_FULL,    /* there is no place in the bucket */
};

LP_RECORD_INLINE bool entry_is_pending(struct lp_record_word word)
{
	return !word.expires;
}

/* Whose return of the tuple it is, other than that at way `mine`: way and word; LP_WAYS:
 * nobody's. What is left of earlier connections is taken away (E4). */
LP_RECORD_INLINE unsigned int entry_holder(struct lp_bucket *bucket, unsigned int mine,
					   __u64 fingerprint, __u32 now,
					   struct lp_record_word *word)
{
	for (unsigned int i = 0; i < LP_WAYS; i++) {
		if (i == mine || !record_read(bucket, i, fingerprint, word))
			continue;
		if (entry_is_pending(*word) || !record_expired(*word, now))
			return i;
		record_change(bucket, i, *word, record_dropped(*word));
	}
	return LP_WAYS;
}

/* Of the same client and the same VIP? */
LP_RECORD_INLINE bool entry_same(const struct lp_return *a, const struct lp_return *b)
{
	return a->client.d[0] == b->client.d[0] && a->client.d[1] == b->client.d[1] &&
	       a->vip_addr.d[0] == b->vip_addr.d[0] && a->vip_addr.d[1] == b->vip_addr.d[1] &&
	       a->client_port == b->client_port && a->vip_port == b->vip_port;
}

/* Is there a place in the bucket that is nobody's? */
LP_RECORD_INLINE bool entry_has_room(const struct lp_bucket *bucket, __u32 now)
{
	return record_choose(bucket, now, 0) >> 3 >= RECORD_RANK_EXPIRED;
}

/*
 * What a return says while it is pending. Of each connection another word: else one that
 * takes the place and publishes the same tuple there would be confirmed in another's name.
 */
LP_RECORD_INLINE struct lp_record_word entry_pending(struct lp_record_word word,
						     const struct lp_return *of)
{
	__u64 sum = of->client.d[0] ^ of->client.d[1] * 0x9e3779b97f4a7c15ull ^ of->vip_addr.d[0] ^
		    of->vip_addr.d[1] * 0xbf58476d1ce4e5b9ull ^
		    ((__u64)of->client_port << 16 | of->vip_port) * 0x94d049bb133111ebull;

	sum = (sum ^ sum >> 32) * 0x9e3779b97f4a7c15ull;
	word.backend = (__u16)(sum >> 40) | 1;
	word.incarnation = (__u8)(sum >> 56);
	word.expires = 0;
	return word;
}

/* Publishes at a place that is BUSY, and says whether it stays (E2). */
LP_RECORD_INLINE enum entry_claim entry_publish(struct lp_returns *returns, unsigned int at,
						__u64 fingerprint, struct lp_record_word word,
						const struct lp_return *of, __u32 now)
{
	struct lp_bucket *bucket = &returns->index;
	struct lp_record_word pending = entry_pending(word, of), other;

	at &= LP_WAYS - 1;
	returns->of[at] = *of;
	record_publish(bucket, at, fingerprint, pending);
	if (entry_holder(bucket, at, fingerprint, now, &other) < LP_WAYS) {
		record_change(bucket, at, pending, record_dropped(pending));
		return ENTRY_TAKEN;
	}
	if (__sync_val_compare_and_swap(&bucket->way[at].value.word, pending.word, word.word) !=
	    pending.word)
		return ENTRY_TAKEN;
	return ENTRY_CLAIMED;
}

/* How a tuple is claimed that somebody has. */
enum entry_how {
	ENTRY_FORCE = 1 << 0, /* from one that is not confirmed (E3), and so with a place */
	ENTRY_ANEW = 1 << 1,  /* from itself: the connection begins anew */
};

/* May the tuple be taken from *of's own connection (`own`), or another one? */
LP_RECORD_INLINE bool entry_yields(struct lp_record_word word, bool own, int how)
{
	if (own)
		return how & ENTRY_ANEW;
	return (how & ENTRY_FORCE) && !(word.flags & LP_RECORD_CONFIRMED);
}

/*
 * Claims a tuple for the connection *of, to say *word, which gets its tag; `how` is of enum
 * entry_how. With ENTRY_OWN, *word becomes what the return says.
 */
LP_RECORD_INLINE enum entry_claim entry_claim(struct lp_returns *returns, __u64 fingerprint,
					      struct lp_record_word *word,
					      const struct lp_return *of, __u32 now, int how)
{
	struct lp_bucket *bucket = &returns->index;
	struct lp_record_word other;
	unsigned int at = entry_holder(bucket, LP_WAYS, fingerprint, now, &other);
	__u64 rank;
	bool own;

	if (at >= LP_WAYS) {
		if (!(how & ENTRY_FORCE) && !entry_has_room(bucket, now))
			return ENTRY_FULL;
		at = record_claim(bucket, fingerprint, word, now, &rank);
		if (at >= LP_WAYS)
			return ENTRY_FULL;
		return entry_publish(returns, at, fingerprint, *word, of, now);
	}
	if (entry_is_pending(other))
		return ENTRY_TAKEN;
	at &= LP_WAYS - 1;
	own = entry_same(&returns->of[at], of);
	if (!entry_yields(other, own, how)) {
		if (own)
			*word = other;
		return own ? ENTRY_OWN : ENTRY_TAKEN;
	}
	if (!record_take(&bucket->way[at], fingerprint, other.word))
		return ENTRY_TAKEN;
	word->flags = (word->flags & LP_RECORD_FLAGS) | record_tag(fingerprint);
	return entry_publish(returns, at, fingerprint, *word, of, now);
}

/* Has the place of a fingerprint stayed its own while `seen` was read beside it? (R2) */
LP_RECORD_INLINE bool entry_stayed(const struct lp_bucket *bucket, unsigned int at,
				   __u64 fingerprint, __u64 seen)
{
	const char *record = (const char *)&bucket->way[at & (LP_WAYS - 1)];

	return LP_LOAD64(record + LP_AFTER(seen)) == fingerprint;
}

/* A number that is not known before all of *of is. */
LP_RECORD_INLINE __u64 entry_seen(const struct lp_return *of)
{
	return of->client.d[0] ^ of->client.d[1] ^ of->vip_addr.d[0] ^ of->vip_addr.d[1] ^
	       of->client_port ^ of->vip_port ^ of->vip ^ of->life ^ of->state ^ of->isn ^
	       of->acked ^ of->sent;
}

/* The return of a tuple that lives: its way, and word and contents; or LP_WAYS. */
LP_RECORD_INLINE unsigned int entry_return(const struct lp_returns *returns, __u64 fingerprint,
					   __u32 now, struct lp_record_word *word,
					   struct lp_return *of)
{
	for (unsigned int i = 0; i < LP_WAYS; i++) {
		if (!record_read(&returns->index, i, fingerprint, word) ||
		    record_expired(*word, now))
			continue;
		*of = returns->of[i];
		return entry_stayed(&returns->index, i, fingerprint, entry_seen(of)) ? i : LP_WAYS;
	}
	return LP_WAYS;
}

/* The entry of a connection that lives: its way, word, and what its source becomes. */
LP_RECORD_INLINE unsigned int entry_find(const struct lp_entries *entries, __u64 fingerprint,
					 __u32 now, bool v6, struct lp_record_word *word,
					 struct lp_entry_port *to, struct lp_addr *addr)
{
	unsigned int at;
	__u64 seen;

	/* What is beside the index comes while that is searched: one miss, not two in a row. */
	(void)LP_LOAD64(&entries->to[0].word);
	at = record_find(&entries->index, fingerprint, word);
	if (at >= LP_WAYS || record_expired(*word, now))
		return LP_WAYS;
	at &= LP_WAYS - 1;
	*to = entries->to[at];
	seen = to->word;
	if (v6) {
		*addr = entries->addr[at];
		seen ^= addr->d[0] ^ addr->d[1];
	} else {
		addr->d[0] = 0;
		addr->w[2] = 0;
		addr->w[3] = to->addr4;
	}
	return entry_stayed(&entries->index, at, fingerprint, seen) ? at : LP_WAYS;
}

/* Makes the entry of a connection, with `force` in the place of one that is not confirmed;
 * what another CPU has made of it first is what entry_find() finds from then on. False:
 * there is no place. */
LP_RECORD_INLINE bool entry_make(struct lp_entries *entries, __u64 fingerprint,
				 struct lp_record_word word, const struct lp_entry_port *to,
				 const struct lp_addr *addr, __u32 now, bool force)
{
	unsigned int at;
	__u64 rank;

	if (!force && !entry_has_room(&entries->index, now))
		return false;
	at = record_claim(&entries->index, fingerprint, &word, now, &rank);
	if (at >= LP_WAYS)
		return false;
	at &= LP_WAYS - 1;
	entries->to[at] = *to;
	entries->addr[at] = *addr;
	record_publish(&entries->index, at, fingerprint, word);
	record_settle(&entries->index, at, fingerprint, &word);
	return true;
}

#endif
