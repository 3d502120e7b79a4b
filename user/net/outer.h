/* SPDX-License-Identifier: GPL-2.0 */
/* The part of an outer IPv4 header's checksum that is the same for every packet. */
#ifndef LIMPET_NET_OUTER_H
#define LIMPET_NET_OUTER_H

#include <linux/types.h>

/*
 * Ones' complement sum, not folded, of the constant words of an outer IPv4
 * header (RFC 791 section 3.1): version 4, IHL 5, TOS 0, identification 0, DF,
 * TTL LP_OUTER_TTL and both addresses (network byte order). Words are summed as
 * they stand in memory (csum.h). Left out, for whoever writes the header to
 * add: total length, protocol and a TOS that is not 0.
 */
__u32 net_outer_sum(__be32 saddr, __be32 daddr);

#endif
