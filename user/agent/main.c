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
#include "agent/notify.h"
#include "agent/options.h"
#include "agent/privileges.h"
#include "agent/rundir.h"
#include "agent/seccomp.h"
#include "health/exec_spawner.h"
#include "lib/log.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What comes from outside, beside the API: signals, and a supervisor who wants to hear
 * of us. */
struct signals {
	struct agent *agent;
	struct notify notify;
	uv_signal_t hup, term, interrupt;
	uv_timer_t beat;
};

static void on_hup(uv_signal_t *handle, int number)
{
	struct signals *signals = handle->data;
	struct lp_err err;

	(void)number;
	notify_reloading(&signals->notify);
	if (agent_reload(signals->agent, &err))
		lp_error("reload refused, nothing changed: %s", err.text);
	notify_send(&signals->notify, "READY=1");
}

static void on_end(uv_signal_t *handle, int number)
{
	const struct signals *signals = handle->data;

	lp_info("ending signal=%d", number);
	notify_send(&signals->notify, "STOPPING=1");
	uv_stop(handle->loop);
}

/* From the loop, because this is what has to go round. */
static void on_beat(uv_timer_t *timer)
{
	const struct signals *signals = timer->data;

	notify_send(&signals->notify, "WATCHDOG=1");
}

/* Twice as often as it is expected, as sd_watchdog_enabled(3) advises. */
static void beat_start(struct signals *signals, uv_loop_t *loop)
{
	uint64_t ms = signals->notify.watchdog_us / 2000;

	uv_timer_init(loop, &signals->beat);
	signals->beat.data = signals;
	if (signals->notify.watchdog_us)
		uv_timer_start(&signals->beat, on_beat, 0, ms ? ms : 1);
}

static void signals_start(struct signals *signals, uv_loop_t *loop)
{
	uv_signal_init(loop, &signals->hup);
	uv_signal_init(loop, &signals->term);
	uv_signal_init(loop, &signals->interrupt);
	signals->hup.data = signals->term.data = signals->interrupt.data = signals;
	uv_signal_start(&signals->hup, on_hup, SIGHUP);
	uv_signal_start(&signals->term, on_end, SIGTERM);
	uv_signal_start(&signals->interrupt, on_end, SIGINT);
	beat_start(signals, loop);
}

static void signals_stop(struct signals *signals)
{
	uv_close((uv_handle_t *)&signals->hup, NULL);
	uv_close((uv_handle_t *)&signals->term, NULL);
	uv_close((uv_handle_t *)&signals->interrupt, NULL);
	uv_close((uv_handle_t *)&signals->beat, NULL);
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

/* Everything that takes privileges is done. Going on with what is not given up would
 * be no reason to end; not to be told of it would be. */
static int settle(const struct options *options, struct lp_err *err)
{
	int ret = privileges_settle();

	if (ret)
		return lp_err(err, ret, "giving up capabilities: %s", strerror(-ret));
	if (!options->no_seccomp && seccomp_begin(err))
		lp_warning("running without it: %s", err->text);
	return 0;
}

static void run(struct agent *agent, uv_loop_t *loop)
{
	struct signals signals = { .agent = agent };

	notify_open(&signals.notify);
	signals_start(&signals, loop);
	lp_info("ready version=%s adopted=%s", LIMPET_VERSION, agent->adopted ? "yes" : "no");
	notify_send(&signals.notify, "READY=1\nSTATUS=%zu VIPs, %zu pools", agent->config->n_vips,
		    agent->config->n_pools);
	uv_run(loop, UV_RUN_DEFAULT);
	signals_stop(&signals);
	notify_close(&signals.notify);
}

/* Runs until a signal; the loop is empty when it returns. */
static int serve(uv_loop_t *loop, const struct options *options, struct exec_spawner *spawner)
{
	struct agent agent;
	struct api *api = NULL;
	struct lp_err err;
	int ret = agent_start(&agent, loop, options, spawner, &err);

	if (!ret)
		ret = api_open(&agent, &api, &err);
	if (!ret)
		ret = settle(options, &err);
	if (ret) {
		fprintf(stderr, "limpetd: %s\n", err.text);
	} else {
		run(&agent, loop);
		if (!agent.dp)
			ret = -1; /* it could not go back after a failed reload */
	}
	api_close(&api);
	agent_stop(&agent);
	uv_run(loop, UV_RUN_DEFAULT);
	return ret ? EXIT_FAILED : EXIT_DONE;
}

static int serve_in(const struct options *options, struct exec_spawner *spawner)
{
	struct lp_err err;
	uv_loop_t loop;
	int ret, lock = rundir_open(options->run_dir, &err);

	if (lock < 0) {
		fprintf(stderr, "limpetd: %s\n", err.text);
		return EXIT_FAILED;
	}
	uv_loop_init(&loop);
	ret = serve(&loop, options, spawner);
	if (uv_loop_close(&loop))
		lp_debug("handles were left open on the loop");
	close(lock);
	return ret;
}

/* The one who keeps what it takes to start programs, then what limpetd has not. */
static int divide(struct exec_spawner *spawner)
{
	int ret = exec_spawner_start(spawner);

	if (!ret)
		ret = privileges_begin();
	if (ret)
		fprintf(stderr, "limpetd: giving up privileges: %s\n", strerror(-ret));
	return ret;
}

int main(int argc, char **argv)
{
	struct exec_spawner spawner = { .fd = -1 };
	struct options options;
	int ret;

	ret = options_parse(&options, argc, argv);
	if (ret)
		return ret < 0 ? EXIT_USAGE : EXIT_DONE;
	if (options.check)
		return check_config(&options);
	lp_log_level_set(options.log_level);
	signal(SIGPIPE, SIG_IGN);
	if (divide(&spawner))
		return EXIT_FAILED;
	raise_descriptors();
	ret = serve_in(&options, &spawner);
	exec_spawner_stop(&spawner);
	return ret;
}
