/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's addresses as last seen, only to tell changes from repetitions: each
 * router advertisement makes the kernel announce every IPv6 address again.
 */
#ifndef LIMPET_NET_ADDRS_H
#define LIMPET_NET_ADDRS_H

#include "net/decode.h"
#include "net/map.h"

struct net_addrs {
	struct net_map map;
	uint32_t round; /* of reading all again: net_addrs_begin() */
};

int net_addrs_init(struct net_addrs *addrs);
void net_addrs_fini(struct net_addrs *addrs);

/* 1: new or changed; 0: as it was; -ENOMEM. */
int net_addrs_update(struct net_addrs *addrs, const struct net_addr_info *info);

/* Reading all again: begin, update each, and sweep removes what was not updated. */
void net_addrs_begin(struct net_addrs *addrs);
void net_addrs_sweep(struct net_addrs *addrs);

/*
 * The longest prefix of an address of interface `ifindex` that holds `addr`: its bits, of
 * struct lp_addr (IPv4: 96 + n); 0: there is none.
 */
unsigned int net_addrs_bits(const struct net_addrs *addrs, uint32_t ifindex,
			    const struct lp_addr *addr);

void net_addrs_remove(struct net_addrs *addrs, const struct net_key *key);

#endif
