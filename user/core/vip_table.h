/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Building of the VIP table: a perfect hash over all (address, protocol, port)
 * keys of a configuration, so that a packet finds its VIP, or learns that it
 * has none, with one read of one cache line for each of at most two keys
 * (exact port, then port 0). Pure.
 */
#ifndef LIMPET_CORE_VIP_TABLE_H
#define LIMPET_CORE_VIP_TABLE_H

#include <limpet/abi.h>
#include <limpet/hash.h>
#include <stddef.h>
#include <stdint.h>

#include "dp/dp.h"
#include "lib/err.h"

/* One (address, protocol, port range) of a VIP, as the table's input. */
struct vip_rule {
	struct lp_addr addr;
	uint8_t proto;
	uint16_t first, last; /* host byte order, inclusive; 0,0: any port */
	/* What packets of it need to know; addr, proto, port, kind and range_first of
	 * the template are ignored. `target` is for a rule of one port. */
	struct lp_vip vip;
};

/* An image of one half of the maps vip_index, vips and vip_ranges. */
struct vip_table {
	uint64_t salt;    /* control.salt of the half */
	uint32_t n_index; /* capacities, as given to the builder */
	uint32_t n_places;
	uint32_t n_ranges;          /* ranges used */
	struct lp_vip_index *index; /* n_index */
	struct lp_vip *places;      /* n_places */
	struct lp_range *ranges;    /* n_ranges, or NULL */
	uint64_t sources_id;        /* dp_vip_table.sources_id; 0 from the builder */
	struct dp_fast_table *fast; /* of the same keys (fast_table.h) */
};

/* Capacities that a set of rules needs, powers of two for index and places. */
struct vip_table_size {
	uint32_t index, places, ranges;
};

/*
 * Smallest capacities that are sure to hold the rules: at most 4 keys for each
 * index entry, and at most 4 for each 5 places. ranges may be 0.
 */
void vip_table_size(const struct vip_rule *rules, size_t n, struct vip_table_size *size);

/*
 * Builds the table. Rules of one address and protocol must not overlap, except
 * that an `any` rule may stand beside others (the more exact one wins).
 * Ranges of up to LP_RANGE_EXPAND_MAX ports become exact keys; of longer ones,
 * the first port is an exact key and lp_range.place names its place. Every
 * (address, protocol) that occurs has a key with port 0: of kind LP_VIP_ANY, or
 * LP_VIP_RANGES (range_count may be 0).
 *
 * The result depends on the set of rules alone (P6). On success *out is the
 * caller's. On failure returns, with words, -ENOMEM; -ENOSPC if `size` is too
 * small; -EINVAL for overlapping rules, ports out of order, a range that begins
 * with port 0, more than LP_RANGES_PER_ADDR long ranges of one address and
 * protocol, or sizes that are not powers of two.
 *
 * Lookup of a packet, as in vip_table_find(): the place of its exact key
 * answers if that is the place's key and kind is LP_VIP_EXACT; else the place
 * of the key with port 0, if that is its key: by the range that holds the port,
 * else by itself if kind is LP_VIP_ANY.
 */
int vip_table_build(const struct lp_hash_key *key, const struct vip_rule *rules, size_t n,
		    const struct vip_table_size *size, struct vip_table **out, struct lp_err *err);

/*
 * What a packet to (addr, proto, port) finds: the place in table->places whose
 * VIP answers, or NULL. `port` in host byte order. The same steps as bpf/vip.h.
 */
const struct lp_vip *vip_table_find(const struct vip_table *table, const struct lp_hash_key *key,
				    const struct lp_addr *addr, uint8_t proto, uint16_t port);

/* The same in the half that packets use now; what is found is the datapath's. */
const struct lp_vip *vip_table_find_running(const struct dp *dp, const struct lp_hash_key *key,
					    const struct lp_addr *addr, uint8_t proto,
					    uint16_t port);

/* Writes it into a half of a datapath of its size, as dp_vip_table_write() does. */
int vip_table_write(const struct vip_table *table, struct dp *dp, unsigned int half);

void vip_table_free(struct vip_table **table);

#endif
