/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The narrow waist between the agent and the kernel. Two implementations:
 * dp_bpf.c (libbpf, which lives only in user/dp) and dp_fake.c (arrays in
 * memory, for tests of the core).
 *
 * Rule D1: whatever packets can reach changes only by a flip: dp_flip(),
 * dp_pool_flip(), dp_backend_flip(). Writing what packets can reach now is
 * refused (-EBUSY); before something that they could reach until a flip is
 * written again, the write function waits for the packets that may still be
 * looking at it (dp_sync()), so a caller cannot go wrong.
 *
 * Rule D2: before a flip, what has been written is in the sight of every CPU, also of those
 * that load ahead.
 *
 * All functions that can fail return -errno and change nothing then.
 */
#ifndef LIMPET_DP_DP_H
#define LIMPET_DP_DP_H

#include <limpet/abi.h>
#include <limpet/reasons.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct dp;

/* Capacities: how many of each the datapath holds. */
struct dp_size {
	uint32_t vips, pools, backends; /* numbers 1 .. n - 1 can be used (A4) */
	uint32_t tables;                /* slot tables, table 0 included, which is never used */
	uint32_t index, places, ranges; /* of a half of the VIP table */
	uint32_t buckets;               /* of the record table, a power of two */
	uint32_t entries;               /* buckets of entries, a power of two; 0: none are needed */
};

/* Is there as much of everything in `have` as in `need`? */
bool dp_size_fits(const struct dp_size *have, const struct dp_size *need);

/* Size and control block as they are now. Pointers stay valid until dp_close(). */
const struct dp_size *dp_size(const struct dp *dp);
const struct lp_control *dp_control(const struct dp *dp);
/* The half of the configuration that packets use now: 0 or 1. */
unsigned int dp_active_half(const struct dp *dp);

/* --- what packets see; reading is always allowed --- */
const struct lp_vip_index *dp_vip_index(const struct dp *dp, unsigned int half);
const struct lp_vip *dp_vips(const struct dp *dp, unsigned int half);
const struct lp_range *dp_ranges(const struct dp *dp, unsigned int half);
struct lp_pool dp_pool(const struct dp *dp, unsigned int half, uint32_t pool);
const struct lp_slot *dp_slots(const struct dp *dp, uint32_t table); /* LP_SLOTS of them */
const struct lp_backend *dp_backend(const struct dp *dp, uint32_t backend);

/* Would dp_slots_write() of the table have to wait for packets (D1)? */
bool dp_table_waits(const struct dp *dp, uint32_t table);

/* Is `there`, as it stands in the datapath, what dp_backend_flip() would make of `hop`? */
bool dp_hop_is(const struct lp_hop *there, const struct lp_hop *hop);

/* --- names beside the numbers; never read by packets --- */
struct lp_vip_meta *dp_vip_meta(struct dp *dp, uint32_t vip);
struct lp_pool_meta *dp_pool_meta(struct dp *dp, uint32_t pool);
struct lp_group_meta *dp_group_meta(struct dp *dp, uint32_t group); /* as many as VIPs */
struct lp_backend_meta *dp_backend_meta(struct dp *dp, uint32_t backend);

/* A fast VIP table (abi.h: struct lp_fast_key), built by core/fast_table.h. */
struct dp_fast_table {
	struct lp_fast_hash hash[2]; /* IPv4, IPv6; `first`, `index` are set when it is written */
	struct lp_fast_index index[2][LP_FAST_BUCKETS];
	struct lp_fast_key *keys[2];      /* fast_table_places(&hash[…]) */
	struct lp_fast_nat *nats[2];      /* beside them */
	struct lp_fast_profile *profiles; /* n_profiles; `pool` is the pool's number */
	uint32_t n_profiles;              /* the first one, of no key, included */
};

/* Places that a hash can give. */
static inline uint32_t fast_table_places(const struct lp_fast_hash *hash)
{
	return hash->range + LP_FAST_WINDOW - 1;
}

/* A half of the VIP table: as many elements as the datapath has capacity for. */
struct dp_vip_table {
	uint64_t salt;
	const struct lp_vip_index *index;
	const struct lp_vip *places;
	const struct lp_range *ranges; /* n_ranges */
	uint32_t n_ranges;
	uint64_t sources_id;              /* digest of its keys in the tries below */
	const struct dp_fast_table *fast; /* NULL: nothing is served on the fast path */
};

/* --- writing what packets cannot reach (D1) --- */
/* LP_SLOTS slots, and since when each is in its state (seconds of CLOCK_MONOTONIC). */
int dp_slots_write(struct dp *dp, uint32_t table, const struct lp_slot *slots,
		   const uint32_t *since);
int dp_vip_table_write(struct dp *dp, unsigned int half, const struct dp_vip_table *table);
int dp_pool_write(struct dp *dp, unsigned int half, uint32_t pool, struct lp_pool value);
/* Initialises a backend number that no slot names: both hops, the first in use. */
int dp_backend_write(struct dp *dp, uint32_t backend, const struct lp_backend *value);

/* The addresses that a VIP's packets leave from (LP_FORWARD_SNAT); NULL: the balancer's own.
 * -ENOSPC: there are no entries, so nothing to have addresses for. */
int dp_snat_write(struct dp *dp, unsigned int half, uint32_t vip, const struct lp_snat_list *list);
const struct lp_snat_list *dp_snat(const struct dp *dp, unsigned int half, uint32_t vip);

/* --- flips: one store each --- */
/* Ports (host byte order, inclusive) that the host gives its own connections. */
void dp_own_ports(struct dp *dp, uint16_t first, uint16_t last);

int dp_flip(struct dp *dp, unsigned int half, uint64_t generation);   /* whole configuration */
int dp_pool_flip(struct dp *dp, uint32_t pool, struct lp_pool value); /* in the active half */
/* Writes the inactive hop, then makes it the active one. */
int dp_backend_flip(struct dp *dp, uint32_t backend, const struct lp_hop *hop);

/* Which part of its address a backend shares with its network (abi.h: link_bits). */
int dp_backend_link(struct dp *dp, uint32_t backend, uint32_t bits);

/* Life and incarnation of a backend, for records that name it. */
int dp_backend_state(struct dp *dp, uint32_t backend, struct lp_backend_state state);
/*
 * One slot of a table in use, from `old` to `new`; its time becomes `since`.
 * -EAGAIN if a packet changed it in between.
 */
int dp_slot_change(struct dp *dp, uint32_t table, uint32_t slot, struct lp_slot old,
		   struct lp_slot new, uint32_t since);
/* The next phase (control.phase): packets set the other OPENING mark from now on, and the
 * audit has seen nothing of it. */
void dp_phase(struct dp *dp);

/* --- sources that hide a crowd: keys of the trie --- */
int dp_proxy_add(struct dp *dp, const struct lp_proxy_key *key);
/* All keys of one half (the lowest bit of lp_proxy_key.vip). */
int dp_proxies_clear(struct dp *dp, unsigned int half);

/* --- whose packets are taken: keys of the trie --- */
int dp_policy_add(struct dp *dp, const struct lp_policy_key *key, enum lp_policy answer);
/* All keys of one half (LP_POLICY_HALF of lp_policy_key.scope). */
int dp_policy_clear(struct dp *dp, unsigned int half);

/* --- records: packets make them, the agent lists and drops them --- */
/* One record as it is now; false if the place is empty or being written. */
bool dp_record(const struct dp *dp, uint32_t bucket, unsigned int way, struct lp_record *record,
	       struct lp_record_info *info);
/* Drops it if it still is as it was read: nobody has refreshed or confirmed it. */
void dp_record_drop(struct dp *dp, uint32_t bucket, unsigned int way,
		    const struct lp_record *record);
/* Confirms it, under the same condition: it is not evicted any more while it lives. */
void dp_record_confirm(struct dp *dp, uint32_t bucket, unsigned int way,
		       const struct lp_record *record);
void dp_record_counters(const struct dp *dp, struct lp_record_counters *sum);

/* --- entries: packets make them and use them up --- */
/* The entry at a place, and what it makes of a source; false as with dp_record(). */
bool dp_entry(const struct dp *dp, uint32_t bucket, unsigned int way, struct lp_record *record,
	      struct lp_entry_port *to, struct lp_addr *addr);
/* Has a source become this address (A2), as far as that is known? Now and then one has not. */
bool dp_is_source(const struct dp *dp, const struct lp_addr *addr);
/* The return at a place. */
bool dp_return(const struct dp *dp, uint32_t bucket, unsigned int way, struct lp_record *record,
	       struct lp_return *of);

/* --- the sampled audit, LP_AUDIT_BUCKETS buckets --- */
bool dp_audit(const struct dp *dp, uint32_t bucket, unsigned int way, struct lp_record *record,
	      struct lp_record_info *info);
void dp_audit_counter(const struct dp *dp, uint32_t pool, struct lp_audit_counter *sum);

/* --- fragments that came before their first one (abi.h: struct lp_held) --- */
typedef void dp_held_fn(void *arg, const struct lp_held *held);
/* Readable when there are some; the datapath's own, -1: it holds none. */
int dp_held_fd(const struct dp *dp);
/* All that there are; *held is valid in the call only. */
void dp_held_take(struct dp *dp, dp_held_fn *fn, void *arg);
/* Sends one in again: as if it came now, by its interface, but it is not held any more. */
int dp_held_send(struct dp *dp, const struct lp_held *held);
/* Has the first fragment of this packet passed? */
bool dp_fragment_known(const struct dp *dp, uint64_t fingerprint);

/* Since when a slot is in its state, seconds of CLOCK_MONOTONIC. */
const uint32_t *dp_slot_times(const struct dp *dp, uint32_t table);

/* Returns when no packet is under way that looked before the call. */
int dp_sync(struct dp *dp);

/* --- interfaces --- */
enum dp_xdp_mode { DP_XDP_NATIVE, DP_XDP_GENERIC };

/*
 * Attaches the program to an interface, or replaces the one there that is ours
 * without losing a packet. -EOPNOTSUPP: the driver has no native XDP; -EBUSY:
 * somebody else's XDP program is there; err says what to do.
 */
int dp_attach(struct dp *dp, unsigned int ifindex, const char *name, enum dp_xdp_mode mode,
	      struct lp_err *err);
int dp_detach(struct dp *dp, const char *name, struct lp_err *err);

struct dp_interface {
	char name[16];
	unsigned int ifindex; /* 0: the interface is gone */
	enum dp_xdp_mode mode;
};
/* Interfaces where the program is attached: fills at most n, returns how many there are. */
size_t dp_interfaces(const struct dp *dp, struct dp_interface *interfaces, size_t n);

/* --- counters, summed over CPUs --- */
void dp_vip_counter(const struct dp *dp, uint32_t vip, struct lp_counter *sum);
void dp_backend_counter(const struct dp *dp, uint32_t backend, struct lp_counter *sum);
void dp_reasons(const struct dp *dp, uint64_t packets[LP_REASON_COUNT]);

/*
 * Makes the maps of this datapath the pinned ones, for the next agent; those of
 * a smaller one that it grew out of are let go. After dp_attach() of all
 * interfaces. Does nothing when they are already.
 */
int dp_publish(struct dp *dp, struct lp_err *err);

/* Lets go of the datapath; packets go on (P8). Sets *dp to NULL. */
void dp_close(struct dp **dp);

/* --- the kernel's: dp_bpf.c --- */
struct dp_bpf_options {
	const char *pin_dir; /* on a BPF file system, which is mounted if it has to be */
	struct dp_size need; /* maps that are there go on if they have this */
	struct dp_size size; /* of new maps; at least `need` */
	struct lp_hash_key key;
};

/*
 * Opens the datapath and loads the program. Maps that an earlier agent pinned
 * are adopted with all that is in them; dp_attach() then puts the new program
 * in the place of the old one, atomically.
 *
 * If what is pinned is too small for options->need, larger maps are made that
 * nobody uses yet: numbers, names, backends, pools and slot tables are copied
 * over (the VIP table is not: its layout depends on the size), and traffic goes
 * on over the old ones until dp_attach().
 *
 * *adopted tells whether there was something.
 *
 * -EPERM (capability), -ENOSYS (kernel), -EPROTO (pins of another version),
 * -EBUSY (another agent has the pin directory) and others, with words in err
 * that say what to do.
 */
int dp_bpf_open(const struct dp_bpf_options *options, struct dp **out, bool *adopted,
		struct lp_err *err);

/* The program's file descriptor, dp's own: for program runs (BPF_PROG_TEST_RUN). */
int dp_bpf_prog_fd(const struct dp *dp);

/* Detaches from all interfaces and removes all pins. */
int dp_bpf_destroy(const char *pin_dir, struct lp_err *err);

/* --- the test's: dp_fake.c --- */
int dp_fake_open(const struct dp_size *size, struct dp **out);

#endif
