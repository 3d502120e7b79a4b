// SPDX-License-Identifier: GPL-2.0
#include "health/exec_user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#define ENTRY_MAX 16384 /* bytes of a user's entry: home directory, shell and so on */

static int fill(const struct passwd *entry, struct exec_user *user, struct lp_err *err)
{
	struct exec_user found = { .change = true, .uid = entry->pw_uid, .gid = entry->pw_gid };

	found.n_groups = EXEC_GROUPS_MAX;
	if (getgrouplist(entry->pw_name, entry->pw_gid, found.groups, &found.n_groups) < 0)
		return lp_err(err, -EINVAL, "user \"%s\": in more than %d groups", entry->pw_name,
			      EXEC_GROUPS_MAX);
	*user = found;
	return 0;
}

int exec_user_find(const char *name, struct exec_user *user, struct lp_err *err)
{
	bool root = geteuid() == 0;
	struct passwd stored, *entry = NULL;
	char text[ENTRY_MAX];

	if (!name && !root) {
		*user = (struct exec_user) { .change = false };
		return 0;
	}
	if (!name)
		name = EXEC_USER_DEFAULT;
	if (getpwnam_r(name, &stored, text, sizeof(text), &entry) || !entry)
		return lp_err(err, -EINVAL, "user \"%s\": there is no such user", name);
	if (!root && entry->pw_uid != geteuid())
		return lp_err(err, -EINVAL,
			      "user \"%s\": only root can run programs as somebody else", name);
	if (!root) {
		*user = (struct exec_user) { .change = false };
		return 0;
	}
	return fill(entry, user, err);
}
