// SPDX-License-Identifier: GPL-2.0
/*
 * Runtime, desired state and plan over the datapath in memory: what packets
 * would see before, during and after a change, and after a crash at any point
 * of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "common/config_dp.h"
#include "core/desired.h"
#include "core/plan.h"
#include "core/runtime.h"
#include "lib/addr.h"

#define NOW 1000

/* A datapath and what an agent knows of it. */
struct world {
	struct dp *dp;
	struct runtime runtime;
	struct lp_hash_key key;
	uint64_t digests[64];
};

static const char two_pools[] =
	"seed: s\n"
	"interfaces: [{name: eth0}]\n"
	"pools:\n"
	"  a: {backends: [{name: a1, address: 10.0.0.1}, {name: a2, address: 10.0.0.2}]}\n"
	"  b: {backends: [{name: b1, address: 10.0.1.1}, {name: b2, address: 10.0.1.2}]}\n"
	"vips:\n"
	"  va: {addresses: [192.0.2.1], ports: [80], pool: a, forward: ipip}\n"
	"  vb: {addresses: [192.0.2.2], ports: [80, 443], pool: b, forward: gue}\n";

/* Pool a has another member, vb other ports and another mode, pool b is gone. */
static const char changed[] =
	"seed: s\n"
	"interfaces: [{name: eth0}]\n"
	"pools:\n"
	"  a: {backends: [{name: a1, address: 10.0.0.1}, {name: a2, address: 10.0.0.2},\n"
	"                 {name: a3, address: 10.0.0.3}]}\n"
	"  c: {backends: [{name: c1, address: 10.0.2.1}]}\n"
	"vips:\n"
	"  va: {addresses: [192.0.2.1], ports: [80], pool: a, forward: dsr}\n"
	"  vb: {addresses: [192.0.2.2], ports: [443], pool: c, forward: gue}\n"
	"  vc: {addresses: ['2001:db8::1'], ports: [any], pool: c, forward: ipip}\n";

static void world_open(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->dp = config_dp_open(1, &world->key);
	assert_int_equal(runtime_adopt(&world->runtime, world->dp), 0);
}

static void world_close(struct world *world)
{
	runtime_fini(&world->runtime);
	dp_close(&world->dp);
}

/* Next hops as netlink would tell them: a MAC that names the backend. */
static void resolve(struct world *world)
{
	for (size_t i = 0; i < world->runtime.n_backends; i++) {
		struct runtime_backend *backend = &world->runtime.backends[i];

		if (!backend->wanted)
			continue;
		backend->hop = (struct lp_hop) { .ifindex = 2,
						 .mtu = 1500,
						 .daddr = backend->address };
		memcpy(backend->hop.dst, backend->address.b + 10, 6);
	}
}

struct stop {
	size_t after; /* operations that are carried out */
	size_t seen;
};

static int stop_after(void *arg, const struct plan_op *op)
{
	struct stop *stop = arg;

	(void)op;
	return stop->seen++ == stop->after ? -EINTR : 0;
}

static struct desired *make_desired(struct world *world, const struct config *config, bool vips)
{
	const struct desired_known known = { world->digests, 64 };
	struct desired *desired = NULL;
	struct lp_err err;

	if (desired_make(config, &world->runtime, dp_size(world->dp), &world->key, &known, vips,
			 &desired, &err))
		fail_msg("%s", err.text);
	return desired;
}

/* Applies `config`; a plan that is stopped returns -EINTR. *n_ops tells its length. */
static int apply(struct world *world, const struct config *config, struct stop *stop, size_t *n_ops)
{
	struct desired *desired;
	struct plan *plan = NULL;
	int ret;

	assert_int_equal(runtime_assign(&world->runtime, config, dp_size(world->dp), NOW), 0);
	resolve(world);
	desired = make_desired(world, config, true);
	assert_int_equal(plan_make(desired, &world->runtime, world->dp, NOW, &plan), 0);
	if (n_ops)
		*n_ops = plan->n_ops;
	ret = plan_apply(plan, world->dp, stop ? stop_after : NULL, stop);
	if (!ret) {
		desired_remember(desired, world->digests, 64);
		runtime_settle(&world->runtime, NOW);
	}
	plan_free(&plan);
	desired_free(&desired);
	return ret;
}

static void apply_text(struct world *world, const char *text)
{
	struct config *config = parse(text);

	assert_int_equal(apply(world, config, NULL, NULL), 0);
	config_free(&config);
}

/* Another agent over the same datapath: it knows what is written there, no more. */
static void restart(struct world *world)
{
	runtime_fini(&world->runtime);
	memset(world->digests, 0, sizeof(world->digests));
	assert_int_equal(runtime_adopt(&world->runtime, world->dp), 0);
}

/* --- what a packet sees -------------------------------------------------------------- */

struct seen {
	bool vip;
	uint8_t forward;
	struct lp_addr backend; /* zero: nobody */
};

static struct seen look(const struct world *world, const char *dst, uint16_t port, uint32_t slot)
{
	unsigned int half = dp_control(world->dp)->active & 1;
	const struct lp_backend *backend;
	struct seen seen = { 0 };
	const struct lp_vip *vip;
	struct lp_addr addr;
	struct lp_pool pool;

	assert_int_equal(lp_addr_parse(dst, &addr), 0);
	vip = vip_table_find_running(world->dp, &world->key, &addr, IPPROTO_TCP, port);
	if (!vip)
		return seen;
	seen.vip = true;
	seen.forward = vip->forward;
	pool = dp_pool(world->dp, half, vip->pool);
	if (!pool.table)
		return seen;
	backend = dp_backend(world->dp, dp_slots(world->dp, pool.table)[slot].cur);
	seen.backend = LP_HOP(backend)->daddr;
	return seen;
}

#define KEYS 5
static const struct {
	const char *dst;
	uint16_t port;
} keys[KEYS] = {
	{ "192.0.2.1", 80 },      { "192.0.2.2", 80 }, { "192.0.2.2", 443 },
	{ "2001:db8::1", 12345 }, { "192.0.2.3", 80 },
};

#define LOOKS 512
struct view {
	struct seen seen[KEYS][LOOKS];
};

static struct view *look_all(const struct world *world)
{
	struct view *view = calloc(1, sizeof(*view));

	assert_non_null(view);
	for (size_t i = 0; i < KEYS; i++)
		for (uint32_t j = 0; j < LOOKS; j++)
			view->seen[i][j] = look(world, keys[i].dst, keys[i].port,
						j * (LP_SLOTS / LOOKS));
	return view;
}

static bool same_view(const struct view *a, const struct view *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* --- tests ----------------------------------------------------------------------------- */

static void test_first_apply(void **state)
{
	struct world world;
	struct seen seen;
	struct view *view;

	(void)state;
	world_open(&world);
	apply_text(&world, two_pools);
	seen = look(&world, "192.0.2.1", 80, 7);
	assert_true(seen.vip);
	assert_int_equal(seen.forward, LP_FORWARD_IPIP);
	assert_true(seen.backend.b[14] == 0 &&
		    (seen.backend.b[15] == 1 || seen.backend.b[15] == 2));
	assert_int_equal(look(&world, "192.0.2.2", 443, 7).forward, LP_FORWARD_GUE);
	assert_false(look(&world, "192.0.2.1", 443, 7).vip);
	view = look_all(&world);
	free(view);
	world_close(&world);
}

static void test_nothing_to_do(void **state)
{
	struct config *config = parse(two_pools);
	struct world world;
	size_t n_ops = 99;

	(void)state;
	world_open(&world);
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	assert_int_equal(apply(&world, config, NULL, &n_ops), 0);
	assert_int_equal(n_ops, 0);
	restart(&world); /* without remembered digests everything is built and compared */
	assert_int_equal(apply(&world, config, NULL, &n_ops), 0);
	assert_int_equal(n_ops, 0);
	config_free(&config);
	world_close(&world);
}

/* Health is not configuration: the pool flips by itself, no VIP table is written. */
static void test_health_flips_one_pool(void **state)
{
	struct config *config = parse(two_pools);
	struct desired *desired;
	struct plan *plan = NULL;
	struct world world;
	uint64_t generation;
	uint32_t moved, was = 0;

	(void)state;
	world_open(&world);
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	generation = dp_control(world.dp)->generation;
	for (uint32_t i = 0; i < LOOKS; i++)
		was += look(&world, "192.0.2.1", 80, i * (LP_SLOTS / LOOKS)).backend.b[15] == 1;
	runtime_backend(&world.runtime, "a", "a1")->healthy = false;
	desired = make_desired(&world, config, false);
	assert_int_equal(plan_make(desired, &world.runtime, world.dp, NOW, &plan), 0);
	moved = plan_moved(plan, runtime_pool(&world.runtime, "a"));
	assert_int_equal(plan_moved(plan, runtime_pool(&world.runtime, "b")), 0);
	assert_int_equal(plan_apply(plan, world.dp, NULL, NULL), 0);
	assert_int_equal(moved, LP_SLOTS / 2);
	assert_true(was > LOOKS / 3);
	assert_int_equal(dp_control(world.dp)->generation, generation);
	for (uint32_t i = 0; i < LOOKS; i++)
		assert_int_equal(
			look(&world, "192.0.2.1", 80, i * (LP_SLOTS / LOOKS)).backend.b[15], 2);
	plan_free(&plan);
	desired_free(&desired);
	config_free(&config);
	world_close(&world);
}

/* on_all_down: all. */
static void test_nobody_healthy_means_everybody(void **state)
{
	struct config *config = parse(two_pools);
	struct world world;
	struct view *before, *after;

	(void)state;
	world_open(&world);
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	before = look_all(&world);
	runtime_backend(&world.runtime, "a", "a1")->healthy = false;
	runtime_backend(&world.runtime, "a", "a2")->healthy = false;
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	after = look_all(&world);
	assert_true(same_view(before, after));
	free(before);
	free(after);
	config_free(&config);
	world_close(&world);
}

static void test_numbers_stay(void **state)
{
	uint32_t a1, a2, pool, vip;
	struct world world;

	(void)state;
	world_open(&world);
	apply_text(&world, two_pools);
	a1 = runtime_backend(&world.runtime, "a", "a1")->number;
	a2 = runtime_backend(&world.runtime, "a", "a2")->number;
	pool = runtime_pool(&world.runtime, "a");
	vip = runtime_vip(&world.runtime, "va");
	apply_text(&world, changed);
	restart(&world);
	assert_int_equal(runtime_backend(&world.runtime, "a", "a1") != NULL,
			 0); /* not wanted yet */
	apply_text(&world, changed);
	assert_int_equal(runtime_backend(&world.runtime, "a", "a1")->number, a1);
	assert_int_equal(runtime_backend(&world.runtime, "a", "a2")->number, a2);
	assert_int_equal(runtime_pool(&world.runtime, "a"), pool);
	assert_int_equal(runtime_vip(&world.runtime, "va"), vip);
	assert_int_equal(runtime_pool(&world.runtime, "b"), 0);
	assert_null(runtime_backend(&world.runtime, "b", "b1"));
	world_close(&world);
}

/* Another address under the same name is another backend in the same slots. */
static void test_changed_address(void **state)
{
	static const char moved_text[] =
		"seed: s\n"
		"interfaces: [{name: eth0}]\n"
		"pools:\n"
		"  a: {backends: [{name: a1, address: 10.0.0.9}, {name: a2, address: 10.0.0.2}]}\n"
		"  b: {backends: [{name: b1, address: 10.0.1.1}, {name: b2, address: 10.0.1.2}]}\n"
		"vips:\n"
		"  va: {addresses: [192.0.2.1], ports: [80], pool: a, forward: ipip}\n"
		"  vb: {addresses: [192.0.2.2], ports: [80, 443], pool: b, forward: gue}\n";
	struct world world, other;
	uint32_t old;

	(void)state;
	world_open(&world);
	world_open(&other);
	apply_text(&world, two_pools);
	apply_text(&other, moved_text);
	for (uint32_t i = 0; i < LOOKS; i++) {
		uint32_t slot = i * (LP_SLOTS / LOOKS);
		struct seen before = look(&world, "192.0.2.1", 80, slot);
		struct seen after = look(&other, "192.0.2.1", 80, slot);

		assert_int_equal(after.backend.b[15], before.backend.b[15] == 1 ? 9 : 2);
	}
	old = runtime_backend(&world.runtime, "a", "a1")->number;
	apply_text(&world, moved_text);
	assert_int_not_equal(runtime_backend(&world.runtime, "a", "a1")->number, old);
	world_close(&world);
	world_close(&other);
}

/*
 * P10: killed after any number of operations, the datapath shows the old or the
 * new configuration of each VIP, and the next agent's plan ends in what a fresh
 * start with the new one would give (P6).
 */
static void test_crash_anywhere(void **state)
{
	struct config *new = parse(changed);
	struct view *before, *after;
	struct world fresh;
	size_t n_ops = 1, stopped = 0;

	(void)state;
	world_open(&fresh);
	apply_text(&fresh, two_pools);
	before = look_all(&fresh);
	assert_int_equal(apply(&fresh, new, NULL, NULL), 0);
	after = look_all(&fresh);
	assert_false(same_view(before, after));
	for (size_t at = 0; at < n_ops; at++) {
		struct stop stop = { .after = at };
		struct view *view;
		struct world world;

		world_open(&world);
		apply_text(&world, two_pools);
		assert_int_equal(apply(&world, new, &stop, &n_ops), -EINTR);
		view = look_all(&world);
		assert_true(same_view(view, before) || same_view(view, after));
		stopped++;
		free(view);
		restart(&world);
		assert_int_equal(apply(&world, new, NULL, NULL), 0);
		view = look_all(&world);
		assert_true(same_view(view, after));
		free(view);
		world_close(&world);
	}
	assert_true(stopped >= 5);
	free(before);
	free(after);
	config_free(&new);
	world_close(&fresh);
}

/* P6: whatever happened on the way, the end is that of a fresh start. */
static void test_no_history(void **state)
{
	struct world world, fresh;
	struct view *a, *b;

	(void)state;
	srand(7);
	world_open(&world);
	for (int i = 0; i < 30; i++) {
		apply_text(&world, i % 2 ? two_pools : changed);
		if (rand() % 3 == 0)
			restart(&world);
		if (world.runtime.n_backends)
			world.runtime.backends[(size_t)rand() % world.runtime.n_backends].healthy =
				rand() % 2;
	}
	for (size_t i = 0; i < world.runtime.n_backends; i++)
		world.runtime.backends[i].healthy = true;
	apply_text(&world, changed);
	world_open(&fresh);
	apply_text(&fresh, changed);
	a = look_all(&world);
	b = look_all(&fresh);
	assert_true(same_view(a, b));
	free(a);
	free(b);
	world_close(&world);
	world_close(&fresh);
}

static void test_drained_takes_nobody(void **state)
{
	struct config *config = parse(two_pools);
	struct world world;

	(void)state;
	world_open(&world);
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	runtime_backend(&world.runtime, "b", "b2")->admin = LP_ADMIN_DRAIN;
	assert_string_equal(runtime_state(runtime_backend(&world.runtime, "b", "b2")), "drain");
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	for (uint32_t i = 0; i < LOOKS; i++)
		assert_int_equal(
			look(&world, "192.0.2.2", 80, i * (LP_SLOTS / LOOKS)).backend.b[15], 1);
	restart(&world); /* P8: the decision survives the agent */
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	assert_int_equal(runtime_backend(&world.runtime, "b", "b2")->admin, LP_ADMIN_DRAIN);
	config_free(&config);
	world_close(&world);
}

static void test_out_of_numbers(void **state)
{
	char text[8192] = "seed: s\ninterfaces: [{name: eth0}]\npools:\n  a:\n    backends:\n";
	struct runtime before;
	struct config *config;
	struct world world;

	(void)state;
	for (int i = 1; i <= 32; i++)
		sprintf(text + strlen(text), "      - {name: n%d, address: 10.0.0.%d}\n", i, i);
	config = parse(text);
	world_open(&world);
	apply_text(&world, two_pools);
	before = world.runtime;
	assert_int_equal(runtime_assign(&world.runtime, config, dp_size(world.dp), NOW), -ENOSPC);
	assert_memory_equal(&before, &world.runtime, sizeof(before));
	config_free(&config);
	world_close(&world);
}

static void test_size_has_room(void **state)
{
	struct config *config = parse(two_pools);
	struct dp_size size, roomy;

	(void)state;
	assert_int_equal(desired_size(config, &size, NULL), 0);
	assert_true(size.backends > 2 * 4 && size.pools > 2 * 2 && size.vips > 2 * 2);
	assert_true(size.tables > 2 * 2); /* all pools can change in one flip */
	roomy = size;
	desired_roomy(&roomy);
	assert_true(roomy.backends >= size.backends && roomy.pools >= size.pools);
	assert_true(roomy.tables >= size.tables + 8); /* one pool more is no reason to grow */
	config_free(&config);
}

/* The tries are not read back: a list that differs has to show in the digest. */
static void test_other_sources(void **state)
{
	static const char head[] = "seed: s\ninterfaces: [{name: eth0}]\n"
				   "pools: {a: {backends: [{name: a1, address: 10.0.0.1}]}}\n"
				   "vips: {v: {addresses: [192.0.2.1], ports: [80], pool: a, "
				   "forward: ipip, ";
	static const char *const lists[] = {
		"allow: [10.0.0.0/8]}}\n",
		"allow: [10.0.0.0/9]}}\n",
		"deny: [10.0.0.0/9]}}\n",
		"affinity: {proxies: [10.0.0.0/8]}}}\n",
		"affinity: {proxies: [10.0.0.0/9]}}}\n",
	};
	struct world world;

	(void)state;
	world_open(&world);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		uint64_t before = dp_control(world.dp)->generation;
		struct config *config;
		char text[1024];

		snprintf(text, sizeof(text), "%s%s", head, lists[i]);
		config = parse(text);
		assert_int_equal(apply(&world, config, NULL, NULL), 0);
		assert_int_equal(dp_control(world.dp)->generation, before + 1);
		assert_int_equal(apply(&world, config, NULL, NULL), 0);
		assert_int_equal(dp_control(world.dp)->generation, before + 1);
		config_free(&config);
	}
	world_close(&world);
}

/* Sets or takes away the way to a backend, and lets the datapath follow. */
static void set_way(struct world *world, const struct config *config, const char *name, bool known)
{
	struct runtime_backend *backend = runtime_backend(&world->runtime, "a", name);
	struct desired *desired;
	struct plan *plan = NULL;

	backend->hop.ifindex = known ? 2 : 0;
	desired = make_desired(world, config, false);
	assert_int_equal(plan_make(desired, &world->runtime, world->dp, NOW, &plan), 0);
	assert_int_equal(plan_apply(plan, world->dp, NULL, NULL), 0);
	desired_remember(desired, world->digests, 64);
	plan_free(&plan);
	desired_free(&desired);
}

static struct lp_backend_state state_of(const struct world *world, const char *name)
{
	return dp_backend(world->dp, runtime_backend(&world->runtime, "a", name)->number)->state;
}

/* While one of two can be reached, the other is dead to records; whoever is the last
 * stays alive, because nobody takes over from it, and comes back in the same life. */
static void test_a_link_is_lost(void **state)
{
	struct config *config = parse(two_pools);
	struct world world;
	uint16_t a1, a2;

	(void)state;
	world_open(&world);
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	a1 = state_of(&world, "a1").incarnation;
	a2 = state_of(&world, "a2").incarnation;

	set_way(&world, config, "a1", false);
	assert_int_equal(state_of(&world, "a1").flags, 0);
	set_way(&world, config, "a2", false);
	assert_int_equal(state_of(&world, "a2").flags, LP_BACKEND_ALIVE);
	assert_int_equal(state_of(&world, "a1").flags, 0); /* what is dead stays dead */
	assert_false(runtime_usable(runtime_backend(&world.runtime, "a", "a2")));

	set_way(&world, config, "a2", true);
	assert_int_equal(state_of(&world, "a2").incarnation, a2);
	set_way(&world, config, "a1", true);
	assert_int_equal(state_of(&world, "a1").incarnation, a1 + 1);
	assert_int_equal(state_of(&world, "a1").flags, LP_BACKEND_ALIVE);

	/* The other way round: somebody can be reached, so the one that waited is dead. */
	set_way(&world, config, "a1", false);
	set_way(&world, config, "a2", false);
	set_way(&world, config, "a1", true);
	assert_int_equal(state_of(&world, "a2").flags, 0);
	config_free(&config);
	world_close(&world);
}

/* One pool, two backends, VIPs as `vips` says. a1 dies: what its slots have for `prev`
 * then, and the flags that packets to 192.0.2.1:80 find. */
static uint16_t prev_after_death(const char *vips, uint8_t *flags)
{
	uint16_t prev = LP_SLOT_RESIDUAL; /* which no slot can be in then */
	const struct lp_slot *slots;
	struct config *config;
	struct world world;
	struct lp_addr addr;
	uint32_t dead, pool;
	bool *was;
	char text[1024];

	snprintf(text, sizeof(text),
		 "seed: s\ninterfaces: [{name: eth0}]\n"
		 "pools: {a: {backends: [{name: a1, address: 10.0.0.1},"
		 " {name: a2, address: 10.0.0.2}]}}\nvips:\n%s",
		 vips);
	config = parse(text);
	world_open(&world);
	assert_int_equal(apply(&world, config, NULL, NULL), 0);
	assert_int_equal(lp_addr_parse("192.0.2.1", &addr), 0);
	*flags = vip_table_find_running(world.dp, &world.key, &addr, IPPROTO_TCP, 80)->flags;
	pool = runtime_pool(&world.runtime, "a");
	dead = runtime_backend(&world.runtime, "a", "a1")->number;
	was = calloc(LP_SLOTS, sizeof(*was));
	assert_non_null(was);
	slots = dp_slots(world.dp, dp_pool(world.dp, dp_active_half(world.dp), pool).table);
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		was[i] = slots[i].cur == dead;
	set_way(&world, config, "a1", false);
	slots = dp_slots(world.dp, dp_pool(world.dp, dp_active_half(world.dp), pool).table);
	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		assert_int_not_equal(slots[i].cur, dead);
		if (!was[i])
			assert_int_equal(slots[i].prev, LP_SLOT_SETTLED);
		else if (prev == LP_SLOT_RESIDUAL)
			prev = slots[i].prev;
		else
			assert_int_equal(slots[i].prev, prev);
	}
	free(was);
	config_free(&config);
	world_close(&world);
	return prev;
}

#define VIP80 "  v: {addresses: [192.0.2.1], ports: [80], pool: a, forward: dsr"

/* on_backend_down: of VIPs, and for the slots of their pool all together. */
static void test_orphans(void **state)
{
	uint8_t flags;

	(void)state;
	assert_int_equal(prev_after_death(VIP80 "}\n", &flags), LP_SLOT_ORPHANED);
	assert_int_equal(flags, LP_VIP_RESET);
	assert_int_equal(prev_after_death(VIP80 ", on_backend_down: reset}\n", &flags),
			 LP_SLOT_ORPHANED);
	assert_int_equal(flags, LP_VIP_RESET);
	assert_int_equal(prev_after_death(VIP80 ", on_backend_down: reroute}\n", &flags),
			 LP_SLOT_SETTLED);
	assert_int_equal(flags, 0);
	/* One that reroutes, beside one that does not. */
	assert_int_equal(prev_after_death(VIP80 ", on_backend_down: reroute}\n"
						"  w: {addresses: [192.0.2.2], ports: [80],"
						" pool: a, forward: dsr}\n",
					  &flags),
			 LP_SLOT_ORPHANED);
	assert_int_equal(flags, 0);
	/* Who remembers nothing cannot tell; nor has UDP anybody to be told. */
	assert_int_equal(prev_after_death(VIP80 ", affinity: {track: never}}\n", &flags),
			 LP_SLOT_SETTLED);
	assert_int_equal(flags, 0);
	assert_int_equal(prev_after_death(VIP80 ", on_backend_down: reroute}\n"
						"  w: {addresses: [192.0.2.2], ports: [80],"
						" pool: a, forward: dsr, protocol: udp}\n",
					  &flags),
			 LP_SLOT_SETTLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_sources),
		cmocka_unit_test(test_first_apply),
		cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_health_flips_one_pool),
		cmocka_unit_test(test_nobody_healthy_means_everybody),
		cmocka_unit_test(test_numbers_stay),
		cmocka_unit_test(test_changed_address),
		cmocka_unit_test(test_crash_anywhere),
		cmocka_unit_test(test_no_history),
		cmocka_unit_test(test_drained_takes_nobody),
		cmocka_unit_test(test_out_of_numbers),
		cmocka_unit_test(test_size_has_room),
		cmocka_unit_test(test_a_link_is_lost),
		cmocka_unit_test(test_orphans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
