/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two configurations side by side, for core/forecast*.c only: which server a number
 * is, what a slot answers before and after, which VIP takes over an address.
 */
#ifndef LIMPET_CORE_FORECAST_WORLD_H
#define LIMPET_CORE_FORECAST_WORLD_H

#include "core/forecast.h"
#include "core/slot_state.h"

/* A pool's slot table as it runs, or as it was built. */
struct forecast_table {
	const struct lp_slot *running; /* NULL: none */
	const uint16_t *built;         /* NULL: it is the running one */
	bool resets;                   /* of the coming one: desired_pool.resets */
};

struct forecast_world {
	const struct forecast_input *input;
	bool rekeyed;     /* another seed: other hashes, and nothing is remembered */
	uint32_t *server; /* by backend number: numbers with one address have one server; 0: none */
	bool *alive, *offline, *leaves; /* by backend number, after the change */
	uint32_t n_backends;
	struct forecast_table *next; /* by pool number, after the change */
	uint32_t *moved;             /* by pool number: slots that get another backend */
	uint32_t n_pools;
	uint32_t *before, *after; /* room for forecast_share() to count in, by server */
};

/* -ENOMEM. On success *world is the caller's. */
int forecast_world_open(struct forecast_world *world, const struct forecast_input *input);
void forecast_world_close(struct forecast_world *world);

/* The server of a backend number; 0 for nobody. */
uint32_t forecast_server(const struct forecast_world *world, uint32_t number);

/* The table of a pool number as it runs; running is NULL if it has none. */
struct forecast_table forecast_running(const struct forecast_world *world, uint32_t pool);
struct forecast_table forecast_next(const struct forecast_world *world, uint32_t pool);

/* The number that a slot answers with; 0 for nobody. */
uint16_t forecast_cur(const struct forecast_table *table, uint32_t slot);

/* Slots of a pool that is there before and after that get another backend. */
uint32_t forecast_moved(const struct forecast_world *world, uint32_t pool);

/* forecast_vip.moved_share of a running VIP. */
double forecast_share(const struct forecast_world *world, const struct config_vip *old);

/* Does the VIP have the address? */
bool forecast_has(const struct config_vip *vip, const struct lp_addr *addr);

/* The coming VIP that answers at an address of `vip`, in its protocol; NULL: none. `port`
 * in host byte order. */
const struct config_vip *forecast_at(const struct forecast_world *world,
				     const struct config_vip *vip, const struct lp_addr *addr,
				     uint16_t port);

/* Do both VIPs hash clients of the family alike? Their proxies are not looked at. */
bool forecast_same_key(const struct forecast_world *world, const struct config_vip *old,
		       const struct config_vip *new, bool v6);

/* What becomes of a sampled connection or client of `vip`. */
enum forecast_fate { FORECAST_KEPT, FORECAST_LEAVING, FORECAST_LOST };

struct forecast_verdict {
	enum forecast_fate fate;
	bool moved; /* its slot, or what answers in its stead, is another backend's */
};

struct forecast_verdict forecast_judge(const struct forecast_world *world,
				       const struct config_vip *vip, const struct lp_record *record,
				       const struct lp_record_info *info);

#endif
