/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model: who has to answer each packet by P1 to P4, from the packets and
 * events that came before it. No slots, no records, no fingerprints: a struct
 * for each client, each connection and each backend, and time.
 *
 *   O1  (P1, P3) A connection that was never silent for longer than its VIP's
 *       idle_timeout stays with the backend that its opening packet went to,
 *       while that lives. So does a UDP flow of a VIP without source affinity.
 *   O2  (P2) A client that was never idle for longer than the timeout gets the
 *       backend that it had, for each connection it opens, while that lives and
 *       is not offline. Of UDP with source affinity each datagram is like that.
 *       Whoever has sent nothing but SYNs has the half-open time only (P7).
 *       A SYN of addresses and ports that were in use before may go where they
 *       went: whoever sends it, it must not move a living connection.
 *   O3  (P4, P6) Whoever opens a connection and has nothing of this kind to go
 *       back to gets the backend that the slot table, built aside from names,
 *       weights and who is usable, has for him.
 *   O4  Where promises leave freedom (too long a silence, a backend that dies
 *       or whose deadline has passed while no agent was there to notice), the
 *       table's, or one that it had to do with before, or for what is in the
 *       middle of something any that lives; the model takes what happened for
 *       what is.
 *   O5  (on_backend_down) A packet of a connection whose backend is dead, and which was
 *       not silent for longer than O1 allows, is answered by a RST, if its VIP resets
 *       and did when the backend died; if that is back, it may get the packet instead.
 *       To what O1 speaks of, to a SYN, a RST, a datagram, and by a VIP that reroutes,
 *       there is never one.
 *
 * After a change that was cut short by the agent's death the world may be as it
 * was or as it should be, thing by thing, until the agent is back: what is
 * between the two is "unsure".
 */
#ifndef LIMPET_TESTS_MODEL_ORACLE_H
#define LIMPET_TESTS_MODEL_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history.h"

#define NOBODY 0 /* no backend: the packet is dropped */

/* A slot table as it should be, by identity. */
struct oracle_table {
	uint8_t answer[LP_SLOTS];
};

struct oracle_backend {
	/* What is true of it */
	bool known;   /* in the configuration, or leaving it */
	bool wanted;  /* in the configuration */
	bool leaving; /* was in the configuration, until `deadline` */
	bool dead;    /* its server is */
	bool failing_open;
	bool expired;      /* its deadline has passed, and the agent knows */
	uint8_t admin;     /* enum lp_admin */
	uint64_t deadline; /* seconds of the wall clock; 0: none */
	bool weighted;     /* by an operator */
	uint32_t own_weight;
	uint64_t weight_until; /* seconds of the wall clock; 0: no end */
	/* Its slow start, as of the last change */
	bool serving, ramps;
	bool slow_unsure;   /* the agent died over it, or was not there */
	uint32_t served_at; /* when it began to serve, seconds since the history began */
	uint8_t part;       /* of SLOW_START_WHOLE */
	/* What follows for traffic, since the agent last applied something */
	bool alive, offline, usable;
	bool usable_without; /* in the table without those in a slow start */
	bool alive_unsure, offline_unsure;
	uint32_t life; /* rises with each return to life */
	/* For O5: lives up to that number are over beyond doubt, since `ended_at` (seconds). */
	uint32_t ended, ended_at;
};

struct oracle_client {
	uint32_t backend; /* NOBODY: none yet */
	uint32_t life;
	uint32_t other; /* or there, the model cannot know which; NOBODY: it does */
	uint32_t other_life;
	uint64_t seen;                /* ms, of its last packet */
	uint64_t opened;              /* ms, of its last SYN */
	uint32_t limit;               /* seconds of idleness that are promised from then on */
	bool half_open;               /* nothing is known of it but SYNs */
	bool lapsed;                  /* was idle for longer than that, and has not asked since */
	bool spoke_to[SPEC_BACKENDS]; /* everyone whom it ever had to do with */
};

struct oracle_flow {
	uint32_t backend;
	uint32_t life;
	uint64_t seen;
	uint32_t limit;
	uint16_t table;   /* number of the table in force then */
	bool open;        /* has an opening packet behind it, and no end */
	bool established; /* and a handshake */
};

struct oracle_pool {
	uint16_t table, before; /* in force; and, while unsure, until now */
};

/* What came out of a history. */
struct oracle_counts {
	uint64_t packets, connections;
	uint64_t resets, told;  /* RSTs, and those that O5 asked for */
	uint64_t broken, moved; /* connections, clients: what must not be */
	uint64_t spread;        /* clients of dead backends that were looked at (P4) */
	double spread_chi2;
	uint32_t spread_freedom;
	/* What hashing alone would break, by the shares of slots that changed */
	double predicted, variance;
};

/* How likely hashing alone breaks one: see oracle_odds(). */
struct oracle_odds {
	uint16_t from, to;
	uint32_t backend;
	double odds;
};

#define ORACLE_ODDS 1024

struct oracle {
	const struct history *history;
	struct lp_hash_key key; /* for O3 */
	struct spec spec;       /* as it is now */
	uint32_t now;           /* seconds since the history began */
	bool starting;          /* an agent does, and may have seen less than the model */
	struct oracle_backend backends[SPEC_BACKENDS];
	struct oracle_pool pools[SPEC_POOLS];
	struct oracle_table *tables; /* every one there was, from number 1 */
	size_t n_tables, room_tables;
	struct oracle_flow *flows;
	struct oracle_client *clients[SPEC_SCOPES];
	uint32_t *slots;                                        /* of each flow */
	uint32_t idle_timeout[SPEC_VIPS], timeout[SPEC_SCOPES]; /* in force */
	uint32_t resets;                                        /* who resets, 1 << VIP, in force */
	/* Since when a VIP, or any of a pool's, resets (seconds); UINT32_MAX: it does not. */
	uint32_t resets_since[SPEC_VIPS], pool_since[SPEC_POOLS];
	bool predicts;   /* counts what hashing alone would break */
	bool any_packet; /* a client is idle while it sends nothing; otherwise, opens nothing */
	struct oracle_odds *odds; /* [ORACLE_ODDS], those computed last */
	struct oracle_counts counts;
};

/* What was wrong with a packet. */
struct oracle_complaint {
	const char *promise;  /* NULL: nothing */
	uint32_t expected[3]; /* whom it allowed */
	unsigned int n_expected;
	bool known; /* and those whom the client knows */
	bool any;   /* and any that lives */
	bool reset; /* and a RST */
};

int oracle_open(struct oracle *oracle, const struct history *history);
void oracle_close(struct oracle *oracle);

/* Whom a step's backend means now: a name means the address that it has. */
uint32_t oracle_backend_of(const struct oracle *oracle, const struct step *step);

/*
 * Something changed at `wall` seconds: takes the step into `spec` and backends.
 * False if the step means nothing here (removing what is not there).
 */
bool oracle_change(struct oracle *oracle, const struct step *step, uint64_t wall);

/* The agent has applied all of it, or died (cut) while it did. -ENOMEM. */
int oracle_applied(struct oracle *oracle, bool cut);
/* Of a slow start that was unsure: since how many seconds it has served. */
void oracle_take_slow(struct oracle *oracle, uint32_t id, bool ramps, uint32_t served);
/* An agent has started and applied all of it. */
int oracle_started(struct oracle *oracle, uint64_t wall);
/* What the configuration no longer names leaves. */
void oracle_settled(struct oracle *oracle, uint64_t wall);
/* A living agent looks at its deadlines. */
int oracle_tick(struct oracle *oracle, uint64_t wall);

#define RESET (SPEC_BACKENDS + 1) /* nobody's identity: a RST came back */

/* A packet of step->flow went to `got` (an identity, NOBODY or RESET). */
void oracle_packet(struct oracle *oracle, const struct step *step, uint64_t wall, uint32_t got,
		   struct oracle_complaint *complaint);

/* Number of the client, in the scope of its VIP, that a flow belongs to; UINT32_MAX: it is
 * for itself. */
uint32_t oracle_client_of(const struct oracle *oracle, const struct flow *flow);

#endif
