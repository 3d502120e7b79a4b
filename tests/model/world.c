// SPDX-License-Identifier: GPL-2.0
/* The agent's part of the world, after user/agent/agent.c. */
#include "world_internal.h"

#include <errno.h>
#include <limpet/hash.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "core/desired.h"
#include "core/slow_start.h"

#define BPFFS "/sys/fs/bpf" /* our own: nobody else sees it */

/* Both clocks begin somewhere. */
#define MONO_BEGIN 100000u
#define WALL_BEGIN 1700000000ull

const struct dp_size world_size = {
	.vips = 64,
	.pools = 16,
	.backends = 256,
	.tables = 12,
	.index = 64,
	.places = 256,
	.ranges = 64,
	/* So many that eight ways never fill up with living records. */
	.buckets = 1u << 16,
};

struct engine_time world_time(const struct world *world)
{
	return (struct engine_time) {
		.mono = MONO_BEGIN + world->ms / 1000,
		.wall = world_wall(world),
	};
}

uint64_t world_wall(const struct world *world)
{
	return WALL_BEGIN + (world->ms + world->wall_ms) / 1000;
}

bool world_has_agent(const struct world *world)
{
	return world->dp != NULL;
}

/* --- opening ------------------------------------------------------------------------------ */

static int enter_namespaces(struct lp_err *err)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, NULL))
		return lp_err(err, -errno, "namespaces of our own: %s", strerror(errno));
	return 0;
}

int world_open_dp(struct world *world, struct lp_err *err)
{
	struct dp_bpf_options options = { .pin_dir = WORLD_PIN_DIR,
					  .need = world_size,
					  .size = world_size };
	bool adopted;
	int ret;

	lp_hash_key_make(&options.key, SPEC_SEED, strlen(SPEC_SEED));
	ret = dp_bpf_open(&options, &world->dp, &adopted, err);
	if (ret)
		return ret;
	ret = engine_open(&world->engine, world->dp, &options.key, world_time(world));
	if (ret)
		dp_close(&world->dp);
	return ret ? lp_err(err, ret, "engine_open: %s", strerror(-ret)) : 0;
}

int world_open(struct world **out, struct lp_err *err)
{
	struct world *world = calloc(1, sizeof(*world));
	int ret;

	if (!world)
		return lp_err(err, -ENOMEM, "out of memory");
	ret = enter_namespaces(err);
	if (!ret)
		ret = world_open_dp(world, err);
	if (!ret)
		ret = dp_publish(world->dp, err);
	if (!ret) {
		world->control = *dp_control(world->dp);
		ret = world_load(world, err);
	}
	if (ret)
		world_close(&world);
	else
		*out = world;
	return ret;
}

void world_close(struct world **world)
{
	if (!*world)
		return;
	world_kill(*world);
	world_unload(*world);
	config_free(&(*world)->config);
	dp_bpf_destroy(WORLD_PIN_DIR, NULL);
	free(*world);
	*world = NULL;
}

/* The datapath stays open if it is: loading its program takes long. */
int world_reset(struct world *world, uint32_t wall_ms, struct lp_err *err)
{
	struct lp_hash_key key;
	int ret = 0;

	if (!world->dp)
		ret = world_open_dp(world, err);
	if (ret)
		return ret;
	engine_close(&world->engine);
	world_wipe(world);
	world->wall_ms = wall_ms;
	world_now(world, 0);
	lp_hash_key_make(&key, SPEC_SEED, strlen(SPEC_SEED));
	return engine_open(&world->engine, world->dp, &key, world_time(world));
}

/* --- an agent's life ------------------------------------------------------------------------ */

/* Nothing is said to the datapath: a SIGKILL. */
void world_kill(struct world *world)
{
	if (!world->dp)
		return;
	engine_close(&world->engine);
	dp_close(&world->dp);
}

/* The way to a backend tells which one it is by its MAC address. */
static void find_hops(struct world *world)
{
	for (size_t i = 0; i < world->engine.runtime.n_backends; i++) {
		struct runtime_backend *backend = &world->engine.runtime.backends[i];
		uint32_t id = spec_addr_id(&backend->address);

		backend->hop = (struct lp_hop) {
			.ifindex = 1, /* the loopback device, where test runs come in */
			.mtu = 1500,
			.dst = { 2, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id },
			.src = { 2, 0, 0, 1, 0, 0 },
			.saddr = backend->address,
			.daddr = backend->address,
		};
	}
}

static int stop_at(void *arg, const struct plan_op *op)
{
	unsigned int *left = arg;

	(void)op;
	return --*left ? 0 : -EINTR;
}

/* engine_converge() as far as it comes. */
static int converge_cut(struct world *world, bool with_vips, unsigned int cut, struct lp_err *err)
{
	struct engine *engine = &world->engine;
	const struct desired_known known = { engine->digests, dp_size(world->dp)->pools };
	struct desired *desired = NULL;
	struct plan *plan = NULL;
	int ret;

	slow_start_follow(&engine->runtime, world_time(world).mono);
	ret = desired_make(world->config, &engine->runtime, dp_size(world->dp), &engine->key,
			   &known, with_vips, &desired, err);

	if (!ret)
		ret = plan_make(desired, &engine->runtime, world->dp, world_time(world).mono,
				&plan);
	if (!ret)
		ret = plan_apply(plan, world->dp, stop_at, &cut);
	if (plan)
		plan_free(&plan);
	if (desired)
		desired_free(&desired);
	world_kill(world);
	return ret && ret != -EINTR ? lp_err(err, ret, "plan: %s", strerror(-ret)) : 0;
}

static int converge(struct world *world, bool with_vips, unsigned int cut, struct lp_err *err)
{
	if (cut)
		return converge_cut(world, with_vips, cut, err);
	return engine_converge(&world->engine, world->config, with_vips, world_time(world), NULL,
			       NULL, err);
}

static int read_config(struct world *world, const struct spec *spec, struct lp_err *err)
{
	struct config *config = NULL;
	char *text = spec_yaml(spec);
	int ret;

	if (!text)
		return lp_err(err, -ENOMEM, "out of memory");
	ret = config_parse("model.yaml", text, strlen(text), &config, err);
	free(text);
	if (ret)
		return ret;
	config_free(&world->config);
	world->config = config;
	return 0;
}

static int set_backend(struct world *world, const struct spec *spec,
		       const struct world_backend *backend, struct lp_err *err)
{
	const char *pool = spec_pool_name(spec_id_pool(backend->id));
	char name[SPEC_NAME_SIZE];
	struct runtime_backend *at;

	spec_backend_name(spec, backend->id, name);
	at = runtime_backend(&world->engine.runtime, pool, name);
	if (!at)
		return lp_err(err, -ENOENT, "%s: the engine does not know it", name);
	at->healthy = !backend->dead;
	if (at->admin != backend->admin || at->deadline != backend->deadline)
		runtime_set_admin(at, (enum lp_admin)backend->admin, backend->deadline,
				  world_wall(world));
	if (!backend->weighted)
		runtime_clear_weight(at);
	else
		runtime_set_weight(at, backend->own_weight, backend->weight_until);
	return 0;
}

bool world_slow(const struct world *world, const struct spec *spec, uint32_t id, bool *ramps,
		uint32_t *served)
{
	char name[SPEC_NAME_SIZE];
	const struct runtime_backend *at;

	spec_backend_name(spec, id, name);
	at = runtime_backend(&world->engine.runtime, spec_pool_name(spec_id_pool(id)), name);
	if (!at || !at->came_up)
		return false;
	*ramps = at->ramps;
	*served = world_time(world).mono - at->came_up;
	return true;
}

int world_configure(struct world *world, const struct spec *spec,
		    const struct world_backend *backends, size_t n, unsigned int cut,
		    struct lp_err *err)
{
	int ret = read_config(world, spec, err);

	if (!ret)
		ret = engine_assign(&world->engine, world->config, world_time(world), err);
	for (size_t i = 0; i < n && !ret; i++)
		ret = set_backend(world, spec, &backends[i], err);
	if (ret)
		return ret;
	find_hops(world);
	ret = converge(world, true, cut, err);
	if (ret || cut)
		return ret;
	ret = dp_publish(world->dp, err);
	if (!ret)
		engine_settle(&world->engine, world_time(world));
	return ret;
}

int world_start(struct world *world, const struct spec *spec, struct lp_err *err)
{
	int ret = world_open_dp(world, err);

	return ret ? ret : world_configure(world, spec, NULL, 0, 0, err);
}

int world_backends(struct world *world, const struct spec *spec,
		   const struct world_backend *backends, size_t n, unsigned int cut,
		   struct lp_err *err)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = set_backend(world, spec, &backends[i], err);
	return ret ? ret : converge(world, false, cut, err);
}

int world_tick(struct world *world, struct lp_err *err)
{
	if (!engine_tick(&world->engine, world_time(world)))
		return 0;
	return converge(world, false, 0, err);
}

uint64_t world_full(const struct world *world)
{
	struct lp_record_counters sum;

	if (!world->dp)
		return 0;
	dp_record_counters(world->dp, &sum);
	return sum.full;
}
