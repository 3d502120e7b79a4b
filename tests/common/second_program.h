/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Another program over the maps of a datapath, beside the one that it has: the same walk
 * with a difference (another clock, no audit), from an object of its own. Its constants
 * are the datapath's.
 */
#ifndef LIMPET_TESTS_SECOND_PROGRAM_H
#define LIMPET_TESTS_SECOND_PROGRAM_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dp/dp.h"
#include "dp/dp_patch.h"
#include "lib/err.h"

#define SECOND_MAPS 64 /* that a program can have */

/* The read-only data of the datapath's program: its descriptor, the caller's, or -errno. */
static inline int second_rodata(const struct dp *dp, struct bpf_map_info *info)
{
	__u32 ids[SECOND_MAPS], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info prog = { .nr_map_ids = SECOND_MAPS, .map_ids = (uintptr_t)ids };

	if (bpf_obj_get_info_by_fd(dp_bpf_prog_fd(dp), &prog, &len))
		return -errno;
	for (__u32 i = 0; i < prog.nr_map_ids && i < SECOND_MAPS; i++) {
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

static inline struct bpf_map *second_find_rodata(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map) && strstr(bpf_map__name(map), ".rodata"))
			return map;
	}
	return NULL;
}

/* Both have their constants from maps.h, and nothing else is read-only. */
static inline int second_copy_rodata(const struct dp *dp, struct bpf_object *object)
{
	struct bpf_map *map = second_find_rodata(object);
	struct bpf_map_info info = { 0 };
	const __u32 zero = 0;
	void *value;
	int fd, ret;

	fd = second_rodata(dp, &info);
	if (fd < 0)
		return fd;
	value = malloc(info.value_size);
	ret = value ? 0 : -ENOMEM;
	if (!ret && (!map || bpf_map__value_size(map) != info.value_size))
		ret = -EPROTO;
	if (!ret && bpf_map_lookup_elem(fd, &zero, value))
		ret = -errno;
	if (!ret)
		ret = bpf_map__set_initial_value(map, value, info.value_size);
	free(value);
	close(fd);
	return ret;
}

/* The datapath's map of this name, the caller's to close; negative if it has none. */
static inline int second_pinned(const char *pin_dir, const char *name)
{
	char path[256];

	if (snprintf(path, sizeof(path), "%s/maps/%s", pin_dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return bpf_obj_get(path);
}

/* Maps that the datapath has not pinned are the program's own. */
static inline int second_share(const char *pin_dir, struct bpf_object *object)
{
	struct bpf_map *map;
	int ret = 0;

	bpf_object__for_each_map(map, object)
	{
		int fd = second_pinned(pin_dir, bpf_map__name(map));

		if (fd < 0)
			continue;
		if (!ret)
			ret = bpf_map__reuse_fd(map, fd);
		close(fd);
	}
	return ret;
}

/*
 * Before a skeleton that has been opened is loaded: over the maps of `dp`, which are
 * published in `pin_dir`. Then second_loaded(), whatever became of it. -errno.
 */
static inline int second_prepare(const struct dp *dp, const char *pin_dir,
				 struct bpf_object *object)
{
	const struct bpf_map *tables = bpf_object__find_map_by_name(object, "tables");
	int ret = second_copy_rodata(dp, object);

	if (!ret)
		ret = second_share(pin_dir, object);
	dp_patch_begin(tables, dp_size(dp), dp_control(dp)->cpus);
	return ret;
}

/* `ret` with words if it is an error. */
static inline int second_loaded(int ret, struct lp_err *err)
{
	dp_patch_end();
	return ret ? lp_err(err, ret, "loading another program over the maps: %s", strerror(-ret))
		   : 0;
}

#endif
