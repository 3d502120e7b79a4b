/* SPDX-License-Identifier: GPL-2.0 */
/* The connection table of lru.bpf.c. */
#ifndef LIMPET_BENCH_LRU_H
#define LIMPET_BENCH_LRU_H

#include <limpet/abi.h>

#define LRU_FLOWS (1u << 21) /* as many as limpet's record table has room for */

struct lru_key {
	struct lp_addr src, dst;
	__be16 sport, dport;
	__u8 proto;
	__u8 _pad[3];
};

struct lru_value {
	__u32 backend;
	__u32 expires;
};

#endif
