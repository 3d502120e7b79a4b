// SPDX-License-Identifier: GPL-2.0
#include "shrink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct shrinking {
	struct world *world;
	const struct history *history;
	struct replay_options options;
	struct replay_result *result;
	bool *off; /* the smallest part that fails so far */
	bool *trial;
	struct lp_err *err;
};

/* Does the part that is on trial fail? Then it is the smallest so far. 1, 0 or -errno. */
static int try(struct shrinking *s)
{
	struct replay_result result;
	int ret;

	s->options.off = s->trial;
	ret = replay(s->world, s->history, &s->options, &result, s->err);
	if (ret || !result.failed)
		return ret;
	*s->result = result;
	memcpy(s->off, s->trial, s->history->n_steps * sizeof(*s->off));
	return 1;
}

/* Nothing that comes after the difference made it. */
static void drop_tail(struct shrinking *s)
{
	for (size_t i = s->result->step + 1; i < s->history->n_steps; i++)
		s->off[i] = true;
}

typedef bool (*step_filter)(const struct shrinking *s, const struct step *step);

/* Clients of one block may share a prefix that counts as one client (entity() in
 * oracle.c); those of others have nothing to do with it. */
#define BLOCK 256

static bool is_of_others(const struct shrinking *s, const struct step *step)
{
	const struct step *failed = &s->history->steps[s->result->step];

	return step_is_packet(step) && s->history->flows[step->flow].client / BLOCK !=
					       s->history->flows[failed->flow].client / BLOCK;
}

static bool is_packet(const struct shrinking *s, const struct step *step)
{
	(void)s;
	return step_is_packet(step);
}

static bool is_event(const struct shrinking *s, const struct step *step)
{
	(void)s;
	return step->kind != STEP_TICK && !step_is_packet(step);
}

static bool is_tick(const struct shrinking *s, const struct step *step)
{
	(void)s;
	return step->kind == STEP_TICK;
}

/* Numbers of the steps that are on and of a kind. */
static size_t list(const struct shrinking *s, step_filter filter, size_t *steps)
{
	size_t n = 0;

	for (size_t i = 0; i < s->history->n_steps; i++)
		if (!s->off[i] && filter(s, &s->history->steps[i]))
			steps[n++] = i;
	return n;
}

/* Leaves out `n` of the listed steps. */
static int try_without(struct shrinking *s, const size_t *steps, size_t n)
{
	memcpy(s->trial, s->off, s->history->n_steps * sizeof(*s->trial));
	for (size_t i = 0; i < n; i++)
		s->trial[steps[i]] = true;
	return try(s);
}

/* Chunks of steps of a kind, large ones first, until each single one is needed. */
static int reduce(struct shrinking *s, step_filter filter, size_t *steps)
{
	size_t n = list(s, filter, steps), chunk = n;
	bool any = true;

	while (n && (chunk > 1 || any)) {
		any = false;
		chunk = chunk > 1 ? (chunk + 1) / 2 : 1;
		for (size_t at = 0; at < n;) {
			size_t many = at + chunk < n ? chunk : n - at;
			int ret = try_without(s, steps + at, many);

			if (ret < 0)
				return ret;
			at += many;
			any = any || ret;
		}
		n = list(s, filter, steps);
	}
	return 0;
}

static int drop_all(struct shrinking *s, step_filter filter, size_t *steps)
{
	int ret = try_without(s, steps, list(s, filter, steps));

	return ret < 0 ? ret : 0;
}

static int shrink_steps(struct shrinking *s, size_t *steps)
{
	static const step_filter filters[] = { is_event, is_packet, is_tick, is_event };
	int ret = drop_all(s, is_of_others, steps);

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]) && !ret; i++) {
		drop_tail(s);
		ret = drop_all(s, filters[i], steps);
		if (!ret)
			ret = reduce(s, filters[i], steps);
	}
	return ret;
}

int shrink(struct world *world, const struct history *history, const struct replay_options *options,
	   struct replay_result *result, bool *off, struct lp_err *err)
{
	struct shrinking s = { world, history, *options, result, off, NULL, err };
	size_t *steps = calloc(history->n_steps, sizeof(*steps));
	int ret = -ENOMEM;

	memset(off, 0, history->n_steps * sizeof(*off));
	s.trial = calloc(history->n_steps, sizeof(*s.trial));
	s.options.describe = NULL;
	if (s.trial && steps) {
		drop_tail(&s);
		ret = shrink_steps(&s, steps);
	} else {
		lp_err(err, ret, "out of memory");
	}
	free(s.trial);
	free(steps);
	return ret;
}
