// SPDX-License-Identifier: GPL-2.0
/* min_up, backups, on_all_down, slow_start, weights, and what is left of them by reloads,
 * restarts, other names and other addresses. */
#include "pools_world.h"

#define HEAD "seed: s\ninterfaces: [{name: eth0}]\nchecks: {c: {port: 80}}\n"
#define TAIL                                                                                       \
	"vips:\n  v: {addresses: [192.0.2.1], ports: [80], pool: p, forward: ipip,\n"              \
	"      idle_timeout: 60s, affinity: {timeout: 60s}}\n"
#define SHARE(n, of) ((uint32_t)LP_SLOTS * (n) / (of))

static const char spare[] = HEAD "pools:\n"
				 "  p:\n"
				 "    check: c\n"
				 "    min_up: 2\n"
				 "    on_all_down: drop\n"
				 "    backends:\n"
				 "      - {name: a, address: 10.0.0.1}\n"
				 "      - {name: b, address: 10.0.0.2}\n"
				 "      - {name: c, address: 10.0.0.3}\n"
				 "      - {name: k, address: 10.0.0.9, backup: true}\n" TAIL;

/* --- min_up, backup, on_all_down --------------------------------------------------------- */

static void test_backups_come_and_go(void **state)
{
	struct pools_world world;

	(void)state;
	pools_open(&world);
	pools_apply(&world, spare);
	assert_int_equal(pools_count(&world, "p", "k"), 0);
	assert_false(pools_backend(&world, "p", "k")->in_use);
	pools_health(&world, "p", "a", false); /* two are enough */
	assert_int_equal(pools_count(&world, "p", "k"), 0);
	pools_admin(&world, "p", "b", LP_ADMIN_DRAIN, 600); /* one is not */
	assert_true(pools_backend(&world, "p", "k")->in_use);
	assert_in_range(pools_count(&world, "p", "k"), SHARE(1, 2), SHARE(1, 2) + 1);
	assert_int_equal(pools_count(&world, "p", "a") + pools_count(&world, "p", "b"), 0);
	pools_health(&world, "p", "a", true);
	assert_int_equal(pools_count(&world, "p", "k"), 0);
	assert_string_equal(runtime_state(pools_backend(&world, "p", "k")), "up");
	pools_close(&world);
}

static void test_drop_when_all_are_down(void **state)
{
	static const char *const names[] = { "a", "b", "c", "k" };
	struct pools_world world;

	(void)state;
	pools_open(&world);
	pools_apply(&world, spare);
	for (size_t i = 0; i < 4; i++)
		pools_health(&world, "p", names[i], false);
	assert_int_equal(pools_count(&world, "p", ""), LP_SLOTS);
	pools_health(&world, "p", "k", true); /* the backup alone is somebody */
	assert_int_equal(pools_count(&world, "p", "k"), LP_SLOTS);
	pools_close(&world);
}

/* on_all_down: all tries those who are no backups; backups, if no others are left. */
static void test_all_when_all_are_down(void **state)
{
	static const char text[] = HEAD "pools:\n"
					"  p:\n"
					"    check: c\n"
					"    backends:\n"
					"      - {name: a, address: 10.0.0.1}\n"
					"      - {name: k, address: 10.0.0.9, backup: true}\n" TAIL;
	struct pools_world world;

	(void)state;
	pools_open(&world);
	pools_apply(&world, text);
	pools_health(&world, "p", "a", false);
	assert_int_equal(pools_count(&world, "p", "k"), LP_SLOTS);
	pools_health(&world, "p", "k", false);
	assert_int_equal(pools_count(&world, "p", "a"), LP_SLOTS);
	pools_admin(&world, "p", "a", LP_ADMIN_OFFLINE, 600);
	assert_int_equal(pools_count(&world, "p", "k"), LP_SLOTS);
	pools_close(&world);
}

/* --- slow_start ---------------------------------------------------------------------------- */

#define SLOW(seconds)                                                                              \
	HEAD "pools:\n"                                                                            \
	     "  p:\n"                                                                              \
	     "    check: c\n"                                                                      \
	     "    slow_start: " seconds "\n"                                                       \
	     "    backends:\n"                                                                     \
	     "      - {name: a, address: 10.0.0.1}\n"                                              \
	     "      - {name: b, address: 10.0.0.2}\n"                                              \
	     "      - {name: c, address: 10.0.0.3}\n"                                              \
	     "      - {name: d, address: 10.0.0.4}\n" TAIL

static uint16_t *copy_answers(struct pools_world *world)
{
	const struct lp_slot *slots = pools_slots(world, "p");
	uint16_t *answers = calloc(LP_SLOTS, sizeof(*answers));

	assert_non_null(answers);
	for (uint32_t i = 0; i < LP_SLOTS; i++)
		answers[i] = slots[i].cur;
	return answers;
}

/* A pool whose backends have served for a while. */
static void open_seasoned(struct pools_world *world, const char *text)
{
	pools_open(world);
	pools_apply(world, text);
	pools_wait(world, 101);
}

static void test_slow_start_moves_each_slot_once(void **state)
{
	struct pools_world world;
	uint16_t *before, *after;
	uint32_t number, had = 0, all, moved = 0;

	(void)state;
	open_seasoned(&world, SLOW("100s"));
	number = pools_backend(&world, "p", "b")->number;
	all = pools_count(&world, "p", "b");
	after = copy_answers(&world);
	pools_health(&world, "p", "b", false);
	before = copy_answers(&world);
	pools_wait(&world, 5);
	pools_health(&world, "p", "b", true);
	for (uint32_t second = 0; second <= 100; second++) {
		const struct lp_slot *slots = pools_slots(&world, "p");
		uint32_t now = 0;

		for (uint32_t i = 0; i < LP_SLOTS; i++) {
			now += slots[i].cur == number;
			/* Where it was, or where it is going to be. */
			assert_true(slots[i].cur == before[i] || slots[i].cur == after[i]);
		}
		assert_true(now >= had);
		moved += now - had;
		had = now;
		/* As far as the time has gone, to some hundreds of slots. */
		assert_true(abs((int)now - (int)(all * (second / 5 + 1) / SLOW_START_WHOLE)) < 500);
		pools_wait(&world, 1);
	}
	assert_int_equal(moved, all);
	free(before);
	before = copy_answers(&world);
	assert_memory_equal(before, after, LP_SLOTS * sizeof(*before));
	free(before);
	free(after);
	pools_close(&world);
}

/* P8: the next agent goes on where this one was, and not at the beginning. */
static void test_slow_start_survives_agents(void **state)
{
	struct pools_world world;
	uint32_t was, all;

	(void)state;
	open_seasoned(&world, SLOW("100s"));
	all = pools_count(&world, "p", "b");
	pools_health(&world, "p", "b", false);
	pools_wait(&world, 200);
	pools_health(&world, "p", "b", true);
	pools_wait(&world, 40);
	was = pools_count(&world, "p", "b");
	assert_in_range(was, all / 3, all / 2);
	pools_restart(&world);
	assert_int_equal(world.moved, 0);
	assert_int_equal(pools_count(&world, "p", "b"), was);
	assert_int_equal(slow_start_left(pools_backend(&world, "p", "b"), pools_now(&world).mono),
			 60);
	pools_apply(&world, SLOW("100s")); /* nor does a reload begin it anew */
	assert_int_equal(pools_count(&world, "p", "b"), was);
	pools_wait(&world, 60);
	assert_int_equal(pools_count(&world, "p", "b"), all);
	pools_close(&world);
}

/* From here on `b` keeps each slot that it has, for so many seconds. */
static void keeps_for(struct pools_world *world, uint32_t seconds)
{
	uint16_t number = (uint16_t)pools_backend(world, "p", "b")->number;
	uint16_t *before = copy_answers(world);

	for (uint32_t second = 0; second < seconds; second++) {
		const struct lp_slot *slots;

		pools_wait(world, 1);
		slots = pools_slots(world, "p");
		for (uint32_t i = 0; i < LP_SLOTS; i++)
			assert_true(before[i] != number || slots[i].cur == number);
	}
	free(before);
}

/* Longer: nothing is taken back, not by the reload nor by the next agent, and it goes on
 * when the new time has come as far. Shorter: as far as it would have been by now. */
static void test_slow_start_changes_on_the_way(void **state)
{
	struct pools_world world;
	uint32_t was, all;

	(void)state;
	open_seasoned(&world, SLOW("60s"));
	all = pools_count(&world, "p", "b");
	pools_health(&world, "p", "b", false);
	pools_wait(&world, 1000);
	pools_health(&world, "p", "b", true);
	pools_wait(&world, 30);
	was = pools_count(&world, "p", "b"); /* 11 of 21 parts */
	assert_in_range(was, all * 49 / 100, all * 56 / 100);
	pools_apply(&world, SLOW("600s"));
	assert_int_equal(world.moved, 0);
	pools_restart(&world);
	assert_int_equal(world.moved, 0);
	assert_int_equal(slow_start_left(pools_backend(&world, "p", "b"), pools_now(&world).mono),
			 570);
	keeps_for(&world, 299);
	assert_int_equal(pools_count(&world, "p", "b"), was);
	pools_restart(&world);
	pools_wait(&world, 1); /* 330 s: the 12th part */
	assert_in_range(pools_count(&world, "p", "b"), was + all / 30, was + all / 15);
	pools_apply(&world, SLOW("400s")); /* 330 of 400 s: 17 parts */
	assert_in_range(pools_count(&world, "p", "b"), all * 78 / 100, all * 84 / 100);
	pools_wait(&world, 70);
	assert_int_equal(pools_count(&world, "p", "b"), all);
	pools_apply(&world, SLOW("600s")); /* who is done is done */
	assert_int_equal(world.moved, 0);
	assert_false(pools_backend(&world, "p", "b")->ramps);
	pools_close(&world);
}

/* Reload with slow_start: 0s, and death, end it. */
static void test_slow_start_ends(void **state)
{
	struct pools_world world;
	uint32_t all;

	(void)state;
	open_seasoned(&world, SLOW("100s"));
	all = pools_count(&world, "p", "b");
	pools_admin(&world, "p", "b", LP_ADMIN_DRAIN, 600);
	pools_wait(&world, 3);
	pools_admin(&world, "p", "b", LP_ADMIN_ENABLED, 0); /* begins to serve, too */
	assert_in_range(pools_count(&world, "p", "b"), 1, all / 10);
	pools_health(&world, "p", "b", false);
	assert_false(pools_backend(&world, "p", "b")->ramps);
	assert_int_equal(pools_count(&world, "p", "b"), 0);
	pools_health(&world, "p", "b", true);
	assert_in_range(pools_count(&world, "p", "b"), 1, all / 10);
	pools_apply(&world, SLOW("0s"));
	assert_int_equal(pools_count(&world, "p", "b"), all);
	pools_close(&world);
}

/* Nobody is spared where nobody could carry the load. */
static void test_no_slow_start_of_a_new_pool(void **state)
{
	struct pools_world world;

	(void)state;
	pools_open(&world);
	pools_apply(&world, SLOW("100s"));
	assert_int_equal(pools_count(&world, "p", "b"), SHARE(1, 4));
	pools_wait(&world, 50);
	pools_health(&world, "p", "b", false);
	pools_health(&world, "p", "b", true); /* the others are as cold */
	assert_int_equal(pools_count(&world, "p", "b"), SHARE(1, 4));
	pools_wait(&world, 60);
	pools_health(&world, "p", "c", false);
	pools_health(&world, "p", "c", true);
	assert_in_range(pools_count(&world, "p", "c"), 1, SHARE(1, 40));
	/* All others die: whoever is there has all. */
	pools_health(&world, "p", "a", false);
	pools_health(&world, "p", "b", false);
	pools_health(&world, "p", "d", false);
	assert_int_equal(pools_count(&world, "p", "c"), LP_SLOTS);
	pools_close(&world);
}

/* A backup carries on while the one that it stood in for starts slowly. */
static void test_slow_start_leaves_the_backup(void **state)
{
	static const char text[] = HEAD "pools:\n"
					"  p:\n"
					"    check: c\n"
					"    slow_start: 20s\n"
					"    backends:\n"
					"      - {name: a, address: 10.0.0.1}\n"
					"      - {name: k, address: 10.0.0.9, backup: true}\n" TAIL;
	struct pools_world world;
	uint32_t had;

	(void)state;
	open_seasoned(&world, text);
	pools_health(&world, "p", "a", false);
	assert_int_equal(pools_count(&world, "p", "k"), LP_SLOTS);
	pools_health(&world, "p", "a", true);
	had = pools_count(&world, "p", "a");
	assert_in_range(had, LP_SLOTS / 25, LP_SLOTS / 18);
	assert_int_equal(pools_count(&world, "p", "k"), LP_SLOTS - had);
	pools_wait(&world, 20);
	assert_int_equal(pools_count(&world, "p", "a"), LP_SLOTS);
	assert_false(pools_backend(&world, "p", "k")->in_use);
	pools_close(&world);
}

static void test_slow_start_parts(void **state)
{
	uint32_t counts[SLOW_START_WHOLE + 1] = { 0 };

	(void)state;
	assert_int_equal(slow_start_part(100, 0, 100), SLOW_START_WHOLE);
	assert_int_equal(slow_start_part(100, 1000, 100), 1);
	assert_int_equal(slow_start_part(100, 1000, 1099), SLOW_START_STEPS);
	assert_int_equal(slow_start_part(100, 1000, 1100), SLOW_START_WHOLE);
	assert_int_equal(slow_start_part(UINT32_MAX - 4, 10, 5), SLOW_START_WHOLE);
	for (uint32_t slot = 0; slot < LP_SLOTS; slot++)
		for (uint8_t part = 0; part <= SLOW_START_WHOLE; part++) {
			counts[part] += slow_start_takes(part, slot);
			if (part && slow_start_takes((uint8_t)(part - 1), slot))
				assert_true(slow_start_takes(part, slot));
		}
	assert_int_equal(counts[0], 0);
	assert_int_equal(counts[SLOW_START_WHOLE], LP_SLOTS);
	for (uint32_t part = 1; part < SLOW_START_WHOLE; part++)
		assert_true(abs((int)counts[part] - (int)SHARE(part, SLOW_START_WHOLE)) < 700);
}

/* --- weights ------------------------------------------------------------------------------- */

static void set_weight(struct pools_world *world, const char *name, uint32_t weight,
		       uint32_t seconds)
{
	runtime_set_weight(pools_backend(world, "p", name), weight,
			   seconds ? pools_now(world).wall + seconds : 0);
	pools_converge(world, false);
}

static void test_weight_for_a_time(void **state)
{
	struct pools_world world;

	(void)state;
	open_seasoned(&world, SLOW("0s"));
	set_weight(&world, "b", 300, 50);
	assert_int_equal(pools_count(&world, "p", "b"), SHARE(300, 600));
	pools_apply(&world, SLOW("0s"));
	pools_wait(&world, 20);
	pools_restart(&world); /* both survive */
	assert_int_equal(pools_count(&world, "p", "b"), SHARE(300, 600));
	pools_wait(&world, 29);
	assert_int_equal(pools_count(&world, "p", "b"), SHARE(300, 600));
	pools_wait(&world, 1);
	assert_int_equal(pools_count(&world, "p", "b"), SHARE(1, 4));
	assert_false(pools_backend(&world, "p", "b")->weighted);
	pools_restart(&world);
	assert_int_equal(pools_count(&world, "p", "b"), SHARE(1, 4));
	pools_close(&world);
}

static void test_weight_until_taken_back(void **state)
{
	struct pools_world world;

	(void)state;
	open_seasoned(&world, SLOW("0s"));
	set_weight(&world, "b", 0, 0); /* as drain: alive to whoever is there */
	assert_int_equal(pools_count(&world, "p", "b"), 0);
	assert_int_equal(runtime_flags(pools_backend(&world, "p", "b")), LP_BACKEND_ALIVE);
	pools_wait(&world, 1000);
	pools_restart(&world);
	assert_int_equal(pools_count(&world, "p", "b"), 0);
	runtime_clear_weight(pools_backend(&world, "p", "b"));
	pools_converge(&world, false);
	assert_int_equal(pools_count(&world, "p", "b"), SHARE(1, 4));
	pools_close(&world);
}

/* --- reloads -------------------------------------------------------------------------------- */

#define NAMED(b, address)                                                                          \
	HEAD "pools:\n"                                                                            \
	     "  p:\n"                                                                              \
	     "    check: c\n"                                                                      \
	     "    drain_timeout: 30s\n"                                                            \
	     "    backends:\n"                                                                     \
	     "      - {name: a, address: 10.0.0.1}\n"                                              \
	     "      - {name: " b ", address: " address "}\n"                                       \
	     "      - {name: c, address: 10.0.0.3}\n" TAIL
#define WITHOUT                                                                                    \
	HEAD "pools:\n"                                                                            \
	     "  p:\n"                                                                              \
	     "    check: c\n"                                                                      \
	     "    drain_timeout: 30s\n"                                                            \
	     "    backends:\n"                                                                     \
	     "      - {name: a, address: 10.0.0.1}\n"                                              \
	     "      - {name: c, address: 10.0.0.3}\n" TAIL

/* The backend of that number, whatever it is called now; NULL: forgotten. */
static const struct runtime_backend *number(struct pools_world *world, uint32_t of)
{
	return runtime_backend_number(&world->engine.runtime, of);
}

/* A slot that `of` answers. */
static uint32_t slot_of(struct pools_world *world, uint32_t of)
{
	const struct lp_slot *slots = pools_slots(world, "p");

	for (uint32_t i = 0; i < LP_SLOTS; i++)
		if (slots[i].cur == of)
			return i;
	fail_msg("nobody has slots of backend %u", of);
	return 0;
}

/* Gone and back, at once: slots go back to who they are of, and nobody's past is lost. */
static void test_two_reloads_in_a_row(void **state)
{
	struct pools_world world;
	uint32_t b, slot;

	(void)state;
	pools_open(&world);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	b = pools_backend(&world, "p", "b")->number;
	slot = slot_of(&world, b);
	pools_apply(&world, WITHOUT);
	assert_true(number(&world, b)->leaving);
	assert_int_equal(pools_slots(&world, "p")[slot].prev, b);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	assert_int_equal(pools_backend(&world, "p", "b")->number, b);
	assert_false(number(&world, b)->leaving);
	assert_int_equal(number(&world, b)->state.flags, LP_BACKEND_ALIVE);
	assert_int_equal(pools_slots(&world, "p")[slot].cur, b);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	assert_int_equal(world.moved, 0);
	pools_close(&world);
}

/* It keeps the deadline that it was given, when its backend leaves and when it returns. */
static void test_reload_during_a_drain(void **state)
{
	struct pools_world world;
	uint64_t deadline;
	uint32_t b;

	(void)state;
	pools_open(&world);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	b = pools_backend(&world, "p", "b")->number;
	pools_admin(&world, "p", "b", LP_ADMIN_DRAIN, 100);
	deadline = number(&world, b)->deadline;
	pools_wait(&world, 5);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	assert_string_equal(runtime_state(number(&world, b)), "drain");
	assert_int_equal(number(&world, b)->deadline, deadline);
	pools_apply(&world, WITHOUT); /* not 30 s: the operator has spoken */
	assert_string_equal(runtime_state(number(&world, b)), "offline");
	assert_int_equal(number(&world, b)->deadline, deadline);
	pools_wait(&world, 40);
	pools_restart(&world);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	assert_int_equal(pools_backend(&world, "p", "b")->number, b);
	assert_string_equal(runtime_state(number(&world, b)), "drain");
	assert_int_equal(number(&world, b)->deadline, deadline);
	pools_wait(&world, 54);
	assert_int_equal(number(&world, b)->state.flags, LP_BACKEND_ALIVE);
	pools_wait(&world, 1);
	assert_true(number(&world, b)->expired);
	assert_int_equal(number(&world, b)->state.flags, 0);
	pools_close(&world);
}

/* A drain that leaves without a deadline of its own has its pool's. */
static void test_leaving_takes_the_pools_timeout(void **state)
{
	struct pools_world world;
	uint32_t b;

	(void)state;
	pools_open(&world);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	b = pools_backend(&world, "p", "b")->number;
	pools_apply(&world, WITHOUT);
	assert_int_equal(number(&world, b)->deadline, pools_now(&world).wall + 30);
	pools_wait(&world, 31 + 61 + 20); /* deadline, hold time, sweep */
	assert_null(number(&world, b));
	pools_close(&world);
}

/* A name that changes its address: another server, in the same slots, that begins anew;
 * the old one keeps its connections for drain_timeout. */
static void test_name_changes_its_address(void **state)
{
	struct pools_world world;
	uint32_t old, new, slot;

	(void)state;
	pools_open(&world);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	old = pools_backend(&world, "p", "b")->number;
	slot = slot_of(&world, old);
	set_weight(&world, "b", 1, 0);
	pools_admin(&world, "p", "b", LP_ADMIN_OFFLINE, 100);
	pools_apply(&world, NAMED("b", "10.0.0.22"));
	new = pools_backend(&world, "p", "b")->number;
	assert_int_not_equal(new, old);
	assert_string_equal(runtime_state(number(&world, new)), "up"); /* nobody drained it */
	assert_int_equal(runtime_weight(number(&world, new)), 100);
	assert_int_equal(pools_slots(&world, "p")[slot].cur, new);
	assert_int_equal(pools_slots(&world, "p")[slot].prev, old);
	assert_true(number(&world, old)->leaving);
	assert_int_equal(number(&world, old)->state.flags, LP_BACKEND_ALIVE | LP_BACKEND_OFFLINE);
	pools_apply(&world, NAMED("b", "10.0.0.2")); /* and back: what was decided of it holds */
	assert_int_equal(pools_backend(&world, "p", "b")->number, old);
	assert_string_equal(runtime_state(number(&world, old)), "offline");
	assert_int_equal(runtime_weight(number(&world, old)), 1);
	pools_close(&world);
}

/* An address that changes its name: by its name it is another backend, with other slots;
 * connections stay with the number that they have, which leads to the same server. */
static void test_address_changes_its_name(void **state)
{
	struct pools_world world;
	uint32_t old, new, slot;

	(void)state;
	pools_open(&world);
	pools_apply(&world, NAMED("b", "10.0.0.2"));
	old = pools_backend(&world, "p", "b")->number;
	slot = slot_of(&world, old);
	pools_admin(&world, "p", "b", LP_ADMIN_DRAIN, 100);
	pools_apply(&world, NAMED("z", "10.0.0.2"));
	new = pools_backend(&world, "p", "z")->number;
	assert_int_not_equal(new, old);
	assert_string_equal(runtime_state(number(&world, new)), "up");
	assert_int_equal(pools_slots(&world, "p")[slot].prev, old);
	assert_true(number(&world, old)->leaving);
	assert_true(lp_addr_equal(&dp_backend(world.dp, old)->hop[0].daddr,
				  &dp_backend(world.dp, new)->hop[0].daddr));
	pools_close(&world);
}

/* Names that change places: each address is another backend, and each slot keeps its name. */
static void test_names_change_places(void **state)
{
	struct pools_world world;
	uint32_t a, c, slot;

	(void)state;
	pools_open(&world);
	pools_apply(&world, WITHOUT);
	a = pools_backend(&world, "p", "a")->number;
	c = pools_backend(&world, "p", "c")->number;
	slot = slot_of(&world, a);
	pools_apply(&world, HEAD "pools:\n"
				 "  p:\n"
				 "    check: c\n"
				 "    backends:\n"
				 "      - {name: a, address: 10.0.0.3}\n"
				 "      - {name: c, address: 10.0.0.1}\n" TAIL);
	assert_true(number(&world, a)->leaving && number(&world, c)->leaving);
	assert_int_equal(pools_slots(&world, "p")[slot].cur,
			 pools_backend(&world, "p", "a")->number);
	assert_int_equal(pools_slots(&world, "p")[slot].prev, a);
	pools_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backups_come_and_go),
		cmocka_unit_test(test_drop_when_all_are_down),
		cmocka_unit_test(test_all_when_all_are_down),
		cmocka_unit_test(test_slow_start_moves_each_slot_once),
		cmocka_unit_test(test_slow_start_survives_agents),
		cmocka_unit_test(test_slow_start_changes_on_the_way),
		cmocka_unit_test(test_slow_start_ends),
		cmocka_unit_test(test_no_slow_start_of_a_new_pool),
		cmocka_unit_test(test_slow_start_leaves_the_backup),
		cmocka_unit_test(test_slow_start_parts),
		cmocka_unit_test(test_weight_for_a_time),
		cmocka_unit_test(test_weight_until_taken_back),
		cmocka_unit_test(test_two_reloads_in_a_row),
		cmocka_unit_test(test_reload_during_a_drain),
		cmocka_unit_test(test_leaving_takes_the_pools_timeout),
		cmocka_unit_test(test_name_changes_its_address),
		cmocka_unit_test(test_address_changes_its_name),
		cmocka_unit_test(test_names_change_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
