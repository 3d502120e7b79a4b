/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pin directory:
 *
 *	PIN_DIR/maps/NAME	the maps in use; maps/tables begins with the ABI (A5)
 *	PIN_DIR/maps-new/	maps that are about to take their place
 *	PIN_DIR/links/IFNAME	the XDP links
 *
 * A BPF file system has no dots in its names: those of interfaces (eth0.10) are
 * written as colons, which no interface's name can have.
 *
 * The directory itself is locked (flock) by the agent that has it open.
 */
#ifndef LIMPET_DP_PINS_H
#define LIMPET_DP_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define PINS_PATH 512

/*
 * Makes the directory (mounting a BPF file system if it is below /sys/fs/bpf
 * and none is there) and locks it. Returns its file descriptor, which keeps the
 * lock, or -errno with words: -EBUSY when another process has it.
 */
int pins_open(const char *dir, struct lp_err *err);

/* Lets go of the lock and closes. The lock goes first, by itself: a process that was
 * forked just now has a copy of the descriptor until it runs its program. */
void pins_close(int fd);

/*
 * Is there a set of maps, and of which ABI? Returns 1 and *abi, 0 if there is
 * none, or -errno with words.
 */
int pins_abi(const char *dir, uint32_t *abi, struct lp_err *err);

/* "DIR/SUB/NAME" or, with NULL, "DIR/SUB". -ENAMETOOLONG. */
int pins_path(char path[PINS_PATH], const char *dir, const char *sub, const char *name);

/* Removes all pins in DIR/SUB, and DIR/SUB. Not being there is fine. */
int pins_remove(const char *dir, const char *sub);

/* DIR/maps-new becomes DIR/maps in one step; the old one is removed. */
int pins_swap(const char *dir, struct lp_err *err);

/* Calls fn for each name in DIR/SUB; stops at the first that does not return 0. */
int pins_each(const char *dir, const char *sub, int (*fn)(void *arg, const char *name), void *arg);

#endif
