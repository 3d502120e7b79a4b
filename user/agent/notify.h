/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What systemd wants to know, sd_notify(3): a datagram of NAME=value lines to the
 * unix socket that $NOTIFY_SOCKET names ("@" first: abstract). Without the variable
 * nothing is said. A supervisor that does not listen is nobody's trouble: failures
 * are ignored.
 */
#ifndef LIMPET_AGENT_NOTIFY_H
#define LIMPET_AGENT_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int fd;               /* -1: nobody listens */
	uint64_t watchdog_us; /* how often at least a sign of life is expected; 0: never */
};

/*
 * The address that `path`, the value of $NOTIFY_SOCKET, means. Its length, or
 * -EINVAL if it is neither absolute nor abstract, or too long.
 */
int notify_address(const char *path, struct sockaddr_un *address);

/*
 * Microseconds of $WATCHDOG_USEC, if $WATCHDOG_PID (may be NULL) is `pid`; else, or if
 * it is no number, 0.
 */
uint64_t notify_watchdog(const char *usec, const char *pid, uint64_t self);

/* From the environment, which programs of checks do not get. Cannot fail. */
void notify_open(struct notify *notify);

/* One or more lines. */
void notify_send(const struct notify *notify, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* RELOADING=1 with the time that Type=notify-reload wants; READY=1 ends it. */
void notify_reloading(const struct notify *notify);

/* Twice. */
void notify_close(struct notify *notify);

#endif
