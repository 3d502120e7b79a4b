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
	uint32_t place;        /* if wanted: its index in its pool of the configuration */
	uint64_t id;           /* if wanted: slot_member_id(); kept, as each change needs all */
	uint32_t weight;       /* of the configuration */
	uint32_t own_weight;   /* an operator's in its place, if `weighted` */
	uint64_t weight_until; /* when that ends, seconds since the epoch; 0: never */
	bool weighted;
	bool ramps;        /* in a slow start: core/slow_start.h */
	uint8_t part;      /* of its slots, of SLOW_START_WHOLE */
	bool in_use;       /* takes new clients, as of the last desired_make() */
	uint32_t came_up;  /* when it began to serve, seconds of CLOCK_MONOTONIC; 0: it does not */
	double slow_start; /* seconds, of its pool */
	bool wanted;       /* it is in the configuration */
	bool leaving;      /* it was, and is kept for its live connections (as offline) */
	bool expired;      /* its deadline has passed: nothing is kept for it any more */
	bool healthy;      /* true until a check says otherwise */
	bool fail_open;    /* its pool has nobody healthy: it is tried all the same */
	enum lp_admin admin;
	uint64_t since;                /* of the present state, seconds since the epoch */
	uint64_t deadline;             /* of drain, offline and leaving, the same; 0: none */
	double drain_timeout;          /* seconds, of its pool when it was in the configuration */
	struct lp_backend_state state; /* as it is in the datapath */
	struct lp_hop hop;             /* the way to it; ifindex 0: not known */
	struct lp_hop last_hop;        /* what it was before it was lost; the agent's */
	uint32_t way_due;   /* until when it may be found again; seconds of CLOCK_MONOTONIC */
	const char *no_way; /* why this machine has none, whoever it leads to; NULL: it has; the
			       agent's, a constant */
	uint32_t link_bits; /* of its address: its network (abi.h) */
};

/* A number and its name, of a pool or a VIP. */
struct runtime_name {
	char name[LP_NAME_MAX]; /* "": free */
	bool wanted;
};

/* An interface of the configuration as it is now. */
struct runtime_interface {
	char name[16];
	uint32_t ifindex; /* 0: it is not there */
};

struct runtime {
	struct runtime_interface *interfaces;
	size_t n_interfaces;
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
 * whose pool it does, are leaving from now on, until the deadline that an operator gave
 * them, if any, or until `now` and their pool's drain_timeout; other things that are not wanted are
 * forgotten, and their numbers are free.
 */
void runtime_settle(struct runtime *runtime, uint64_t now);

/* Forgets one backend that is leaving; its number is free again. */
void runtime_forget(struct runtime *runtime, uint32_t number);

/* Numbers by name; 0 if there is none. */
uint32_t runtime_pool(const struct runtime *runtime, const char *name);
uint32_t runtime_vip(const struct runtime *runtime, const char *name);
uint32_t runtime_group(const struct runtime *runtime, const char *name);

/*
 * All backends of a pool, which lie together: sets *n and returns the first, or NULL if
 * there is none.
 */
struct runtime_backend *runtime_crew(const struct runtime *runtime, const char *pool, size_t *n);

/* Wanted backend by its names, or NULL. */
struct runtime_backend *runtime_backend(const struct runtime *runtime, const char *pool,
					const char *name);
/* By number, or NULL. */
struct runtime_backend *runtime_backend_number(const struct runtime *runtime, uint32_t number);

/*
 * lp_backend_state.flags as they should be: is it alive to records, is it offline? While
 * nobody of its pool can be reached (the balancer's own link is down, mostly), nobody
 * takes anything over, and whoever was alive still is.
 */
uint16_t runtime_flags(const struct runtime_backend *backend);

/* The state word to write: the flags, and a new incarnation for a new life. */
struct lp_backend_state runtime_next_state(const struct runtime_backend *backend);

/* An operator's decision; `deadline` in seconds since the epoch, 0 for none. */
void runtime_set_admin(struct runtime_backend *backend, enum lp_admin admin, uint64_t deadline,
		       uint64_t now);

/* The same of its weight, 0 to CONFIG_WEIGHT_MAX, until `until` (seconds since the epoch)
 * or, if that is 0, until runtime_clear_weight(). */
void runtime_set_weight(struct runtime_backend *backend, uint32_t weight, uint64_t until);

/* The configuration's weight again. */
void runtime_clear_weight(struct runtime_backend *backend);

/* Has the time of an operator's weight passed? */
bool runtime_weight_is_over(const struct runtime_backend *backend, uint64_t now);

/* The weight in force. */
uint32_t runtime_weight(const struct runtime_backend *backend);

/* Marks those whose deadline has passed, and ends weights whose time is over; were there
 * any? */
bool runtime_expire(struct runtime *runtime, uint64_t now);

/* The clock of `since`, `deadline` and `weight_until` has jumped by so many seconds: they follow.
 */
void runtime_shift(struct runtime *runtime, int64_t seconds);

/* Does it take new clients? Not before the way to it is known: the first packets
 * would be lost while its neighbour is asked. */
bool runtime_usable(const struct runtime_backend *backend);

/* Usable, with a weight above 0. A backup serves also while it is not needed. */
bool runtime_serves(const struct runtime_backend *backend);

/* "up", "down", "drain", "offline": what operators see. */
const char *runtime_state(const struct runtime_backend *backend);

/*
 * Says which interfaces there are; `interfaces` is the caller's and is copied. *changed
 * tells whether any is another than before. -ENOMEM, and nothing has changed.
 */
int runtime_set_interfaces(struct runtime *runtime, const struct runtime_interface *interfaces,
			   size_t n, bool *changed);

/* Its ifindex; 0 if it is not there. */
uint32_t runtime_ifindex(const struct runtime *runtime, const char *name);

/* Everything, to try something out on. On success *to is the caller's. -ENOMEM. */
int runtime_copy(const struct runtime *from, struct runtime *to);

void runtime_fini(struct runtime *runtime);

#endif
