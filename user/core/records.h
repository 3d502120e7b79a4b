/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading the record table from outside: finding one record, and walking over all
 * of them in bounded steps, so that a million records do not stall who asks. Over
 * dp.h, no other I/O.
 *
 * A walk goes from place to place (a place is a bucket and a way), and records do
 * not change places; so whoever is there from the first step to the last is seen
 * exactly once, and whoever comes or goes in between may or may not be.
 */
#ifndef LIMPET_CORE_RECORDS_H
#define LIMPET_CORE_RECORDS_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/prefix.h"
#include "dp/dp.h"

/* A record and where it is. */
struct records_entry {
	struct lp_record record;
	struct lp_record_info info;
	uint32_t bucket;
	unsigned int way;
};

/* The record with that fingerprint; false and *entry untouched if there is none. */
bool records_find(const struct dp *dp, uint64_t fingerprint, struct records_entry *entry);

/* Does the life of the backend that a record of `pool` speaks of go on? (T1 in
 * bpf/track.h) */
bool records_lives(const struct dp *dp, struct lp_record_word word, uint32_t pool);

/* The slot that a record belongs to, as it is now; cur is 0 if its pool is gone. */
struct lp_slot records_slot(const struct dp *dp, const struct lp_record_info *info);

/* Which records are meant, by the number of the VIP that made them. */
enum { RECORDS_CONNECTIONS = 1 << 0, RECORDS_CLIENTS = 1 << 1 };

struct records_filter {
	const uint8_t *vips; /* kinds of records by VIP number; NULL: all of all VIPs */
	size_t n_vips;
	const struct config_prefix *source;  /* NULL: all sources */
	const struct prefix_client *clients; /* by VIP number, n_clients of them: a client's */
	size_t n_clients;                    /* record is of a source if one holds the other */
};

#define RECORDS_STEP 16384u /* buckets that one walk visits at most */

struct records_walk {
	uint64_t place, stop, end;
};

/* A walk from `cursor` on: 0, or what records_cursor() has returned. -ERANGE: no such
 * place; *walk is untouched then. */
int records_begin(struct records_walk *walk, const struct dp *dp, uint64_t cursor);

/* The next record that the filter means; false when the walk is at its end. */
bool records_next(struct records_walk *walk, const struct dp *dp,
		  const struct records_filter *filter, struct records_entry *entry);

/* Where the next walk goes on; 0 if this one has come to the end of the table. */
uint64_t records_cursor(const struct records_walk *walk);

/*
 * Drops a record that a living packet may still ask for, because somebody wants it
 * forgotten; `now` in seconds of CLOCK_MONOTONIC. In an orphaned slot whoever has no record
 * is taken for a dead backend's (bpf/track.h T8): it becomes residual before.
 */
void records_forget(struct dp *dp, const struct records_entry *entry, uint32_t now);

#endif
