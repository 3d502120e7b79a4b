/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Step 8b: connections that have entries (entry.h), because the source is translated
 * too, or because only memory tells whose reply it is:
 *
 *   - `forward: snat`;
 *   - `forward: nat` and a client that its backend would answer past limpet (hairpin):
 *     it is in the network that backend and limpet share, or is the backend itself;
 *   - `forward: nat` where a port of a backend serves several VIPs (LP_VIP_ENTRIES): the
 *     client's own address and, if it is free, port stay.
 *
 * Rules:
 *
 *   N1  The walk chooses the backend, as everywhere; an entry that lives, of a backend that
 *       lives in the same incarnation, has chosen already and decides for its connection
 *       (P1). Opening packets do not follow one to a backend that is offline.
 *   N2  Entries begin half open (LP_HALF_OPEN_S), and are confirmed when the client
 *       acknowledges what the backend has answered, within 64 KiB: who invents addresses
 *       does not know what that was. UDP: when the client is heard of again after an answer.
 *   N3  A packet in the middle of a TCP flow that has no entry gets one, with the client's
 *       own port if that is free, and of the lowest rank: after entries were lost,
 *       connections go on, or their backend tells the client at once that it knows of none.
 *       The end of one that has no entry is dropped.
 *   N4  After a FIN of both sides, a RST of the backend from where it is with its sequence
 *       numbers, or a RST of the client whose sequence number the backend can be waiting
 *       for, an entry lives for LP_ENTRY_CLOSING_S. Until then it lives for the VIP's idle
 *       timeout. A RST that somebody has made up is the receiver's to ignore (RFC 5961), whose
 *       connection then goes on, however long it is silent. Nor is anything noted of a
 *       packet in the backend's name that is elsewhere; where it is moves with what it sends,
 *       all of which passes here. If more than that is lost at once it may be out of sight
 *       for good: such a connection's RST is not believed either, and its entry expires by
 *       the idle timeout.
 *   N5  Ports of an address of the host's own that the host gives its own connections are not
 *       taken: the backend may be talking to the host itself (health checks).
 *
 * Needs struct nat, and is part of forward_nat.h, which writes the packet.
 */
#ifndef LIMPET_BPF_SNAT_H
#define LIMPET_BPF_SNAT_H

#include <limpet/hash.h>
#include "entry.h"
#include "maps.h"
#include "parse.h"
#include "track.h"

/* An answer is acknowledged, a RST is in the window, if it is off by less (N2, N4). */
#define SNAT_NEAR_ISN (1u << 16)
#define SNAT_NEAR_RST (1u << 20)
/* What the backend sends is noted each so many bytes, if nothing else is to be. */
#define SNAT_SENT_STEP (1u << 16)

/* From this try on, an opening packet takes ports of half-open ones (E3). */
#define SNAT_FORCE (LP_SNAT_TRIES - 8)

/* What of a connection is looked for and found. */
struct snat {
	struct lp_addr source; /* what the backend sees */
	__be16 port;
	__u64 forward, back;             /* fingerprints of the entry and of the return */
	struct lp_record_word word;      /* what the entry says */
	struct lp_record_word back_word; /* and the return */
	__u32 at, way, back_way;         /* bucket of the entry; ways, LP_WAYS: not found */
	struct lp_entry_port to;
	struct lp_return of;
	__u32 now;
	__u32 seq, ack; /* of TCP, host byte order */
	__u32 full;     /* tries that found no place */
};

/* Which source a packet of a VIP with entries gets. */
enum snat_source {
	SNAT_NONE = 0, /* there is no entry */
	SNAT_ADDRESS,  /* one of the VIP's list, or the balancer's */
	SNAT_CLIENT,   /* its own */
};

/* Where nat_reply() takes a reply up. */
enum nat_start {
	NAT_FRAME = 0,
	NAT_PARSED, /* a first fragment: nat.pkt is it */
	NAT_FOUND,  /* a later one, without ports: what it becomes is known */
};

/* What is to be done with a packet; forward_nat.h. */
struct nat {
	struct packet pkt;
	struct lp_hop hop;         /* where it goes */
	struct lp_addr to_addr[2]; /* what addresses become, by enum nat_side */
	__be16 to_port[2];         /* what ports become */
	__be16 to_id;              /* what the identification becomes, if NAT_ID is in sides */
	__u8 sides;                /* 1 << enum nat_side: which ones change */
	bool routed;               /* XDP routes it: TTL and hop limit are decremented */
	bool entries;              /* its VIP has LP_VIP_ENTRIES */
	bool too_big;              /* for the route to the client */
	bool parts;                /* a first fragment, others follow */
	__u8 start;                /* enum nat_start; back to NAT_FRAME after each reply */
	__u8 reason;               /* what became of a reply: enum lp_reason */
	__u8 forward;              /* enum lp_forward */
	__u32 vip, backend;
	__u32 half;
	__u32 life; /* the VIP's idle timeout */
	struct bpf_fib_lookup fib;
	struct snat snat;
};

enum nat_side { NAT_SOURCE, NAT_DESTINATION, NAT_ID };
_Static_assert(LP_FRAGMENT_SOURCE == 1 << NAT_SOURCE &&
		       LP_FRAGMENT_DESTINATION == 1 << NAT_DESTINATION &&
		       LP_FRAGMENT_ID == 1 << NAT_ID,
	       "lp_fragment.sides is nat.sides");

/* --- the tables ------------------------------------------------------------------------- */

/*
 * An entry is in one of two buckets, the second one when the first was full: a connection
 * cannot choose its key as a return chooses its port (Azar et al., "Balanced allocations",
 * SIAM J. Comput. 29(1), 1999). All bits are others than those of record_tag().
 */
static __always_inline __u32 snat_bucket(__u64 fingerprint, bool second)
{
	return (__u32)(second ? fingerprint >> 32 : fingerprint) & (lp_entries_max - 1);
}

static __always_inline struct lp_returns *snat_returns(__u64 fingerprint)
{
	__u32 at = (__u32)fingerprint & (lp_entries_max - 1);

	return bpf_map_lookup_elem(&returns, &at);
}

/* The same in bucket nat->snat.at; 1: it is there. A global function: verified once. */
__noinline int snat_find_in(struct nat *nat)
{
	struct lp_entries *table;
	struct snat *s;
	__u32 at;

	if (!nat)
		return 0;
	s = &nat->snat;
	at = s->at;
	table = bpf_map_lookup_elem(&entries, &at);
	s->way = table ? entry_find(table, s->forward, s->now, nat->pkt.v6, &s->word, &s->to,
				    &s->source)
		       : LP_WAYS;
	s->port = s->to.port;
	return s->way < LP_WAYS;
}

/* The entry of the connection nat->snat.forward: at and way. */
static __always_inline bool snat_find(struct nat *nat)
{
	struct snat *s = &nat->snat;

	s->at = snat_bucket(s->forward, false);
	if (snat_find_in(nat))
		return true;
	s->at = snat_bucket(s->forward, true);
	return snat_find_in(nat);
}

/* The return nat->snat.back. */
__noinline int snat_find_return(struct nat *nat)
{
	struct lp_returns *returns;
	struct snat *s;

	if (!nat)
		return 0;
	s = &nat->snat;
	returns = snat_returns(s->back);
	s->back_way = returns ? entry_return(returns, s->back, s->now, &s->back_word, &s->of)
			      : LP_WAYS;
	return 0;
}

/* Tries to get the tuple nat->snat.back: enum entry_claim. */
__noinline int snat_claim(struct nat *nat, int how)
{
	struct lp_returns *returns;
	struct snat *s;

	if (!nat)
		return ENTRY_FULL;
	s = &nat->snat;
	returns = snat_returns(s->back);
	if (!returns)
		return ENTRY_FULL;
	return entry_claim(returns, s->back, &s->back_word, &s->of, s->now, how);
}

/* Makes it, in one of both; 1: there was a place. */
__noinline int snat_make_in(struct nat *nat, int second, int force)
{
	struct lp_entries *table;
	struct snat *s;
	__u32 at;

	if (!nat)
		return 0;
	s = &nat->snat;
	at = snat_bucket(s->forward, second);
	table = bpf_map_lookup_elem(&entries, &at);
	return table && entry_make(table, s->forward, s->word, &s->to, &s->source, s->now, force);
}

/* Makes it where there is room, otherwise in the place of one that is half open. */
static __always_inline bool snat_make(struct nat *nat)
{
	return snat_make_in(nat, false, false) || snat_make_in(nat, true, false) ||
	       snat_make_in(nat, false, true) || snat_make_in(nat, true, true);
}

/* Changes the word of an entry that was found; 1: it still was that. */
__noinline int snat_change(__u32 bucket, __u32 way, __u64 old, __u64 new)
{
	__u32 at = bucket;
	struct lp_entries *table = bpf_map_lookup_elem(&entries, &at);

	way &= LP_WAYS - 1;
	return table &&
	       __sync_val_compare_and_swap(&table->index.way[way].value.word, old, new) == old;
}

__noinline int snat_change_return(__u64 fingerprint, __u32 way, __u64 old, __u64 new)
{
	struct lp_returns *returns = snat_returns(fingerprint);

	way &= LP_WAYS - 1;
	return returns &&
	       __sync_val_compare_and_swap(&returns->index.way[way].value.word, old, new) == old;
}

/* Adds to the state of a return; what it is then. */
__noinline __u32 snat_mark(__u64 fingerprint, __u32 way, __u32 bits)
{
	struct lp_returns *returns = snat_returns(fingerprint);

	if (!returns)
		return 0;
	return __sync_fetch_and_or(&returns->of[way & (LP_WAYS - 1)].state, bits) | bits;
}

/* --- fingerprints ----------------------------------------------------------------------- */

/* Of the packet as it came: an entry's, or the other way round a return's. */
static __always_inline __u64 snat_print(const struct packet *pkt)
{
	return lp_fingerprint_flow(&lp_key, &pkt->src, &pkt->dst, pkt->sport, pkt->dport,
				   pkt->proto, pkt->v6);
}

/* Of the backend's answer to the packet as it leaves. */
static __always_inline __u64 snat_print_return(const struct nat *nat)
{
	return lp_fingerprint_flow(&lp_key, &nat->hop.daddr, &nat->snat.source,
				   nat->to_port[NAT_DESTINATION], nat->snat.port, nat->pkt.proto,
				   nat->pkt.v6);
}

/* Of the entry of the connection whose return was found. */
static __always_inline __u64 snat_print_forward(const struct nat *nat)
{
	const struct lp_return *of = &nat->snat.of;

	return lp_fingerprint_flow(&lp_key, &of->client, &of->vip_addr, of->client_port,
				   of->vip_port, nat->pkt.proto, nat->pkt.v6);
}

/* --- state ------------------------------------------------------------------------------ */

static __always_inline bool snat_is_tcp(const struct nat *nat)
{
	return nat->pkt.proto == IPPROTO_TCP;
}

/* Opening in the sense of entries: every datagram may be the first one of its flow. */
static __always_inline bool snat_opens(const struct nat *nat)
{
	return !snat_is_tcp(nat) || packet_is_opening(&nat->pkt);
}

/* Seconds that an entry with these flags lives from now on. */
static __always_inline __u32 snat_life(__u8 flags, __u32 life)
{
	__u32 most = flags & LP_ENTRY_CLOSING      ? LP_ENTRY_CLOSING_S
		     : flags & LP_RECORD_CONFIRMED ? life
						   : LP_HALF_OPEN_S;

	return most < life ? most : life;
}

static __always_inline struct lp_record_word snat_renewed(struct lp_record_word word, __u8 flags,
							  __u32 now, __u32 life)
{
	word.flags = (word.flags & (__u8)~LP_RECORD_FLAGS) | (flags & LP_RECORD_FLAGS);
	word.expires = record_expiry(now, snat_life(flags, life));
	return word;
}

/*
 * Both sides say `flags` from now on and live anew: the return first (E1). Both have been
 * found. What another CPU has changed meanwhile stays as that one wants it.
 */
static __always_inline void snat_renew(struct nat *nat, __u8 flags, __u32 life)
{
	struct snat *s = &nat->snat;
	struct lp_record_word new = snat_renewed(s->back_word, flags, s->now, life);

	if (!snat_change_return(s->back, s->back_way, s->back_word.word, new.word))
		return;
	new = snat_renewed(s->word, flags, s->now, life);
	snat_change(s->at, s->way, s->word.word, new.word);
}

static __always_inline bool snat_is_stale(struct lp_record_word word, __u32 now, __u32 life)
{
	return record_stale(word, now, snat_life(word.flags, life));
}

/* Nothing to write, nothing to doubt: nearly all packets of a connection. */
static __always_inline bool snat_is_plain(const struct nat *nat, struct lp_record_word word,
					  __u32 life)
{
	return (word.flags & (LP_RECORD_CONFIRMED | LP_ENTRY_CLOSING)) == LP_RECORD_CONFIRMED &&
	       !(nat->pkt.flags & (LP_TCP_SYN | LP_TCP_FIN | LP_TCP_RST)) &&
	       !snat_is_stale(word, nat->snat.now, life);
}

/* --- to a backend: an entry that there is ------------------------------------------------ */

/* N1: is the entry's backend good for this packet? */
static __always_inline bool snat_lives(const struct nat *nat)
{
	struct lp_record_word word = nat->snat.word;
	struct lp_backend_state state = backend_state(word.backend);

	return (state.flags & LP_BACKEND_ALIVE) && (__u8)state.incarnation == word.incarnation &&
	       !(packet_is_opening(&nat->pkt) &&
		 ((state.flags & LP_BACKEND_OFFLINE) || (word.flags & LP_ENTRY_CLOSING)));
}

/* The packet goes where its entry says. */
static __always_inline void snat_take(struct nat *nat)
{
	const struct lp_backend *backend;

	nat->to_port[NAT_DESTINATION] = nat->snat.to.target;
	if (nat->snat.word.backend == nat->backend)
		return;
	backend = backend_at(nat->snat.word.backend);
	if (!backend)
		return;
	nat->backend = nat->snat.word.backend;
	nat->hop = *LP_HOP(backend);
}

/* N2: does the client show that it has seen the backend's answer? */
static __always_inline bool snat_shows(const struct nat *nat, __u32 state)
{
	const struct snat *s = &nat->snat;

	if (!(state & LP_RETURN_REPLIED) || packet_is_opening(&nat->pkt))
		return false;
	return !(s->word.flags & LP_RECORD_OPENING) || !snat_is_tcp(nat) ||
	       s->ack - (s->of.isn + 1) < SNAT_NEAR_ISN;
}

/* N4: is it over with this packet of the client's? */
static __always_inline bool snat_ends(const struct nat *nat)
{
	const struct snat *s = &nat->snat;

	if (nat->pkt.flags & LP_TCP_RST)
		return s->seq - s->of.acked < SNAT_NEAR_RST;
	if (!(nat->pkt.flags & LP_TCP_FIN))
		return false;
	return snat_mark(s->back, s->back_way, LP_RETURN_CLIENT_FIN) & LP_RETURN_SERVER_FIN;
}

/* The connection that the packet is of. */
static __always_inline bool snat_is_of(const struct nat *nat)
{
	const struct packet *pkt = &nat->pkt;
	const struct lp_return *of = &nat->snat.of;

	return of->client.d[0] == pkt->src.d[0] && of->client.d[1] == pkt->src.d[1] &&
	       of->vip_addr.d[0] == pkt->dst.d[0] && of->vip_addr.d[1] == pkt->dst.d[1] &&
	       of->client_port == pkt->sport && of->vip_port == pkt->dport;
}

/* Follows an entry, and what the packet means for it. False: its return is not its own any
 * more, so there is none. */
static __always_inline bool snat_follow(struct nat *nat)
{
	struct snat *s = &nat->snat;
	__u8 flags = s->word.flags;

	s->back = snat_print_return(nat);
	snat_find_return(nat);
	if (s->back_way >= LP_WAYS || !snat_is_of(nat))
		return false;
	if (!(flags & LP_RECORD_CONFIRMED) && snat_shows(nat, s->of.state))
		flags = LP_RECORD_CONFIRMED;
	if (snat_ends(nat))
		flags |= LP_ENTRY_CLOSING;
	if (flags != s->word.flags || snat_is_stale(s->word, s->now, nat->life))
		snat_renew(nat, flags, nat->life);
	return true;
}

/* There is none from now on; of a connection that begins anew, no return either. */
static __always_inline void snat_forget(struct nat *nat)
{
	struct snat *s = &nat->snat;

	snat_change(s->at, s->way, s->word.word, record_dropped(s->word).word);
	s->way = LP_WAYS;
}

/* --- to a backend: a new entry ------------------------------------------------------------ */

/* Ports to choose from, and which of them the host keeps to itself (N5). */
struct snat_ports {
	__u32 own_first, own; /* how many; 0: none */
};

static __always_inline struct snat_ports snat_ports(const struct nat *nat)
{
	const volatile struct lp_control *control = tables_control();
	struct snat_ports ports = { 0 };

	if (nat->snat.source.w[3] != nat->hop.saddr.w[3] ||
	    (nat->pkt.v6 && nat->snat.source.d[0] != nat->hop.saddr.d[0]))
		return ports;
	ports.own_first = control->own_first;
	if (ports.own_first >= LP_SNAT_PORT_FIRST && control->own_last >= ports.own_first)
		ports.own = control->own_last - ports.own_first + 1u;
	return ports;
}

/* The port of a number, any number. */
static __always_inline __u16 snat_port(struct snat_ports ports, __u32 number)
{
	__u32 n = 0x10000 - LP_SNAT_PORT_FIRST - ports.own, port;

	port = LP_SNAT_PORT_FIRST + (n ? number % n : 0);
	if (ports.own && port >= ports.own_first)
		port += ports.own;
	return (__u16)port;
}

/* May the client's port stay, if it is free? */
static __always_inline bool snat_keeps(struct snat_ports ports, __u16 port)
{
	return port >= LP_SNAT_PORT_FIRST && (__u32)port - ports.own_first >= ports.own;
}

/* The source address for a try; false: there is none. */
static __always_inline bool snat_address(struct nat *nat, __u32 number)
{
	struct snat *s = &nat->snat;
	__u32 at = nat->half * (__u32)LP_SIZE(vips) + nat->vip;
	const struct lp_snat_list *list = bpf_map_lookup_elem(&snat_lists, &at);

	s->source = nat->hop.saddr;
	if (list && list->n) {
		__u64 i = number % list->n;

		barrier_var(i); /* as in TABLES_HAS() */
		if (i < LP_SNAT_ADDRESSES_MAX)
			s->source = list->addr[i];
	}
	if (!nat->pkt.v6) {
		s->source.d[0] = 0;
		s->source.w[2] = 0;
	}
	return s->source.d[0] || s->source.d[1];
}

/* The tuple of a try, which is the client's own port first, with each address once. */
static __always_inline void snat_tuple(struct nat *nat, __u32 try)
{
	struct snat *s = &nat->snat;
	struct snat_ports ports = snat_ports(nat);
	/* Other ports for each connection, and for each second of it. */
	__u32 number = (__u32)lp_mix64(s->forward ^ (__u64)s->now << 32 ^ try);
	__u16 own = bpf_ntohs(nat->pkt.sport);

	s->port = nat->pkt.sport;
	if (try >= 2 || !snat_keeps(ports, own))
		s->port = bpf_htons(snat_port(ports, number));
	s->back = snat_print_return(nat);
}

/* The same where the client's address stays: any port of its own is as good. */
static __always_inline void snat_tuple_client(struct nat *nat, __u32 try)
{
	const struct snat_ports all = { 0 };
	struct snat *s = &nat->snat;

	s->source = nat->pkt.src;
	s->port = nat->pkt.sport;
	if (try)
		s->port = bpf_htons(snat_port(all, (__u32)lp_mix64(s->forward ^ try)));
	s->back = snat_print_return(nat);
}

/* The tuple of a try into nat->snat; false: there is no address. */
static __always_inline bool snat_choose(struct nat *nat, __u32 try, int source)
{
	if (source == SNAT_CLIENT) {
		snat_tuple_client(nat, try);
		return true;
	}
	if (!snat_address(nat, (__u32)(nat->snat.forward >> 32) + try))
		return false;
	snat_tuple(nat, try);
	return true;
}

/* One try: enum entry_claim, or -1: there is no address. A global function: verified once. */
__noinline int snat_try(struct nat *nat, __u32 try, int source)
{
	struct snat *s;

	if (!nat)
		return -1;
	s = &nat->snat;
	if (!snat_choose(nat, try, source))
		return -1;
	s->back_word = s->word;
	return snat_claim(nat, (try >= SNAT_FORCE && snat_opens(nat) ? ENTRY_FORCE : 0) |
				       (packet_is_opening(&nat->pkt) ? ENTRY_ANEW : 0));
}

/*
 * What an opening packet most likely needs of both tables is asked for at once: it then waits
 * for memory once, not for one line after the other. A global function.
 */
__noinline int snat_ahead(struct nat *nat, int source)
{
	const struct lp_entries *first, *second;
	const struct lp_returns *returns;
	__u32 at[2];

	if (!nat || !snat_choose(nat, 0, source))
		return 0;
	at[0] = snat_bucket(nat->snat.forward, false);
	at[1] = snat_bucket(nat->snat.forward, true);
	first = bpf_map_lookup_elem(&entries, &at[0]);
	second = bpf_map_lookup_elem(&entries, &at[1]);
	returns = snat_returns(nat->snat.back);
	if (!first || !second || !returns)
		return 0;
	(void)LP_LOAD64(&first->index.way[0]);
	(void)LP_LOAD64(&first->index.way[LP_WAYS / 2]);
	(void)LP_LOAD64(&returns->index.way[0]);
	(void)LP_LOAD64(&returns->index.way[LP_WAYS / 2]);
	(void)LP_LOAD64(&second->index.way[0]);
	(void)LP_LOAD64(&second->index.way[LP_WAYS / 2]);
	(void)LP_LOAD64(&first->to[0].word);
	if (nat->pkt.v6) {
		(void)LP_LOAD64(&first->addr[0]);
		(void)LP_LOAD64(&first->addr[LP_WAYS / 2]);
	}
	return 0;
}

/* What both sides say at first. */
static __always_inline void snat_begin(struct nat *nat)
{
	struct snat *s = &nat->snat;
	const struct packet *pkt = &nat->pkt;

	s->word.backend = (__u16)nat->backend;
	s->word.incarnation = (__u8)backend_state(nat->backend).incarnation;
	s->word.flags = snat_opens(nat) ? LP_RECORD_OPENING : 0;
	s->word.expires = record_expiry(s->now, snat_life(0, nat->life));
	__builtin_memset(&s->of, 0, sizeof(s->of));
	s->of.client = pkt->src;
	s->of.vip_addr = pkt->dst;
	s->of.client_port = pkt->sport;
	s->of.vip_port = pkt->dport;
	s->of.vip = nat->vip;
	s->of.life = nat->life;
	s->of.created = s->now;
	s->full = 0;
}

/* A tuple of its own: LP_PARSED, or why there is none. */
static __always_inline enum lp_reason snat_search(struct nat *nat, int source)
{
	struct snat *s = &nat->snat;

	for (__u32 try = 0; try < LP_SNAT_TRIES; try++) {
		int got = snat_try(nat, try, source);

		if (got < 0)
			return LP_DROP_SNAT_ADDRESS;
		if (got == ENTRY_CLAIMED || got == ENTRY_OWN)
			return LP_PARSED;
		if (got == ENTRY_FULL)
			s->full++;
	}
	/* Of so many buckets, half are full: it is not the ports. */
	return s->full > LP_SNAT_TRIES / 2 ? LP_DROP_SNAT_ENTRIES : LP_DROP_SNAT_PORTS;
}

/* Replies to this address are looked for from now on. */
static __always_inline void snat_watch(const struct nat *nat)
{
	const __be32 *w = nat->snat.source.w;
	__u32 bit = LP_GUARD_BIT(nat->pkt.v6 ? w[0] ^ w[1] ^ w[2] ^ w[3] : w[3]);
	__u32 *bits = &TABLE(snat_guard)->bits[bit / 32 % (sizeof(struct lp_guard) / 4)];

	if (!(*(volatile __u32 *)bits >> bit % 32 & 1))
		__sync_fetch_and_or(bits, 1u << bit % 32);
}

/* A new entry: enum lp_reason, or LP_PARSED. A global function: its stack is its own. */
__noinline int snat_open(struct nat *nat, int source)
{
	enum lp_reason reason;
	struct snat *s;

	if (!nat)
		return LP_DROP_SNAT_ENTRIES;
	if (nat->pkt.flags & LP_TCP_RST)
		return LP_DROP_SNAT_STRAY;
	snat_begin(nat);
	reason = snat_search(nat, source);
	if (reason != LP_PARSED)
		return reason;
	s = &nat->snat;
	s->word.flags = s->back_word.flags & LP_RECORD_FLAGS;
	s->word.expires = s->back_word.expires;
	s->to.addr4 = s->source.w[3];
	s->to.port = s->port;
	s->to.target = nat->to_port[NAT_DESTINATION];
	if (source == SNAT_ADDRESS)
		snat_watch(nat);
	if (!snat_make(nat))
		return LP_DROP_SNAT_ENTRIES; /* the return expires soon, by itself */
	/* Another CPU may have been first: then that one's answers. */
	return snat_find(nat) ? LP_PARSED : LP_DROP_SNAT_ENTRIES;
}

/* --- to a backend ------------------------------------------------------------------------- */

/*
 * The connection of a packet to a backend: fills in what its source becomes, and if an entry
 * says so another backend. enum lp_reason, or LP_PARSED. A global function.
 */
__noinline int snat_forward(struct nat *nat, int source)
{
	struct snat *s;
	int reason;

	if (!nat)
		return LP_DROP_SNAT_ENTRIES;
	s = &nat->snat;
	s->now = lp_now();
	s->forward = snat_print(&nat->pkt);
	if (packet_is_opening(&nat->pkt))
		snat_ahead(nat, source);
	if (snat_find(nat)) {
		if (snat_lives(nat)) {
			__be16 target = nat->to_port[NAT_DESTINATION];

			snat_take(nat);
			if (snat_is_plain(nat, s->word, nat->life) || snat_follow(nat))
				return LP_PARSED;
			nat->to_port[NAT_DESTINATION] = target;
		}
		snat_forget(nat);
	}
	reason = snat_open(nat, source);
	if (reason == LP_PARSED)
		snat_take(nat);
	return reason;
}

/* --- replies -------------------------------------------------------------------------------- */

/* Has the address been a source? */
static __always_inline bool snat_guards(const struct packet *pkt)
{
	const __be32 *w = pkt->dst.w;
	__u32 bit = LP_GUARD_BIT(pkt->v6 ? w[0] ^ w[1] ^ w[2] ^ w[3] : w[3]);

	return TABLE(snat_guard)->bits[bit / 32 % (sizeof(struct lp_guard) / 4)] >> bit % 32 & 1;
}

/* What the backend says: notes in its return, where the next packets read it. */
__noinline int snat_note(struct nat *nat)
{
	struct lp_returns *returns;
	struct lp_return *of;
	struct snat *s;

	if (!nat)
		return 0;
	s = &nat->snat;
	returns = snat_returns(s->back);
	if (!returns)
		return 0;
	of = &returns->of[s->back_way & (LP_WAYS - 1)];
	if (nat->pkt.flags & LP_TCP_SYN)
		*(volatile __u32 *)&of->isn = s->seq;
	if (nat->pkt.flags & LP_TCP_ACK)
		*(volatile __u32 *)&of->acked = s->ack;
	if (!(s->of.state & LP_RETURN_SENT) || s->seq - s->of.sent < SNAT_NEAR_RST)
		*(volatile __u32 *)&of->sent = s->seq;
	return 0;
}

/* N4: is a TCP packet from where the backend is? Of one that has not answered yet, anything. */
static __always_inline bool snat_is_near(const struct nat *nat)
{
	const struct snat *s = &nat->snat;

	return !(s->of.state & LP_RETURN_SENT) ||
	       s->seq - s->of.sent + SNAT_NEAR_RST < 2 * SNAT_NEAR_RST;
}

/* Is there anything to note of it? */
static __always_inline bool snat_is_news(const struct nat *nat)
{
	const struct snat *s = &nat->snat;

	if (!snat_is_tcp(nat) || (nat->pkt.flags & LP_TCP_RST) || !snat_is_near(nat))
		return false;
	return (nat->pkt.flags & LP_TCP_SYN) || s->ack != s->of.acked ||
	       !(s->of.state & LP_RETURN_SENT) ||
	       s->seq - s->of.sent - SNAT_SENT_STEP < SNAT_NEAR_RST - SNAT_SENT_STEP;
}

/* State bits that a reply sets. */
static __always_inline __u32 snat_reply_bits(const struct nat *nat)
{
	if (nat->pkt.flags & LP_TCP_RST)
		return 0;
	return LP_RETURN_REPLIED | (snat_is_tcp(nat) ? LP_RETURN_SENT : 0) |
	       (nat->pkt.flags & LP_TCP_FIN ? LP_RETURN_SERVER_FIN : 0);
}

/* What a reply means for its connection. */
static __always_inline void snat_learn(struct nat *nat)
{
	struct snat *s = &nat->snat;
	__u32 state = s->of.state | snat_reply_bits(nat);
	__u8 flags = s->back_word.flags;

	if (state != s->of.state)
		state = snat_mark(s->back, s->back_way, state);
	if (((nat->pkt.flags & LP_TCP_RST) && snat_is_near(nat)) ||
	    ((state & LP_RETURN_CLIENT_FIN) && (state & LP_RETURN_SERVER_FIN)))
		flags |= LP_ENTRY_CLOSING;
	if (flags == s->back_word.flags && !snat_is_stale(s->back_word, s->now, s->of.life))
		return;
	s->forward = snat_print_forward(nat);
	if (snat_find(nat))
		snat_renew(nat, flags, s->of.life);
}

/* A reply that snat_reply() has found, and that is believed. A global function. */
__noinline int snat_hear(struct nat *nat)
{
	struct snat *s;
	__u32 bits;

	if (!nat)
		return 0;
	s = &nat->snat;
	if (snat_is_news(nat))
		snat_note(nat); /* before the state says that it is there */
	bits = snat_reply_bits(nat);
	if ((s->of.state & bits) != bits || !snat_is_plain(nat, s->back_word, s->of.life))
		snat_learn(nat);
	return 0;
}

/*
 * Is the packet a reply of a connection with entries? Fills in what becomes of it. 1 or 0.
 * A global function.
 */
__noinline int snat_reply(struct nat *nat)
{
	struct snat *s;

	if (!nat)
		return 0;
	s = &nat->snat;
	s->now = lp_now();
	s->back = snat_print(&nat->pkt);
	snat_find_return(nat);
	if (s->back_way >= LP_WAYS)
		return 0;
	nat->to_addr[NAT_SOURCE] = s->of.vip_addr;
	nat->to_port[NAT_SOURCE] = s->of.vip_port;
	nat->to_addr[NAT_DESTINATION] = s->of.client;
	nat->to_port[NAT_DESTINATION] = s->of.client_port;
	return 1;
}

#endif
