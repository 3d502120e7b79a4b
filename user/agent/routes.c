// SPDX-License-Identifier: GPL-2.0
#include "agent/routes.h"

#include <errno.h>
#include <string.h>

#include "agent/decide.h"
#include "agent/explain.h"
#include "agent/records.h"
#include "agent/routes_config.h"
#include "agent/view.h"
#include "lib/parse.h"

static unsigned int failed(json_t **body, unsigned int status, const char *text)
{
	*body = json_pack("{s:s}", "error", text);
	return status;
}

/* What became of a request that fails with words. */
static unsigned int judged(json_t **body, int ret, const struct lp_err *err)
{
	if (!ret)
		return 200;
	return failed(body, ret == -ENOENT ? 404 : ret == -EINVAL ? 400 : 500, err->text);
}

static unsigned int listed(json_t **body, const char *name, json_t *items)
{
	*body = json_pack("{s:o}", name, items);
	return 200;
}

/* --- GET ------------------------------------------------------------------------------ */

static unsigned int get_version(struct agent *agent, const struct request *request, json_t **body)
{
	(void)request;
	*body = view_version(agent);
	return 200;
}

static unsigned int get_status(struct agent *agent, const struct request *request, json_t **body)
{
	(void)request;
	*body = view_status(agent);
	return 200;
}

static unsigned int get_vips(struct agent *agent, const struct request *request, json_t **body)
{
	(void)request;
	return listed(body, "vips", view_vips(agent));
}

static unsigned int get_pools(struct agent *agent, const struct request *request, json_t **body)
{
	(void)request;
	return listed(body, "pools", view_pools(agent));
}

static unsigned int get_interfaces(struct agent *agent, const struct request *request,
				   json_t **body)
{
	(void)request;
	return listed(body, "interfaces", view_interfaces(agent));
}

static unsigned int get_reasons(struct agent *agent, const struct request *request, json_t **body)
{
	(void)request;
	return listed(body, "reasons", view_reasons(agent));
}

static unsigned int get_config(struct agent *agent, const struct request *request, json_t **body)
{
	(void)request;
	*body = view_config(agent);
	return 200;
}

static unsigned int get_explain(struct agent *agent, const struct request *request, json_t **body)
{
	const struct explain_query query = {
		.vip = request->argument(request->arg, "vip"),
		.port = request->argument(request->arg, "port"),
		.source = request->argument(request->arg, "source"),
		.source_port = request->argument(request->arg, "source_port"),
	};
	struct lp_err err;

	return judged(body, explain(agent, &query, body, &err), &err);
}

#define HEAVY_DEFAULT 10
#define HEAVY_MAX     100

static unsigned int get_audit(struct agent *agent, const struct request *request, json_t **body)
{
	const char *heavy = request->argument(request->arg, "heavy");
	uint32_t n = HEAVY_DEFAULT;
	struct lp_err err;

	if (heavy && lp_parse_u32(heavy, 1, HEAVY_MAX, &n)) {
		lp_err(&err, 0, "heavy \"%.64s\": must be 1 to %d", heavy, HEAVY_MAX);
		return failed(body, 400, err.text);
	}
	*body = view_audit(agent, n);
	return 200;
}

static unsigned int get_records(struct agent *agent, const struct request *request, json_t **body)
{
	const struct records_query query = {
		.vip = request->argument(request->arg, "vip"),
		.source = request->argument(request->arg, "source"),
		.limit = request->argument(request->arg, "limit"),
		.cursor = request->argument(request->arg, "cursor"),
	};
	struct lp_err err;

	return judged(body, records_list(agent, &query, body, &err), &err);
}

/* --- one by name: the path's tail ------------------------------------------------------- */

static unsigned int no_such(json_t **body, const char *kind, const char *name)
{
	struct lp_err err;

	lp_err(&err, 0, "there is no %s \"%s\"", kind, name);
	return failed(body, 404, err.text);
}

static unsigned int get_vip(struct agent *agent, const char *name, json_t **body)
{
	const struct config_vip *vip = config_vip_find(agent->config, name);

	if (!vip)
		return no_such(body, "VIP", name);
	*body = view_vip(agent, vip);
	return 200;
}

static unsigned int get_pool(struct agent *agent, const char *name, json_t **body)
{
	const struct config_pool *pool = config_pool_find(agent->config, name);

	if (!pool)
		return no_such(body, "pool", name);
	*body = view_pool(agent, pool);
	return 200;
}

/* --- POST ------------------------------------------------------------------------------- */

static json_t *lines(const char *text)
{
	json_t *list = json_array();

	for (size_t len; text && *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		json_array_append_new(list, json_stringn(text, len));
	}
	return list;
}

static unsigned int post_reload(struct agent *agent, const struct request *request, json_t **body)
{
	struct lp_err err;
	int ret = agent_reload(agent, &err);

	(void)request;
	if (ret)
		return failed(body, ret == -EINVAL ? 422 : 500, err.text);
	*body = json_pack("{s:I, s:o}", "generation", (json_int_t)dp_control(agent->dp)->generation,
			  "changes", lines(agent->changes));
	return 200;
}

static unsigned int post_flush(struct agent *agent, const struct request *request, json_t **body)
{
	struct lp_err err;

	return judged(body, records_flush(agent, request->body, body, &err), &err);
}

/* --- all ---------------------------------------------------------------------------------- */

static const struct {
	const char *method, *path;
	unsigned int (*answer)(struct agent *agent, const struct request *request, json_t **body);
} routes[] = {
	{ "GET", "/v1/version", get_version },
	{ "GET", "/v1/status", get_status },
	{ "GET", "/v1/vips", get_vips },
	{ "GET", "/v1/pools", get_pools },
	{ "GET", "/v1/interfaces", get_interfaces },
	{ "GET", "/v1/reasons", get_reasons },
	{ "GET", "/v1/config", get_config },
	{ "GET", "/v1/config/desired", routes_config_desired },
	{ "GET", "/v1/config/diff", routes_config_diff },
	{ "POST", "/v1/config/plan", routes_config_plan },
	{ "POST", "/v1/config/apply", routes_config_apply },
	{ "GET", "/v1/explain", get_explain },
	{ "GET", "/v1/audit", get_audit },
	{ "GET", "/v1/records", get_records },
	{ "POST", "/v1/records/flush", post_flush },
	{ "POST", "/v1/reload", post_reload },
};

/* What follows `prefix` in the path, or NULL. */
static const char *tail_of(const struct request *request, const char *method, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strcmp(request->method, method) || strncmp(request->path, prefix, len) ||
	    !request->path[len])
		return NULL;
	return request->path + len;
}

static unsigned int by_name(struct agent *agent, const struct request *request, json_t **body)
{
	const char *tail;

	if ((tail = tail_of(request, "GET", "/v1/vips/")))
		return get_vip(agent, tail, body);
	if ((tail = tail_of(request, "GET", "/v1/pools/")))
		return get_pool(agent, tail, body);
	if ((tail = tail_of(request, "POST", "/v1/backends/")))
		return decide(agent, tail, request->body, body);
	return 0;
}

static unsigned int not_found(const struct request *request, json_t **body)
{
	struct lp_err err;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(request->path, routes[i].path))
			continue;
		lp_err(&err, 0, "%s takes %s, not %.16s", request->path, routes[i].method,
		       request->method);
		return failed(body, 405, err.text);
	}
	lp_err(&err, 0, "there is nothing at \"%.256s\"; see docs/api.md", request->path);
	return failed(body, 404, err.text);
}

unsigned int routes_answer(struct agent *agent, const struct request *request, json_t **body)
{
	unsigned int status;

	*body = NULL;
	if (!agent->dp || !agent->config)
		return failed(body, 503, "limpetd is starting or ending");
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (!strcmp(request->method, routes[i].method) &&
		    !strcmp(request->path, routes[i].path))
			return routes[i].answer(agent, request, body);
	status = by_name(agent, request, body);
	return status ? status : not_found(request, body);
}
