/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The difference between two configuration texts, in words. It compares what is
 * written, key by key, not the model: so it needs no list of keys, and says what a
 * person finds in the file. Things are matched by name, whatever their order; values
 * that mean the same ("30m" and "1800s", two forms of an address, another order of a
 * list) do not differ. A key that is written on one side only is "(default)" on the
 * other. Pure.
 *
 * The seed is a secret: that it is another one is said, and no more.
 */
#ifndef LIMPET_CORE_CONFIG_DIFF_H
#define LIMPET_CORE_CONFIG_DIFF_H

#include <stddef.h>

enum config_change_kind { CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED };

struct config_change {
	enum config_change_kind kind;
	const char *thing; /* "seed", "interface", "check", "pool", "backend", "vip" */
	char *name;        /* "web"; of a backend "web/b1"; of the seed "" */
	char *text;        /* "idle_timeout: 30m -> 10m"; of what comes, its keys; may be "" */
};

struct config_diff {
	struct config_change *changes; /* by thing in the order above, then by name */
	size_t n, room;
};

/*
 * Compares two texts of which config_parse() has said that they are right. On success
 * *out is the caller's. -ENOMEM; -EINVAL if one of them is not right after all.
 */
int config_diff_make(const char *old, size_t old_len, const char *new, size_t new_len,
		     struct config_diff **out);

/* "added", "removed", "changed". */
const char *config_change_name(enum config_change_kind kind);

/* Frees and sets *diff to NULL; a NULL *diff is fine. */
void config_diff_free(struct config_diff **diff);

#endif
