/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of the datapath and the switches that the agent sets before it loads
 * the program. All maps are flat arrays that the agent writes through mmap
 * (BPF_F_MMAPABLE); max_entries here are placeholders, the agent sets them.
 * What is where: abi.h.
 */
#ifndef LIMPET_BPF_MAPS_H
#define LIMPET_BPF_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <limpet/abi.h>
#include <limpet/reasons.h>

#define LP_ARRAY(map, value_type)                                                                  \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, struct value_type);                                                  \
	} map SEC(".maps")

/* All arrays of the fast path in one element (abi.h: LP_TABLES). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct lp_control));
} tables SEC(".maps");

LP_ARRAY(records, lp_bucket);
LP_ARRAY(record_info, lp_info_bucket);
LP_ARRAY(vip_totals, lp_counter);
LP_ARRAY(backend_totals, lp_counter);
LP_ARRAY(record_counters, lp_record_counters);
LP_ARRAY(audit, lp_bucket);
LP_ARRAY(audit_info, lp_info_bucket);
LP_ARRAY(audit_counters, lp_audit_counter);
LP_ARRAY(slot_times, lp_slot_times);
LP_ARRAY(entries, lp_entries);
LP_ARRAY(returns, lp_returns);
LP_ARRAY(snat_lists, lp_snat_list);
/* For the agent alone. */
LP_ARRAY(vip_meta, lp_vip_meta);
LP_ARRAY(pool_meta, lp_pool_meta);
LP_ARRAY(group_meta, lp_group_meta);
LP_ARRAY(backend_meta, lp_backend_meta);

/* Sources that hide a crowd, of the VIPs that name any (LP_VIP_PROXIES). */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct lp_proxy_key);
	__type(value, __u32);
} proxies SEC(".maps");

/* Whose packets are taken, of the VIPs that ask (LP_VIP_POLICY). */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LP_POLICY_MAX);
	__type(key, struct lp_policy_key);
	__type(value, __u32);
} policy SEC(".maps");

/* Known to the verifier as constants. */
const volatile struct lp_hash_key lp_key;
const volatile __u32 lp_buckets_max; /* of the record table, a power of two */
const volatile __u32 lp_entries_max; /* buckets of entries, a power of two */

/*
 * A constant that is written into the program when it is loaded (enum lp_patch in
 * abi.h). Volatile: taken again where it is needed, it costs less than a register.
 */
#define LP_PATCHED(number)                                                                         \
	({                                                                                         \
		__u64 patched_;                                                                    \
		asm volatile("%0 = %1 ll" : "=r"(patched_) : "i"(LP_PATCH + (number)));            \
		patched_;                                                                          \
	})

/* A capacity (LP_SIZES). 64 bits: narrowing it would cost two instructions. */
#define LP_SIZE(name) LP_PATCHED(LP_SIZE_##name)

/* number * LP_SIZE(name), by one instruction. */
#define LP_STRIPE(number, name)                                                                    \
	({                                                                                         \
		__u64 product_ = (number);                                                         \
		asm volatile("%0 *= %1" : "+r"(product_) : "i"(LP_PATCH_SHORT + LP_SIZE_##name));  \
		product_;                                                                          \
	})

/* The first element of an array of `tables` (LP_TABLES). */
#define LP_TABLE_TYPE(name, type) typedef type lp_table_##name;
LP_TABLES(LP_TABLE_TYPE)
#undef LP_TABLE_TYPE
#define TABLE(name) ((lp_table_##name *)LP_PATCHED(LP_TABLE_##name))

/*
 * Is a number that came from a map below a capacity? One instruction, and no register for
 * the capacity. The compiler is not to check one copy of the number and to use another, which
 * the verifier would refuse: hence "+r" before.
 */
#define TABLES_HAS(number, name)                                                                   \
	({                                                                                         \
		__label__ beyond_;                                                                 \
		bool has_ = false;                                                                 \
		barrier_var(number);                                                               \
		asm volatile goto("if %0 >= %1 goto %l[beyond_]" ::"r"(number),                    \
				  "i"(LP_PATCH_SHORT + LP_SIZE_##name)::beyond_);                  \
		has_ = true;                                                                       \
	beyond_:                                                                                   \
		has_;                                                                              \
	})

static __always_inline const volatile struct lp_control *tables_control(void)
{
	return TABLE(control);
}

#endif
