/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A history: a configuration, clients with their flows, and a list of steps in
 * the order of time, each of which means something by itself, so that any subset
 * of the steps is a history too (that is what shrinking needs). Made from a
 * seed, and from nothing else.
 */
#ifndef LIMPET_TESTS_MODEL_HISTORY_H
#define LIMPET_TESTS_MODEL_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec.h"

/* A host behind an address. */
struct client {
	struct lp_addr addr; /* of IPv6 the first 64 bits; a flow has the rest */
	bool v6;
	bool proxy; /* VIP_WEB takes it for a crowd */
};

/* What has two addresses and two ports. */
struct flow {
	uint32_t client;
	uint8_t vip;
	uint16_t sport;
	struct lp_addr src;
};

enum step_kind {
	/* The agent */
	STEP_TICK,
	STEP_KILL,
	STEP_START,
	/* The network: `backend` */
	STEP_DOWN,
	STEP_UP,
	/* Operators: `backend`, `value` is seconds to the deadline or 0 */
	STEP_DRAIN,
	STEP_OFFLINE,
	STEP_ENABLE,
	STEP_WEIGH, /* `value` is the weight, and in the upper 16 bits seconds or 0 */
	STEP_UNWEIGH,
	/* The configuration: `backend` names a member of a pool */
	STEP_ADD,
	STEP_REMOVE,
	STEP_READDRESS,
	STEP_WEIGHT,  /* `value` */
	STEP_BACKUP,  /* `value` */
	STEP_HASH,    /* of the backend's pool: `value` */
	STEP_MIN_UP,  /* the same; with 16 on_all_down is drop */
	STEP_SLOW,    /* the same, of slow_start */
	STEP_IDLE,    /* `backend` is a VIP; `value` its idle_timeout */
	STEP_TIMEOUT, /* `backend` is a scope; `value` its timeout */
	STEP_RELOAD,  /* nothing has changed */
	STEP_RESETS,  /* on_backend_down of all VIPs: `value` is spec.reset */
	/* Packets of `flow` */
	STEP_SYN,
	STEP_ACK, /* of the handshake */
	STEP_DATA,
	STEP_FIN,
	STEP_RST,
	STEP_DATAGRAM,
};

struct step {
	uint32_t ms; /* since the history began */
	uint8_t kind;
	uint8_t cut; /* a change: the agent dies before that operation of its plan, from 1; 0: it
			lives */
	uint16_t backend;
	union {
		uint32_t value;
		uint32_t flow;
	};
};

struct history {
	uint64_t seed;
	struct spec spec; /* as it begins */
	struct client *clients;
	size_t n_clients;
	struct flow *flows;
	size_t n_flows, room_flows;
	struct step *steps;
	size_t n_steps, room_steps;
	uint32_t wall_ms; /* how far the wall clock's seconds are from the monotonic one's */
	uint32_t end_ms;
};

struct history_options {
	size_t clients;
	const char *track;
};

bool step_is_packet(const struct step *step);
const char *step_name(const struct step *step);

/* Makes a history. -ENOMEM. */
int history_make(struct history *history, uint64_t seed, const struct history_options *options);
void history_free(struct history *history);

#endif
