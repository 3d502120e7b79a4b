/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which change moved which slots, and why: the last HISTORY_CHANGES changes, for
 * explanations. It compares slot tables and backends before and after a change and
 * needs nothing but dp.h; lost when the agent ends.
 *
 * A slot has moved when it has another answer, and when the backend that it is moving
 * away from has died: then those who had stayed there have to leave it.
 */
#ifndef LIMPET_CORE_HISTORY_H
#define LIMPET_CORE_HISTORY_H

#include <limpet/abi.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dp/dp.h"

#define HISTORY_CHANGES 256 /* of 8 KiB each, made when they are needed */
#define HISTORY_TEXT    256

struct history_change {
	char pool[LP_NAME_MAX];
	uint32_t generation; /* of the pool, after the change; a death alone makes none */
	uint32_t mono;       /* when: seconds of CLOCK_MONOTONIC */
	uint64_t wall;       /* and since the epoch */
	uint32_t n_moved;    /* slots */
	char text[HISTORY_TEXT];
	uint8_t moved[LP_SLOTS / 8]; /* a bit for each slot */
};

struct history {
	struct history_change *ring[HISTORY_CHANGES];
	size_t next;             /* where the next change goes */
	char text[HISTORY_TEXT]; /* why the coming change is made */
	uint32_t *tables;        /* each pool's table before it, by number */
	bool *alive;             /* was each backend alive to records? by number */
	uint32_t n_tables, n_alive;
};

/* Before a change: why it is made. Several reasons of one change are joined. */
void history_because(struct history *history, const struct dp *dp, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* After a change: keeps what it moved. Tables that were freed by it must still be as
 * they were. What memory does not suffice for is not kept. */
void history_applied(struct history *history, struct dp *dp, uint32_t mono, uint64_t wall);

/* The last change that moved the slot, of the pool of that name; NULL: none is known. */
const struct history_change *history_of_slot(const struct history *history, const char *pool,
					     uint32_t slot);

/* Why the pool changed into that generation and while it was in it: "operator drained
 * web/b2; deadline of web/b2 passed", into text[HISTORY_TEXT]; "" if it is not known. */
const char *history_why(const struct history *history, const char *pool, uint32_t generation,
			char *text);

void history_fini(struct history *history);

#endif
