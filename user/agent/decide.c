// SPDX-License-Identifier: GPL-2.0
#include "agent/decide.h"

#include <errno.h>
#include <string.h>

#include "agent/view.h"

#define SECONDS_MAX (365 * 86400.0)

enum action { ACTION_ENABLE, ACTION_DRAIN, ACTION_OFFLINE, ACTION_WEIGHT, ACTIONS };

static const char *const names[ACTIONS] = {
	[ACTION_ENABLE] = "enable",
	[ACTION_DRAIN] = "drain",
	[ACTION_OFFLINE] = "offline",
	[ACTION_WEIGHT] = "weight",
};

struct decision {
	enum action action;
	double seconds;  /* to the deadline, or to the end of the weight; below 0: not said */
	bool of_config;  /* ACTION_WEIGHT: the configuration's again */
	uint32_t weight; /* ACTION_WEIGHT, unless of_config */
};

/* --- the request ---------------------------------------------------------------------- */

static int parse_action(const json_t *value, struct decision *decision, struct lp_err *err)
{
	const char *action = json_string_value(value);

	if (!action)
		return lp_err(err, -EINVAL,
			      "the body needs \"action\": \"drain\", \"offline\", \"enable\" or "
			      "\"weight\"");
	for (int i = 0; i < ACTIONS; i++) {
		if (!strcmp(action, names[i])) {
			decision->action = (enum action)i;
			return 0;
		}
	}
	return lp_err(err, -EINVAL,
		      "action \"%.64s\": not supported; allowed: drain, offline, enable, weight",
		      action);
}

static int parse_seconds(const json_t *body, const char *key, struct decision *decision,
			 struct lp_err *err)
{
	const json_t *value = json_object_get(body, key);

	decision->seconds = -1;
	if (!value)
		return 0;
	decision->seconds = json_number_value(value);
	if (!json_is_number(value) || !(decision->seconds > 0) || decision->seconds > SECONDS_MAX)
		return lp_err(err, -EINVAL, "\"%s\": must be seconds, up to a year", key);
	return 0;
}

/* A number, or null for the configuration's, which is for good. */
static int parse_weight(const json_t *body, struct decision *decision, struct lp_err *err)
{
	const json_t *value = json_object_get(body, "weight");
	json_int_t weight = json_integer_value(value);

	decision->of_config = json_is_null(value);
	if (!decision->of_config &&
	    (!json_is_integer(value) || weight < 0 || weight > CONFIG_WEIGHT_MAX))
		return lp_err(err, -EINVAL,
			      "\"weight\": must be a whole number from 0 to %u, or null for the "
			      "configuration's",
			      CONFIG_WEIGHT_MAX);
	decision->weight = (uint32_t)weight;
	if (decision->of_config && json_object_get(body, "for_s"))
		return lp_err(err, -EINVAL,
			      "\"for_s\": the configuration's weight (null) is not for a time");
	return 0;
}

static int parse_decision(const char *text, struct decision *decision, struct lp_err *err)
{
	json_error_t error;
	json_t *body = json_loads(text, 0, &error);
	int ret;

	if (!body)
		return lp_err(err, -EINVAL, "the body is not JSON: %s", error.text);
	ret = parse_action(json_object_get(body, "action"), decision, err);
	if (!ret && decision->action == ACTION_WEIGHT)
		ret = parse_weight(body, decision, err);
	if (!ret)
		ret = parse_seconds(body,
				    decision->action == ACTION_WEIGHT ? "for_s" : "deadline_s",
				    decision, err);
	json_decref(body);
	return ret;
}

/* --- carrying it out ---------------------------------------------------------------------- */

static int set_weight(struct agent *agent, struct runtime_backend *backend,
		      const struct decision *decision, struct lp_err *err)
{
	uint64_t until = 0;

	if (decision->of_config)
		return agent_clear_weight(agent, backend, err);
	if (decision->seconds > 0)
		until = agent_now().wall + (uint64_t)decision->seconds;
	return agent_set_weight(agent, backend, decision->weight, until, err);
}

static int set_admin(struct agent *agent, struct runtime_backend *backend,
		     const struct decision *decision, struct lp_err *err)
{
	static const enum lp_admin admins[ACTIONS] = {
		[ACTION_ENABLE] = LP_ADMIN_ENABLED,
		[ACTION_DRAIN] = LP_ADMIN_DRAIN,
		[ACTION_OFFLINE] = LP_ADMIN_OFFLINE,
	};
	double seconds = decision->seconds < 0 ? backend->drain_timeout : decision->seconds;

	return agent_set_admin(agent, backend, admins[decision->action],
			       agent_now().wall + (uint64_t)seconds, err);
}

static unsigned int failed(json_t **body, unsigned int status, const char *text)
{
	*body = json_pack("{s:s}", "error", text);
	return status;
}

unsigned int decide(struct agent *agent, const char *target, const char *text, json_t **body)
{
	const char *slash = strchr(target, '/');
	struct runtime_backend *backend = NULL;
	struct decision decision = { 0 };
	char pool[LP_NAME_MAX];
	struct lp_err err;
	int ret;

	if (slash && (size_t)(slash - target) < sizeof(pool)) {
		memcpy(pool, target, (size_t)(slash - target));
		pool[slash - target] = 0;
		backend = runtime_backend(&agent->engine.runtime, pool, slash + 1);
	}
	if (!backend) {
		lp_err(&err, 0, "there is no backend \"%s\"", target);
		return failed(body, 404, err.text);
	}
	if (parse_decision(text, &decision, &err))
		return failed(body, 400, err.text);
	ret = decision.action == ACTION_WEIGHT ? set_weight(agent, backend, &decision, &err)
					       : set_admin(agent, backend, &decision, &err);
	if (ret)
		return failed(body, 500, err.text);
	*body = view_backend(agent, config_pool_find(agent->config, pool), slash + 1);
	return 200;
}
