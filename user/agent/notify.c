// SPDX-License-Identifier: GPL-2.0
#include "agent/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/parse.h"

int notify_address(const char *path, struct sockaddr_un *address)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(address->sun_path))
		return -EINVAL;
	*address = (struct sockaddr_un) { .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, len);
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	else
		len++; /* a path has its zero */
	return (int)(offsetof(struct sockaddr_un, sun_path) + len);
}

uint64_t notify_watchdog(const char *usec, const char *pid, uint64_t self)
{
	uint64_t for_pid = self, us;

	if (!usec || lp_parse_u64(usec, 1, UINT64_MAX, &us))
		return 0;
	if (pid && lp_parse_u64(pid, 1, UINT64_MAX, &for_pid))
		return 0;
	return for_pid == self ? us : 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address;
	int fd, len = notify_address(path, &address);

	if (len < 0)
		return len;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, (socklen_t)len)) {
		close(fd);
		return -ECONNREFUSED;
	}
	return fd;
}

void notify_open(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*notify = (struct notify) {
		.fd = path ? connect_to(path) : -1,
		.watchdog_us = notify_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"),
					       (uint64_t)getpid()),
	};
}

void notify_send(const struct notify *notify, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int len;

	if (notify->fd < 0)
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len > 0 && (size_t)len < sizeof(text))
		(void)!send(notify->fd, text, (size_t)len, MSG_NOSIGNAL);
}

void notify_reloading(const struct notify *notify)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
		    (unsigned long long)now.tv_sec * 1000000 +
			    (unsigned long long)now.tv_nsec / 1000);
}

void notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}
