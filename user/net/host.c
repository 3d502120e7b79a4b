// SPDX-License-Identifier: GPL-2.0
#include "net/host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/parse.h"

/* The first line of a file, without its end. */
static int read_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	bool got;

	if (!file)
		return -errno;
	got = fgets(text, (int)size, file) != NULL;
	(void)fclose(file);
	if (!got)
		return -ENODATA;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

int net_sysctl(const char *path)
{
	char file[256], text[32];
	uint32_t value;

	snprintf(file, sizeof(file), "/proc/sys/%s", path);
	if (read_line(file, text, sizeof(text)) || lp_parse_u32(text, 0, INT32_MAX, &value))
		return -1;
	return (int)value;
}

int net_rp_filter(const char *interface)
{
	int all = net_sysctl("net/ipv4/conf/all/rp_filter"), own;
	char path[128];

	snprintf(path, sizeof(path), "net/ipv4/conf/%s/rp_filter", interface);
	own = net_sysctl(path);
	if (all < 0 || own < 0)
		return -1;
	return all > own ? all : own;
}

static bool has_name(const char *pid, const char *name)
{
	char path[300], text[64];

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	return !read_line(path, text, sizeof(text)) && !strcmp(text, name);
}

static bool is_here(const char *pid)
{
	struct stat here, there;
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	return !stat("/proc/thread-self/ns/net", &here) && !stat(path, &there) &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

size_t net_processes(const char *name, int *pids, size_t most)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	uint32_t pid;
	size_t n = 0;

	while (proc && (entry = readdir(proc))) {
		if (lp_parse_u32(entry->d_name, 1, INT32_MAX, &pid) ||
		    !has_name(entry->d_name, name) || !is_here(entry->d_name))
			continue;
		if (n < most)
			pids[n] = (int)pid;
		n++;
	}
	if (proc)
		closedir(proc);
	return n;
}

int net_enter(int pid)
{
	char path[64], text[16];
	int fd, ret;

	snprintf(text, sizeof(text), "%d", pid);
	if (is_here(text))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return ret;
}

int net_capabilities(int pid, uint64_t *capabilities)
{
	char path[64], line[256];
	int ret = -ENODATA;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (ret && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "CapEff:\t", 8) != 0 || !isxdigit((unsigned char)line[8]))
			continue;
		*capabilities = strtoull(line + 8, NULL, 16);
		ret = 0;
	}
	(void)fclose(file);
	return ret;
}
