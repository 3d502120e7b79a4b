// SPDX-License-Identifier: GPL-2.0
#include "agent/routes_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/preview.h"
#include "agent/view.h"
#include "lib/file.h"

static unsigned int failed(json_t **body, unsigned int status, const char *text)
{
	*body = json_pack("{s:s}", "error", text);
	return status;
}

/* A configuration that is wrong, or names what is not there, is the request's fault. */
static unsigned int refused(json_t **body, int ret, const struct lp_err *err)
{
	bool wrong = ret == -EINVAL || ret == -ENODEV || ret == -ENOSPC;

	return failed(body, wrong ? 422 : 500, err->text);
}

/* --- what the file says ------------------------------------------------------------- */

unsigned int routes_config_desired(struct agent *agent, const struct request *request,
				   json_t **body)
{
	struct lp_err err;
	char *text = NULL;
	size_t len;
	int ret = file_read(agent->options->config, &text, &len, &err);

	(void)request;
	if (ret)
		return failed(body, 500, err.text);
	*body = json_pack("{s:s, s:s#}", "file", agent->options->config, "text", text, len);
	free(text);
	return *body ? 200 : failed(body, 422, "the configuration file is not UTF-8 text");
}

static int diff_to_file(const struct agent *agent, struct config_diff **diff, struct lp_err *err)
{
	struct config *config = NULL;
	char *text = NULL;
	size_t len;
	int ret = file_read(agent->options->config, &text, &len, err);

	if (!ret)
		ret = config_parse(agent->options->config, text, len, &config, err);
	if (!ret &&
	    config_diff_make(agent->config_text, strlen(agent->config_text), text, len, diff))
		ret = lp_err(err, -ENOMEM, "out of memory");
	config_free(&config);
	free(text);
	return ret;
}

unsigned int routes_config_diff(struct agent *agent, const struct request *request, json_t **body)
{
	struct config_diff *diff = NULL;
	struct lp_err err;
	int ret = diff_to_file(agent, &diff, &err);

	(void)request;
	if (ret)
		return refused(body, ret, &err);
	*body = view_drift(agent, diff);
	config_diff_free(&diff);
	return 200;
}

/* --- plan and apply ----------------------------------------------------------------- */

/* The body of a request; texts are borrowed from it. */
struct proposal {
	json_t *body;
	const char *file, *text;
	const char *plan; /* NULL: any */
	double max_moved; /* a share; below 0: no limit */
};

static int parse_text(const json_t *body, const char *key, const char **out, struct lp_err *err)
{
	const json_t *value = json_object_get(body, key);

	if (value && !json_is_string(value))
		return lp_err(err, -EINVAL, "\"%s\": must be text", key);
	*out = value ? json_string_value(value) : NULL;
	return 0;
}

static int parse_max(const json_t *body, double *max, struct lp_err *err)
{
	const json_t *value = json_object_get(body, "max_moved");

	*max = -1;
	if (!value)
		return 0;
	if (!json_is_number(value) || !(json_number_value(value) >= 0) ||
	    json_number_value(value) > 1)
		return lp_err(err, -EINVAL, "\"max_moved\": must be a share, 0 to 1");
	*max = json_number_value(value);
	return 0;
}

static int parse_proposal(const char *text, struct proposal *proposal, struct lp_err *err)
{
	json_error_t error;
	json_t *body = json_loads(text, 0, &error);
	int ret;

	*proposal = (struct proposal) { .body = body };
	if (!json_is_object(body)) {
		json_decref(body);
		return lp_err(err, -EINVAL, "the body is not a JSON object%s%s", body ? "" : ": ",
			      body ? "" : error.text);
	}
	ret = parse_text(body, "text", &proposal->text, err);
	if (!ret && !proposal->text)
		ret = lp_err(err, -EINVAL, "the body needs \"text\": the configuration");
	if (!ret)
		ret = parse_text(body, "file", &proposal->file, err);
	if (!ret)
		ret = parse_text(body, "plan", &proposal->plan, err);
	if (!ret)
		ret = parse_max(body, &proposal->max_moved, err);
	if (ret)
		json_decref(body);
	if (!ret && !proposal->file)
		proposal->file = "(request)";
	return ret;
}

/* The plan as a document, with the limit and whether it is kept. */
static json_t *describe(struct agent *agent, const struct preview *preview,
			const struct proposal *proposal)
{
	json_t *object = view_preview(preview, dp_control(agent->dp)->generation);
	double max = proposal->max_moved;
	struct lp_err err;
	bool over = max >= 0 && preview_limit(preview, max, &err);

	if (!object)
		return NULL;
	json_object_set_new(object, "max_moved", max >= 0 ? json_real(max) : json_null());
	json_object_set_new(object, "refused", over ? json_string(err.text) : json_null());
	return object;
}

unsigned int routes_config_plan(struct agent *agent, const struct request *request, json_t **body)
{
	struct preview *preview = NULL;
	struct proposal proposal;
	struct lp_err err;
	int ret;

	if (parse_proposal(request->body, &proposal, &err))
		return failed(body, 400, err.text);
	ret = preview_make(agent, proposal.file, proposal.text, &preview, &err);
	if (!ret)
		*body = describe(agent, preview, &proposal);
	preview_free(&preview);
	json_decref(proposal.body);
	return ret ? refused(body, ret, &err) : 200;
}

/* Does the agent's own file say the same, so that a restart keeps it? */
static bool is_saved(const struct agent *agent)
{
	char *text = NULL;
	size_t len;
	bool same;

	if (file_read(agent->options->config, &text, &len, NULL))
		return false;
	same = len == strlen(agent->config_text) && !memcmp(text, agent->config_text, len);
	free(text);
	return same;
}

/* Between the check and the change nothing else runs: there is one thread. */
static unsigned int apply(struct agent *agent, const struct proposal *proposal,
			  const struct preview *preview, json_t **body)
{
	struct lp_err err;
	json_t *document;
	int ret;

	if (proposal->plan && strcmp(proposal->plan, preview->id) != 0) {
		lp_err(&err, 0,
		       "plan \"%.64s\" is not for what runs now and this file (that would be "
		       "%s): nothing was changed; plan again",
		       proposal->plan, preview->id);
		return failed(body, 409, err.text);
	}
	if (proposal->max_moved >= 0 && preview_limit(preview, proposal->max_moved, &err))
		return failed(body, 409, err.text);
	document = describe(agent, preview, proposal);
	ret = agent_apply(agent, proposal->file, proposal->text, &err);
	if (ret) {
		json_decref(document);
		return refused(body, ret, &err);
	}
	*body = document;
	json_object_set_new(document, "applied", json_true());
	json_object_set_new(document, "saved", json_boolean(is_saved(agent)));
	json_object_set_new(document, "generation",
			    json_integer((json_int_t)dp_control(agent->dp)->generation));
	return 200;
}

unsigned int routes_config_apply(struct agent *agent, const struct request *request, json_t **body)
{
	struct preview *preview = NULL;
	struct proposal proposal;
	unsigned int status;
	struct lp_err err;
	int ret;

	if (parse_proposal(request->body, &proposal, &err))
		return failed(body, 400, err.text);
	ret = preview_make(agent, proposal.file, proposal.text, &preview, &err);
	status = ret ? refused(body, ret, &err) : apply(agent, &proposal, preview, body);
	preview_free(&preview);
	json_decref(proposal.body);
	return status;
}
