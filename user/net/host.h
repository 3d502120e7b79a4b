/* SPDX-License-Identifier: GPL-2.0 */
/* What /proc says of this host and its processes. */
#ifndef LIMPET_NET_HOST_H
#define LIMPET_NET_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "net/ipv4/ip_forward" of the current network namespace; -1 if it is not there. */
int net_sysctl(const char *path);

/* rp_filter as it takes effect on an interface: the larger of all and its own; -1. */
int net_rp_filter(const char *interface);

/*
 * Processes of this name (as in /proc/PID/comm) in the current network namespace.
 * Fills at most `most`, returns how many there are.
 */
size_t net_processes(const char *name, int *pids, size_t most);

/* Goes to the network namespace of a process, for good. 0 also if it is this one. -errno. */
int net_enter(int pid);

/* The effective capabilities of a process. -errno; *capabilities is untouched then. */
int net_capabilities(int pid, uint64_t *capabilities);

#endif
