// SPDX-License-Identifier: GPL-2.0
/* The walk with the test's clock, over the maps that the agent has pinned. */
#include "world_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/model.skel.h"
#include "common/second_program.h"

static int keep_map(struct world *world, int fd)
{
	struct bpf_map_info info = { 0 };
	struct world_map *map = &world->maps[world->n_maps];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), element;
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (!(info.map_flags & BPF_F_MMAPABLE))
		return 0;
	if (world->n_maps == WORLD_MAPS)
		return -ENOSPC;
	/* Elements are 8-byte aligned (kernel/bpf/arraymap.c). */
	element = (info.value_size + 7u) & ~(size_t)7;
	map->bytes = (element * info.max_entries + page - 1) & ~(page - 1);
	map->memory = mmap(NULL, map->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map->memory == MAP_FAILED)
		return -errno;
	world->n_maps++;
	return 0;
}

/* Those that the agent has pinned; others are our own. */
static int keep_maps(struct world *world)
{
	struct bpf_map *map;
	int ret = 0;

	bpf_object__for_each_map(map, world->skel->obj)
	{
		int fd = second_pinned(WORLD_PIN_DIR, bpf_map__name(map));

		if (fd < 0)
			continue;
		if (!ret)
			ret = keep_map(world, fd);
		close(fd);
	}
	return ret;
}

int world_load(struct world *world, struct lp_err *err)
{
	int ret;

	world->skel = model_bpf__open();
	if (!world->skel)
		return lp_err(err, -errno, "opening the program: %s", strerror(errno));
	ret = second_prepare(world->dp, WORLD_PIN_DIR, world->skel->obj);
	ret = second_loaded(ret ? ret : model_bpf__load(world->skel), err);
	if (!ret && keep_maps(world))
		ret = lp_err(err, -ENOMEM, "the maps cannot be mapped into memory");
	return ret;
}

void world_unload(struct world *world)
{
	for (size_t i = 0; i < world->n_maps; i++)
		munmap(world->maps[i].memory, world->maps[i].bytes);
	world->n_maps = 0;
	model_bpf__destroy(world->skel);
	world->skel = NULL;
}

/* All maps as they were when the datapath was made: a history needs no new ones. */
void world_wipe(struct world *world)
{
	struct lp_control *control = (struct lp_control *)(uintptr_t)dp_control(world->dp);

	for (size_t i = 0; i < world->n_maps; i++)
		memset(world->maps[i].memory, 0, world->maps[i].bytes);
	*control = world->control;
	dp_proxies_clear(world->dp, 0);
	dp_proxies_clear(world->dp, 1);
}

void world_now(struct world *world, uint32_t ms)
{
	world->ms = ms;
	world->skel->bss->model_now = world_time(world).mono;
}
