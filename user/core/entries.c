// SPDX-License-Identifier: GPL-2.0
#include "core/entries.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limpet/hash.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

int entries_init(struct entries *entries)
{
	*entries = (struct entries) { .uses = calloc(ENTRIES_USES, sizeof(*entries->uses)) };
	return entries->uses ? 0 : -ENOMEM;
}

void entries_fini(struct entries *entries)
{
	free(entries->uses);
	*entries = (struct entries) { 0 };
}

uint64_t entries_capacity(const struct dp *dp)
{
	uint32_t buckets = dp_size(dp)->entries;

	return buckets > 1 ? (uint64_t)buckets * LP_WAYS : 0;
}

uint32_t entries_used(const struct entries_counts *counts)
{
	return counts->established + counts->opening + counts->closing;
}

/* Ports that an address has for connections to a backend (N5 in bpf/snat.h). */
static uint32_t count_ports(const struct dp *dp, uint32_t backend, const struct lp_addr *addr)
{
	const struct lp_control *control = dp_control(dp);
	const struct lp_backend *at = dp_backend(dp, backend);
	uint32_t ports = 0x10000 - LP_SNAT_PORT_FIRST;

	if (lp_addr_equal(&LP_HOP(at)->saddr, addr) && control->own_first >= LP_SNAT_PORT_FIRST &&
	    control->own_last >= control->own_first)
		ports -= control->own_last - control->own_first + 1u;
	return ports;
}

static bool same_use(const struct entries_use *a, const struct entries_use *b)
{
	return a->backend == b->backend && a->port == b->port && lp_addr_equal(&a->addr, &b->addr);
}

/* Its place, or a free one; NULL: all are others'. */
static struct entries_use *find_use(struct entries *entries, const struct entries_use *wanted)
{
	uint64_t hash = lp_mix64((uint64_t)wanted->backend << 16 ^ wanted->port ^
				 lp_mix64(wanted->addr.d[0] ^ lp_mix64(wanted->addr.d[1])));

	for (uint32_t i = 0; i < ENTRIES_USES; i++) {
		struct entries_use *use = &entries->uses[(hash + i) % ENTRIES_USES];

		if (!use->backend || same_use(use, wanted))
			return use;
	}
	return NULL;
}

static void count_use(struct entries *entries, const struct dp *dp, uint32_t backend,
		      const struct lp_entry_port *to, const struct lp_addr *addr)
{
	struct entries_use wanted = { .backend = backend, .port = to->target, .addr = *addr };
	struct entries_use *use;

	if (!backend || backend >= dp_size(dp)->backends)
		return;
	if (!addr->d[0] && !addr->w[2]) /* IPv4, as packets hold it */
		wanted.addr.w[2] = htonl(0xffff);
	if (!dp_is_source(dp, &wanted.addr))
		return; /* a client's own: it has all ports to itself */
	use = find_use(entries, &wanted);
	if (!use)
		return;
	if (!use->backend) {
		*use = wanted;
		use->ports = count_ports(dp, backend, &wanted.addr);
	}
	use->used++;
}

static void count_entry(struct entries *entries, const struct dp *dp, uint32_t bucket,
			unsigned int way, uint32_t now)
{
	struct lp_record record;
	struct lp_entry_port to;
	struct lp_addr addr;

	if (!dp_entry(dp, bucket, way, &record, &to, &addr) || record.value.expires <= now)
		return;
	if (record.value.flags & LP_ENTRY_CLOSING)
		entries->now.closing++;
	else if (record.value.flags & LP_RECORD_CONFIRMED)
		entries->now.established++;
	else
		entries->now.opening++;
	count_use(entries, dp, record.value.backend, &to, &addr);
}

static double part(const struct entries_use *use)
{
	return use->ports ? (double)use->used / use->ports : 0;
}

static void end_pass(struct entries *entries)
{
	for (uint32_t i = 0; i < ENTRIES_USES; i++)
		if (entries->uses[i].backend &&
		    (!entries->now.busiest.backend ||
		     part(&entries->uses[i]) > part(&entries->now.busiest)))
			entries->now.busiest = entries->uses[i];
	memset(entries->uses, 0, ENTRIES_USES * sizeof(*entries->uses));
	entries->last = entries->now;
	entries->now = (struct entries_counts) { 0 };
	entries->bucket = 0;
}

bool entries_step(struct entries *entries, const struct dp *dp, uint32_t buckets, uint32_t now)
{
	uint32_t all = dp_size(dp)->entries;

	for (; buckets && entries->bucket < all; buckets--, entries->bucket++)
		for (unsigned int way = 0; way < LP_WAYS; way++)
			count_entry(entries, dp, entries->bucket, way, now);
	if (entries->bucket < all)
		return false;
	end_pass(entries);
	return true;
}

/* Says it once, until it has been better for a while. */
static bool begins(bool *warned, double used)
{
	bool was = *warned;

	if (used < ENTRIES_NEARLY * 0.9)
		*warned = false;
	else if (used >= ENTRIES_NEARLY)
		*warned = true;
	return *warned && !was;
}

bool entries_warn_places(struct entries *entries, const struct dp *dp)
{
	uint64_t capacity = entries_capacity(dp);

	return capacity &&
	       begins(&entries->warned_places, entries_used(&entries->last) / (double)capacity);
}

bool entries_warn_ports(struct entries *entries)
{
	return begins(&entries->warned_ports, part(&entries->last.busiest));
}
