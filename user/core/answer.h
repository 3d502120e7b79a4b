/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules T1 to T4 and T8 of bpf/track.h, said once more without packets: which backend
 * a packet is sent to, given its slot and what the record table says of it. Pure,
 * and kept apart from the program that it explains on purpose: tests hold them
 * against each other.
 */
#ifndef LIMPET_CORE_ANSWER_H
#define LIMPET_CORE_ANSWER_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stdint.h>

/* What a record says, if there is one. */
struct answer_record {
	bool found;
	bool lives;   /* its backend is alive, in the same life */
	bool offline; /* its backend takes no opening packets */
	bool expired;
	uint16_t backend;
};

struct answer_question {
	struct lp_slot slot;
	enum lp_track track;
	bool source;     /* the client decides; otherwise the flow */
	bool past_lives; /* slot.prev is alive: asked for in a moving slot only */
	bool resets;     /* the VIP has LP_VIP_RESET, and the packet is TCP's */
	struct answer_record flow, client;
};

/* Why it is that backend. */
enum answer_reason {
	ANSWER_SLOT,       /* the slot's own answer */
	ANSWER_CONNECTION, /* T1: the connection's record */
	ANSWER_CLIENT,     /* T2: the client's record */
	ANSWER_PAST,       /* T4: it belongs to the time before the slot moved */
	ANSWER_RESET,      /* T8: its backend is dead, and its client gets a RST; backend is 0 */
};

struct answer {
	uint16_t backend; /* 0: nobody */
	enum answer_reason reason;
};

/* For a TCP SYN (`opening`), or for any other packet. */
struct answer answer_packet(const struct answer_question *question, bool opening);

/* Why such a packet does not follow the record, or NULL if it does. */
const char *answer_refuses(const struct answer_question *question,
			   const struct answer_record *record, bool opening);

#endif
