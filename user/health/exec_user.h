/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who runs the program of an exec check: `user:` of the configuration. Without
 * it, EXEC_USER_DEFAULT if limpetd is root, so that no program runs as root
 * because nobody thought of it; else limpetd's own user, the only one it can be.
 */
#ifndef LIMPET_HEALTH_EXEC_USER_H
#define LIMPET_HEALTH_EXEC_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"

#define EXEC_USER_DEFAULT "nobody"
#define EXEC_GROUPS_MAX   64

struct exec_user {
	bool change; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
	gid_t groups[EXEC_GROUPS_MAX]; /* all of the user's, gid among them */
	int n_groups;
};

/*
 * Looks `name` up (NULL: see above) in the system's users. -EINVAL with words that
 * quote it if there is none or limpetd may not become it; *user is untouched then.
 */
int exec_user_find(const char *name, struct exec_user *user, struct lp_err *err);

#endif
