/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only structs that the BPF programs and user space share.
 *
 * Invariants, cited in the code by number:
 *
 *   A1  Every struct has a fixed size and explicit padding; size and offsets
 *       are asserted below, on both sides, and a change of either is a change
 *       of LP_ABI_VERSION.
 *   A2  Addresses are struct lp_addr in network byte order; an IPv4 address is
 *       held as its IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2).
 *       Fields named __be16/__be32 are in network byte order, all others in
 *       host byte order. Lengths are bytes, times are seconds unless the name
 *       ends in _ns.
 *   A3  Whatever a packet may be reading is changed only by one aligned store
 *       of at most 64 bits (a "flip"): control.active, pool.word,
 *       hop[0].flags of a backend, one slot. Everything else is written while no packet
 *       can reach it.
 *   A4  Number 0 of backends, pools and VIPs is never given out; a slot that
 *       holds backend 0 has nobody to answer.
 *   A5  control.abi is the first word of the first map in every version there
 *       will ever be, so that any agent can tell whose pins it has found.
 */
#ifndef LIMPET_ABI_H
#define LIMPET_ABI_H

#include <linux/types.h>

#define LP_ABI_VERSION 8u

/* Slot table: LP_SLOTS slots for each pool, a power of two (DESIGN section 6). */
#define LP_SLOTS_BITS  16
#define LP_SLOTS       (1u << LP_SLOTS_BITS)
#define LP_LINE_SLOTS  16u /* slots in one cache line */
#define LP_TABLE_LINES (LP_SLOTS / LP_LINE_SLOTS)

#define LP_NAME_MAX 64 /* bytes of a name with its terminating zero */

#define LP_BACKENDS_MAX 65520u /* 16 bits in a slot, less the words of enum lp_slot_state */

/* Port ranges of at most this many ports are spelled out as exact keys. */
#define LP_RANGE_EXPAND_MAX 16u
/* Longer ranges of one address and protocol, found by binary search. */
#define LP_RANGES_PER_ADDR    256u
#define LP_RANGE_SEARCH_STEPS 9 /* > log2(LP_RANGES_PER_ADDR) */

#define LP_GUE_PORT 6080 /* IANA "gue", draft-ietf-intarea-gue-09 section 8.1 */

#if defined(__cplusplus)
#error "limpet is C"
#endif
#define LP_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), "ABI: size of " #type)
#define LP_ASSERT_OFFSET(type, member, offset)                                                     \
	_Static_assert(__builtin_offsetof(type, member) == (offset), "ABI: " #type "." #member)

/* An address, network byte order; IPv4 as ::ffff:a.b.c.d (A2). */
struct lp_addr {
	union {
		__u8 b[16];
		__be32 w[4];
		__u64 d[2]; /* network byte order, for comparison only */
	};
};
LP_ASSERT_SIZE(struct lp_addr, 16);

/* How a packet gets to its backend (DESIGN section 7). */
enum lp_forward {
	LP_FORWARD_NONE = 0,
	LP_FORWARD_DSR = 1,
	LP_FORWARD_IPIP = 2,
	LP_FORWARD_GUE = 3,
	LP_FORWARD_NAT = 4,
	LP_FORWARD_SNAT = 5,
};

/* Which packet fields decide the backend (DESIGN section 6). */
enum lp_affinity {
	LP_AFFINITY_NONE = 0,
	LP_AFFINITY_SOURCE = 1, /* source address under vip.source_mask */
	LP_AFFINITY_TCP = 2,    /* both addresses and both ports */
};

/* When connections are remembered (DESIGN section 6). */
enum lp_track {
	LP_TRACK_NEEDED = 0, /* what the slot table would answer wrongly */
	LP_TRACK_ALWAYS = 1, /* every connection: the classical table */
	LP_TRACK_NEVER = 2,  /* pure hashing */
};

enum lp_vip_flags {
	LP_VIP_PROXIES = 1 << 0,    /* sources found in `proxies` get tcp affinity */
	LP_VIP_SOURCES = 1 << 1,    /* has `allow` or `deny`: asks `policy` */
	LP_VIP_INTERFACES = 1 << 2, /* answers on some interfaces only: asks `policy` */
	LP_VIP_GUARDED = 1 << 3,    /* some interface has reject_sources: asks `policy` */
	LP_VIP_REPLY = 1 << 4,      /* no VIP: a backend's address and port, see struct lp_vip */
	LP_VIP_RESET = 1 << 5,      /* TCP: who belongs to a dead backend gets a RST */
	LP_VIP_ENTRIES = 1 << 6,    /* nat: connections have entries, as with snat; of a reply's
				       key: only an entry says which VIP it is of */
	LP_VIP_PORTLESS = 1 << 7,   /* key of port 0: all ports of the address lead to one answer */
	LP_VIP_POLICY = LP_VIP_SOURCES | LP_VIP_INTERFACES | LP_VIP_GUARDED,
};

/* What becomes of pings of a VIP's address. */
enum lp_ping {
	LP_PING_REPLY = 0, /* limpet answers */
	LP_PING_PASS = 1,  /* the stack gets them */
	LP_PING_DROP = 2,
};

/* What a place of the VIP table is. */
enum lp_vip_kind {
	LP_VIP_EMPTY = 0,
	LP_VIP_EXACT = 1,  /* key is (addr, proto, port) */
	LP_VIP_ANY = 2,    /* key is (addr, proto, 0): every port that has no better match */
	LP_VIP_RANGES = 3, /* key is (addr, proto, 0): only the ports in ranges */
};

/*
 * The map `tables`: one element that holds all arrays of the fast path, each at
 * a multiple of the page size. The control block is at offset 0 (A5).
 *
 * The program is loaded with their addresses and sizes written into its
 * instructions (user/dp/dp_patch.h): each stands in it as a 64-bit constant
 * LP_PATCH + enum lp_patch. An address costs a packet one instruction then, where
 * a map lookup costs a dozen and a variable two, and the verifier knows it all.
 */
#define LP_TABLES(X)                                                                               \
	X(control, struct lp_control)                                                              \
	X(vip_index, struct lp_vip_index)                                                          \
	X(vips, struct lp_vip)                                                                     \
	X(vip_ranges, struct lp_range)                                                             \
	X(guard, struct lp_guard)                                                                  \
	X(fast_index, struct lp_fast_index)                                                        \
	X(fast4, struct lp_fast_key)                                                               \
	X(fast6, struct lp_fast_key)                                                               \
	X(fast_profiles, struct lp_fast_profile)                                                   \
	X(fast_nats, struct lp_fast_nat)                                                           \
	X(pools, struct lp_pool)                                                                   \
	X(backends, struct lp_backend)                                                             \
	X(vip_counts, __u64)                                                                       \
	X(backend_counts, __u64)                                                                   \
	X(reason_counters, struct lp_reason_counters)                                              \
	X(audit_seen, __u64)                                                                       \
	X(slots, struct lp_slot)                                                                   \
	X(settled, __u16)                                                                          \
	X(snat_guard, struct lp_guard)

/* Numbers that the program is loaded with: capacities, see struct lp_control. */
#define LP_SIZES(X)                                                                                \
	X(index)                                                                                   \
	X(places)                                                                                  \
	X(ranges)                                                                                  \
	X(pools)                                                                                   \
	X(vips)                                                                                    \
	X(backends)                                                                                \
	X(cpus)                                                                                    \
	/* and elements in all: both halves, all tables, all CPUs */                               \
	X(all_index)                                                                               \
	X(all_places)                                                                              \
	X(all_fast)                                                                                \
	X(all_ranges)                                                                              \
	X(all_pools)                                                                               \
	X(all_slots)                                                                               \
	X(all_vip_counts)                                                                          \
	X(all_backend_counts)

enum lp_patch {
#define LP_PATCH_TABLE(name, type) LP_TABLE_##name,
	LP_TABLES(LP_PATCH_TABLE)
#undef LP_PATCH_TABLE
		LP_TABLE_COUNT,
	LP_SIZE_FIRST = LP_TABLE_COUNT - 1,
#define LP_PATCH_SIZE(name) LP_SIZE_##name,
	LP_SIZES(LP_PATCH_SIZE)
#undef LP_PATCH_SIZE
		LP_PATCH_COUNT
};

/* "limpet", and room for the number below it: no instruction has it by chance. */
#define LP_PATCH 0x6c696d7065740000ull
/* The same in 32 bits, for numbers that are compared and multiplied with. */
#define LP_PATCH_SHORT 0x6c700000

/* The verifier allows offsets up to here (BPF_MAX_VAR_OFF). */
#define LP_TABLES_BYTES_MAX (1ull << 29)

/* How a key of the fast VIP table is hashed (lp_fast_hash4(), lp_fast_hash6()), and what
 * else its path wants to know of a half and a family: one cache line. */
struct lp_fast_hash {
	__u64 word[4]; /* secret, and chosen anew until all keys have a place */
	__u32 range;   /* lp_fast_place(): the denser, the fewer cache lines */
	__u32 first;   /* of the half: fast4[first + place] */
	__u32 buckets; /* mask: their number, a power of two, less 1 */
	__u32 index;   /* of the half and family: fast_index[index + bucket] */
	/* The leading bits of all VIPs' addresses, 32 or 64 of them as a number, are in
	 * guard_first .. guard_first + guard_span: a source outside is none of them. */
	__u64 guard_first;
	__u64 guard_span;
};
LP_ASSERT_SIZE(struct lp_fast_hash, 64);

/*
 * control[0]: what all packets look at first.
 * `active` selects the half (0 or 1) of vip_index, vips, vip_ranges and pools
 * that packets use; changing it is the flip of a whole configuration (P10).
 */
struct lp_control {
	__u32 abi; /* LP_ABI_VERSION (A5) */
	__u32 active;
	__u64 generation; /* of the configuration: rises with each flip */
	__u32 vips_max;   /* capacities of the maps, for a later agent */
	__u32 pools_max;
	__u32 backends_max;
	__u32 tables_max;    /* slot tables that fit into `slots` */
	__u32 index_max;     /* vip_index entries in a half, a power of two */
	__u32 places_max;    /* vips entries in a half, a power of two */
	__u32 ranges_max;    /* vip_ranges entries in a half */
	__u32 cpus;          /* stripes in the counter maps */
	__u64 salt[2];       /* of the perfect hash of each half (lp_vip_hash() in hash.h) */
	__u64 key_id;        /* digest of the hash key that the tables were built with */
	__u32 phase;         /* rises every LP_PHASE_S; its lowest bit: enum lp_slot_state */
	__u32 buckets_max;   /* of the record table, a power of two */
	__u64 sources_id[2]; /* digest of what each half has in `proxies` and `policy` */
	__u32 replies[2];    /* of each half: enum lp_replies */
	__u16 own_first;     /* ports that the host gives its own connections, first to last */
	__u16 own_last;      /* (host byte order): no SNAT with these on an address of its own */
	__u32 entries_max;   /* buckets of entries, a power of two */
	__u64 _reserved[2];
	struct lp_fast_hash fast[2][2]; /* of each half: IPv4, IPv6 */
};
LP_ASSERT_SIZE(struct lp_control, 384);
LP_ASSERT_OFFSET(struct lp_control, fast, 128);
LP_ASSERT_OFFSET(struct lp_control, abi, 0);
LP_ASSERT_OFFSET(struct lp_control, active, 4);
LP_ASSERT_OFFSET(struct lp_control, cpus, 44);
LP_ASSERT_OFFSET(struct lp_control, salt, 48);
LP_ASSERT_OFFSET(struct lp_control, key_id, 64);
LP_ASSERT_OFFSET(struct lp_control, sources_id, 80);
LP_ASSERT_OFFSET(struct lp_control, replies, 96);
LP_ASSERT_OFFSET(struct lp_control, own_first, 104);

/* What may be translated back of packets that are for no VIP. */
enum lp_replies {
	LP_REPLIES_COME = 1 << 0,    /* there are VIPs whose backends' replies come back */
	LP_REPLIES_GUARDED = 1 << 1, /* some interface has reject_sources */
};

/*
 * vip_index[half * index_max + bucket]: the displacement of the bucket's keys
 * in the perfect hash (lp_place() in hash.h).
 */
struct lp_vip_index {
	__u32 displacement;
};
LP_ASSERT_SIZE(struct lp_vip_index, 4);

/*
 * vips[half * places_max + place]: key and everything that a packet needs to
 * know of its VIP, in one cache line. An exact, an `any` and a `ranges` key of
 * one address differ in port and kind only; a `ranges` key has of its VIP, the one with
 * the lowest port, number, flags and ping alone: whether a ping is answered is asked there.
 *
 * With LP_VIP_REPLY the key is a backend's address and port instead: what comes from
 * there is a reply of a VIP with forward nat, and gets `rewrite` as its source.
 */
struct lp_vip {
	struct lp_addr addr;
	__be16 port; /* 0 in the keys of `any` and `ranges` */
	__u8 proto;  /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 kind;   /* enum lp_vip_kind */
	__u32 vip;   /* number of the VIP: its counters */
	__u16 pool;  /* number of the pool */
	__u8 ping;   /* enum lp_ping; VIPs that share an address agree in it */
	__u8 _pad;
	__u8 forward;      /* enum lp_forward */
	__u8 affinity;     /* enum lp_affinity */
	__u8 track;        /* enum lp_track */
	__u8 flags;        /* enum lp_vip_flags */
	__u32 range_first; /* the address's ranges: vip_ranges[half * ranges_max + range_first], */
	union {
		__u16 range_count; /* sorted by port; at most LP_RANGES_PER_ADDR */
		__be16 target;     /* LP_VIP_EXACT: the port on the other side; 0: the same */
	};
	__u16 scope; /* affinity group: VIPs of one scope share client records */
	union {
		struct lp_addr source_mask; /* what of the source is one client; IPv4: w[3] */
		struct lp_addr rewrite;     /* LP_VIP_REPLY: the VIP's address */
	};
	__u32 idle_timeout;   /* seconds: longest silence of a living connection */
	__u32 client_timeout; /* seconds: life of a client record */
};
LP_ASSERT_SIZE(struct lp_vip, 64);
LP_ASSERT_OFFSET(struct lp_vip, port, 16);
LP_ASSERT_OFFSET(struct lp_vip, vip, 20);
LP_ASSERT_OFFSET(struct lp_vip, ping, 26);
LP_ASSERT_OFFSET(struct lp_vip, forward, 28);
LP_ASSERT_OFFSET(struct lp_vip, range_first, 32);
LP_ASSERT_OFFSET(struct lp_vip, source_mask, 40);
LP_ASSERT_OFFSET(struct lp_vip, scope, 38);
LP_ASSERT_OFFSET(struct lp_vip, idle_timeout, 56);

/*
 * The fast VIP table: once more those keys of the VIP table that the fast path
 * (bpf/fast.h) can serve, an exact port of a VIP without anything odd, and of each
 * only what that path reads. What many keys have in common is in a profile: with eight
 * of them in a cache line 10,000 VIPs take a twelfth of the second-level cache. A table
 * for each family; what is not found here is looked for in `vips`.
 *
 * fast_index[(half * 2 + family) * LP_FAST_BUCKETS + bucket], family 0 for IPv4 and
 * 1 for IPv6; fast4[half * (places_max + LP_FAST_WINDOW) + place], fast6 and fast_profiles
 * likewise.
 */
#define LP_FAST_BUCKETS_BITS 17
#define LP_FAST_BUCKETS      (1u << LP_FAST_BUCKETS_BITS)
#define LP_FAST_WINDOW       256u /* displacements are less */
struct lp_fast_index {
	__u8 displacement;
};
LP_ASSERT_SIZE(struct lp_fast_index, 1);

/* What the fast path does for a key: affinity and forwarding in one. */
enum lp_fast_class {
	LP_FAST_NONE = 0,
	LP_FAST_TCP_IPIP = 1,    /* affinity tcp */
	LP_FAST_SOURCE_IPIP = 2, /* affinity source, no proxies */
	LP_FAST_TCP_NAT = 3,     /* forward nat without entries */
	LP_FAST_SOURCE_NAT = 4,
	LP_FAST_TCP_ENTRY = 5, /* connections have entries: snat, or nat with LP_VIP_ENTRIES */
	LP_FAST_SOURCE_ENTRY = 6,
};

/* Port (network byte order), protocol and class as one word. */
struct lp_fast_service {
	union {
		struct {
			__be16 port;
			__u8 proto;
			__u8 class; /* enum lp_fast_class */
		};
		__u32 word;
	};
};
LP_ASSERT_SIZE(struct lp_fast_service, 4);

/* The word of a service, to compare and to hash: fields as they lie in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LP_FAST_SERVICE(port, proto, class)                                                        \
	((__u32)(__be16)(port) | (__u32)(proto) << 16 | (__u32)(class) << 24)
#else
#define LP_FAST_SERVICE(port, proto, class)                                                        \
	((__u32)(__be16)(port) << 16 | (__u32)(proto) << 8 | (__u32)(class))
#endif

/* What keys have in common. Number 0 of each half is all zeroes, and no packet's. */
struct lp_fast_profile {
	struct lp_fast_service service;
	__u16 pool; /* half * pools_max + number */
	/* What lp_pool.table was when somebody looked: a guess, with which a packet need not
	 * wait for the pool to look into its slot. */
	__u16 table;
	__be64 high; /* IPv6: the first half of the address; IPv4: 0 */
	union {
		__be32 mask4; /* LP_FAST_SOURCE_*: of the source */
		__be64 mask6; /* of its first half; nothing of the second counts */
	};
	/* LP_FAST_*_ENTRY: seconds, the VIP's idle timeout; LP_FAST_TCP_IPIP, where
	 * connections have records: the same. Otherwise 0. */
	__u32 life;
	__be32 third; /* IPv6: the third word of the address; IPv4: 0 */
};
LP_ASSERT_SIZE(struct lp_fast_profile, 32);

struct lp_fast_key {
	__be32 addr;   /* IPv6: its last word, the others are in the profile */
	__u16 vip;     /* number */
	__u16 profile; /* number, of the same half; 0: empty place */
};
LP_ASSERT_SIZE(struct lp_fast_key, 8);

/*
 * Beside a key of LP_FAST_*_NAT or LP_FAST_*_ENTRY, which seldom agree in it:
 * fast_nats[all_fast * (IPv6: 1) + its number in fast4 or fast6].
 */
struct lp_fast_nat {
	__be16 target; /* the port on the other side */
	__u16 sum;     /* what a checksum's sum changes by when the VIP's address is taken out */
};
LP_ASSERT_SIZE(struct lp_fast_nat, 4);

/* Ports first..last (host byte order, inclusive) belong to vips[place]. */
struct lp_range {
	__u16 first;
	__u16 last;
	__u32 place; /* within the same half */
};
LP_ASSERT_SIZE(struct lp_range, 8);

/*
 * pools[half * pools_max + pool]: where the pool's slot table is. Read and
 * written as one 64-bit word (A3), so a pool changes by one flip.
 */
struct lp_pool {
	union {
		struct {
			__u32 table;      /* slots[table * LP_TABLE_LINES ...]; 0: none */
			__u32 generation; /* of this pool: rises with each change */
		};
		__u64 word;
	};
};
LP_ASSERT_SIZE(struct lp_pool, 8);

/*
 * One slot: the backend that answers, and in `prev` either the backend that
 * answered before (moving) or one of these words (DESIGN section 6):
 *
 *   SETTLED   cur answers; no record is looked at
 *   OPENING   settled, and an opening packet has made or refreshed a client
 *             record a moment ago: the next packets of the slot look whether
 *             there is one to confirm. Two words, for two periods of the
 *             agent's clock (control.phase), so that the mark lives for one to
 *             two of them.
 *   RESIDUAL  the hold time of a move has passed: records that differ from cur
 *             are followed, a packet without one goes to cur
 *   ORPHANED  moving, and the backend that answered before is dead: a packet in the
 *             middle of a flow without a record is its, and gets a RST if its VIP
 *             has LP_VIP_RESET
 *
 * Packets turn SETTLED into OPENING and ORPHANED into RESIDUAL (bpf/track.h T8), the
 * agent all the rest; both by compare-and-exchange of the word.
 */
enum lp_slot_state {
	LP_SLOT_SETTLED = 0,
	LP_SLOT_ORPHANED = 0xfffb,
	LP_SLOT_OPENING = 0xfffc, /* + control.phase (0 or 1) */
	LP_SLOT_RESIDUAL = 0xffff,
};

struct lp_slot {
	union {
		struct {
			__u16 cur;
			__u16 prev;
		};
		__u32 word;
	};
};
LP_ASSERT_SIZE(struct lp_slot, 4);
_Static_assert(LP_SLOT_ORPHANED >= LP_BACKENDS_MAX, "no backend has the number of a state");

struct lp_slot_line {
	struct lp_slot slot[LP_LINE_SLOTS];
};
LP_ASSERT_SIZE(struct lp_slot_line, 64);

/*
 * settled[table * LP_SLOTS + slot]: `cur` of a slot that is SETTLED, otherwise 0; half
 * as many cache lines for the fast path. Whoever takes a slot out of SETTLED writes 0
 * after it; whoever puts it in writes `cur` after it and then looks whether it still
 * is (dp_slot_change()), so that both end with the truth.
 */

enum lp_hop_flags {
	LP_HOP_V6 = 1 << 0,        /* saddr and daddr are IPv6 */
	LP_HOP_KEEP_TAGS = 1 << 1, /* no VLAN device on that interface: tags stay as they came */
	LP_HOP_PLAIN = 1 << 2,     /* resolved, and no tags to put on: set by user/dp */
	LP_HOP_SECOND_BIT = 7,
	LP_HOP_SECOND = 1 << LP_HOP_SECOND_BIT, /* in hop[0]: packets take hop[1] (A3) */
};

/* A VLAN tag as it stands in the frame (IEEE 802.1Q clause 9.6). */
struct lp_tag {
	__be16 tpid;
	__be16 tci;
};

/*
 * All that is written in front of a packet on its way to a backend: link layer
 * header and outer IP header, ready-made. One cache line.
 */
struct lp_hop {
	__u32 ifindex; /* 0: not resolved (yet, or any more) */
	__u16 mtu;     /* of the interface, bytes from the IP header on */
	__u8 flags;    /* enum lp_hop_flags */
	__u8 tags;     /* VLAN tags to put on, 0 to 2, outermost first */
	__u8 dst[6];   /* MAC of the next hop */
	__u8 src[6];   /* MAC of the interface */
	struct lp_tag tag[2];
	__u32 outer_sum;      /* ones' complement sum of the outer IPv4 header's constant
				 words: version, IHL, DF, TTL, both addresses; IPv6: of daddr,
				 set by user/dp */
	struct lp_addr saddr; /* outer source: the balancer's address towards the backend */
	struct lp_addr daddr; /* outer destination: the backend */
};
LP_ASSERT_SIZE(struct lp_hop, 64);
LP_ASSERT_OFFSET(struct lp_hop, dst, 8);
LP_ASSERT_OFFSET(struct lp_hop, tag, 20);
LP_ASSERT_OFFSET(struct lp_hop, outer_sum, 28);
LP_ASSERT_OFFSET(struct lp_hop, saddr, 32);

#define LP_OUTER_TTL 64 /* RFC 1700 default; RFC 2003 section 3.1 */

/*
 * What limpet says of itself by ICMP, at most, on each CPU. Errors: as many as Linux
 * (icmp_msgs_per_sec, icmp_msgs_burst). Pings are answered with no more than they bring;
 * the limit keeps a flood of them from taking the packets' time.
 */
#define LP_ICMP_ERRORS_PER_S 1000
#define LP_ICMP_ERRORS_BURST 50
#define LP_ICMP_PINGS_PER_S  10000
#define LP_ICMP_PINGS_BURST  1000

enum lp_backend_flags {
	LP_BACKEND_ALIVE = 1 << 0, /* records that name it are good */
	LP_BACKEND_OFFLINE =
		1 << 1, /* only live connections: no opening packets, whoever sends them */
};

/* What records ask of a backend, in one word (A3). */
struct lp_backend_state {
	union {
		struct {
			__u16 flags;       /* enum lp_backend_flags */
			__u16 incarnation; /* rises each time the number, or the server, comes
					      back: a record of an earlier life is void */
		};
		__u32 word;
	};
};
LP_ASSERT_SIZE(struct lp_backend_state, 4);

/*
 * backends[number]. One hop is in use (LP_HOP()); the other one is free to write once
 * every packet that may have seen it is through.
 */
struct lp_backend {
	struct lp_backend_state state;
	__u32 pool;      /* number of its pool */
	__u32 link_bits; /* of struct lp_addr: who shares so many with it is in its network, and
			    is answered past limpet; 128: itself only. 0: as 128 */
	__u32 _pad;
	__u64 _reserved[6];
	struct lp_hop hop[2]; /* LP_HOP(): one is used, the other may be written */
};
LP_ASSERT_SIZE(struct lp_backend, 192);
LP_ASSERT_OFFSET(struct lp_backend, hop, 64);
LP_ASSERT_OFFSET(struct lp_backend, link_bits, 8);

/*
 * The hop that a backend's packets take. Which one it is stands in a line that a packet needs
 * anyway. Arithmetic, not a branch: what is read from the hop is not read before that.
 */
#define LP_HOP(backend)                                                                            \
	(&(backend)->hop[((const volatile struct lp_hop *)(backend)->hop)->flags >>                \
			 LP_HOP_SECOND_BIT])

/*
 * What each CPU has forwarded: vip_counts[cpu * vips_max + vip] and backend_counts[(cpu *
 * backends_max + backend) * LP_SENT_WAYS + way], words of count.h with their totals at the
 * same place of vip_totals and backend_totals, written by that CPU alone. A stripe of totals
 * that has no counts follows the last CPU's: what datapaths before this one forwarded.
 */
enum lp_sent {
	LP_SENT_BACK = 0, /* by the interface it came in by: all packets whose verdict is
			     LP_FORWARD_TX, and nothing else */
	LP_SENT_ON = 1,   /* by another one; or an ICMP error (LP_FORWARD_ICMP) by any */
	LP_SENT_WAYS = 2,
};

struct lp_counter {
	__u64 packets;
	__u64 bytes; /* of the frame as it came in, less padding in further buffers */
};
LP_ASSERT_SIZE(struct lp_counter, 16);

/* reason_counters[cpu]: packets by verdict (reasons.h) but for LP_FORWARD_TX, which is the sum of
 * backend_counts that were sent back; LP_REASON_COUNT <= 64. */
#define LP_REASONS_MAX 64
struct lp_reason_counters {
	__u64 packets[LP_REASONS_MAX];
};
LP_ASSERT_SIZE(struct lp_reason_counters, 512);

/*
 * slot_times, beside `slots`: since when a slot is in its state, seconds of
 * CLOCK_MONOTONIC. Packets only set it anew (bpf/track.h T6).
 */
struct lp_slot_times {
	__u32 since[LP_LINE_SLOTS];
};
LP_ASSERT_SIZE(struct lp_slot_times, 64);

/*
 * Key of the LPM trie `proxies`: the VIP in the half of the configuration that
 * names the prefix, then the address (IPv4 in its mapped form, so a prefix of n
 * bits is 96 + n there). prefixlen counts from `vip` on: 32 + bits.
 */
struct lp_proxy_key {
	__u32 prefixlen;
	__u32 vip; /* VIP number * 2 + half */
	struct lp_addr addr;
};
LP_ASSERT_SIZE(struct lp_proxy_key, 24);

/*
 * Key of the LPM trie `policy`, which says whose packets are taken: the answer to
 * a VIP's clients, or, of the VIP that cannot be, number 0 (A4), to all that come
 * in by an interface. The two families are apart, so that ::/0 is not IPv4 too;
 * an IPv4 prefix of n bits is 96 + n of the mapped address. prefixlen counts from
 * `scope` on: 96 + bits. What is found is an enum lp_policy; of a VIP, where
 * nothing is found the VIP does not answer on that interface at all.
 */
struct lp_policy_key {
	__u32 prefixlen;
	__u32 scope;   /* LP_POLICY_SCOPE() */
	__u32 ifindex; /* of a VIP that answers everywhere: 0 */
	__u32 _pad;
	struct lp_addr addr;
};
LP_ASSERT_SIZE(struct lp_policy_key, 32);
#define LP_POLICY_SCOPE(vip, v6, half) ((__u32)(vip) << 2 | (__u32)(v6) << 1 | (__u32)(half))
#define LP_POLICY_HALF                 1u  /* the bit of a scope that says in which half it is */
#define LP_POLICY_BITS                 96u /* of a key before the address */
#define LP_POLICY_MAX                  (1u << 20) /* keys, of both halves */

enum lp_policy {
	LP_POLICY_NONE = 0,
	LP_POLICY_ADMIT = 1,
	LP_POLICY_DENY = 2,
};

/*
 * guard[half]: a bit for each VIP's address, at LP_GUARD_BIT(). Where a packet's source
 * has none, it is no VIP's address; otherwise the VIP table is asked. 8 KiB, which stay
 * in the first- or second-level cache.
 */
#define LP_GUARD_BITS 16
struct lp_guard {
	__u32 bits[(1u << LP_GUARD_BITS) / 32];
};
LP_ASSERT_SIZE(struct lp_guard, 8192);

/* Of an IPv4 address `fold` is w[3], of an IPv6 one all four words exclusive-ored. */
#define LP_GUARD_BIT(fold) ((__u32)(fold)*0x9e3779b1u >> (32 - LP_GUARD_BITS))

/*
 * The record table (bpf/record.h): LP_WAYS records in each bucket, found by the
 * low bits of a fingerprint.
 *
 * A fingerprint is a keyed 64-bit hash of the whole key; 0 is an empty place and
 * 1 one that a writer has claimed. `word` is read and written as one.
 */
#define LP_WAYS              8u
#define LP_FINGERPRINT_EMPTY 0ull
#define LP_FINGERPRINT_BUSY  1ull
#define LP_RECORD_GONE       0ull /* the word of a place that a writer owns, or of an empty one */

enum lp_record_flags {
	LP_RECORD_CLIENT = 1 << 0,    /* of a client; otherwise of a connection */
	LP_RECORD_CONFIRMED = 1 << 1, /* a second packet has come: never evicted while it lives */
	LP_RECORD_OPENING = 1 << 2,   /* made by an opening packet, and not confirmed yet */
	LP_RECORD_FLAGS = 7,          /* the other bits are a tag of the fingerprint */
};

struct lp_record_word {
	union {
		struct {
			__u16 backend;    /* 0: dropped */
			__u8 incarnation; /* low bits of the backend's */
			__u8 flags;       /* enum lp_record_flags */
			__u32 expires;    /* seconds of CLOCK_MONOTONIC */
		};
		__u64 word;
	};
};
LP_ASSERT_SIZE(struct lp_record_word, 8);

struct lp_record {
	__u64 fingerprint;
	struct lp_record_word value;
};
LP_ASSERT_SIZE(struct lp_record, 16);

struct lp_bucket {
	struct lp_record way[LP_WAYS];
};
LP_ASSERT_SIZE(struct lp_bucket, 128);

/* What people want to know of a record, beside it: written when it is made. */
struct lp_record_info {
	struct lp_addr src;  /* of a client record: masked */
	__be16 sport, dport; /* of a client record: 0 */
	__u32 vip;           /* number of the VIP whose packet made it */
	__u32 slot;          /* pool number << 16 | slot: what the sweep asks */
	__u32 created;       /* seconds of CLOCK_MONOTONIC */
};
LP_ASSERT_SIZE(struct lp_record_info, 32);

struct lp_info_bucket {
	struct lp_record_info way[LP_WAYS];
};
LP_ASSERT_SIZE(struct lp_info_bucket, 256);

#define LP_HALF_OPEN_S 60 /* life of a record whose handshake is not completed */
#define LP_PHASE_S     4  /* half the life of an OPENING mark */

/*
 * Entries (bpf/snat.h): connections whose source is translated, or that could be of
 * several VIPs when their backend answers. Two for each, in buckets that begin as those
 * of the record table do, with the same discipline (bpf/record.h):
 *
 *   entries[]  by client and VIP: where it goes, and as whom; in one of two buckets
 *   returns[]  by backend and the address and port that it sees: whose reply it is. This
 *              one owns the port.
 */
struct lp_entry_port {
	union {
		struct {
			__be32 addr4;  /* what the source becomes: IPv4 */
			__be16 port;   /* and its port */
			__be16 target; /* the port on the other side */
		};
		__u64 word;
	};
};
LP_ASSERT_SIZE(struct lp_entry_port, 8);

struct lp_entries {
	struct lp_bucket index;
	struct lp_entry_port to[LP_WAYS]; /* one cache line, whichever way it is */
	struct lp_addr addr[LP_WAYS];     /* what the source becomes: IPv6 */
};
LP_ASSERT_SIZE(struct lp_entries, 320);
LP_ASSERT_OFFSET(struct lp_entries, to, 128);
LP_ASSERT_OFFSET(struct lp_entries, addr, 192);

/* In words of entries, LP_RECORD_CLIENT means this: both sides have ended it. */
#define LP_ENTRY_CLOSING LP_RECORD_CLIENT

/* lp_return.state */
enum lp_return_state {
	LP_RETURN_REPLIED = 1 << 0,    /* the backend has answered */
	LP_RETURN_CLIENT_FIN = 1 << 1, /* the client has sent its FIN */
	LP_RETURN_SERVER_FIN = 1 << 2, /* so has the backend */
	LP_RETURN_SENT = 1 << 3,       /* `sent` is known */
};

struct lp_return {
	struct lp_addr client; /* of an IPv4 address only w[3] is set, here and below */
	struct lp_addr vip_addr;
	__be16 client_port, vip_port;
	__u32 vip;     /* number */
	__u32 life;    /* seconds: longest silence while it is established */
	__u32 state;   /* enum lp_return_state */
	__u32 isn;     /* of the backend, from its SYN */
	__u32 acked;   /* what the backend acknowledged last */
	__u32 created; /* seconds of CLOCK_MONOTONIC */
	__u32 sent;    /* TCP: where the backend is with its sequence numbers, less up to 64 KiB */
};
LP_ASSERT_SIZE(struct lp_return, 64);
LP_ASSERT_OFFSET(struct lp_return, sent, 60);

struct lp_returns {
	struct lp_bucket index;
	struct lp_return of[LP_WAYS];
};
LP_ASSERT_SIZE(struct lp_returns, 640);

#define LP_ENTRY_CLOSING_S 60    /* a port rests so long: TIME_WAIT of Linux */
#define LP_SNAT_PORT_FIRST 1024u /* of a source: 1024 to 65535 (RFC 4787 section 3.2) */
#define LP_SNAT_TRIES      32u   /* ports that an opening packet tries */

/*
 * snat_lists[half * vips_max + vip]: the addresses that a VIP's packets leave from, of its
 * own family; n 0: the hop's saddr.
 */
#define LP_SNAT_ADDRESSES_MAX 15u
struct lp_snat_list {
	__u32 n;
	__u32 _pad[3];
	struct lp_addr addr[LP_SNAT_ADDRESSES_MAX];
};
LP_ASSERT_SIZE(struct lp_snat_list, 256);

/*
 * snat_guard[0]: a bit for each address that a source has become, as in `guard`; set by
 * packets. What comes to another address is no reply to look for.
 */

/*
 * The sampled audit (bpf/audit.h): one flow and one client in LP_AUDIT_SAMPLE is
 * followed in a table of its own, laid out as the record table is, whatever its
 * slot's state. audit_counters[cpu * pools_max + pool]: what it saw.
 */
#define LP_AUDIT_BITS      6
#define LP_AUDIT_SAMPLE    (1u << LP_AUDIT_BITS)
#define LP_AUDIT_BUCKETS   (1u << 14) /* 131,072 flows: one in 64 of eight million */
#define LP_AUDIT_CLOSING_S 5          /* an ended flow is forgotten so long after its last packet */
#define LP_AUDIT_ENDED     LP_RECORD_OPENING /* in words of `audit`: it has ended */

/*
 * What the audit has seen of the flows that it follows in this phase (control.phase), and
 * need not look at again: two bits in one word of audit_seen for each flow and backend, a
 * Bloom filter in blocks (Putze, Sanders and Singler, "Cache-, hash- and space-efficient
 * Bloom filters", ACM JEA 14, 2009). A half for odd phases and one for even ones; the agent
 * empties the half of the next phase before it begins.
 *
 * So small because a packet of one flow in LP_AUDIT_SAMPLE reads a word: a larger table
 * falls out of the second-level cache between two of them. Of a million flows, of which one
 * in 64 is followed, less than 2% seem to have been seen when they have not, and what
 * they do is looked at in the next phase, where their bits are others, or when they end.
 */
#define LP_AUDIT_SEEN_BITS  12
#define LP_AUDIT_SEEN_WORDS (1u << LP_AUDIT_SEEN_BITS) /* in a half */

struct lp_audit_counter {
	__u64 broken; /* connections that went to another backend while theirs lived */
	__u64 lost;   /* connections whose backend is dead, or was let go */
	__u64 moved;  /* clients that went to another backend while theirs took them */
	__u64 opened; /* connections that began */
};
LP_ASSERT_SIZE(struct lp_audit_counter, 32);

/* What the record table did, for each CPU. */
struct lp_record_counters {
	__u64 made;
	__u64 evicted; /* unconfirmed ones, for others */
	__u64 full;    /* could not be made: all ways hold living, confirmed ones */
	__u64 _reserved[5];
};
LP_ASSERT_SIZE(struct lp_record_counters, 64);

/*
 * Fragments (bpf/fragment.h). A record of `fragments` is a fragmented packet whose first
 * fragment has passed: what became of it, for those that follow. The table is laid out
 * and written as the record table is, and of fixed size: a newer one takes the place of
 * the oldest.
 */
#define LP_FRAGMENT_BUCKETS (1u << 11) /* 16,384 packets at a time */
#define LP_FRAGMENT_S       30      /* what RFC 791 and 8200 give a host to reassemble: 15 to 60 */
#define LP_FRAGMENT_NOBODY  0xffffu /* backend of a record that names none */

enum lp_fragment_kind {
	LP_FRAGMENT_PASS = 0,    /* it was for no VIP: to the stack */
	LP_FRAGMENT_FORWARD = 1, /* to the backend that the record names */
	LP_FRAGMENT_REPLY = 2,   /* a reply that is translated back, of nat or snat */
	LP_FRAGMENT_DROP = 3,    /* it was dropped when it was to be translated */
};

/* What of a fragment changes, with nat and snat: bits of lp_fragment.sides. */
enum lp_fragment_side {
	LP_FRAGMENT_SOURCE = 1 << 0,
	LP_FRAGMENT_DESTINATION = 1 << 1, /* of LP_FRAGMENT_FORWARD: the backend's address */
	LP_FRAGMENT_ID = 1 << 2,          /* the identification of IPv4 */
};

struct lp_fragment {
	struct lp_addr src; /* what its source becomes; of an IPv4 address only w[3] counts */
	struct lp_addr dst; /* LP_FRAGMENT_REPLY: what its destination becomes */
	__u32 vip;          /* number of the VIP */
	__u8 kind;          /* enum lp_fragment_kind */
	__u8 forward;       /* enum lp_forward */
	__u8 flags;         /* enum lp_vip_flags: whose policy is asked for each fragment */
	__u8 sides;         /* enum lp_fragment_side */
	__be16 id;          /* what its identification becomes */
	__u8 _pad[6];
};
LP_ASSERT_SIZE(struct lp_fragment, 48);
LP_ASSERT_OFFSET(struct lp_fragment, dst, 16);
LP_ASSERT_OFFSET(struct lp_fragment, vip, 32);

struct lp_fragment_bucket {
	struct lp_fragment way[LP_WAYS];
};
LP_ASSERT_SIZE(struct lp_fragment_bucket, 384);

/*
 * A fragment that came before its first one, in the ring buffer `held`. User space sends
 * it in once more, with the mark as its metadata: then it is not held again.
 */
#define LP_HELD_FRAME 2048u /* longest frame that is held */
#define LP_HELD_BYTES (1u << 18)
#define LP_HELD_PER_S 512u /* of each CPU */
#define LP_HELD_MARK  0x6c7068656c647631ull
struct lp_held {
	__u64 fingerprint; /* of its packet in `fragments` */
	__u32 ifindex;     /* where it came in */
	__u32 len;
	__u8 frame[LP_HELD_FRAME];
};
LP_ASSERT_SIZE(struct lp_held, 16 + LP_HELD_FRAME);
LP_ASSERT_OFFSET(struct lp_held, frame, 16);

/*
 * Names and state beside the numbers, for the next agent (P8); packets never
 * read them. A number whose name is empty is free.
 */
struct lp_vip_meta {
	char name[LP_NAME_MAX];
};

struct lp_pool_meta {
	char name[LP_NAME_MAX];
};

/* Affinity groups: lp_vip.scope is the group's number | LP_SCOPE_GROUP; of a VIP
 * without a group, the VIP's own number. */
#define LP_SCOPE_GROUP 0x8000u
struct lp_group_meta {
	char name[LP_NAME_MAX];
};

enum lp_admin {
	LP_ADMIN_ENABLED = 0,
	LP_ADMIN_DRAIN = 1,
	LP_ADMIN_OFFLINE = 2,
};

struct lp_backend_meta {
	char pool[LP_NAME_MAX];
	char name[LP_NAME_MAX];
	struct lp_addr addr;
	__u8 healthy; /* last verdict of its check */
	__u8 admin;   /* enum lp_admin: what an operator decided */
	__u8 leaving; /* no longer in the configuration; kept for its live connections */
	__u8 expired; /* its deadline has passed: even live connections are let go */
	__u8 _pad[4];
	__u64 since;        /* of the present state: seconds since the epoch */
	__u64 deadline;     /* of drain and offline: seconds since the epoch; 0: none */
	__u64 weight_until; /* of `weight`: seconds since the epoch; 0: no end */
	__u32 weight;       /* an operator's, if `weighted` */
	__u32 came_up;      /* when it began to serve: seconds of CLOCK_MONOTONIC; 0: it does not */
	__u8 weighted;
	__u8 ramps; /* in a slow start since came_up */
	__u8 part;  /* of its slots that it has, while it ramps (core/slow_start.h); else 0 */
	__u8 _reserved[5];
};
LP_ASSERT_SIZE(struct lp_vip_meta, 64);
LP_ASSERT_SIZE(struct lp_pool_meta, 64);
LP_ASSERT_SIZE(struct lp_group_meta, 64);
LP_ASSERT_SIZE(struct lp_backend_meta, 192);
LP_ASSERT_OFFSET(struct lp_backend_meta, addr, 128);
LP_ASSERT_OFFSET(struct lp_backend_meta, since, 152);

/*
 * Key of the hash functions in hash.h, made from the config's `seed` by
 * lp_hash_key_make(). Secret, and the same on every node of a cluster (P6).
 */
#define LP_HASH_WORDS 24
struct lp_hash_key {
	__u64 word[LP_HASH_WORDS];
};
LP_ASSERT_SIZE(struct lp_hash_key, 192);

/* limpet decap: counters by verdict, and the load balancers it listens to. */
enum lp_decap_reason {
	LP_DECAP_OK = 0,         /* outer header taken off, inner packet to the stack */
	LP_DECAP_NOT_TUNNEL,     /* to the stack untouched */
	LP_DECAP_DROP_SOURCE,    /* a tunnel packet that is not from a known balancer */
	LP_DECAP_DROP_MALFORMED, /* truncated, a fragment, or what is inside is not IP */
	LP_DECAP_DROP_ECN,       /* congestion was marked on a flow without ECN: RFC 6040 */
	LP_DECAP_REASONS
};

#endif
