// SPDX-License-Identifier: GPL-2.0
/* limpetd: the control agent. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "agent/agent.h"
#include "agent/api.h"
#include "agent/options.h"
#include "agent/rundir.h"
#include "lib/log.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct signals {
	struct agent *agent;
	uv_signal_t hup, term, interrupt;
};

static void on_hup(uv_signal_t *handle, int number)
{
	struct signals *signals = handle->data;
	struct lp_err err;

	(void)number;
	if (agent_reload(signals->agent, &err))
		lp_error("reload refused, nothing changed: %s", err.text);
}

static void on_end(uv_signal_t *handle, int number)
{
	lp_info("ending signal=%d", number);
	uv_stop(handle->loop);
}

static void signals_start(struct signals *signals, uv_loop_t *loop)
{
	uv_signal_init(loop, &signals->hup);
	uv_signal_init(loop, &signals->term);
	uv_signal_init(loop, &signals->interrupt);
	signals->hup.data = signals;
	uv_signal_start(&signals->hup, on_hup, SIGHUP);
	uv_signal_start(&signals->term, on_end, SIGTERM);
	uv_signal_start(&signals->interrupt, on_end, SIGINT);
}

static void signals_stop(struct signals *signals)
{
	uv_close((uv_handle_t *)&signals->hup, NULL);
	uv_close((uv_handle_t *)&signals->term, NULL);
	uv_close((uv_handle_t *)&signals->interrupt, NULL);
}

/* Each check of a backend takes a descriptor. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int check_config(const struct options *options)
{
	struct config *config = NULL;
	struct lp_err err;

	if (config_load(options->config, &config, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILED;
	}
	printf("%s: ok: %zu VIPs, %zu pools\n", options->config, config->n_vips, config->n_pools);
	config_free(&config);
	return EXIT_DONE;
}

/* Runs until a signal; the loop is empty when it returns. */
static int serve(uv_loop_t *loop, const struct options *options)
{
	struct agent agent;
	struct signals signals = { .agent = &agent };
	struct api *api = NULL;
	struct lp_err err;
	int ret = agent_start(&agent, loop, options, &err);

	if (!ret)
		ret = api_open(&agent, &api, &err);
	if (ret) {
		fprintf(stderr, "limpetd: %s\n", err.text);
	} else {
		signals_start(&signals, loop);
		lp_info("ready version=%s adopted=%s", LIMPET_VERSION,
			agent.adopted ? "yes" : "no");
		uv_run(loop, UV_RUN_DEFAULT);
		if (!agent.dp)
			ret = -1; /* it could not go back after a failed reload */
		signals_stop(&signals);
	}
	api_close(&api);
	agent_stop(&agent);
	uv_run(loop, UV_RUN_DEFAULT);
	return ret ? EXIT_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options options;
	struct lp_err err;
	uv_loop_t loop;
	int ret, lock;

	ret = options_parse(&options, argc, argv);
	if (ret)
		return ret < 0 ? EXIT_USAGE : EXIT_DONE;
	if (options.check)
		return check_config(&options);
	lp_log_level_set(options.log_level);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	lock = rundir_open(options.run_dir, &err);
	if (lock < 0) {
		fprintf(stderr, "limpetd: %s\n", err.text);
		return EXIT_FAILED;
	}
	uv_loop_init(&loop);
	ret = serve(&loop, &options);
	if (uv_loop_close(&loop))
		lp_debug("handles were left open on the loop");
	close(lock);
	return ret;
}
