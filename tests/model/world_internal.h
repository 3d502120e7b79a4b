/* SPDX-License-Identifier: GPL-2.0 */
/* What the world's files share. */
#ifndef LIMPET_TESTS_MODEL_WORLD_INTERNAL_H
#define LIMPET_TESTS_MODEL_WORLD_INTERNAL_H

#include "core/config.h"
#include "core/engine.h"
#include "dp/dp.h"
#include "world.h"

#define WORLD_PIN_DIR "/sys/fs/bpf/limpet-model"

struct model_bpf;

/* One of the datapath's maps, as this process sees it. */
struct world_map {
	void *memory;
	size_t bytes;
};

#define WORLD_MAPS 64

struct world {
	struct dp *dp; /* the agent's; NULL: there is no agent */
	struct engine engine;
	struct config *config;
	struct model_bpf *skel;
	struct world_map maps[WORLD_MAPS];
	size_t n_maps;
	struct lp_control control; /* as it was when nothing had been applied */
	uint32_t ms, wall_ms;
};

extern const struct dp_size world_size;

/* The datapath's: opened anew, or adopted. */
int world_open_dp(struct world *world, struct lp_err *err);

/* world_program.c: the program over the pinned maps, and those maps in memory. */
int world_load(struct world *world, struct lp_err *err);
void world_unload(struct world *world);
void world_wipe(struct world *world);

struct engine_time world_time(const struct world *world);

#endif
