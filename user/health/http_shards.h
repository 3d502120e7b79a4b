/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Transfers spread over as many curl multi handles as needed, few in each.
 *
 * One multi for all would do if curl's work for a transfer did not grow with
 * the number of others in its multi: at the end of each transfer it searches
 * its list of hosts for the one to forget (conncache_remove_bundle() of curl
 * 7.88). With half of 10,000 backends hanging a check cost 380 us of CPU time
 * that way, and 140 us this way: the healthy ones would have been late
 * for the hanging ones.
 */
#ifndef LIMPET_HEALTH_HTTP_SHARDS_H
#define LIMPET_HEALTH_HTTP_SHARDS_H

#include <stddef.h>

#include "health/http_multi.h"

#define HTTP_SHARD_TRANSFERS 64u /* at most, in one multi */

struct http_shard {
	struct http_multi *multi;
	unsigned int transfers;
};

struct http_shards {
	uv_loop_t *loop;
	const struct http_multi_ops *ops;
	struct http_shard *shards;
	size_t n, capacity;
};

/*
 * Starts a transfer in the first shard that has room and fills in its number.
 * First, so that the last ones run empty and go. 0, or -ENOMEM with *shard
 * untouched.
 */
int http_shards_add(struct http_shards *shards, CURL *easy, size_t *shard);

/* Ends a transfer of `shard`; `finished` is not called for it. */
void http_shards_remove(struct http_shards *shards, size_t shard, CURL *easy);

/* To be called from `finished`: a transfer of `shard` is over. */
void http_shards_release(struct http_shards *shards, size_t shard);

/* All transfers must be over. Closes the handles on the loop; can be called twice. */
void http_shards_fini(struct http_shards *shards);

#endif
