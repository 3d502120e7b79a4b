/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fragments: what is remembered of their packets. Only the first fragment has ports;
 * walk_fragment.h lets it go its way as any packet does and notes here what became of
 * it, under what all of its fragments have in common; the later ones look it up. Nothing
 * is reassembled: fragments that overlap, or come twice, go one by one.
 *
 * With nat and snat what becomes of it is known when it has been translated, and noted
 * then: where it goes, and its new addresses. When it was dropped, so are the later ones:
 * nobody could make a packet of them.
 *
 *   - The table has a fixed size. All of its records are unconfirmed, so a new one always
 *     finds a place, that of the one that expires first; a flood of fragments makes other
 *     fragments be missed, and nothing else (P7). It is a table of its own: connections
 *     and clients have no record here.
 *   - Its keys are hashed with the secret key, all 64 bits count: who does not see a
 *     packet's fragments cannot meet its record but by its addresses and identification.
 *   - A first fragment of the same key means that the identification is used again (RFC
 *     4963): what it says holds from then on.
 *   - A later fragment that comes before its first one is copied to limpetd (`held`), at
 *     most LP_HELD_PER_S a second, which sends it in again once the first one has passed.
 *     What is sent in again carries LP_HELD_MARK and is not copied a second time.
 */
#ifndef LIMPET_BPF_FRAGMENT_H
#define LIMPET_BPF_FRAGMENT_H

#include <limpet/hash.h>
#include "affinity.h"
#include "maps.h"
#include "parse.h"
#include "record.h"
#include "vip.h"

/* A fragment on its way, in a map: its walk has little stack. */
struct fragment {
	struct packet pkt;
	struct packet_part part;
	struct view view;
	struct affinity affinity;
	__u64 fingerprint;
	struct lp_record_word word; /* of the record that was found or is to be made */
	struct lp_fragment what;    /* and what is beside it */
	struct lp_vip asked;        /* the VIP of a later one, as far as it is known */
	bool waits;                 /* a first one is to be noted when it has been translated */
	__u32 second, held;         /* this CPU's fragments that were held in this second */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fragment);
} fragment_scratch SEC(".maps");

/* Where a frame is copied together for limpetd. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lp_held);
} held_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, LP_HELD_BYTES);
} held SEC(".maps");

LP_ARRAY(fragments, lp_bucket);
LP_ARRAY(fragment_info, lp_fragment_bucket);

static __always_inline struct fragment *fragment_work(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&fragment_scratch, &zero);
}

/* --- the table --------------------------------------------------------------------------- */

/*
 * Copies what is beside a record. Zero that is known only when all of it has been read:
 * what is read at an address with it is read later (R2 in record.h).
 */
static __always_inline __u64 fragment_copy(struct lp_fragment *to, const struct lp_fragment *from)
{
	__u64 *out = (__u64 *)to, all = 0;

	for (__u32 i = 0; i < sizeof(*to) / sizeof(*out); i++) {
		out[i] = LP_LOAD64((const __u64 *)from + i);
		all |= out[i];
	}
	return LP_AFTER(all);
}

/* Global functions: verified once. 1: the record of work->fingerprint is in *work. */
__noinline int fragments_find(void)
{
	struct fragment *work = fragment_work();
	const struct lp_fragment_bucket *info;
	const struct lp_bucket *bucket;
	struct lp_record_word word, again;
	__u32 at, way;
	__u64 after;

	if (!work)
		return 0;
	at = (__u32)work->fingerprint & (LP_FRAGMENT_BUCKETS - 1);
	bucket = bpf_map_lookup_elem(&fragments, &at);
	info = bpf_map_lookup_elem(&fragment_info, &at);
	if (!bucket || !info)
		return 0;
	way = record_find(bucket, work->fingerprint, &word);
	if (way >= LP_WAYS || record_expired(word, lp_now()))
		return 0;
	after = fragment_copy(&work->what, &info->way[way] + LP_AFTER(word.word));
	/* Still the same one: then it was its own all the time. */
	if (!record_read(bucket + after, way, work->fingerprint, &again) || again.word != word.word)
		return 0;
	work->word = word;
	return 1;
}

/* Notes work->what for work->word's backend; in the place of what was noted before. */
__noinline int fragments_note(void)
{
	struct fragment *work = fragment_work();
	struct lp_fragment_bucket *info;
	struct lp_record_word word, old;
	struct lp_bucket *bucket;
	__u32 at, way, now;
	__u64 rank;

	if (!work)
		return 0;
	at = (__u32)work->fingerprint & (LP_FRAGMENT_BUCKETS - 1);
	bucket = bpf_map_lookup_elem(&fragments, &at);
	info = bpf_map_lookup_elem(&fragment_info, &at);
	if (!bucket || !info)
		return 0;
	way = record_find(bucket, work->fingerprint, &old);
	if (way < LP_WAYS)
		record_change(bucket, way, old, record_dropped(old));
	now = lp_now();
	word.word = work->word.word;
	word.flags = 0;
	word.expires = now + LP_FRAGMENT_S;
	way = record_claim(bucket, work->fingerprint, &word, now, &rank);
	if (way >= LP_WAYS)
		return 0;
	info->way[way & (LP_WAYS - 1)] = work->what;
	record_publish(bucket, way, work->fingerprint, word);
	record_settle(bucket, way, work->fingerprint, &word);
	return 1;
}

/* --- before the first one ------------------------------------------------------------------ */

/* Has limpetd sent it in again? */
static __always_inline bool fragment_is_again(const struct xdp_md *ctx)
{
	const __u64 *meta = (const __u64 *)(long)ctx->data_meta;

	return (const void *)(meta + 1) <= (const void *)(long)ctx->data && *meta == LP_HELD_MARK;
}

/* One more in this second? */
static __always_inline bool fragment_may_hold(struct fragment *work)
{
	__u32 now = lp_now();

	if (work->second != now) {
		work->second = now;
		work->held = 0;
	}
	return work->held++ < LP_HELD_PER_S;
}

/* Copies the frame to limpetd; false: it cannot be held. */
static __noinline bool fragment_hold(struct xdp_md *ctx)
{
	const __u32 zero = 0;
	struct lp_held *copy = bpf_map_lookup_elem(&held_scratch, &zero);
	struct fragment *work = fragment_work();
	__u32 len;

	if (!copy || !work || fragment_is_again(ctx) || !fragment_may_hold(work))
		return false;
	len = (__u32)bpf_xdp_get_buff_len(ctx);
	barrier_var(len);
	if (len < ETH_HLEN || len > LP_HELD_FRAME)
		return false;
	copy->fingerprint = work->fingerprint;
	copy->ifindex = ctx->ingress_ifindex;
	copy->len = len;
	if (bpf_xdp_load_bytes(ctx, 0, copy->frame, len))
		return false;
	return !bpf_ringbuf_output(&held, copy, offsetof(struct lp_held, frame) + len, 0);
}

/* --- a fragment ----------------------------------------------------------------------------- */

/* LP_PARSED, or the reason for which the stack gets it; fills *work. */
static __noinline int fragment_parse(struct xdp_md *ctx)
{
	struct fragment *work = fragment_work();
	struct packet_part part = {};
	struct packet pkt = {};
	int reason;

	if (!work)
		return LP_PASS_TRUNCATED; /* never */
	reason = packet_parse_with(&pkt, ctx, &part);
	/* A later one's lengths are to be right as well; ports it has none. */
	if (pkt.cut == CUT_FRAGMENT && !packet_fits(&pkt, ctx))
		pkt.cut = CUT_BAD_LENGTH;
	work->pkt = pkt;
	work->part = part;
	work->waits = false;
	work->fingerprint = lp_fingerprint_fragment(&lp_key, &pkt.src, &pkt.dst, part.id, pkt.proto,
						    pkt.v6);
	return reason;
}

/*
 * What of the transport header is in the first fragment is not to come again from a later
 * one, and has to be all there (RFC 1858, RFC 3128, RFC 7112).
 */
static __always_inline bool fragment_is_tiny(const struct fragment *work)
{
	if (work->pkt.cut == CUT_TRUNCATED)
		return true;
	return work->pkt.cut == CUT_FRAGMENT && !work->part.unsure &&
	       work->pkt.proto == IPPROTO_TCP && work->part.offset < sizeof(struct tcphdr);
}

/* A key of port 0: every address and protocol of a VIP, or of a backend's replies, has one. */
static __always_inline const struct lp_vip *fragment_key_of(const struct fragment *work,
							    const struct lp_addr *addr)
{
	const struct packet *pkt = &work->pkt;
	const struct lp_vip *key = vip_key_of(&work->view, addr, pkt->proto, 0, pkt->v6);

	return key || !work->part.unsure ? key
					 : vip_key_of(&work->view, addr, IPPROTO_UDP, 0, pkt->v6);
}

static __always_inline bool fragment_is_settled(struct fragment *work, const struct lp_vip *vip)
{
	struct lp_slot slot;
	__u32 at;

	affinity_find(&work->affinity, &work->view, vip, &work->pkt);
	at = affinity_at(work->view.half * LP_SIZE(pools) + vip->pool, work->affinity.slot);
	slot = affinity_slot(at);
	return affinity_is_settled(&work->affinity, vip, &work->pkt, slot);
}

/*
 * Does its source alone decide, with nothing remembered of the packet? The client's record
 * is a datagram's own (track.h); a TCP connection's is found by its ports.
 */
static __always_inline bool fragment_is_portless(struct fragment *work, const struct lp_vip *key)
{
	return (key->flags & LP_VIP_PORTLESS) && !work->part.unsure &&
	       (work->pkt.proto == IPPROTO_UDP || fragment_is_settled(work, key));
}

/* What there is to say of a first one of `vip`, which may be NULL. */
static __always_inline void fragment_about(struct fragment *work, const struct lp_vip *vip,
					   __u8 kind)
{
	struct lp_fragment *what = &work->what;

	__builtin_memset(what, 0, sizeof(*what));
	what->kind = kind;
	if (vip) {
		what->vip = vip->vip;
		what->forward = vip->forward;
		what->flags = vip->flags;
	}
}

/* Notes work->what. `backend`: LP_FRAGMENT_NOBODY if it was none's. */
static __always_inline void fragment_write(struct fragment *work, __u32 backend)
{
	work->word.word = 0;
	work->word.backend = (__u16)backend;
	work->word.incarnation = (__u8)backend_state(backend).incarnation;
	fragments_note();
}

static __always_inline void fragment_note(struct fragment *work, const struct lp_vip *vip,
					  __u8 kind, __u32 backend)
{
	if (!work->part.more)
		return;
	fragment_about(work, vip, kind);
	fragment_write(work, backend);
}

/* The same, but it is to be translated first: fragment_after(). */
static __always_inline void fragment_wait(struct fragment *work, const struct lp_vip *vip,
					  __u8 kind)
{
	if (!work->part.more)
		return;
	fragment_about(work, vip, kind);
	work->waits = true;
}

/* Is the backend of the record that was found still the one that it was? */
static __always_inline bool fragment_backend_is_same(const struct fragment *work)
{
	return (__u8)backend_state(work->word.backend).incarnation == work->word.incarnation;
}

/* The VIP of a later fragment, for those who ask it for policy and forwarding. */
static __always_inline const struct lp_vip *fragment_vip(struct fragment *work)
{
	struct lp_vip *vip = &work->asked;

	__builtin_memset(vip, 0, sizeof(*vip));
	vip->vip = work->what.vip;
	vip->forward = work->what.forward;
	vip->flags = work->what.flags;
	return vip;
}

#endif
