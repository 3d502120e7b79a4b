// SPDX-License-Identifier: GPL-2.0
#include "health/http_shards.h"

#include <errno.h>
#include <stdlib.h>

static int reserve(struct http_shards *shards)
{
	size_t capacity = shards->capacity ? 2 * shards->capacity : 8;
	struct http_shard *grown;

	if (shards->n < shards->capacity)
		return 0;
	grown = realloc(shards->shards, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	shards->shards = grown;
	shards->capacity = capacity;
	return 0;
}

static int grow(struct http_shards *shards)
{
	struct http_shard shard = { 0 };
	int err = reserve(shards);

	if (!err)
		err = http_multi_open(shards->loop, shards->ops, &shard.multi);
	if (!err)
		shards->shards[shards->n++] = shard;
	return err;
}

/* One empty shard is kept at the end, so that a load about its edge does not
 * open and close it all the time. */
static void shrink(struct http_shards *shards)
{
	while (shards->n > 1 && !shards->shards[shards->n - 1].transfers &&
	       !shards->shards[shards->n - 2].transfers)
		http_multi_close(&shards->shards[--shards->n].multi);
}

int http_shards_add(struct http_shards *shards, CURL *easy, size_t *shard)
{
	size_t i = 0;
	int err;

	while (i < shards->n && shards->shards[i].transfers >= HTTP_SHARD_TRANSFERS)
		i++;
	if (i == shards->n) {
		err = grow(shards);
		if (err)
			return err;
	}
	err = http_multi_add(shards->shards[i].multi, easy);
	if (err)
		return err;
	shards->shards[i].transfers++;
	*shard = i;
	return 0;
}

void http_shards_remove(struct http_shards *shards, size_t shard, CURL *easy)
{
	http_multi_remove(shards->shards[shard].multi, easy);
	http_shards_release(shards, shard);
}

void http_shards_release(struct http_shards *shards, size_t shard)
{
	shards->shards[shard].transfers--;
	shrink(shards);
}

void http_shards_fini(struct http_shards *shards)
{
	while (shards->n)
		http_multi_close(&shards->shards[--shards->n].multi);
	free(shards->shards);
	shards->shards = NULL;
	shards->capacity = 0;
}
