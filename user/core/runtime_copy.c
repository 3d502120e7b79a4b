// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/runtime.h"

/* A copy of n elements; of none, memory all the same. */
static void *copy(const void *from, size_t n, size_t size)
{
	void *to = calloc(n + 1, size);

	if (to && n)
		memcpy(to, from, n * size);
	return to;
}

int runtime_copy(const struct runtime *from, struct runtime *to)
{
	struct runtime new = *from;

	new.backends = copy(from->backends, from->n_backends, sizeof(*new.backends));
	new.pools = copy(from->pools, from->n_pools, sizeof(*new.pools));
	new.vips = copy(from->vips, from->n_vips, sizeof(*new.vips));
	new.groups = copy(from->groups, from->n_vips, sizeof(*new.groups));
	if (!new.backends || !new.pools || !new.vips || !new.groups) {
		runtime_fini(&new);
		return -ENOMEM;
	}
	*to = new;
	return 0;
}
