/* SPDX-License-Identifier: GPL-2.0 */
/* What figures were measured on. */
#ifndef LIMPET_BENCH_MACHINE_H
#define LIMPET_BENCH_MACHINE_H

#include <jansson.h>
#include <stdint.h>

/* {"cpu", "arch", "cpus", "cpu_used", "kernel", "bpf_jit", "limpet"}; NULL: out of memory. */
json_t *machine_json(uint32_t cpu_used);

#endif
