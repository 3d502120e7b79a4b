// SPDX-License-Identifier: GPL-2.0
#include "health/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

static bool copy_command(struct config_check *to, const struct config_check *from)
{
	bool whole = true;

	to->command = NULL;
	to->n_command = 0;
	if (!from->n_command)
		return true;
	to->command = calloc(from->n_command + 1, sizeof(*to->command));
	if (!to->command)
		return false;
	to->n_command = from->n_command;
	for (size_t i = 0; i < from->n_command; i++)
		whole &= copy_text(&to->command[i], from->command[i]);
	return whole;
}

static bool copy_expect(struct config_check *to, const struct config_check *from)
{
	size_t bytes = from->n_expect * sizeof(*from->expect);

	to->expect = NULL;
	if (!bytes)
		return true;
	to->expect = malloc(bytes);
	if (to->expect)
		memcpy(to->expect, from->expect, bytes);
	return to->expect;
}

int health_check_copy(struct config_check *to, const struct config_check *from)
{
	struct config_check copy = *from;
	bool whole = true;

	/* All of them, whatever fails: none may go on pointing into `from`. */
	whole &= copy_text(&copy.name, from->name);
	whole &= copy_text(&copy.path, from->path);
	whole &= copy_text(&copy.host, from->host);
	whole &= copy_text(&copy.ca, from->ca);
	whole &= copy_text(&copy.user, from->user);
	whole &= copy_command(&copy, from);
	whole &= copy_expect(&copy, from);
	if (!whole) {
		health_check_fini(&copy);
		return -ENOMEM;
	}
	*to = copy;
	return 0;
}

void health_check_fini(struct config_check *check)
{
	free(check->name);
	free(check->path);
	free(check->host);
	free(check->ca);
	free(check->user);
	for (size_t i = 0; i < check->n_command; i++)
		free(check->command[i]);
	free(check->command);
	free(check->expect);
	*check = (struct config_check) { 0 };
}

static bool equal_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool equal_expect(const struct config_check *a, const struct config_check *b)
{
	if (a->n_expect != b->n_expect)
		return false;
	for (size_t i = 0; i < a->n_expect; i++) {
		if (a->expect[i].first != b->expect[i].first ||
		    a->expect[i].last != b->expect[i].last)
			return false;
	}
	return true;
}

static bool equal_command(const struct config_check *a, const struct config_check *b)
{
	if (a->n_command != b->n_command)
		return false;
	for (size_t i = 0; i < a->n_command; i++) {
		if (!equal_text(a->command[i], b->command[i]))
			return false;
	}
	return true;
}

bool health_check_equal(const struct config_check *a, const struct config_check *b)
{
	return a->type == b->type && equal_text(a->path, b->path) && equal_text(a->host, b->host) &&
	       equal_text(a->ca, b->ca) && equal_text(a->user, b->user) && equal_expect(a, b) &&
	       equal_command(a, b) && a->verify == b->verify && a->via == b->via &&
	       a->expiry_warning == b->expiry_warning && a->interval == b->interval &&
	       a->timeout == b->timeout && a->rise == b->rise && a->fall == b->fall;
}
