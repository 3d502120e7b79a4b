/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does this host have what limpet needs? Asked before anything is touched, so
 * that the answer is in words and not an errno of the twentieth system call.
 */
#ifndef LIMPET_DP_PREFLIGHT_H
#define LIMPET_DP_PREFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct preflight {
	char release[65];      /* of the kernel: uname -r */
	bool btf;              /* the kernel has its type information */
	uint64_t capabilities; /* effective set, as in capability(7) */
};

/* Reads the host's. -errno if even that fails. */
int preflight_read(struct preflight *facts);

/*
 * 0, or with words: -ENOSYS for a kernel before 6.1, -ENOTSUP without BTF,
 * -EPERM for missing capabilities.
 */
int preflight_check(const struct preflight *facts, struct lp_err *err);

#endif
