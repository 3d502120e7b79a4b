/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What time does to the affinity engine (DESIGN section 6): OPENING marks fade,
 * moving slots become residual when their hold time has passed, residual slots
 * settle when no living record differs, dead records are taken away. In small
 * steps, over dp.h, with time as an argument; nothing here is lost when an agent
 * dies, because all of it is read again from the datapath.
 *
 *   S1  A slot settles only after a whole pass over the record table, begun when
 *       the slot was residual already, has found no living record of it that
 *       names another backend than `cur`, and if none was written since the pass
 *       began: packets tell by the slot's time (T6 in bpf/track.h). A client's
 *       record may have been followed behind the pass's back and be gone when
 *       it comes by.
 *   S2  A record is taken away only when it cannot decide about a packet any
 *       more: its backend's life is over, or it is a connection's that says what
 *       its settled slot says anyway, or it has expired. Two kinds of expired
 *       ones stay: those of a moving slot, which asks clients' records of any
 *       age, and clients' records that agree with their slot, because the client
 *       may be alive (in a settled slot only opening packets refresh its record)
 *       and the slot may move; a new record may take their place.
 *   S3  A slot stops moving only after a whole pass, begun when its hold time was
 *       over, has confirmed its records that differ from `cur` and are of the middle
 *       of a flow. Who sent one packet since the change has an unconfirmed record:
 *       as long as the slot moves nothing is lost with it (T4, T6), but from then
 *       on it is all that keeps the connection, and a flood must not evict it (P7).
 *       Half-open ones are of handshakes, and stay what they are.
 */
#ifndef LIMPET_CORE_SWEEP_H
#define LIMPET_CORE_SWEEP_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dp/dp.h"

/* What the sweep has to know of a pool; by pool number. */
struct sweep_pool {
	uint32_t table; /* 0: none */
	uint32_t hold;  /* seconds */
	bool always;    /* a VIP of it tracks always: its connections' records stay */
	bool resets;    /* slot_alive.resets */
};

/* What a pass has counted; of the last whole one. */
struct sweep_counts {
	uint32_t connections, clients; /* living records */
	uint32_t unconfirmed;
	uint32_t moving, residual; /* slots, of all pools */
};

struct sweep {
	uint32_t bucket;     /* where the pass goes on */
	uint32_t pass_began; /* seconds of CLOCK_MONOTONIC */
	uint32_t phase_at;   /* when the phase last changed */
	uint32_t n_tables;
	uint8_t *differs; /* a bit for each slot of each table: a record differs (S1) */
	uint32_t n_backends;
	uint32_t *held;      /* living connections' records by backend, in this pass */
	uint32_t *last_held; /* and in the last whole one */
	struct sweep_counts now, last;
};

/* -ENOMEM. */
int sweep_init(struct sweep *sweep, const struct dp_size *size, uint32_t now);
void sweep_fini(struct sweep *sweep);

/*
 * One step: walks all slots of `pools`, and `buckets` buckets of the record
 * table. `now` is seconds of CLOCK_MONOTONIC. Returns true when it ended a pass.
 */
bool sweep_step(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pools, size_t n_pools,
		uint32_t buckets, uint32_t now);

/* Begins the pass again: after a change of which table a pool has, what the pass has
 * seen is of the wrong one (S1). */
void sweep_restart(struct sweep *sweep, uint32_t now);

/* Steps until a pass that began after the call has ended, for tests and for flush. */
void sweep_all(struct sweep *sweep, struct dp *dp, const struct sweep_pool *pools, size_t n_pools,
	       uint32_t now);

/* Does a slot of the tables of `pools` name this backend, as cur or prev? Looks at all of
 * them; true for a number that cannot be. */
bool sweep_is_referenced(const struct dp *dp, const struct sweep_pool *pools, size_t n_pools,
			 uint32_t backend);

#endif
