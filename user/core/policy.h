/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose packets are taken (bpf/policy.h): the keys of the datapath's trie `policy`, from
 * `reject_sources` and `allow_hairpin` of interfaces and `interfaces`, `allow` and `deny`
 * of VIPs. Pure.
 */
#ifndef LIMPET_CORE_POLICY_H
#define LIMPET_CORE_POLICY_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/runtime.h"

struct policy_key {
	struct lp_policy_key key; /* of half 0 */
	enum lp_policy answer;
};

/* enum lp_vip_flags that a VIP has for its policy: LP_VIP_POLICY or parts of it. */
uint8_t policy_flags(const struct config *config, const struct config_vip *vip);

/*
 * All keys, sorted. Interfaces that runtime has no number for get none: nothing comes in
 * there. On success *out is the caller's to free(). -ENOMEM.
 */
int policy_make(const struct config *config, const struct runtime *runtime, struct policy_key **out,
		size_t *n);

/* Do the VIP's `allow` and `deny` admit the source? */
bool policy_admits(const struct config_vip *vip, const struct lp_addr *source);

/* Does the interface reject the source? */
bool policy_rejects(const struct config_interface *interface, const struct lp_addr *source);

#endif
