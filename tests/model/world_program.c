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
#include "dp/dp_patch.h"

/* The read-only data of the agent's program; its descriptor, or -errno. */
static int open_rodata(const struct world *world, struct bpf_map_info *info)
{
	__u32 ids[WORLD_MAPS], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info prog = { .nr_map_ids = WORLD_MAPS, .map_ids = (uintptr_t)ids };

	if (bpf_obj_get_info_by_fd(dp_bpf_prog_fd(world->dp), &prog, &len))
		return -errno;
	for (__u32 i = 0; i < prog.nr_map_ids && i < WORLD_MAPS; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(*info);
		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, info, &len) &&
		    strstr(info->name, ".rodata"))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

/* The switches are those that the agent has set for its own program: both have them
 * from maps.h, and nothing else is read-only. */
static int copy_rodata(struct world *world)
{
	struct bpf_map_info info = { 0 };
	const __u32 zero = 0;
	int fd = open_rodata(world, &info), ret;

	if (fd < 0)
		return fd;
	if (info.value_size != bpf_map__value_size(world->skel->maps.rodata))
		ret = -EPROTO;
	else
		ret = bpf_map_lookup_elem(fd, &zero, world->skel->rodata) ? -errno : 0;
	close(fd);
	return ret;
}

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

/* A map that the agent has pinned under this name is that map; others are our own. */
static int share_map(struct world *world, struct bpf_map *map)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/maps/%s", WORLD_PIN_DIR, bpf_map__name(map));
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	ret = bpf_map__reuse_fd(map, fd);
	if (!ret)
		ret = keep_map(world, fd);
	close(fd);
	return ret;
}

int world_load(struct world *world, struct lp_err *err)
{
	struct bpf_map *map;
	int ret = 0;

	world->skel = model_bpf__open();
	if (!world->skel)
		return lp_err(err, -errno, "opening the program: %s", strerror(errno));
	ret = copy_rodata(world);
	bpf_object__for_each_map(map, world->skel->obj) if (!ret) ret = share_map(world, map);
	dp_patch_begin(world->skel->maps.tables, dp_size(world->dp), dp_control(world->dp)->cpus);
	if (!ret)
		ret = model_bpf__load(world->skel);
	dp_patch_end();
	return ret ? lp_err(err, ret, "loading the program: %s", strerror(-ret)) : 0;
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
