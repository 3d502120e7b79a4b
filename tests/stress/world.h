/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A balancer for stress tests: the kernel's datapath and the agent's engine over
 * it, in namespaces of its own, without an agent around them. Its backends are
 * reached by `dsr`, and each is known by its MAC address (traffic.h).
 */
#ifndef LIMPET_STRESS_WORLD_H
#define LIMPET_STRESS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/engine.h"
#include "dp/dp.h"
#include "lib/err.h"

struct world {
	struct dp *dp;
	struct engine engine;
	struct config *config;
	struct lp_hash_key key;
	uint32_t ifindex; /* that backends are behind */
};

/* Network and mount namespaces of the process's own; once, before anything else. */
int world_enter(struct lp_err *err);

/* Brings up a configuration (YAML), with backends behind `interface` and a record table
 * of `buckets` (0: as the agent makes it). On failure there is nothing to close. */
int world_open(struct world *world, const char *yaml, const char *interface, uint32_t buckets,
	       struct lp_err *err);

/* Another configuration, as a reload does it. */
int world_reload(struct world *world, const char *yaml, struct lp_err *err);

/* After a change of health or of an operator's mind. */
int world_converge(struct world *world, struct lp_err *err);

/* Lets a second pass, as the agent does; `ahead` seconds into the future. */
int world_tick(struct world *world, uint32_t ahead, struct lp_err *err);

void world_close(struct world *world);

struct engine_time world_now(void);

/* By name, in the pool of that name; 0 if there is none. */
uint32_t world_backend(const struct world *world, const char *pool, const char *name);

/* Memory of the process and of its BPF maps, in KiB. */
struct world_memory {
	uint64_t resident, heap, maps;
};
int world_memory(struct world_memory *memory);

#endif
