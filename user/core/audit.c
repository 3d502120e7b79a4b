// SPDX-License-Identifier: GPL-2.0
#include "core/audit.h"

#include <errno.h>
#include <limpet/hash.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/records.h"

uint64_t audit_estimate(uint64_t sampled)
{
	return sampled * LP_AUDIT_SAMPLE;
}

double audit_error(uint64_t sampled)
{
	const double n = LP_AUDIT_SAMPLE;

	if (!sampled)
		return 3 * n;
	return 1.96 * sqrt((double)sampled * (1 - 1 / n)) * n;
}

/* --- what lives now ----------------------------------------------------------------- */

/* Does the entry live? Needs to look at its info only if so far it does. */
static bool is_living(const struct dp *dp, uint32_t bucket, unsigned int way, uint32_t now,
		      struct lp_record *record, struct lp_record_info *info)
{
	if (!dp_audit(dp, bucket, way, record, NULL) || record->value.expires <= now)
		return false;
	return dp_audit(dp, bucket, way, record, info) &&
	       records_lives(dp, record->value, info->slot >> LP_SLOTS_BITS);
}

void audit_visit(const struct dp *dp, uint32_t now,
		 void (*visit)(void *arg, const struct lp_record *record,
			       const struct lp_record_info *info),
		 void *arg)
{
	struct lp_record_info info;
	struct lp_record record;

	for (uint32_t bucket = 0; bucket < LP_AUDIT_BUCKETS; bucket++)
		for (unsigned int way = 0; way < LP_WAYS; way++)
			if (is_living(dp, bucket, way, now, &record, &info))
				visit(arg, &record, &info);
}

static void count_living(void *arg, const struct lp_record *record,
			 const struct lp_record_info *info)
{
	struct audit_scan *scan = arg;

	(void)info;
	if (record->value.flags & LP_RECORD_CLIENT)
		return;
	scan->by_backend[record->value.backend]++;
	scan->connections++;
}

int audit_scan(const struct dp *dp, uint32_t now, struct audit_scan *scan)
{
	struct audit_scan new = { .n_backends = dp_size(dp)->backends };

	new.by_backend = calloc(new.n_backends, sizeof(*new.by_backend));
	if (!new.by_backend)
		return -ENOMEM;
	audit_visit(dp, now, count_living, &new);
	*scan = new;
	return 0;
}

uint32_t audit_scan_backend(const struct audit_scan *scan, uint32_t backend)
{
	return backend < scan->n_backends ? scan->by_backend[backend] : 0;
}

void audit_scan_free(struct audit_scan *scan)
{
	free(scan->by_backend);
	*scan = (struct audit_scan) { 0 };
}

/* --- heavy sources -------------------------------------------------------------------- */

/* Room for every entry of the audit table, so that counting cannot fail half way, and
 * twice as many places to find them by, so that chains stay short. */
#define SOURCES_MAX    ((size_t)LP_AUDIT_BUCKETS * LP_WAYS)
#define SOURCES_PLACES (2 * SOURCES_MAX)

struct sources {
	struct audit_source *source;
	uint32_t *place; /* 1 + index into `source`; 0: free */
	uint32_t n, total;
	uint64_t key; /* sources choose their addresses: nobody shall make one long chain */
	const struct prefix_client *clients;
	size_t n_clients;
};

static bool is_same(const struct audit_source *source, const struct config_prefix *client,
		    uint32_t vip)
{
	return source->vip == vip && source->client.bits == client->bits &&
	       lp_addr_equal(&source->client.addr, &client->addr);
}

/* The source's entry, made if it is new. */
static struct audit_source *find_source(struct sources *sources, const struct config_prefix *client,
					uint32_t vip)
{
	uint64_t at = lp_siphash(sources->key, vip, &client->addr, sizeof(client->addr));
	struct audit_source *source;

	for (;; at++) {
		uint32_t *place = &sources->place[at % SOURCES_PLACES];

		if (!*place) {
			source = &sources->source[sources->n++];
			*source = (struct audit_source) { .client = *client, .vip = vip };
			*place = sources->n;
			return source;
		}
		source = &sources->source[*place - 1];
		if (is_same(source, client, vip))
			return source;
	}
}

static void count_source(void *arg, const struct lp_record *record,
			 const struct lp_record_info *info)
{
	struct sources *sources = arg;
	const struct prefix_client *known = info->vip < sources->n_clients
						    ? &sources->clients[info->vip]
						    : NULL;
	const struct config_prefix client = prefix_of_client(&info->src, known);

	if (record->value.flags & LP_RECORD_CLIENT)
		return;
	find_source(sources, &client, info->vip)->connections++;
	sources->total++;
}

/* A total order, so that the same table gives the same list. */
static int compare_sources(const struct audit_source *a, const struct audit_source *b)
{
	int diff = lp_addr_compare(&a->client.addr, &b->client.addr);

	if (a->connections != b->connections)
		return a->connections > b->connections ? -1 : 1;
	if (diff)
		return diff;
	return a->vip < b->vip ? -1 : a->vip > b->vip;
}

/* Into a sorted list of at most `max`, n so far; returns how many it has now. */
static size_t insert_source(struct audit_source *top, size_t n, size_t max,
			    const struct audit_source *source)
{
	size_t at = n;

	while (at && compare_sources(source, &top[at - 1]) < 0)
		at--;
	if (at == max)
		return n;
	n = n < max ? n + 1 : n;
	memmove(&top[at + 1], &top[at], (n - 1 - at) * sizeof(*top));
	top[at] = *source;
	return n;
}

int audit_heavy(const struct dp *dp, uint32_t now, const struct prefix_client *clients,
		size_t n_clients, struct audit_source *top, size_t *n, uint32_t *total)
{
	struct sources sources = {
		.source = malloc(SOURCES_MAX * sizeof(*sources.source)),
		.place = calloc(SOURCES_PLACES, sizeof(*sources.place)),
		.key = dp_control(dp)->key_id,
		.clients = clients,
		.n_clients = n_clients,
	};
	size_t found = 0;
	int ret = -ENOMEM;

	if (sources.source && sources.place) {
		audit_visit(dp, now, count_source, &sources);
		for (uint32_t i = 0; i < sources.n; i++)
			found = insert_source(top, found, *n, &sources.source[i]);
		*n = found;
		*total = sources.total;
		ret = 0;
	}
	free(sources.source);
	free(sources.place);
	return ret;
}

/* --- the ledger ------------------------------------------------------------------------ */

/* What a counter has gained; one that was reset (with a new datapath) began at 0. */
static uint64_t gained(uint64_t now, uint64_t seen)
{
	return now >= seen ? now - seen : now;
}

static struct audit_entry *find_entry(struct audit_ledger *ledger, const char *pool,
				      uint32_t generation)
{
	for (size_t i = 0; i < ledger->n; i++) {
		struct audit_entry *entry = &ledger->ring[i];

		if (entry->generation == generation && !strcmp(entry->pool, pool))
			return entry;
	}
	return NULL;
}

static struct audit_entry *make_entry(struct audit_ledger *ledger, const char *pool,
				      uint32_t generation, uint64_t wall)
{
	struct audit_entry *entry = &ledger->ring[ledger->next];

	*entry = (struct audit_entry) { .generation = generation, .first_at = wall };
	memcpy(entry->pool, pool, LP_NAME_MAX);
	ledger->next = (ledger->next + 1) % AUDIT_LEDGER;
	if (ledger->n < AUDIT_LEDGER)
		ledger->n++;
	return entry;
}

static void write_down(struct audit_ledger *ledger, struct dp *dp, uint32_t pool,
		       const struct lp_audit_counter *gain, uint64_t wall)
{
	uint32_t generation = wall ? dp_pool(dp, dp_active_half(dp), pool).generation : 0;
	const char *name = dp_pool_meta(dp, pool)->name;
	struct audit_entry *entry = find_entry(ledger, name, generation);

	if (!entry)
		entry = make_entry(ledger, name, generation, wall);
	entry->broken += gain->broken;
	entry->lost += gain->lost;
	entry->moved += gain->moved;
	entry->last_at = wall;
}

static void look(struct audit_ledger *ledger, struct dp *dp, uint32_t pool, uint64_t wall)
{
	struct lp_audit_counter *seen = &ledger->seen[pool], now, gain;

	dp_audit_counter(dp, pool, &now);
	gain = (struct lp_audit_counter) {
		.broken = gained(now.broken, seen->broken),
		.lost = gained(now.lost, seen->lost),
		.moved = gained(now.moved, seen->moved),
	};
	*seen = now;
	if (gain.broken || gain.lost || gain.moved)
		write_down(ledger, dp, pool, &gain, wall);
}

/* As many pools as the datapath has now; those of a smaller one keep their numbers. */
static int resize(struct audit_ledger *ledger, uint32_t n)
{
	struct lp_audit_counter *seen;

	if (ledger->seen && ledger->n_seen == n)
		return 0;
	seen = reallocarray(ledger->seen, n, sizeof(*seen));
	if (!seen)
		return -ENOMEM;
	if (n > ledger->n_seen)
		memset(seen + ledger->n_seen, 0, (n - ledger->n_seen) * sizeof(*seen));
	ledger->seen = seen;
	ledger->n_seen = n;
	return 0;
}

int audit_tick(struct audit_ledger *ledger, struct dp *dp, uint64_t wall)
{
	bool first = !ledger->seen;
	int ret = resize(ledger, dp_size(dp)->pools);

	if (ret)
		return ret;
	for (uint32_t pool = 1; pool < ledger->n_seen; pool++)
		look(ledger, dp, pool, first ? 0 : wall);
	return 0;
}

const struct audit_entry *audit_entry(const struct audit_ledger *ledger, size_t i)
{
	if (i >= ledger->n)
		return NULL;
	return &ledger->ring[(ledger->next + AUDIT_LEDGER - 1 - i) % AUDIT_LEDGER];
}

void audit_ledger_free(struct audit_ledger *ledger)
{
	free(ledger->seen);
	*ledger = (struct audit_ledger) { 0 };
}
