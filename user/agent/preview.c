// SPDX-License-Identifier: GPL-2.0
#include "agent/preview.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/checks.h"
#include "agent/interfaces.h"

/* Everything that can be refused before anything is changed. */
static int check(struct agent *agent, struct preview *preview, struct dp_size *need,
		 struct lp_err *err)
{
	int ret = config_parse(preview->file, preview->text, strlen(preview->text),
			       &preview->config, err);

	if (!ret)
		ret = checks_verify(agent, preview->file, preview->config, err);
	if (!ret)
		ret = interfaces_check(preview->config, agent->net, err);
	return ret ? ret : desired_size(preview->config, need, err);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Numbers as they will be: of the datapath that is there, or of a larger one. */
static struct dp_size size_to_come(const struct dp_size *have, const struct dp_size *need)
{
	struct dp_size size = *have;

	size.vips = larger(have->vips, need->vips);
	size.pools = larger(have->pools, need->pools);
	size.backends = larger(have->backends, need->backends);
	return size;
}

static int foretell(struct agent *agent, struct preview *preview, const struct dp_size *need,
		    struct lp_err *err)
{
	const struct dp_size size = size_to_come(dp_size(agent->dp), need);
	const struct desired_known known = { agent->engine.digests, dp_size(agent->dp)->pools };
	struct lp_hash_key key;
	struct forecast_input input = {
		.dp = agent->dp,
		.running = agent->config,
		.coming = preview->config,
		.now = &agent->engine.runtime,
		.next = &preview->next,
		.key = &key,
		.mono = agent_now().mono,
	};
	int ret = forecast_runtime(input.now, input.coming, &size, agent_now().wall,
				   &preview->next);

	if (ret)
		return lp_err(err, ret, "numbers of pools, VIPs and backends: %s", strerror(-ret));
	lp_hash_key_make(&key, preview->config->seed, strlen(preview->config->seed));
	ret = desired_make(preview->config, &preview->next, &size, &key,
			   preview->rekeyed ? NULL : &known, false, &preview->desired, err);
	if (ret)
		return ret;
	input.desired = preview->desired;
	ret = forecast_make(&input, &preview->forecast);
	return ret ? lp_err(err, ret, "out of memory") : 0;
}

static uint64_t digest_text(uint64_t digest, const char *text)
{
	return lp_siphash(digest, 1, text, strlen(text));
}

/* Generations are those of tables: whatever moved a slot in between is noticed. */
static void find_id(struct agent *agent, struct preview *preview)
{
	uint64_t digest = digest_text(dp_control(agent->dp)->generation, agent->config_text);

	for (uint32_t i = 1; i < dp_size(agent->dp)->pools; i++) {
		const struct lp_pool pool = dp_pool(agent->dp, dp_active_half(agent->dp), i);

		digest = lp_siphash(digest, i, &pool.word, sizeof(pool.word));
	}
	digest = digest_text(digest, preview->text);
	snprintf(preview->id, sizeof(preview->id), "%016llx", (unsigned long long)digest);
}

static int fill(struct agent *agent, struct preview *preview, struct lp_err *err)
{
	struct dp_size need;
	int ret = check(agent, preview, &need, err);

	if (ret)
		return ret;
	preview->rekeyed = strcmp(agent->config->seed, preview->config->seed) != 0;
	preview->grows = !dp_size_fits(dp_size(agent->dp), &need);
	ret = foretell(agent, preview, &need, err);
	if (ret)
		return ret;
	ret = config_diff_make(agent->config_text, strlen(agent->config_text), preview->text,
			       strlen(preview->text), &preview->diff);
	if (ret)
		return lp_err(err, ret, "comparing configurations: %s", strerror(-ret));
	find_id(agent, preview);
	return 0;
}

int preview_make(struct agent *agent, const char *file, const char *text, struct preview **out,
		 struct lp_err *err)
{
	struct preview *preview = calloc(1, sizeof(*preview));
	int ret = -ENOMEM;

	if (preview) {
		preview->file = strdup(file);
		preview->text = strdup(text);
	}
	if (!preview || !preview->file || !preview->text)
		lp_err(err, ret, "out of memory");
	else
		ret = fill(agent, preview, err);
	if (ret)
		preview_free(&preview);
	else
		*out = preview;
	return ret;
}

int preview_limit(const struct preview *preview, double max, struct lp_err *err)
{
	const struct forecast_vip *worst = preview->forecast->worst;

	if (!worst || worst->moved_share <= max)
		return 0;
	return lp_err(err, -EDOM,
		      "VIP %s: %.4g%% of its clients would get another server, or none; allowed: "
		      "%.4g%% (max-moved)",
		      worst->name, 100 * worst->moved_share, 100 * max);
}

void preview_free(struct preview **preview)
{
	if (!*preview)
		return;
	forecast_free(&(*preview)->forecast);
	desired_free(&(*preview)->desired);
	config_diff_free(&(*preview)->diff);
	runtime_fini(&(*preview)->next);
	config_free(&(*preview)->config);
	free((*preview)->text);
	free((*preview)->file);
	free(*preview);
	*preview = NULL;
}
