/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A server for the tests of the health checks: on the test's own loop, well or
 * badly behaved in one way of a list.
 */
#ifndef LIMPET_TESTS_HEALTH_PEER_H
#define LIMPET_TESTS_HEALTH_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum peer_kind {
	PEER_SILENT, /* accepts, reads, says nothing */
	PEER_REPLY,  /* sends `text` when the request is there, then closes */
	PEER_HOLD,   /* sends `text` when the request is there, then nothing more */
	PEER_DRIP,   /* sends `text` byte by byte, 20 ms apart, round and round */
	PEER_FLOOD,  /* sends `text`, then `flood` for ever */
	PEER_RESET,  /* resets when the request is there, having sent `text` if any */
	PEER_SCRIPT, /* for each '+' in `text` a 200, for each '-' a 503; the last one for ever */
};

struct peer {
	uv_tcp_t listener;
	enum peer_kind kind;
	const char *text, *flood;
	bool raw; /* any bytes are a whole request: clients may not speak HTTP */
	struct peer_conn *conns;
	unsigned int accepted, closed;
	uint16_t port;
	char request[4096]; /* the last one, whole */
};

struct peer_conn {
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_write_t write;
	struct peer *peer;
	struct peer_conn *next;
	unsigned int number; /* of accepted, from 0 */
	size_t len, dripped;
	int open_handles;
	char request[4096];
	char flood[16384];
};

static void peer_conn_freed(uv_handle_t *handle)
{
	struct peer_conn *conn = handle->data;

	if (!--conn->open_handles)
		free(conn);
}

static void peer_conn_unlink(struct peer_conn *conn)
{
	struct peer_conn **at = &conn->peer->conns;

	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	conn->peer->closed++;
}

static void peer_conn_close(struct peer_conn *conn)
{
	if (uv_is_closing((uv_handle_t *)&conn->tcp))
		return;
	peer_conn_unlink(conn);
	uv_close((uv_handle_t *)&conn->tcp, peer_conn_freed);
	uv_close((uv_handle_t *)&conn->timer, peer_conn_freed);
}

static void peer_conn_reset(struct peer_conn *conn)
{
	peer_conn_unlink(conn);
	uv_tcp_close_reset(&conn->tcp, peer_conn_freed);
	uv_close((uv_handle_t *)&conn->timer, peer_conn_freed);
}

static void peer_send(struct peer_conn *conn, const char *data, size_t len, uv_write_cb then)
{
	/* libuv does not write to the buffer. */
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned int)len);

	conn->write.data = conn;
	if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buf, 1, then))
		peer_conn_close(conn);
}

/* What was sent is in the other end's receive queue by then: this is loopback. */
static void peer_send_and_reset(struct peer_conn *conn, const char *text)
{
	uv_buf_t buf;

	if (text) {
		buf = uv_buf_init((char *)(uintptr_t)text, (unsigned int)strlen(text));
		if (uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1) != (int)buf.len)
			abort();
	}
	peer_conn_reset(conn);
}

static void peer_then_close(uv_write_t *write, int status)
{
	(void)status;
	peer_conn_close(write->data);
}

static void peer_then_hold(uv_write_t *write, int status)
{
	(void)write;
	(void)status;
}

static void peer_then_flood(uv_write_t *write, int status)
{
	struct peer_conn *conn = write->data;

	if (status || uv_is_closing((uv_handle_t *)&conn->tcp))
		peer_conn_close(conn);
	else
		peer_send(conn, conn->flood, strlen(conn->flood), peer_then_flood);
}

static void peer_flood(struct peer_conn *conn)
{
	size_t len = strlen(conn->peer->flood), used = 0;

	for (; used + len < sizeof(conn->flood); used += len)
		memcpy(conn->flood + used, conn->peer->flood, len);
	conn->flood[used] = '\0';
	peer_send(conn, conn->peer->text, strlen(conn->peer->text), peer_then_flood);
}

static void peer_on_drip(uv_timer_t *timer)
{
	struct peer_conn *conn = timer->data;
	const char *text = conn->peer->text;

	peer_send(conn, text + conn->dripped++ % strlen(text), 1, peer_then_hold);
}

static void peer_follow_script(struct peer_conn *conn)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	static const char bad[] = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
	size_t last = strlen(conn->peer->text) - 1;
	const char *reply = conn->peer->text[conn->number < last ? conn->number : last] == '+'
				    ? good
				    : bad;

	peer_send(conn, reply, strlen(reply), peer_then_close);
}

static void peer_answer(struct peer_conn *conn)
{
	struct peer *peer = conn->peer;

	memcpy(peer->request, conn->request, sizeof(peer->request));
	switch (peer->kind) {
	case PEER_SILENT:
		break;
	case PEER_REPLY:
		peer_send(conn, peer->text, strlen(peer->text), peer_then_close);
		break;
	case PEER_HOLD:
		peer_send(conn, peer->text, strlen(peer->text), peer_then_hold);
		break;
	case PEER_DRIP:
		uv_timer_start(&conn->timer, peer_on_drip, 0, 20);
		break;
	case PEER_FLOOD:
		peer_flood(conn);
		break;
	case PEER_RESET:
		peer_send_and_reset(conn, peer->text);
		break;
	case PEER_SCRIPT:
		peer_follow_script(conn);
		break;
	}
}

static void peer_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct peer_conn *conn = handle->data;

	(void)suggested;
	*buf = uv_buf_init(conn->request + conn->len,
			   (unsigned int)(sizeof(conn->request) - 1 - conn->len));
}

static void peer_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct peer_conn *conn = stream->data;

	(void)buf;
	if (n < 0) {
		peer_conn_close(conn);
		return;
	}
	conn->len += (size_t)n;
	if (n > 0 && (conn->peer->raw || strstr(conn->request, "\r\n\r\n")))
		peer_answer(conn);
}

static void peer_on_connection(uv_stream_t *listener, int status)
{
	struct peer *peer = listener->data;
	struct peer_conn *conn;

	if (status)
		return;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		abort();
	uv_tcp_init(listener->loop, &conn->tcp);
	uv_timer_init(listener->loop, &conn->timer);
	conn->tcp.data = conn->timer.data = conn;
	conn->open_handles = 2;
	conn->peer = peer;
	conn->next = peer->conns;
	peer->conns = conn;
	conn->number = peer->accepted++;
	if (uv_accept(listener, (uv_stream_t *)&conn->tcp) ||
	    uv_read_start((uv_stream_t *)&conn->tcp, peer_on_alloc, peer_on_read))
		peer_conn_close(conn);
}

/* Listens on any free port of `address`; 0 or -errno. */
static int peer_open(struct peer *peer, uv_loop_t *loop, const char *address, enum peer_kind kind,
		     const char *text)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} any = { 0 };
	int len = sizeof(any);
	int err;

	*peer = (struct peer) { .kind = kind, .text = text };
	if (uv_ip4_addr(address, 0, &any.v4))
		uv_ip6_addr(address, 0, &any.v6);
	uv_tcp_init(loop, &peer->listener);
	peer->listener.data = peer;
	err = uv_tcp_bind(&peer->listener, &any.sa, 0);
	if (!err)
		err = uv_listen((uv_stream_t *)&peer->listener, 1024, peer_on_connection);
	if (!err)
		err = uv_tcp_getsockname(&peer->listener, &any.sa, &len);
	peer->port = ntohs(any.v4.sin_port); /* in the same place for both families */
	return err;
}

/* Closes listener and connections on the loop. */
static void peer_close(struct peer *peer)
{
	while (peer->conns)
		peer_conn_close(peer->conns);
	uv_close((uv_handle_t *)&peer->listener, NULL);
}

#endif
