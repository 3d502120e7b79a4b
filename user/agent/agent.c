// SPDX-License-Identifier: GPL-2.0
#include "agent/agent.h"

#include <errno.h>
#include <limpet/hash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/carry.h"
#include "agent/interfaces.h"
#include "agent/view.h"
#include "lib/addr.h"
#include "lib/file.h"
#include "lib/log.h"
#include "net/ports.h"

/* How long a first start waits for neighbours before traffic comes. */
#define RESOLVE_WAIT_MS 500

#define TICK_MS 1000

static uint64_t now_s(void)
{
	return (uint64_t)time(NULL);
}

/* The coarse clock is what bpf_ktime_get_coarse_ns() reads. */
struct engine_time agent_now(void)
{
	struct timespec mono;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &mono);
	return (struct engine_time) { .mono = (uint32_t)mono.tv_sec, .wall = now_s() };
}

void agent_because(struct agent *agent, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	watch_because(&agent->watch, &agent->engine, agent_now(), fmt, ap);
	va_end(ap);
}

/* --- following ------------------------------------------------------------------- */

/* The way is lost, or there again; what it was is kept until a neighbour is silent. */
static void set_hop(struct runtime_backend *backend, const struct lp_hop *hop, bool silent)
{
	if (backend->hop.ifindex)
		backend->last_hop = backend->hop;
	if (silent)
		backend->last_hop = (struct lp_hop) { .ifindex = 0 };
	backend->hop = *hop;
}

/*
 * So long after this machine has its link again a neighbour that does not answer yet is
 * not to blame: the kernel's first question may have gone to a switch that was not ready,
 * and the others follow one second apart (three of them: mcast_solicit, retrans_time_ms).
 */
#define WAY_GRACE_S 5

/* Is it this machine's fault that there is no way? Tells the checks. */
static void judge_way(struct agent *agent, struct runtime_backend *backend, enum net_state state)
{
	uint32_t now = agent_now().mono;

	if (net_state_is_own(state)) {
		backend->no_way = net_state_name(state);
		backend->way_due = now + WAY_GRACE_S;
	} else if (state == NET_OK || now >= backend->way_due) {
		backend->no_way = NULL;
	}
	health_set_way(agent->health, backend->number, backend->no_way);
}

/* Those whose time of grace is over, of which no event tells. */
static void follow_ways(struct agent *agent)
{
	uint32_t now = agent_now().mono;
	struct lp_hop hop;

	for (size_t i = 0; i < agent->engine.runtime.n_backends; i++) {
		struct runtime_backend *backend = &agent->engine.runtime.backends[i];

		if (backend->no_way && now >= backend->way_due)
			judge_way(agent, backend, net_resolve(agent->net, &backend->address, &hop));
	}
}

/*
 * Asks for the way to one backend. While its neighbour is being asked, the way
 * that was known is kept: after a restart, or when an entry expires, the old MAC
 * address is nearly always right, and no address is always wrong (P8). So it is
 * when a link comes back: all backends behind it are there at once, and not the
 * first to answer with everybody's clients.
 */
static enum net_state resolve_hop(struct agent *agent, struct runtime_backend *backend)
{
	struct lp_hop hop;
	enum net_state state = net_resolve(agent->net, &backend->address, &hop);

	if (state != NET_RESOLVING)
		set_hop(backend, &hop, state == NET_NEIGHBOUR_FAILED);
	else if (!backend->hop.ifindex)
		backend->hop = backend->last_hop.ifindex ? backend->last_hop : hop;
	judge_way(agent, backend, state);
	backend->link_bits = net_link_bits(agent->net, &backend->address);
	return state;
}

/* Asks for the way to each backend; how many are still being resolved. */
static size_t resolve_hops(struct agent *agent)
{
	size_t resolving = 0;

	for (size_t i = 0; i < agent->engine.runtime.n_backends; i++)
		if (agent->engine.runtime.backends[i].wanted ||
		    agent->engine.runtime.backends[i].leaving)
			resolving += resolve_hop(agent, &agent->engine.runtime.backends[i]) ==
				     NET_RESOLVING;
	return resolving;
}

/* A link that goes down takes many with it: so many have a line of their own. */
#define HOP_LINES 8

/* One way that was lost, or found. */
static void note_hop(struct agent *agent, const struct runtime_backend *backend,
		     enum net_state state, size_t n)
{
	const char *what = backend->hop.ifindex ? "found" : "lost";

	agent_because(agent, "next hop of %s/%s %s", backend->pool, backend->name, what);
	if (n < HOP_LINES)
		lp_info("backend=%s/%s state=%s next_hop=%s why=\"%s\"", backend->pool,
			backend->name, runtime_state(backend), what, net_state_name(state));
}

/* The same, saying which ways were lost and found. */
static void follow_hops(struct agent *agent)
{
	size_t n = 0;

	for (size_t i = 0; i < agent->engine.runtime.n_backends; i++) {
		struct runtime_backend *backend = &agent->engine.runtime.backends[i];
		bool known = backend->hop.ifindex;
		enum net_state state;

		if (!backend->wanted && !backend->leaving)
			continue;
		state = resolve_hop(agent, backend);
		if (known != (backend->hop.ifindex != 0))
			note_hop(agent, backend, state, n++);
	}
	if (n > HOP_LINES)
		lp_info("next hops of %zu more backends were lost or found", n - HOP_LINES);
}

/* Words for what an operation means to traffic; false if nothing. */
static bool describe_op(const struct agent *agent, const struct plan_op *op, char *text,
			size_t size)
{
	switch (op->kind) {
	case PLAN_BACKEND_NEW:
		snprintf(text, size, "backend %s/%s is new", op->backend->pool, op->backend->name);
		return true;
	case PLAN_TABLE:
		snprintf(text, size, "pool %s: %u of %u slots move",
			 agent->engine.runtime.pools[op->number].name, op->moved, LP_SLOTS);
		return true;
	case PLAN_FLIP:
		snprintf(text, size, "VIP table replaced");
		return true;
	default:
		return false;
	}
}

/* Keeps what the plan changes for the API's answer; a failure costs only that. */
static void keep_changes(struct agent *agent, const struct plan *plan)
{
	char line[2 * LP_NAME_MAX + 64];
	size_t size;
	FILE *out;

	free(agent->changes);
	agent->changes = NULL;
	out = open_memstream(&agent->changes, &size);
	if (!out)
		return;
	for (size_t i = 0; i < plan->n_ops; i++)
		if (describe_op(agent, &plan->ops[i], line, sizeof(line)))
			fprintf(out, "%s\n", line);
	if (fclose(out)) {
		free(agent->changes);
		agent->changes = NULL;
	}
}

static void log_plan(const struct agent *agent, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_ops; i++) {
		const struct plan_op *op = &plan->ops[i];

		if (op->kind == PLAN_TABLE)
			lp_info("pool=%s slots_moved=%u slots=%u why=\"%s\"",
				agent->engine.runtime.pools[op->number].name, op->moved, LP_SLOTS,
				watch_why(&agent->watch));
		else if (op->kind == PLAN_FLIP)
			lp_info("configuration flipped generation=%llu",
				(unsigned long long)dp_control(agent->dp)->generation);
	}
}

/* What a change of configuration tells its caller, and what any change tells the log. */
static void on_applied(void *arg, const struct plan *plan)
{
	struct agent *agent = arg;

	log_plan(agent, plan);
	watch_applied(&agent->watch, &agent->engine, agent_now());
}

static void on_config_applied(void *arg, const struct plan *plan)
{
	on_applied(arg, plan);
	keep_changes(arg, plan);
}

/* `with_vips`: what the VIP table depends on has changed, too. */
static int converge(struct agent *agent, bool with_vips)
{
	struct lp_err err;
	int ret = engine_converge(&agent->engine, agent->config, with_vips, agent_now(), on_applied,
				  agent, &err);

	if (ret)
		lp_error("%s", err.text);
	return ret;
}

int agent_converge(struct agent *agent)
{
	return converge(agent, false);
}

static void on_net_changed(void *arg)
{
	struct agent *agent = arg;
	bool interfaces = false;

	if (!agent->config || !agent->dp)
		return; /* starting, or ending */
	/* Policies cite interfaces by their numbers, and are there before packets are. */
	if (interfaces_tell(agent->config, agent->net, agent->dp, &agent->engine.runtime,
			    &interfaces))
		lp_error("out of memory: policies of new interfaces are not in force");
	if (interfaces)
		converge(agent, true);
	interfaces_follow(&agent->interfaces, agent->config, agent->net, agent->dp);
	follow_hops(agent);
	carry_follow(agent);
	agent_converge(agent);
}

/* Says whose deadline has passed: those that still live in the datapath. */
static void because_expired(struct agent *agent)
{
	for (size_t i = 0; i < agent->engine.runtime.n_backends; i++) {
		const struct runtime_backend *backend = &agent->engine.runtime.backends[i];

		if (!backend->expired || !(backend->state.flags & LP_BACKEND_ALIVE))
			continue;
		lp_info("backend=%s/%s state=%s why=\"deadline\"", backend->pool, backend->name,
			runtime_state(backend));
		agent_because(agent, "deadline of %s/%s passed", backend->pool, backend->name);
	}
}

/* Says whose weight is about to be the configuration's again. */
static void because_weights(struct agent *agent, uint64_t now)
{
	for (size_t i = 0; i < agent->engine.runtime.n_backends; i++) {
		const struct runtime_backend *backend = &agent->engine.runtime.backends[i];

		if (!runtime_weight_is_over(backend, now))
			continue;
		lp_info("backend=%s/%s weight=%u why=\"time over\"", backend->pool, backend->name,
			backend->weight);
		agent_because(agent, "weight of %s/%s is %u again", backend->pool, backend->name,
			      backend->weight);
	}
}

/* Says who gets more of his slots. */
static void because_slow_starts(struct agent *agent)
{
	for (size_t i = 0; i < agent->engine.runtime.n_backends; i++) {
		const struct runtime_backend *backend = &agent->engine.runtime.backends[i];

		if (backend->ramps)
			agent_because(agent, "slow start of %s/%s", backend->pool, backend->name);
	}
}

/* Deadlines that are written down follow the clock of people when it jumps; did it? */
static bool follow_clock(struct agent *agent)
{
	struct timespec running;
	int64_t jump;

	clock_gettime(CLOCK_BOOTTIME, &running);
	jump = clock_jump(&agent->clock, now_s(), (uint64_t)running.tv_sec);
	if (!jump)
		return false;
	lp_warning("clock jumped_s=%lld, and deadlines with it", (long long)jump);
	runtime_shift(&agent->engine.runtime, jump);
	return true;
}

static void on_tick(uv_timer_t *timer)
{
	struct agent *agent = timer->data;

	lp_log_tick();
	if (!agent->config || !agent->dp)
		return;
	if (follow_clock(agent))
		agent_converge(agent);
	watch_tick(&agent->watch, &agent->engine, agent_now());
	follow_ways(agent);
	because_weights(agent, agent_now().wall);
	view_entries_warn(agent);
	if (!engine_tick(&agent->engine, agent_now()))
		return;
	because_expired(agent);
	because_slow_starts(agent);
	agent_converge(agent);
}

/* --- configuration ------------------------------------------------------------------ */

static void retain_neighbours(struct agent *agent)
{
	struct lp_addr *addresses = calloc(agent->engine.runtime.n_backends + 1,
					   sizeof(*addresses));

	if (!addresses)
		return; /* they are kept up a little longer */
	for (size_t i = 0; i < agent->engine.runtime.n_backends; i++)
		addresses[i] = agent->engine.runtime.backends[i].address;
	net_retain(agent->net, addresses, agent->engine.runtime.n_backends);
	free(addresses);
}

/* Packets go on. */
static void close_datapath(struct agent *agent)
{
	fragments_close(&agent->fragments);
	dp_close(&agent->dp);
}

/* Opens the datapath with capacities for `config`, and learns what is in it. */
static int open_datapath(struct agent *agent, const struct config *config,
			 const struct dp_size *size, struct lp_err *err)
{
	struct dp_bpf_options options = {
		.pin_dir = agent->options->pin_dir,
		.need = *size,
		.size = *size,
	};
	int ret;

	desired_roomy(&options.size);
	lp_hash_key_make(&options.key, config->seed, strlen(config->seed));
	ret = dp_bpf_open(&options, &agent->dp, &agent->adopted, err);
	if (ret)
		return ret;
	engine_close(&agent->engine);
	ret = engine_open(&agent->engine, agent->dp, &options.key, agent_now());
	if (ret) {
		close_datapath(agent);
		return lp_err(err, ret, "out of memory");
	}
	ret = fragments_open(agent->loop, agent->dp, &agent->fragments);
	if (ret)
		lp_warning("early fragments are dropped: %s", strerror(-ret));
	return 0;
}

/* The datapath has room for this configuration, and its key is the seed's. */
static bool datapath_serves(const struct agent *agent, const struct config *config,
			    const struct dp_size *size)
{
	return agent->dp && agent->config && dp_size_fits(dp_size(agent->dp), size) &&
	       !strcmp(agent->config->seed, config->seed);
}

static void stop_waiting(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/*
 * On a first start there is no traffic to lose yet: give neighbours a moment to
 * answer, so that the first packets find the way.
 */
static void wait_for_neighbours(struct agent *agent)
{
	bool late = false;
	uv_timer_t timer;

	if (uv_timer_init(agent->loop, &timer))
		return;
	timer.data = &late;
	uv_timer_start(&timer, stop_waiting, RESOLVE_WAIT_MS, 0);
	while (resolve_hops(agent) && !late)
		uv_run(agent->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(agent->loop, UV_RUN_NOWAIT); /* closes it, before it goes out of scope */
}

/* Which ports are the host's own, before packets take any. */
static void tell_ports(struct agent *agent)
{
	uint16_t first, last;

	net_own_ports(&first, &last);
	dp_own_ports(agent->dp, first, last);
}

/*
 * Everything that follows once the configuration is known to be right. A
 * datapath that is in use gets new interfaces first, because only that can be
 * refused; one that was opened just now takes over only when it is complete.
 */
static int bring_up(struct agent *agent, const struct config *config, bool opened,
		    struct lp_err *err)
{
	int ret = engine_assign(&agent->engine, config, agent_now(), err);
	bool changed;

	if (!ret &&
	    interfaces_tell(config, agent->net, agent->dp, &agent->engine.runtime, &changed))
		ret = lp_err(err, -ENOMEM, "out of memory");
	if (ret)
		return ret;
	if (opened && !agent->adopted)
		wait_for_neighbours(agent);
	else
		resolve_hops(agent);
	if (!opened)
		ret = interfaces_attach(config, agent->net, agent->dp, err);
	tell_ports(agent);
	agent_because(agent, "configuration loaded");
	if (!ret)
		ret = engine_converge(&agent->engine, config, true, agent_now(), on_config_applied,
				      agent, err);
	if (!ret && opened)
		ret = interfaces_attach(config, agent->net, agent->dp, err);
	if (!ret)
		ret = dp_publish(agent->dp, err);
	if (ret)
		return ret;
	interfaces_prune(config, agent->dp);
	interfaces_note(&agent->interfaces, config, agent->net, agent->dp);
	engine_settle(&agent->engine, agent_now());
	retain_neighbours(agent);
	return 0;
}

/* A configuration before it is in force: parsed, its text, and the file's name. */
struct candidate {
	struct config *config;
	char *text, *file;
};

static void candidate_free(struct candidate *candidate)
{
	config_free(&candidate->config);
	free(candidate->text);
	free(candidate->file);
	*candidate = (struct candidate) { 0 };
}

/* Takes `text`, whether it succeeds or not. */
static int make_candidate(const char *file, char *text, size_t len, struct candidate *candidate,
			  struct lp_err *err)
{
	int ret;

	*candidate = (struct candidate) { .text = text, .file = strdup(file) };
	if (text && candidate->file)
		ret = config_parse(file, text, len, &candidate->config, err);
	else
		ret = lp_err(err, -ENOMEM, "out of memory");
	if (ret)
		candidate_free(candidate);
	return ret;
}

static void take_config(struct agent *agent, struct candidate *candidate)
{
	config_free(&agent->config);
	free(agent->config_text);
	free(agent->config_file);
	agent->config = candidate->config;
	agent->config_text = candidate->text;
	agent->config_file = candidate->file;
	agent->loaded_at = now_s();
	*candidate = (struct candidate) { 0 };
}

static int apply_config(struct agent *agent, const struct config *config, struct lp_err *err)
{
	struct dp_size size;
	bool open;
	int ret;

	ret = interfaces_check(config, agent->net, err);
	if (!ret)
		ret = desired_size(config, &size, err);
	if (ret)
		return ret;
	open = !datapath_serves(agent, config, &size);
	if (open) {
		close_datapath(agent); /* packets go on */
		ret = open_datapath(agent, config, &size, err);
	}
	return ret ? ret : bring_up(agent, config, open, err);
}

/*
 * After a change that failed half way: the configuration before it again. If
 * even that fails the agent ends; the datapath goes on with what it has.
 */
static void go_back(struct agent *agent)
{
	struct lp_err err;

	close_datapath(agent);
	if (!agent->config || !apply_config(agent, agent->config, &err))
		return;
	lp_error("going back to the configuration before failed: %s", err.text);
	close_datapath(agent);
	uv_stop(agent->loop);
}

/* Takes the candidate, or frees it. */
static int put_in_force(struct agent *agent, struct candidate *candidate, struct lp_err *err)
{
	int ret = checks_verify(agent, candidate->file, candidate->config, err);

	if (ret) {
		candidate_free(candidate);
		return ret;
	}
	ret = apply_config(agent, candidate->config, err);
	if (ret) {
		if (agent->config)
			go_back(agent);
		candidate_free(candidate);
		return ret;
	}
	take_config(agent, candidate);
	ret = checks_set(agent, err);
	if (ret)
		return ret;
	lp_info("configuration loaded file=%s vips=%zu pools=%zu generation=%llu",
		agent->config_file, agent->config->n_vips, agent->config->n_pools,
		(unsigned long long)dp_control(agent->dp)->generation);
	return 0;
}

int agent_reload(struct agent *agent, struct lp_err *err)
{
	struct candidate candidate;
	char *text = NULL;
	size_t len;
	int ret = file_read(agent->options->config, &text, &len, err);

	if (!ret)
		ret = make_candidate(agent->options->config, text, len, &candidate, err);
	return ret ? ret : put_in_force(agent, &candidate, err);
}

int agent_apply(struct agent *agent, const char *file, const char *text, struct lp_err *err)
{
	struct candidate candidate;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): put_in_force() takes the copy, or frees it */
	int ret = make_candidate(file, strdup(text), strlen(text), &candidate, err);

	return ret ? ret : put_in_force(agent, &candidate, err);
}

int agent_start(struct agent *agent, uv_loop_t *loop, const struct options *options,
		struct exec_spawner *spawner, struct lp_err *err)
{
	int ret;

	*agent = (struct agent) {
		.loop = loop,
		.options = options,
		.spawner = spawner,
		.started_at = now_s(),
	};
	checks_init(agent);
	ret = net_open(loop, on_net_changed, agent, &agent->net, err);
	if (!ret)
		ret = checks_open(agent, err);
	if (!ret)
		ret = agent_reload(agent, err);
	follow_clock(agent); /* a jump is known from here on */
	uv_timer_init(loop, &agent->tick);
	agent->tick.data = agent;
	uv_timer_start(&agent->tick, on_tick, TICK_MS, TICK_MS);
	if (ret && agent->dp && !agent->adopted) {
		/* Nothing ran before; nothing half made stays. */
		interfaces_detach_all(agent->dp);
		close_datapath(agent);
		dp_bpf_destroy(options->pin_dir, NULL);
	}
	return ret;
}

int agent_set_admin(struct agent *agent, struct runtime_backend *backend, enum lp_admin admin,
		    uint64_t deadline, struct lp_err *err)
{
	static const char *const words[] = { [LP_ADMIN_ENABLED] = "enabled",
					     [LP_ADMIN_DRAIN] = "drained",
					     [LP_ADMIN_OFFLINE] = "took offline" };

	agent_because(agent, "operator %s %s/%s", words[admin], backend->pool, backend->name);
	runtime_set_admin(backend, admin, deadline, now_s());
	lp_info("backend=%s/%s state=%s why=\"operator\"", backend->pool, backend->name,
		runtime_state(backend));
	return engine_converge(&agent->engine, agent->config, false, agent_now(), on_applied, agent,
			       err);
}

int agent_set_weight(struct agent *agent, struct runtime_backend *backend, uint32_t weight,
		     uint64_t until, struct lp_err *err)
{
	agent_because(agent, "operator gave %s/%s weight %u", backend->pool, backend->name, weight);
	runtime_set_weight(backend, weight, until);
	lp_info("backend=%s/%s weight=%u why=\"operator\"", backend->pool, backend->name, weight);
	return engine_converge(&agent->engine, agent->config, false, agent_now(), on_applied, agent,
			       err);
}

int agent_clear_weight(struct agent *agent, struct runtime_backend *backend, struct lp_err *err)
{
	agent_because(agent, "operator gave %s/%s its weight again", backend->pool, backend->name);
	runtime_clear_weight(backend);
	lp_info("backend=%s/%s weight=%u why=\"operator\"", backend->pool, backend->name,
		backend->weight);
	return engine_converge(&agent->engine, agent->config, false, agent_now(), on_applied, agent,
			       err);
}

void agent_stop(struct agent *agent)
{
	struct lp_err err;

	uv_close((uv_handle_t *)&agent->tick, NULL);
	checks_close(agent);
	net_close(&agent->net);
	if (agent->dp && agent->options->detach_on_exit)
		interfaces_detach_all(agent->dp);
	close_datapath(agent);
	if (agent->config && agent->options->detach_on_exit &&
	    dp_bpf_destroy(agent->options->pin_dir, &err))
		lp_error("%s", err.text);
	config_free(&agent->config);
	free(agent->config_text);
	free(agent->config_file);
	free(agent->changes);
	interfaces_fini(&agent->interfaces);
	watch_fini(&agent->watch);
	engine_close(&agent->engine);
}
