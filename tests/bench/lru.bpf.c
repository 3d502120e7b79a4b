// SPDX-License-Identifier: GPL-2.0
/*
 * The floor, and a connection table in the kernel's LRU hash map: a lookup for each
 * packet, an insertion for one that is not there. That is how balancers without a table
 * of their own remember connections. As the floor, it leaves out what it can: no VIP is
 * looked for, and nothing counted.
 *
 * The key is the whole flow, with room for IPv6, as where one table serves both
 * families; the value is what a record of limpet's holds.
 */
#include "forwarders.h"
#include "lru.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LRU_FLOWS);
	__type(key, struct lru_key);
	__type(value, struct lru_value);
} lru_flows SEC(".maps");

__u64 lru_missed;

static __always_inline void lru_key_of(struct lru_key *key, const struct packet *pkt)
{
	if (pkt->v6) {
		key->src = pkt->src;
		key->dst = pkt->dst;
	} else {
		key->src.w[3] = pkt->src.w[3];
		key->dst.w[3] = pkt->dst.w[3];
	}
	key->sport = pkt->sport;
	key->dport = pkt->dport;
	key->proto = pkt->proto;
}

/* Which backend the flow is on: it is the same for all. 0: it cannot be remembered. */
static __always_inline __u32 lru_backend(const struct packet *pkt)
{
	const struct lru_value *found;
	struct lru_value value = { .backend = 1 };
	struct lru_key key = {};

	lru_key_of(&key, pkt);
	found = bpf_map_lookup_elem(&lru_flows, &key);
	if (found)
		return found->backend;
	lru_missed++;
	return bpf_map_update_elem(&lru_flows, &key, &value, BPF_ANY) ? 0 : value.backend;
}

static __always_inline bool lru_known(struct packet *pkt, struct xdp_md *ctx)
{
	return forwarders_parse(pkt, ctx) && lru_backend(pkt);
}

FORWARDERS(lru, lru_known)

char LICENSE[] SEC("license") = "GPL";
