// SPDX-License-Identifier: GPL-2.0
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <limpet/hash.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "traffic.h"

/* The file system is our own, so the name meets nobody. */
#define BPFFS   "/sys/fs/bpf"
#define PIN_DIR BPFFS "/limpet-stress"

int world_enter(struct lp_err *err)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, NULL))
		return lp_err(err, -errno, "no namespaces of our own: %s (are you root?)",
			      strerror(errno));
	return 0;
}

struct engine_time world_now(void)
{
	struct timespec mono;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &mono);
	return (struct engine_time) { .mono = (uint32_t)mono.tv_sec, .wall = (uint64_t)time(NULL) };
}

/* Each backend's way is known: to a MAC address with its number. */
static void fill_hops(struct world *world)
{
	for (size_t i = 0; i < world->engine.runtime.n_backends; i++) {
		struct runtime_backend *backend = &world->engine.runtime.backends[i];

		backend->hop = (struct lp_hop) {
			.ifindex = world->ifindex,
			.mtu = 9000,
			.dst = { TRAFFIC_MAC0, 0, 0, 0, (uint8_t)(backend->number >> 8),
				 (uint8_t)backend->number },
			.src = { TRAFFIC_MAC0, 1 },
			.saddr = backend->address,
			.daddr = backend->address,
		};
	}
}

static int apply(struct world *world, struct config *config, struct lp_err *err)
{
	int ret = engine_assign(&world->engine, config, world_now(), err);

	if (ret)
		return ret;
	fill_hops(world);
	ret = engine_converge(&world->engine, config, true, world_now(), NULL, NULL, err);
	if (!ret)
		engine_settle(&world->engine, world_now());
	return ret;
}

static int open_dp(struct world *world, const struct config *config, uint32_t buckets,
		   struct lp_err *err)
{
	struct dp_bpf_options options = { .pin_dir = PIN_DIR };
	bool adopted;
	int ret;

	lp_hash_key_make(&world->key, config->seed, strlen(config->seed));
	options.key = world->key;
	ret = desired_size(config, &options.size, err);
	if (!ret && buckets)
		options.size.buckets = buckets;
	return ret ? ret : dp_bpf_open(&options, &world->dp, &adopted, err);
}

int world_open(struct world *world, const char *yaml, const char *interface, uint32_t buckets,
	       struct lp_err *err)
{
	struct config *config = NULL;
	int ret;

	*world = (struct world) { .ifindex = if_nametoindex(interface) };
	if (!world->ifindex)
		return lp_err(err, -ENODEV, "\"%s\": no such interface", interface);
	ret = config_parse("stress.yaml", yaml, strlen(yaml), &config, err);
	if (ret)
		return ret;
	ret = open_dp(world, config, buckets, err);
	if (!ret)
		ret = engine_open(&world->engine, world->dp, &world->key, world_now());
	if (!ret)
		ret = apply(world, config, err);
	world->config = config;
	if (ret)
		world_close(world);
	return ret;
}

int world_reload(struct world *world, const char *yaml, struct lp_err *err)
{
	struct config *config = NULL;
	int ret = config_parse("stress.yaml", yaml, strlen(yaml), &config, err);

	if (!ret)
		ret = apply(world, config, err);
	if (ret) {
		config_free(&config);
		return ret;
	}
	config_free(&world->config);
	world->config = config;
	return 0;
}

int world_converge(struct world *world, struct lp_err *err)
{
	return engine_converge(&world->engine, world->config, false, world_now(), NULL, NULL, err);
}

int world_tick(struct world *world, uint32_t ahead, struct lp_err *err)
{
	struct engine_time now = world_now();

	now.mono += ahead;
	return engine_tick(&world->engine, now) ? world_converge(world, err) : 0;
}

void world_close(struct world *world)
{
	engine_close(&world->engine);
	if (world->dp) {
		dp_close(&world->dp);
		dp_bpf_destroy(PIN_DIR, NULL);
	}
	config_free(&world->config);
}

uint32_t world_backend(const struct world *world, const char *pool, const char *name)
{
	const struct runtime_backend *backend = runtime_backend(&world->engine.runtime, pool, name);

	return backend ? backend->number : 0;
}

/* --- memory ----------------------------------------------------------------------- */

/* The number after a name in a file of "name: number" lines; 0 if it is not there. */
static uint64_t read_number(const char *path, const char *name)
{
	uint64_t number = 0;
	char line[256];
	FILE *file = fopen(path, "r");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			number = strtoull(line + strlen(name), NULL, 10);
	fclose(file);
	return number;
}

static bool is_bpf_map(const char *fd)
{
	char path[64], target[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%.16s", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = 0;
	return strstr(target, "bpf-map");
}

int world_memory(struct world_memory *memory)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char path[64];

	if (!dir)
		return -errno;
	*memory = (struct world_memory) {
		.resident = read_number("/proc/self/status", "VmRSS:"),
		.heap = read_number("/proc/self/status", "RssAnon:"),
	};
	while ((entry = readdir(dir))) {
		if (!is_bpf_map(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%.16s", entry->d_name);
		memory->maps += read_number(path, "memlock:") / 1024;
	}
	closedir(dir);
	return 0;
}
