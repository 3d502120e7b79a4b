// SPDX-License-Identifier: GPL-2.0
#include "net/outer.h"

#include <arpa/inet.h>
#include <limpet/abi.h>
#include <limpet/csum.h>
#include <netinet/ip.h>

#define VERSION_IHL_TOS 0x4500

__u32 net_outer_sum(__be32 saddr, __be32 daddr)
{
	__u32 sum = 0;

	sum += htons(VERSION_IHL_TOS);
	sum += htons(IP_DF);
	sum += htons(LP_OUTER_TTL << 8);
	sum = lp_csum_add32(sum, saddr);
	return lp_csum_add32(sum, daddr);
}
