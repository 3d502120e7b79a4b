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
	bool healthy;    /* true until a check says otherwise */
	enum lp_admin admin;
	uint64_t since;    /* of the present state, seconds since the epoch */
	uint64_t deadline; /* of drain and offline; 0: none */
	struct lp_hop hop; /* the way to it; ifindex 0: not known */
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

/* Forgets what is not wanted; its numbers are free again. */
void runtime_forget(struct runtime *runtime);

/* Numbers by name; 0 if there is none. */
uint32_t runtime_pool(const struct runtime *runtime, const char *name);
uint32_t runtime_vip(const struct runtime *runtime, const char *name);

/* Wanted backend by its names, or NULL. */
struct runtime_backend *runtime_backend(const struct runtime *runtime, const char *pool,
					const char *name);
/* By number, or NULL. */
struct runtime_backend *runtime_backend_number(const struct runtime *runtime, uint32_t number);

/* Does it take new clients? Not before the way to it is known: the first packets
 * would be lost while its neighbour is asked. */
bool runtime_usable(const struct runtime_backend *backend);

/* "up", "down", "drain", "offline": what operators see. */
const char *runtime_state(const struct runtime_backend *backend);

void runtime_fini(struct runtime *runtime);

#endif
