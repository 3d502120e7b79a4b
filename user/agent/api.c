// SPDX-License-Identifier: GPL-2.0
#include "agent/api.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <malloc.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/routes.h"
#include "lib/log.h"
#include "lib/parse.h"

#define API_BODY_FIRST  4096        /* most requests are short */
#define API_BODY_MAX    (32u << 20) /* one with a configuration of all backends there can be */
#define API_CONNECTIONS 64
#define API_TIMEOUT_S   10

struct api {
	struct agent *agent;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t timer; /* for the library's own timeouts */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* A request while its body comes in. */
struct upload {
	char *body; /* zero-terminated; NULL: nothing has come */
	size_t len, room;
	bool too_long, no_memory;
};

static const char *argument(void *arg, const char *name)
{
	return MHD_lookup_connection_value(arg, MHD_GET_ARGUMENT_KIND, name);
}

/*
 * The status of 10,000 checked backends is 9 MiB of text, and seven times as much before it
 * is text, in so many small pieces that malloc would keep them for ever.
 */
#define LARGE_ANSWER (1u << 20) /* bytes */

/* Takes `body`, which may be NULL. */
static enum MHD_Result send_json(struct MHD_Connection *connection, unsigned int status,
				 json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct MHD_Response *response;
	enum MHD_Result sent;

	json_decref(body);
	if (!text)
		return MHD_NO;
	if (strlen(text) > LARGE_ANSWER)
		malloc_trim(0);
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", "application/json");
	sent = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return sent;
}

/* --- who changed what ------------------------------------------------------------------- */

#define BODY_LOGGED 200 /* bytes of a request's body in the log */

/* The process at the other end when it connected (unix(7)); pid 0: not known. */
static struct ucred peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t len = sizeof(peer);

	if (info)
		getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	return peer;
}

/* One line for each request that may have changed something, done or refused. */
static void log_change(struct MHD_Connection *connection, const struct request *request,
		       unsigned int status, const json_t *body)
{
	const char *error = json_string_value(json_object_get(body, "error"));
	char quoted[LP_QUOTED];
	struct ucred peer;

	if (!strcmp(request->method, "GET") || !strcmp(request->method, "HEAD"))
		return;
	peer = peer_of(connection);
	lp_info("api method=%.16s path=%.128s uid=%d pid=%d status=%u%s%.200s%s body=%.*s",
		request->method, request->path, (int)peer.uid, (int)peer.pid, status,
		error ? " error=\"" : "", error ? lp_log_quoted(quoted, error) : "",
		error ? "\"" : "", BODY_LOGGED, request->body);
}

static enum MHD_Result answer(struct api *api, struct MHD_Connection *connection, const char *url,
			      const char *method, const struct upload *upload)
{
	const struct request request = {
		.method = method,
		.path = url,
		.body = upload->body ? upload->body : "",
		.argument = argument,
		.arg = connection,
	};
	json_t *body = NULL;
	unsigned int status;

	if (upload->too_long) {
		status = 413;
		body = json_pack("{s:s}", "error", "the request is too long");
	} else if (upload->no_memory) {
		status = 500;
		body = json_pack("{s:s}", "error", "out of memory");
	} else {
		status = routes_answer(api->agent, &request, &body);
	}
	log_change(connection, &request, status, body);
	return send_json(connection, status, body);
}

/* Room for `len` bytes more, and a zero. */
static bool make_room(struct upload *upload, size_t len)
{
	size_t room = upload->room ? upload->room : API_BODY_FIRST;
	char *body;

	while (room <= upload->len + len)
		room *= 2;
	if (room == upload->room)
		return true;
	body = realloc(upload->body, room);
	if (!body)
		return false;
	upload->body = body;
	upload->room = room;
	return true;
}

static void take_data(struct upload *upload, const char *data, size_t len)
{
	if (upload->too_long || len > API_BODY_MAX - upload->len) {
		upload->too_long = true;
		return;
	}
	if (upload->no_memory || !make_room(upload, len)) {
		upload->no_memory = true;
		return;
	}
	memcpy(upload->body + upload->len, data, len);
	upload->len += len;
	upload->body[upload->len] = 0;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *len, void **state)
{
	struct upload *upload = *state;

	(void)version;
	if (!upload) {
		*state = calloc(1, sizeof(*upload));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*len) {
		take_data(upload, data, *len);
		*len = 0;
		return MHD_YES;
	}
	return answer(arg, connection, url, method, upload);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct upload *upload = *state;

	(void)arg;
	(void)connection;
	(void)code;
	if (upload)
		free(upload->body);
	free(upload);
	*state = NULL;
}

/* --- the loop ----------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void run(struct api *api)
{
	MHD_UNSIGNED_LONG_LONG wait;

	MHD_run(api->daemon);
	if (MHD_get_timeout(api->daemon, &wait) == MHD_YES)
		uv_timer_start(&api->timer, on_timer, wait, 0);
	else
		uv_timer_stop(&api->timer);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

/* --- opening ------------------------------------------------------------------------------ */

/* A name or a number; NULL leaves *gid as it is. */
static int find_group(const char *name, gid_t *gid, struct lp_err *err)
{
	struct group stored, *group = NULL;
	char text[16384]; /* of the group's entry: names of its members */
	uint32_t number;

	if (!name)
		return 0;
	if (!lp_parse_u32(name, 0, UINT32_MAX - 1, &number)) {
		*gid = number;
		return 0;
	}
	if (getgrnam_r(name, &stored, text, sizeof(text), &group) || !group)
		return lp_err(err, -EINVAL, "--socket-group \"%s\": there is no such group", name);
	*gid = group->gr_gid;
	return 0;
}

/* With neither read nor write for others from its first moment, whatever its mode is
 * to be: its group comes before that. */
static int bind_to(int fd, const char *path, gid_t gid, mode_t mode)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask = umask(0177);
	int ret;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	ret = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	umask(mask);
	if (!ret && gid != (gid_t)-1 && chown(path, (uid_t)-1, gid))
		ret = -errno;
	if (!ret && chmod(path, mode))
		ret = -errno;
	if (!ret && listen(fd, 64))
		ret = -errno;
	return ret;
}

static int listen_on(const char *path, const struct options *options, struct lp_err *err)
{
	gid_t gid = (gid_t)-1;
	int fd, ret = find_group(options->socket_group, &gid, err);

	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return lp_err(err, -errno, "API socket: %s", strerror(errno));
	ret = bind_to(fd, path, gid, options->socket_mode);
	if (ret) {
		close(fd);
		return lp_err(err, ret, "API socket \"%s\": %s", path, strerror(-ret));
	}
	return fd;
}

static int start_daemon(struct api *api, int listen_fd, struct lp_err *err)
{
	const union MHD_DaemonInfo *info;

	api->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, api, MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)API_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)API_TIMEOUT_S, MHD_OPTION_END);
	if (!api->daemon) {
		close(listen_fd);
		return lp_err(err, -EIO, "API socket: the HTTP library does not start");
	}
	info = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || uv_poll_init(api->agent->loop, &api->poll, info->epoll_fd)) {
		MHD_stop_daemon(api->daemon);
		return lp_err(err, -EIO, "API socket: cannot be polled");
	}
	uv_timer_init(api->agent->loop, &api->timer);
	api->poll.data = api;
	api->timer.data = api;
	uv_poll_start(&api->poll, UV_READABLE, on_readable);
	return 0;
}

int api_open(struct agent *agent, struct api **out, struct lp_err *err)
{
	struct api *api = calloc(1, sizeof(*api));
	int fd, ret;

	if (!api)
		return lp_err(err, -ENOMEM, "out of memory");
	api->agent = agent;
	if (snprintf(api->path, sizeof(api->path), "%s/api.sock", agent->options->run_dir) >=
	    (int)sizeof(api->path)) {
		free(api);
		return lp_err(err, -ENAMETOOLONG, "run directory \"%s\": too long for a socket",
			      agent->options->run_dir);
	}
	fd = listen_on(api->path, agent->options, err);
	ret = fd < 0 ? fd : start_daemon(api, fd, err);
	if (ret) {
		free(api);
		return ret;
	}
	*out = api;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_timer(uv_handle_t *handle)
{
	struct api *api = handle->data;

	uv_close((uv_handle_t *)&api->timer, on_closed);
}

void api_close(struct api **api)
{
	if (!*api)
		return;
	uv_poll_stop(&(*api)->poll);
	uv_timer_stop(&(*api)->timer);
	MHD_stop_daemon((*api)->daemon);
	unlink((*api)->path);
	uv_close((uv_handle_t *)&(*api)->poll, close_timer);
	*api = NULL;
}
