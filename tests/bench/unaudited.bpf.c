// SPDX-License-Identifier: GPL-2.0
/*
 * The walk as it is shipped, but for the audit (bpf/audit.h), which samples nothing here:
 * what the audit costs is the difference.
 */
#include "clock.h"
#include "affinity.h"

#define LIMPET_BPF_AUDIT_H /* in its place: */

static __always_inline bool audit_samples(__u64 hash)
{
	return false;
}

static __always_inline bool audit_has_seen(__u64 flow, __u32 backend)
{
	return false;
}

static __always_inline void audit_witness(const struct affinity *affinity, const struct view *view,
					  const struct lp_vip *vip, const struct packet *pkt,
					  __u32 cpu, __u32 backend)
{
}

static __always_inline void audit_after(struct track *t)
{
}

#include "walk.h"

SEC("xdp.frags")
int unaudited(struct xdp_md *ctx)
{
	return limpet_packet(ctx);
}

char LICENSE[] SEC("license") = "GPL";
