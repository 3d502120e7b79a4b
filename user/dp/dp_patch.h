/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Addresses and sizes of the tables, written into the instructions of a program
 * that is being loaded (enum lp_patch in abi.h): a 64-bit constant LP_PATCH + n
 * becomes the address of an array inside the map `tables` (BPF_PSEUDO_MAP_VALUE)
 * or a number. A number of less than 2^31 can be the constant of a comparison or a multiplication
 * as well (LP_PATCH_SHORT).
 *
 * Why not variables in .rodata: they cost two instructions and a register each
 * time, and a map lookup a dozen; on the fast path that was a quarter of all
 * instructions (docs/benchmarks.md).
 */
#ifndef LIMPET_DP_DP_PATCH_H
#define LIMPET_DP_DP_PATCH_H

#include "dp/dp.h"

struct bpf_map;

/* Installs itself in libbpf for programs in SEC("xdp") and SEC("xdp.frags"). Before they are
 * opened; may be called again. 0 or -errno. */
int dp_patch_install(void);

/*
 * From now on programs are loaded for a datapath of this size and number of CPU
 * stripes; `tables` is the object's map, which has a descriptor by the time its
 * programs are loaded. Until dp_patch_end(), which ends the validity of `tables`.
 */
void dp_patch_begin(const struct bpf_map *tables, const struct dp_size *size, uint32_t cpus);
void dp_patch_end(void);

#endif
