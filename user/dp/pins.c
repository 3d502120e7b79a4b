// SPDX-License-Identifier: GPL-2.0
#include "dp/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limpet/abi.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

int pins_path(char path[PINS_PATH], const char *dir, const char *sub, const char *name)
{
	int n = snprintf(path, PINS_PATH, "%s/%s%s%s", dir, sub, name ? "/" : "", name ? name : "");

	return n < PINS_PATH ? 0 : -ENAMETOOLONG;
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* Directories down to `dir`; those that are there are fine. */
static int make_dirs(const char *dir, mode_t mode)
{
	char path[PINS_PATH];

	if (snprintf(path, sizeof(path), "%s", dir) >= PINS_PATH)
		return -ENAMETOOLONG;
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(path, mode) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, mode) && errno != EEXIST ? -errno : 0;
}

/* The usual place, which systemd mounts at boot; a bare kernel has nobody to do it. */
static int mount_bpffs(const char *dir, struct lp_err *err)
{
	static const char usual[] = "/sys/fs/bpf";

	if (strncmp(dir, usual, strlen(usual)) || is_bpffs(usual))
		return 0;
	if (mount("bpf", usual, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return lp_err(err, -errno,
			      "%s: no BPF file system is mounted, and mounting one failed: %s",
			      usual, strerror(errno));
	return 0;
}

int pins_open(const char *dir, struct lp_err *err)
{
	int fd, ret = mount_bpffs(dir, err);

	if (ret)
		return ret;
	ret = make_dirs(dir, 0700);
	if (ret)
		return lp_err(err, ret, "pin directory \"%s\": %s", dir, strerror(-ret));
	if (!is_bpffs(dir))
		return lp_err(err, -EINVAL,
			      "pin directory \"%s\" is not on a BPF file system: mount one there "
			      "(mount -t bpf bpf %s) or choose a directory below /sys/fs/bpf",
			      dir, dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return lp_err(err, -errno, "pin directory \"%s\": %s", dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return lp_err(err, ret, "pin directory \"%s\": %s", dir,
			      ret == -EBUSY ? "another limpetd is using it" : strerror(-ret));
	}
	return fd;
}

/* The map that begins with the ABI's version, by whatever name it had (A5). */
static int open_first_map(const char *dir, char path[PINS_PATH])
{
	static const char *const names[] = { "tables", "control" };
	int fd = -ENOENT;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && fd == -ENOENT; i++) {
		if (pins_path(path, dir, "maps", names[i]))
			return -ENAMETOOLONG;
		fd = bpf_obj_get(path);
	}
	return fd;
}

int pins_abi(const char *dir, uint32_t *abi, struct lp_err *err)
{
	char path[PINS_PATH];
	long page = sysconf(_SC_PAGESIZE);
	const uint32_t *control;
	int fd = open_first_map(dir, path);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return lp_err(err, fd, "%s: %s", path, strerror(-fd));
	control = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (control == MAP_FAILED)
		return lp_err(err, -errno, "%s: cannot be mapped: %s", path, strerror(errno));
	*abi = *control;
	munmap((void *)(uintptr_t)control, (size_t)page);
	return 1;
}

int pins_each(const char *dir, const char *sub, int (*fn)(void *arg, const char *name), void *arg)
{
	char path[PINS_PATH];
	struct dirent *entry;
	int ret = 0;
	DIR *d;

	if (pins_path(path, dir, sub, NULL))
		return -ENAMETOOLONG;
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			ret = fn(arg, entry->d_name);
	closedir(d);
	return ret;
}

struct removal {
	const char *dir, *sub;
};

static int remove_one(void *arg, const char *name)
{
	const struct removal *removal = arg;
	char path[PINS_PATH];
	int ret = pins_path(path, removal->dir, removal->sub, name);

	if (ret)
		return ret;
	return unlink(path) ? -errno : 0;
}

int pins_remove(const char *dir, const char *sub)
{
	struct removal removal = { dir, sub };
	char path[PINS_PATH];
	int ret = pins_each(dir, sub, remove_one, &removal);

	if (ret || (ret = pins_path(path, dir, sub, NULL)))
		return ret;
	return rmdir(path) && errno != ENOENT ? -errno : 0;
}

int pins_swap(const char *dir, struct lp_err *err)
{
	char now[PINS_PATH], new[PINS_PATH];
	int ret = 0;

	if (pins_path(now, dir, "maps", NULL) || pins_path(new, dir, "maps-new", NULL))
		return lp_err(err, -ENAMETOOLONG, "pin directory \"%s\": path too long", dir);
	/* Exchanged, so that there is a set of maps at every moment (Linux 5.16). */
	if (!renameat2(AT_FDCWD, new, AT_FDCWD, now, RENAME_EXCHANGE))
		ret = pins_remove(dir, "maps-new");
	else if (errno != ENOENT || rename(new, now))
		ret = -errno;
	if (ret)
		return lp_err(err, ret,
			      "pin directory \"%s\": new maps cannot take their place: %s", dir,
			      strerror(-ret));
	return 0;
}

void pins_close(int fd)
{
	flock(fd, LOCK_UN); /* cannot fail on a descriptor that has it */
	close(fd);
}
