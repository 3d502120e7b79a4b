// SPDX-License-Identifier: GPL-2.0
#include "health/http_multi.h"

#include <errno.h>
#include <stdlib.h>

struct http_multi {
	uv_loop_t *loop;
	const struct http_multi_ops *ops;
	CURLM *curl; /* NULL once closed; the memory goes with the timer */
	uv_timer_t timer;
};

/* One socket that curl waits for. */
struct http_socket {
	uv_poll_t poll;
	struct http_multi *multi;
	curl_socket_t fd;
	int events; /* UV_READABLE | UV_WRITABLE */
};

static void on_socket_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* `finished` may close the multi: `curl` is looked at anew each time. */
static void report_finished(struct http_multi *multi)
{
	CURLMsg *message;
	CURLcode code;
	CURL *easy;
	int left;

	while (multi->curl && (message = curl_multi_info_read(multi->curl, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		easy = message->easy_handle;
		code = message->data.result; /* the message goes with the handle */
		curl_multi_remove_handle(multi->curl, easy);
		multi->ops->finished(easy, code);
	}
}

/* What goes wrong with one transfer is in its message; what goes wrong with the
 * multi itself (memory) leaves transfers undone, and their owners' deadlines
 * end them. */
static void multi_act(struct http_multi *multi, curl_socket_t fd, int mask)
{
	int running;

	curl_multi_socket_action(multi->curl, fd, mask, &running);
	report_finished(multi);
}

static void on_timer(uv_timer_t *timer)
{
	multi_act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(uv_poll_t *poll, int status, int events);

/*
 * On POLLERR libuv stops the poll, and curl, which asked for it, is not told: it
 * goes on here, for whatever curl did not read up to the error. The handle is
 * only freed in a later phase of the loop, hence the look at it is safe.
 */
static void socket_rearm(struct http_socket *sock)
{
	if (!uv_is_closing((uv_handle_t *)&sock->poll))
		uv_poll_start(&sock->poll, sock->events, on_socket);
}

/* An error is passed on as readiness: curl meets it in recv(2) or send(2) and
 * learns its errno, which CURL_CSELECT_ERR would hide. */
static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct http_socket *sock = poll->data;
	int mask = 0;

	if (status < 0)
		events = sock->events;
	if (events & UV_READABLE)
		mask |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		mask |= CURL_CSELECT_OUT;
	multi_act(sock->multi, sock->fd, mask);
	if (status < 0)
		socket_rearm(sock);
}

static int socket_new(struct http_multi *multi, curl_socket_t fd, struct http_socket **out)
{
	struct http_socket *sock = calloc(1, sizeof(*sock));
	int err;

	if (!sock)
		return -ENOMEM;
	err = uv_poll_init_socket(multi->loop, &sock->poll, fd);
	if (err) {
		free(sock);
		return err;
	}
	sock->poll.data = sock;
	sock->multi = multi;
	sock->fd = fd;
	curl_multi_assign(multi->curl, fd, sock);
	*out = sock;
	return 0;
}

static void socket_close(struct http_socket *sock)
{
	uv_close((uv_handle_t *)&sock->poll, on_socket_closed);
}

static int socket_watch(struct http_multi *multi, curl_socket_t fd, int what,
			struct http_socket *sock)
{
	int err;

	if (!sock) {
		err = socket_new(multi, fd, &sock);
		if (err)
			return err;
	}
	sock->events = (what & CURL_POLL_IN ? UV_READABLE : 0) |
		       (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return uv_poll_start(&sock->poll, sock->events, on_socket);
}

/* CURLMOPT_SOCKETFUNCTION. Always 0: anything else would end the whole multi,
 * and with it the checks of all other backends. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct http_multi *multi = arg;
	int err;

	if (what == CURL_POLL_REMOVE) {
		if (assigned)
			socket_close(assigned);
		return 0;
	}
	multi->ops->watched(easy);
	err = socket_watch(multi, fd, what, assigned);
	if (err)
		multi->ops->stuck(easy, err);
	return 0;
}

/* CURLMOPT_TIMERFUNCTION. Time 0 is a timer too: curl must not be entered again
 * from its own callback. */
static int on_curl_timer(CURLM *curl, long timeout_ms, void *arg)
{
	struct http_multi *multi = arg;

	(void)curl;
	if (timeout_ms < 0)
		uv_timer_stop(&multi->timer);
	else
		uv_timer_start(&multi->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static CURLM *curl_new(struct http_multi *multi)
{
	CURLM *curl = curl_multi_init();

	if (!curl)
		return NULL;
	curl_multi_setopt(curl, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(curl, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(curl, CURLMOPT_TIMERDATA, multi);
	curl_multi_setopt(curl, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	return curl;
}

int http_multi_open(uv_loop_t *loop, const struct http_multi_ops *ops, struct http_multi **out)
{
	struct http_multi *multi = calloc(1, sizeof(*multi));

	if (!multi)
		return -ENOMEM;
	multi->loop = loop;
	multi->ops = ops;
	multi->curl = curl_new(multi);
	if (!multi->curl) {
		free(multi);
		return -ENOMEM;
	}
	uv_timer_init(loop, &multi->timer);
	multi->timer.data = multi;
	*out = multi;
	return 0;
}

void http_multi_close(struct http_multi **multi)
{
	struct http_multi *m = *multi;
	CURLM *curl;

	if (!m)
		return;
	*multi = NULL;
	curl = m->curl;
	m->curl = NULL;
	curl_multi_cleanup(curl);
	uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}

int http_multi_add(struct http_multi *multi, CURL *easy)
{
	return curl_multi_add_handle(multi->curl, easy) ? -ENOMEM : 0;
}

void http_multi_remove(struct http_multi *multi, CURL *easy)
{
	curl_multi_remove_handle(multi->curl, easy);
}
