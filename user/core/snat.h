/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sources that are translated (bpf/snat.h): from which addresses, and how many connections at
 * once. Pure.
 */
#ifndef LIMPET_CORE_SNAT_H
#define LIMPET_CORE_SNAT_H

#include <limpet/abi.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/runtime.h"

struct snat_list {
	uint32_t vip; /* number */
	struct lp_snat_list list;
};

/*
 * Lists of the VIPs that name addresses, in the order of the configuration. On success *out
 * is the caller's to free(). -ENOMEM.
 */
int snat_make(const struct config *config, const struct runtime *runtime, struct snat_list **out,
	      size_t *n);

/* Buckets of entries that a configuration needs (struct dp_size); 0: nothing is remembered.
 * -ENOMEM. */
int snat_size(const struct config *config, uint32_t *buckets);

#endif
