/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of the things that the configuration names, beyond what it
 * says: their numbers in the datapath, the health of backends, what operators
 * decided. Read from the datapath's names when an agent starts (P8). Pure.
 */
#ifndef LIMPET_CORE_RUNTIME_H
#define LIMPET_CORE_RUNTIME_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "dp/dp.h"

/* A backend is its pool, its name and its address: another address is another
 * backend, with another number. */
struct runtime_backend {
	char pool[LP_NAME_MAX];
	char name[LP_NAME_MAX];
	struct lp_addr address;
	uint32_t number;
	uint32_t pool_number;
	uint32_t weight; /* of the configuration */
	bool wanted;     /* it is in the configuration */
	bool leaving;    /* it was, and is kept for its live connections (as offline) */
	bool expired;    /* its deadline has passed: nothing is kept for it any more */
	bool healthy;    /* true until a check says otherwise */
	bool fail_open;  /* its pool has nobody healthy: it is tried all the same */
	enum lp_admin admin;
	uint64_t since;                /* of the present state, seconds since the epoch */
	uint64_t deadline;             /* of drain, offline and leaving, the same; 0: none */
	double drain_timeout;          /* seconds, of its pool when it was in the configuration */
	struct lp_backend_state state; /* as it is in the datapath */
	struct lp_hop hop;             /* the way to it; ifindex 0: not known */
};

/* A number and its name, of a pool or a VIP. */
struct runtime_name {
	char name[LP_NAME_MAX]; /* "": free */
	bool wanted;
};

struct runtime {
	struct runtime_backend *backends; /* sorted by pool, name, address */
	size_t n_backends;
	struct runtime_name *pools; /* by number */
	size_t n_pools;
	struct runtime_name *vips; /* by number */
	size_t n_vips;
	struct runtime_name *groups; /* by number, as many as VIPs */
};

/* Reads names and states from the datapath. -ENOMEM. */
int runtime_adopt(struct runtime *runtime, struct dp *dp);

/*
 * Gives numbers to all that `config` names, keeping those that have one, and
 * marks what it does not name as not wanted. `now` is seconds since the epoch.
 * -ENOMEM, or -ENOSPC if numbers run out; *runtime is unchanged then.
 */
int runtime_assign(struct runtime *runtime, const struct config *config, const struct dp_size *size,
		   uint64_t now);

/*
 * After a configuration has been applied: backends that it does not name, but
 * whose pool it does, are leaving from now on, until `now` and their pool's
 * drain_timeout; other things that are not wanted are forgotten, and their
 * numbers are free.
 */
void runtime_settle(struct runtime *runtime, uint64_t now);

/* Forgets one backend that is leaving; its number is free again. */
void runtime_forget(struct runtime *runtime, uint32_t number);

/* Numbers by name; 0 if there is none. */
uint32_t runtime_pool(const struct runtime *runtime, const char *name);
uint32_t runtime_vip(const struct runtime *runtime, const char *name);
uint32_t runtime_group(const struct runtime *runtime, const char *name);

/* Wanted backend by its names, or NULL. */
struct runtime_backend *runtime_backend(const struct runtime *runtime, const char *pool,
					const char *name);
/* By number, or NULL. */
struct runtime_backend *runtime_backend_number(const struct runtime *runtime, uint32_t number);

/* lp_backend_state.flags as they should be: is it alive to records, is it offline? */
uint16_t runtime_flags(const struct runtime_backend *backend);

/* The state word to write: the flags, and a new incarnation for a new life. */
struct lp_backend_state runtime_next_state(const struct runtime_backend *backend);

/* An operator's decision; `deadline` in seconds since the epoch, 0 for none. */
void runtime_set_admin(struct runtime_backend *backend, enum lp_admin admin, uint64_t deadline,
		       uint64_t now);

/* Marks those whose deadline has passed; are there any new ones? */
bool runtime_expire(struct runtime *runtime, uint64_t now);

/* The clock of `since` and `deadline` has jumped by so many seconds: they follow. */
void runtime_shift(struct runtime *runtime, int64_t seconds);

/* Does it take new clients? Not before the way to it is known: the first packets
 * would be lost while its neighbour is asked. */
bool runtime_usable(const struct runtime_backend *backend);

/* "up", "down", "drain", "offline": what operators see. */
const char *runtime_state(const struct runtime_backend *backend);

void runtime_fini(struct runtime *runtime);

#endif
