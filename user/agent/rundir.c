// SPDX-License-Identifier: GPL-2.0
#include "agent/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"

static int refuse_second(int fd, const char *dir, struct lp_err *err)
{
	char pid[32] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	if (n > 0)
		pid[strcspn(pid, "\n")] = 0;
	return lp_err(err, -EBUSY,
		      "run directory \"%s\": another limpetd is running there%s%s; stop it, or "
		      "choose another --run-dir (and --pin-dir)",
		      dir, *pid ? ", process " : "", pid);
}

int rundir_open(const char *dir, struct lp_err *err)
{
	char path[512];
	int fd, ret;

	if (snprintf(path, sizeof(path), "%s/limpetd.lock", dir) >= (int)sizeof(path))
		return lp_err(err, -ENAMETOOLONG, "run directory \"%s\": path too long", dir);
	if (mkdir(dir, 0755) && errno != EEXIST)
		return lp_err(err, -errno, "run directory \"%s\": %s", dir, strerror(errno));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return lp_err(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ret = refuse_second(fd, dir, err);
		close(fd);
		return ret;
	}
	/* Who has it is only told to those who are refused: a full disk must not keep
	 * the datapath without an agent. */
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0)
		lp_warning("%s: writing the process number: %s", path, strerror(errno));
	return fd;
}
