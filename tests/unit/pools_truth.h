/* SPDX-License-Identifier: GPL-2.0 */
/*
 * P6 as a property: any sequence of configurations, verdicts, decisions of operators, time,
 * reloads and deaths of the agent ends in the datapath of a fresh start with the last of
 * all of them. But for what P4 keeps on purpose: where slots come from and the records
 * behind that, backends that are leaving, and numbers, generations and incarnations.
 * What is compared is what a packet of somebody new meets: VIPs, and by slot the backend's
 * name, address and life.
 *
 * And P4, on the way: a verdict moves the slots of the backend that it is about, and no
 * other.
 */
#ifndef LIMPET_TESTS_UNIT_POOLS_TRUTH_H
#define LIMPET_TESTS_UNIT_POOLS_TRUTH_H

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "pools_world.h"

#include "core/vip_table.h"

#define POOLS 3
#define NAMES 6
#define SLOW  10 /* seconds, the longest slow start */

static uint64_t state64;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint32_t below(uint32_t n)
{
	uint64_t z = state64 += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)((z ^ (z >> 31)) % n);
}

/* --- what is so, at last --------------------------------------------------------------- */

struct member {
	bool present, backup;
	uint32_t weight, address;
	/* Of that address: what a check and operators say */
	bool down;
	enum lp_admin admin;
	uint32_t until; /* of admin, seconds of the world */
	bool weighted;
	uint32_t own_weight;
	uint32_t weight_until; /* the same; 0: no end */
};

struct truth {
	struct member members[POOLS][NAMES][2]; /* by address: another is another backend */
	uint32_t address[POOLS][NAMES];         /* which of them the name has */
	uint32_t min_up[POOLS], slow[POOLS];
	bool drop[POOLS], present[POOLS];
	const char *hash[POOLS];
	uint32_t port;
	uint32_t p4; /* verdicts whose moves have been looked at */
};

static struct member *member(struct truth *truth, uint32_t pool, uint32_t name)
{
	return &truth->members[pool][name][truth->address[pool][name]];
}

static void begin(struct truth *truth)
{
	*truth = (struct truth) { .port = 80 };
	for (uint32_t pool = 0; pool < POOLS; pool++) {
		truth->present[pool] = true;
		truth->hash[pool] = "maglev";
		truth->min_up[pool] = 1;
		for (uint32_t name = 0; name < NAMES; name++)
			for (uint32_t address = 0; address < 2; address++)
				truth->members[pool][name][address] = (struct member) {
					.present = name < 3,
					.backup = name == 2,
					.weight = 100,
					.address = address,
				};
	}
}

static void write_pool(FILE *out, struct truth *truth, uint32_t pool)
{
	fprintf(out,
		"  p%u:\n    check: c\n    hash: %s\n    min_up: %u\n    on_all_down: %s\n"
		"    slow_start: %us\n    drain_timeout: 20s\n    backends:\n",
		pool, truth->hash[pool], truth->min_up[pool], truth->drop[pool] ? "drop" : "all",
		truth->slow[pool]);
	for (uint32_t name = 0; name < NAMES; name++) {
		const struct member *at = member(truth, pool, name);

		if (at->present)
			fprintf(out,
				"      - {name: n%u, address: 10.0.%u.%u, weight: %u, backup: %s}\n",
				name, pool, 1 + 10 * at->address + name, at->weight,
				at->backup ? "true" : "false");
	}
}

static char *make_text(struct truth *truth)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, "seed: s\ninterfaces: [{name: eth0}]\nchecks: {c: {port: 80}}\npools:\n");
	for (uint32_t pool = 0; pool < POOLS; pool++)
		if (truth->present[pool])
			write_pool(out, truth, pool);
	fprintf(out, "vips:\n");
	for (uint32_t pool = 0; pool < POOLS; pool++)
		if (truth->present[pool])
			fprintf(out,
				"  v%u: {addresses: [192.0.2.%u], ports: [%u], pool: p%u, "
				"forward: ipip, idle_timeout: 30s, affinity: {timeout: 30s}}\n",
				pool, pool + 1, truth->port, pool);
	fclose(out);
	return text;
}

/* --- telling an agent ---------------------------------------------------------------------- */

/* What checks say, and operators. */
static void tell_backend(struct pools_world *world, struct truth *truth, uint32_t pool,
			 uint32_t name, bool decisions)
{
	const struct member *at = member(truth, pool, name);
	char names[2][8];
	struct runtime_backend *backend;

	if (!truth->present[pool] || !at->present)
		return;
	snprintf(names[0], sizeof(names[0]), "p%u", pool);
	snprintf(names[1], sizeof(names[1]), "n%u", name);
	backend = pools_backend(world, names[0], names[1]);
	backend->healthy = !at->down;
	if (!decisions)
		return;
	if (backend->admin != at->admin)
		runtime_set_admin(backend, at->admin,
				  at->admin == LP_ADMIN_ENABLED ? 0 : POOLS_WALL + at->until,
				  pools_now(world).wall);
	if (at->weighted)
		runtime_set_weight(backend, at->own_weight,
				   at->weight_until ? POOLS_WALL + at->weight_until : 0);
	else
		runtime_clear_weight(backend);
}

static void tell_all(struct pools_world *world, struct truth *truth, bool decisions)
{
	for (uint32_t pool = 0; pool < POOLS; pool++)
		for (uint32_t name = 0; name < NAMES; name++)
			tell_backend(world, truth, pool, name, decisions);
	pools_converge(world, false);
}

static void apply(struct pools_world *world, struct truth *truth)
{
	char *text = make_text(truth);

	pools_apply(world, text);
	free(text);
}

static int stop_at(void *arg, const struct plan_op *op)
{
	unsigned int *left = arg;

	(void)op;
	return (*left)-- ? 0 : -EINTR;
}

/* The agent dies somewhere in the middle of applying what it has been told. */
static void die_within(struct pools_world *world)
{
	const struct desired_known known = { world->engine.digests, dp_size(world->dp)->pools };
	unsigned int left = below(12);
	struct desired *desired = NULL;
	struct plan *plan = NULL;
	struct lp_err err;

	slow_start_follow(&world->engine.runtime, pools_now(world).mono);
	assert_int_equal(desired_make(world->config, &world->engine.runtime, dp_size(world->dp),
				      &world->key, &known, true, &desired, &err),
			 0);
	assert_int_equal(
		plan_make(desired, &world->engine.runtime, world->dp, pools_now(world).mono, &plan),
		0);
	plan_apply(plan, world->dp, stop_at, &left);
	plan_free(&plan);
	desired_free(&desired);
	pools_restart(world);
}

/* --- events -------------------------------------------------------------------------------- */

static bool has_primary(struct truth *truth, uint32_t pool)
{
	for (uint32_t name = 0; name < NAMES; name++) {
		const struct member *at = member(truth, pool, name);

		if (at->present && !at->backup && at->weight)
			return true;
	}
	return false;
}

/* A change of the file; what it would not allow is not done. */
static void change_file(struct truth *truth, uint32_t pool, uint32_t name)
{
	static const char *const hashes[] = { "maglev", "rendezvous", "ring", "modulo" };
	const struct truth was = *truth;
	struct member *at = member(truth, pool, name);

	switch (below(9)) {
	case 0:
	case 1:
		at->present = !at->present;
		break;
	case 2:
		at->weight = below(4) * 50;
		break;
	case 3:
		at->backup = !at->backup;
		break;
	case 4:
		truth->address[pool][name] ^= 1;
		member(truth, pool, name)->present = at->present;
		break;
	case 5:
		truth->min_up[pool] = below(4);
		truth->drop[pool] = below(2);
		break;
	case 6:
		truth->slow[pool] = below(SLOW + 1);
		break;
	case 7:
		truth->hash[pool] = hashes[below(4)];
		break;
	default:
		truth->present[pool] = !truth->present[pool];
		truth->port = 80 + below(3);
	}
	if (!has_primary(truth, pool))
		*truth = was;
}

/* An operator does. */
static void decide(struct truth *truth, uint32_t pool, uint32_t name, uint32_t now)
{
	struct member *at = member(truth, pool, name);

	if (!truth->present[pool] || !at->present)
		return; /* nobody can say anything of it */
	if (below(2)) {
		if (at->admin == LP_ADMIN_ENABLED) {
			at->admin = (enum lp_admin)below(3);
			at->until = now + 1 + below(40);
		} else {
			at->admin = LP_ADMIN_ENABLED;
		}
	} else {
		at->weighted = below(2);
		at->own_weight = below(300);
		at->weight_until = below(2) ? now + 1 + below(40) : 0;
	}
}

/* Weights whose time is over are nobody's decision any more. */
static void expire(struct truth *truth, uint32_t now)
{
	for (uint32_t i = 0; i < POOLS * NAMES * 2; i++) {
		struct member *at = &truth->members[i / NAMES / 2][i / 2 % NAMES][i % 2];

		if (at->weight_until && at->weight_until <= now)
			at->weighted = false;
	}
}

/* --- P4 ------------------------------------------------------------------------------------ */

static bool serves(const struct member *at)
{
	return at->present && !at->down && at->admin == LP_ADMIN_ENABLED &&
	       (at->weighted ? at->own_weight : at->weight);
}

/*
 * Is this one the only one of its pool about whom there is anything to say? With another
 * one away, his slots are given out among those who are there, and again when they change.
 */
static bool is_alone(struct truth *truth, uint32_t pool, uint32_t name)
{
	uint32_t others = 0;

	if (!strcmp(truth->hash[pool], "ring") || !strcmp(truth->hash[pool], "modulo"))
		return false; /* which exist for comparison */
	for (uint32_t i = 0; i < NAMES; i++) {
		const struct member *at = member(truth, pool, i);

		if (!at->present || at->backup || i == name ||
		    !(at->weighted ? at->own_weight : at->weight))
			continue;
		if (!serves(at))
			return false;
		others++;
	}
	/* Without backups, before and after. */
	return others && others >= truth->min_up[pool] && !member(truth, pool, name)->backup;
}

static void pool_name(uint32_t pool, char name[8])
{
	snprintf(name, 8, "p%u", pool);
}

/* Whom each slot answers. */
static uint16_t *pool_answers(struct pools_world *world, uint32_t pool)
{
	uint16_t *answers = malloc(LP_SLOTS * sizeof(*answers));
	const struct lp_slot *slots;
	char name[8];

	pool_name(pool, name);
	slots = pools_slots(world, name);
	assert_non_null(answers);
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		answers[i] = slots[i].cur;
	return answers;
}

/* After a verdict on `name`: nobody else's slots have moved, but from or to it. */
static void check_moves(struct pools_world *world, struct truth *truth, uint32_t pool,
			uint32_t name, const uint16_t *before)
{
	uint16_t *after = pool_answers(world, pool);
	char names[2][8];
	uint32_t number;

	pool_name(pool, names[0]);
	snprintf(names[1], sizeof(names[1]), "n%u", name);
	number = pools_backend(world, names[0], names[1])->number;
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		if (before[i] != after[i] && before[i] != number && after[i] != number)
			fail_msg("slot %u of %s went from %u to %u for a verdict on %s (%u)", i,
				 names[0], before[i], after[i], names[1], number);
	truth->p4++;
	free(after);
}

static bool in_slow_start(const struct pools_world *world)
{
	for (size_t i = 0; i < world->engine.runtime.n_backends; i++)
		if (world->engine.runtime.backends[i].ramps)
			return true;
	return false;
}

/* A quiet hour: all of a pool are well, and nobody has decided anything of them. */
static void heal(struct pools_world *world, struct truth *truth, uint32_t pool)
{
	for (uint32_t i = 0; i < NAMES * 2; i++) {
		struct member *at = &truth->members[pool][i / 2][i % 2];

		at->down = false;
		at->admin = LP_ADMIN_ENABLED;
		at->weighted = false;
	}
	tell_all(world, truth, true);
}

/* The check of a backend changes its mind; P4 is looked at where it says something. */
static void change_verdict(struct pools_world *world, struct truth *truth, uint32_t pool,
			   uint32_t name)
{
	struct member *at = member(truth, pool, name);
	uint16_t *before = NULL;

	if (!truth->present[pool] || !at->present)
		return; /* nobody can say anything of it */
	if (is_alone(truth, pool, name) && !in_slow_start(world))
		before = pool_answers(world, pool);
	at->down = !at->down;
	tell_all(world, truth, false);
	if (before)
		check_moves(world, truth, pool, name, before);
	free(before);
}

/* Something happens, and then nothing for `pause` seconds.
 * Checks speak again to each agent; an operator is not asked twice, but for what he said to
 * an agent that died of it, and of backends that may have been forgotten meanwhile. */
static void happen(struct pools_world *world, struct truth *truth, uint32_t pause)
{
	uint32_t pool = below(POOLS), name = below(NAMES), what = below(8);

	if (what < 3) {
		change_file(truth, pool, name);
		apply(world, truth);
	} else if (what < 7) {
		if (below(2))
			change_verdict(world, truth, pool, name);
		else
			decide(truth, pool, name, world->seconds);
		tell_backend(world, truth, pool, name, true);
		if (what == 6)
			die_within(world);
		tell_backend(world, truth, pool, name, true);
	} else {
		pools_restart(world);
	}
	tell_all(world, truth, what < 3);
	pools_wait(world, pause);
	expire(truth, world->seconds);
}

/* --- comparing ----------------------------------------------------------------------------- */

/* Name and address, life and decision: what one backend is to somebody new. */
static void print_backend(FILE *out, const struct pools_world *world, uint32_t number)
{
	const struct lp_backend_meta *meta = dp_backend_meta(world->dp, number);
	const struct lp_backend *backend = dp_backend(world->dp, number);
	char addr[LP_ADDR_TEXT];

	fprintf(out, "%s/%s %s flags %u admin %u", meta->pool, meta->name,
		lp_addr_format(&meta->addr, addr), backend->state.flags, meta->admin);
	fprintf(out, " weight %u %u hop %s\n", meta->weighted, meta->weight,
		lp_addr_format(&LP_HOP(backend)->daddr, addr));
}

/* Every backend with its slots, and a checksum of which they are. */
static void print_pool(FILE *out, struct pools_world *world, const char *name)
{
	const struct lp_slot *slots = pools_slots(world, name);
	uint32_t n = dp_size(world->dp)->backends;
	uint64_t sum[64] = { 0 };
	uint32_t count[64] = { 0 };

	assert_true(n <= 64);
	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		count[slots[i].cur]++;
		sum[slots[i].cur] += lp_mix64(i + 1);
	}
	for (size_t i = 0; i < world->engine.runtime.n_backends; i++) { /* by name */
		uint32_t number = world->engine.runtime.backends[i].number;

		if (!count[number])
			continue;
		fprintf(out, "%u %016llx ", count[number], (unsigned long long)sum[number]);
		print_backend(out, world, number);
	}
	fprintf(out, "%u nobody\n", count[0]);
}

static void print_vips(FILE *out, const struct pools_world *world)
{
	for (uint32_t i = 0; i < POOLS * 3; i++) {
		char text[16];
		const struct lp_vip *vip;
		struct lp_addr addr;

		snprintf(text, sizeof(text), "192.0.2.%u", i / 3 + 1);
		assert_int_equal(lp_addr_parse(text, &addr), 0);
		vip = vip_table_find_running(world->dp, &world->key, &addr, IPPROTO_TCP,
					     (uint16_t)(80 + i % 3));
		fprintf(out, "%s:%u %s\n", text, 80 + i % 3,
			vip ? dp_pool_meta(world->dp, vip->pool)->name : "-");
	}
}

static char *print_world(struct pools_world *world, const struct truth *truth)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print_vips(out, world);
	for (uint32_t pool = 0; pool < POOLS; pool++) {
		char name[8];

		snprintf(name, sizeof(name), "p%u", pool);
		if (truth->present[pool])
			print_pool(out, world, name);
	}
	fclose(out);
	return text;
}

static char *fresh_start(struct truth *truth, uint32_t seconds)
{
	struct pools_world world;
	char *text;

	pools_open(&world);
	world.seconds = seconds;
	apply(&world, truth);
	tell_all(&world, truth, true);
	if (runtime_expire(&world.engine.runtime, pools_now(&world).wall))
		pools_converge(&world, false);
	text = print_world(&world, truth);
	pools_close(&world);
	return text;
}

/* --- the property -------------------------------------------------------------------------- */

static void compare(struct pools_world *world, struct truth *truth, uint64_t seed)
{
	char *is = print_world(world, truth), *should = fresh_start(truth, world->seconds);

	if (strcmp(is, should) != 0)
		fail_msg("history %llu ends in\n%s, a fresh start in\n%s", (unsigned long long)seed,
			 is, should);
	free(is);
	free(should);
}

#endif
