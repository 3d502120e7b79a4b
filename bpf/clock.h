/* SPDX-License-Identifier: GPL-2.0 */
/* The clock of records: the kernel's, to the tick. */
#ifndef LIMPET_BPF_CLOCK_H
#define LIMPET_BPF_CLOCK_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Seconds of CLOCK_MONOTONIC, as user space reads it with CLOCK_MONOTONIC_COARSE. */
static __always_inline __u32 lp_now(void)
{
	return (__u32)(bpf_ktime_get_coarse_ns() / 1000000000);
}

#endif
