/* SPDX-License-Identifier: GPL-2.0 */
/* Letting a program see flows before it is measured. */
#ifndef LIMPET_BENCH_FILL_H
#define LIMPET_BENCH_FILL_H

#include "bench.h"

/*
 * Runs program `fd` `times` times on a packet of each flow from number `first` to
 * point->flows. -errno; -EPROTO if it does not answer with XDP_TX.
 */
int fill_flows(int fd, const struct bench_point *point, uint32_t first, unsigned int times);

#endif
