// SPDX-License-Identifier: GPL-2.0
#include "agent/fragments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

struct waiting {
	struct lp_held *held;
	uint64_t until; /* uv_now() */
};

struct fragments {
	struct dp *dp;
	uv_poll_t poll;
	uv_timer_t timer;
	int handles; /* not closed yet */
	size_t n;
	struct waiting waiting[FRAGMENTS_MAX];
};

static void send_in(struct fragments *fragments, const struct lp_held *held)
{
	int ret = dp_held_send(fragments->dp, held);

	if (ret)
		lp_debug("fragment held_bytes=%u ifindex=%u: not sent: %s", held->len,
			 held->ifindex, strerror(-ret));
}

static struct lp_held *held_copy(const struct lp_held *held)
{
	size_t size = offsetof(struct lp_held, frame) + held->len;
	struct lp_held *copy = malloc(size);

	if (copy)
		memcpy(copy, held, size);
	return copy;
}

/* One that there is no room for has waited long enough. */
static void on_held(void *arg, const struct lp_held *held)
{
	struct fragments *fragments = arg;
	struct lp_held *copy = fragments->n < FRAGMENTS_MAX ? held_copy(held) : NULL;

	if (!copy) {
		send_in(fragments, held);
		return;
	}
	fragments->waiting[fragments->n++] = (struct waiting) {
		.held = copy,
		.until = uv_now(fragments->timer.loop) + FRAGMENTS_WAIT_MS,
	};
}

/* Those whose turn it is are sent in; the others stay, in their order. */
static void look(struct fragments *fragments)
{
	uint64_t now = uv_now(fragments->timer.loop);
	size_t left = 0;

	for (size_t i = 0; i < fragments->n; i++) {
		struct waiting *at = &fragments->waiting[i];

		if (now < at->until && !dp_fragment_known(fragments->dp, at->held->fingerprint)) {
			fragments->waiting[left++] = *at;
			continue;
		}
		send_in(fragments, at->held);
		free(at->held);
	}
	fragments->n = left;
}

static void on_timer(uv_timer_t *timer)
{
	struct fragments *fragments = timer->data;

	look(fragments);
	if (!fragments->n)
		uv_timer_stop(timer);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct fragments *fragments = poll->data;

	(void)status;
	(void)events;
	dp_held_take(fragments->dp, on_held, fragments);
	look(fragments);
	if (fragments->n && !uv_is_active((uv_handle_t *)&fragments->timer))
		uv_timer_start(&fragments->timer, on_timer, FRAGMENTS_LOOK_MS, FRAGMENTS_LOOK_MS);
}

static void on_closed(uv_handle_t *handle)
{
	struct fragments *fragments = handle->data;

	if (!--fragments->handles)
		free(fragments);
}

int fragments_open(uv_loop_t *loop, struct dp *dp, struct fragments **out)
{
	struct fragments *fragments;
	int ret, fd = dp_held_fd(dp);

	if (fd < 0)
		return 0;
	fragments = calloc(1, sizeof(*fragments));
	if (!fragments)
		return -ENOMEM;
	fragments->dp = dp;
	ret = uv_poll_init(loop, &fragments->poll, fd);
	if (ret) {
		free(fragments);
		return ret;
	}
	uv_timer_init(loop, &fragments->timer);
	fragments->poll.data = fragments->timer.data = fragments;
	fragments->handles = 2;
	uv_poll_start(&fragments->poll, UV_READABLE, on_readable);
	*out = fragments;
	return 0;
}

void fragments_close(struct fragments **fragments)
{
	struct fragments *f = *fragments;

	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->waiting[i].held);
	uv_close((uv_handle_t *)&f->poll, on_closed);
	uv_close((uv_handle_t *)&f->timer, on_closed);
	*fragments = NULL;
}
