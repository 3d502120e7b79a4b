/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From rules to the keys and ranges of the VIP table. Private to vip_table*.c.
 */
#ifndef LIMPET_CORE_VIP_TABLE_KEYS_H
#define LIMPET_CORE_VIP_TABLE_KEYS_H

#include "core/vip_table_rules.h"

struct vip_keys {
	struct lp_vip *vips; /* ready for their places */
	uint64_t *hashes;    /* vip_keys_hash() */
	size_t n;
};

/*
 * Makes the keys of sorted, checked rules; `need` is what they need. Fills
 * ranges[need->ranges], where `place` is the number of a key until the keys
 * have places. 0 or -ENOMEM; to be freed with vip_keys_free().
 */
int vip_keys_make(struct vip_keys *keys, const struct vip_rule *const *sorted, size_t n,
		  const struct vip_need *need, struct lp_range *ranges);

/* Hashes all keys with a salt. */
void vip_keys_hash(struct vip_keys *keys, const struct lp_hash_key *key, uint64_t salt);

void vip_keys_free(struct vip_keys *keys);

#endif
