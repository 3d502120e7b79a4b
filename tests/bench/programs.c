// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h" /* and abi.h, whose types the skeletons use */
#include "bpf/fib.skel.h"
#include "bpf/floor.skel.h"
#include "bpf/lru.skel.h"
#include "bpf/read.skel.h"
#include "bpf/unaudited.skel.h"
#include "check.h"
#include "common/second_program.h"
#include "fill.h"
#include "limpet_setup.h"
#include "network.h"
#include "programs.h"

#define PROGRAM_NAME 32

struct other {
	char name[PROGRAM_NAME];
	struct bpf_object *object; /* NULL: it was pinned */
	int fd;
};

/* limpet's datapath in a state. */
struct limpet {
	struct dp *dp;            /* NULL: not open */
	struct bench_point point; /* what it is configured for */
	uint32_t seen;            /* flows that it has seen */
	uint64_t forwarded;       /* before the measurement */
	unsigned int programs;    /* of the harness that go by it */
};

/* A program of the harness. */
struct entry {
	const char *name;
	enum bench_state state;
};

struct programs {
	struct floor_bpf *floor;
	struct read_bpf *read;
	struct fib_bpf *fib;
	struct lru_bpf *lru; /* NULL: not loaded */
	uint32_t lru_seen;
	struct bench_point lru_point;
	struct unaudited_bpf *unaudited; /* over the maps of the settled limpet */
	struct limpet limpets[BENCH_STATES];
	struct network *network; /* where replies have a way; NULL: not made */
	struct other others[OPTIONS_PROGRAMS];
	size_t n_others;
	struct entry entries[DRIVER_PROGRAMS];
	size_t n_entries;
};

/* --- other people's programs ------------------------------------------------ */

/* From an object file; `function` may be NULL, then it is the first program. */
static int other_load(struct other *other, const char *path, const char *function,
		      struct lp_err *err)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program = NULL;
	int ret;

	if (!object)
		return lp_err(err, -errno, "%s: %s", path, strerror(errno));
	/* The driver calls programs of one kind; no frame here has a second buffer. */
	while ((program = bpf_object__next_program(object, program)))
		bpf_program__set_flags(program, bpf_program__flags(program) | BPF_F_XDP_HAS_FRAGS);
	ret = bpf_object__load(object);
	program = function ? bpf_object__find_program_by_name(object, function)
			   : bpf_object__next_program(object, NULL);
	if (ret || !program) {
		bpf_object__close(object);
		return lp_err(err, ret ? ret : -ENOENT, "%s: %s", path,
			      ret ? strerror(-ret) : "no such program in it");
	}
	other->object = object;
	other->fd = bpf_program__fd(program);
	return 0;
}

/* spec: NAME=PATH[:FUNCTION]; options.c has seen that name and path are there. */
static int other_open(struct other *other, const char *spec, struct lp_err *err)
{
	char path[4096], *function;
	const char *equals = strchr(spec, '=');

	if (snprintf(path, sizeof(path), "%s", equals + 1) >= (int)sizeof(path))
		return lp_err(err, -ENAMETOOLONG, "%s: path too long", spec);
	snprintf(other->name, sizeof(other->name), "%.*s", (int)(equals - spec), spec);
	other->fd = bpf_obj_get(path);
	if (other->fd >= 0)
		return 0;
	function = strrchr(path, ':');
	if (function)
		*function++ = 0;
	return other_load(other, path, function, err);
}

static void other_close(struct other *other)
{
	if (other->object)
		bpf_object__close(other->object);
	else
		close(other->fd);
}

/* --- all of them --------------------------------------------------------------- */

int programs_open(const struct options *options, struct programs **out, struct lp_err *err)
{
	struct programs *programs = calloc(1, sizeof(*programs));
	int ret;

	if (!programs)
		return lp_err(err, -ENOMEM, "out of memory");
	programs->read = read_bpf__open_and_load();
	if (!programs->read) {
		ret = lp_err(err, -errno, "the program that reads does not load: %s",
			     strerror(errno));
		goto fail;
	}
	programs->fib = fib_bpf__open_and_load();
	if (!programs->fib) {
		ret = lp_err(err, -errno, "the program that asks for routes does not load: %s",
			     strerror(errno));
		goto fail;
	}
	for (size_t i = 0; i < options->n_programs; i++) {
		ret = other_open(&programs->others[i], options->programs[i], err);
		if (ret)
			goto fail;
		programs->n_others++;
	}
	*out = programs;
	return 0;
fail:
	programs_close(&programs);
	return ret;
}

static void limpet_forget(struct programs *programs, enum bench_state state)
{
	if (state == BENCH_STATE_SETTLED) {
		unaudited_bpf__destroy(programs->unaudited);
		programs->unaudited = NULL;
	}
	limpet_close(&programs->limpets[state].dp, state);
	programs->limpets[state] = (struct limpet) { 0 };
}

static void lru_forget(struct programs *programs)
{
	lru_bpf__destroy(programs->lru);
	programs->lru = NULL;
	programs->lru_seen = 0;
}

void programs_close(struct programs **programs)
{
	if (!*programs)
		return;
	for (size_t i = 0; i < (*programs)->n_others; i++)
		other_close(&(*programs)->others[i]);
	for (int i = 0; i < BENCH_STATES; i++)
		limpet_forget(*programs, i);
	lru_forget(*programs);
	network_close(&(*programs)->network);
	read_bpf__destroy((*programs)->read);
	fib_bpf__destroy((*programs)->fib);
	floor_bpf__destroy((*programs)->floor);
	free(*programs);
	*programs = NULL;
}

size_t programs_count(const struct programs *programs)
{
	return programs->n_entries;
}

const char *programs_name(const struct programs *programs, size_t number)
{
	return programs->entries[number].name;
}

enum bench_state programs_state(const struct programs *programs, size_t number)
{
	return programs->entries[number].state;
}

/* The program of FORWARDERS(prefix, ...) in a skeleton that forwards as the point says. */
#define FORWARDER_FD(skel, prefix, point)                                                          \
	bpf_program__fd((point)->forward == LP_FORWARD_GUE   ? (skel)->progs.prefix##_gue          \
			: (point)->forward == LP_FORWARD_DSR ? (skel)->progs.prefix##_dsr          \
							     : (skel)->progs.prefix##_ipip)

/* --- preparing ----------------------------------------------------------------- */

/* Puts a program into the harness. */
static int add(struct programs *programs, struct harness *harness, int fd, const char *name,
	       enum bench_state state, struct lp_err *err)
{
	int number = harness_add(harness, fd, err);

	if (number < 0)
		return number;
	programs->entries[number] = (struct entry) { name, state };
	programs->n_entries = (size_t)number + 1;
	return 0;
}

/* The same, of one of our own, which has to forward. */
static int add_own(struct programs *programs, const struct bench_point *point,
		   struct harness *harness, int fd, const char *name, enum bench_state state,
		   struct lp_err *err)
{
	int ret = check_forwards(fd, name, point, err);

	return ret ? ret : add(programs, harness, fd, name, state, err);
}

/* Points that differ in the number of flows (or bytes) only have one configuration. */
static bool same_configuration(const struct bench_point *a, const struct bench_point *b)
{
	return a->v6 == b->v6 && a->vips == b->vips && a->backends == b->backends &&
	       a->affinity == b->affinity && a->forward == b->forward;
}

/* Has limpet to be shown the flows before it is measured? That takes longer than to load it. */
static bool remembers_flows(enum bench_kind kind)
{
	return kind == BENCH_OPENING || kind == BENCH_ALLOCATION || kind == BENCH_TRACKED;
}

/*
 * Lets go of what the point does not need: one configuration is in memory at a time. And of what
 * it can have anew: where code and tables are in memory is worth some ns, and is
 * another place each time.
 */
static void forget_others(struct programs *programs, const struct bench_point *point)
{
	for (int i = 0; i < BENCH_STATES; i++)
		if (programs->limpets[i].dp &&
		    (!remembers_flows(point->kind) ||
		     programs->limpets[i].point.kind != point->kind ||
		     !same_configuration(&programs->limpets[i].point, point)))
			limpet_forget(programs, i);
	if (programs->lru &&
	    (point->kind != BENCH_TRACKED || !same_configuration(&programs->lru_point, point)))
		lru_forget(programs);
}

static int fill(int fd, const struct bench_point *point, uint32_t *seen, unsigned int times,
		struct lp_err *err)
{
	int ret = fill_flows(fd, point, *seen, times);

	if (ret)
		return lp_err(err, ret, "flows cannot be shown to a program: %s", strerror(-ret));
	if (point->flows > *seen)
		*seen = point->flows;
	return 0;
}

static int open_limpet(struct programs *programs, const struct bench_point *point,
		       enum bench_state state, struct lp_err *err)
{
	struct limpet *limpet = &programs->limpets[state];
	int ret;

	if (limpet->dp)
		return 0;
	ret = limpet_open(point, state, &limpet->dp, err);
	if (!ret)
		limpet->point = *point;
	return ret;
}

/* limpet in a state; it sees each flow `times` times before. */
static int add_limpet(struct programs *programs, const struct bench_point *point,
		      struct harness *harness, enum bench_state state, unsigned int times,
		      struct lp_err *err)
{
	struct limpet *limpet = &programs->limpets[state];
	int ret = open_limpet(programs, point, state, err);

	if (!ret && times)
		ret = fill(dp_bpf_prog_fd(limpet->dp), point, &limpet->seen, times, err);
	if (!ret)
		ret = add_own(programs, point, harness, dp_bpf_prog_fd(limpet->dp), "limpet", state,
			      err);
	limpet->programs = 1;
	return ret;
}

/* limpet that is open, in a state in which it translates. */
static int add_translating(struct programs *programs, const struct bench_point *point,
			   struct harness *harness, enum bench_state state, struct lp_err *err)
{
	int fd = dp_bpf_prog_fd(programs->limpets[state].dp);
	int ret = check_translates(fd, state, point, err);

	programs->limpets[state].programs = 1;
	return ret ? ret : add(programs, harness, fd, "limpet", state, err);
}

/* The same, open or not. */
static int add_nat(struct programs *programs, const struct bench_point *point,
		   struct harness *harness, enum bench_state state, struct lp_err *err)
{
	int ret = open_limpet(programs, point, state, err);

	return ret ? ret : add_translating(programs, point, harness, state, err);
}

/* limpet with forward snat: established by hand, because no backend answers here. Of a
 * million, 2 in 10,000 find both of their buckets taken. */
static int add_snat(struct programs *programs, const struct bench_point *point,
		    struct harness *harness, struct lp_err *err)
{
	struct limpet *limpet = &programs->limpets[BENCH_STATE_SNAT];
	int ret = open_limpet(programs, point, BENCH_STATE_SNAT, err);
	bool more = limpet->seen < point->flows;
	uint32_t got = point->flows;

	if (ret)
		return ret;
	ret = fill(dp_bpf_prog_fd(limpet->dp), point, &limpet->seen, 1, err);
	if (!ret && more)
		got = limpet_establish(limpet->dp);
	if (!ret && got < point->flows - point->flows / 1000)
		ret = lp_err(err, -EPROTO, "%u of %u flows have entries", got, point->flows);
	if (!ret)
		ret = add_translating(programs, point, harness, BENCH_STATE_SNAT, err);
	return ret;
}

static int add_others(struct programs *programs, struct harness *harness, struct lp_err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < programs->n_others; i++)
		ret = add(programs, harness, programs->others[i].fd, programs->others[i].name,
			  BENCH_STATE_SETTLED, err);
	return ret;
}

static int load_unaudited(struct programs *programs, struct lp_err *err)
{
	char pins[PATH_MAX];
	int ret;

	if (programs->unaudited)
		return 0;
	limpet_pins(BENCH_STATE_SETTLED, pins);
	programs->unaudited = unaudited_bpf__open();
	if (!programs->unaudited)
		return lp_err(err, -errno, "the program without audit: %s", strerror(errno));
	ret = second_prepare(programs->limpets[BENCH_STATE_SETTLED].dp, pins,
			     programs->unaudited->obj);
	return second_loaded(ret ? ret : unaudited_bpf__load(programs->unaudited), err);
}

static int add_unaudited(struct programs *programs, const struct bench_point *point,
			 struct harness *harness, struct lp_err *err)
{
	int ret = load_unaudited(programs, err);

	if (!ret)
		ret = add_own(programs, point, harness,
			      bpf_program__fd(programs->unaudited->progs.unaudited),
			      "limpet_unaudited", BENCH_STATE_SETTLED, err);
	programs->limpets[BENCH_STATE_SETTLED].programs++;
	return ret;
}

static int add_lru(struct programs *programs, const struct bench_point *point,
		   struct harness *harness, struct lp_err *err)
{
	int ret, fd;

	if (!programs->lru)
		programs->lru = lru_bpf__open_and_load();
	if (!programs->lru)
		return lp_err(err, -errno, "the program with an LRU map does not load: %s",
			      strerror(errno));
	programs->lru_point = *point;
	limpet_hop(point, 1, &programs->lru->bss->lru_hop);
	fd = FORWARDER_FD(programs->lru, lru, point);
	ret = fill(fd, point, &programs->lru_seen, 1, err);
	return ret ? ret : add_own(programs, point, harness, fd, "lru", BENCH_STATE_ALWAYS, err);
}

static int add_read(struct programs *programs, const struct bench_point *point,
		    struct harness *harness, struct lp_err *err)
{
	limpet_hop(point, 1, &programs->read->bss->read_hop);
	return add_own(programs, point, harness, FORWARDER_FD(programs->read, read, point), "read",
		       BENCH_STATE_ALWAYS, err);
}

static int add_fib(struct programs *programs, const struct bench_point *point,
		   struct harness *harness, struct lp_err *err)
{
	limpet_hop(point, 1, &programs->fib->bss->fib_hop);
	return add_own(programs, point, harness, FORWARDER_FD(programs->fib, fib, point), "fib",
		       BENCH_STATE_NAT_REPLY, err);
}

/* harness_empty_fn */
static int forget_flows(void *arg, struct lp_err *err)
{
	struct programs *programs = arg;

	for (int i = 0; i < BENCH_STATES; i++) {
		struct dp *dp = programs->limpets[i].dp;

		if (!dp)
			continue;
		limpet_empty(dp);
		if (limpet_records(dp, false) || limpet_entries(dp, false))
			return lp_err(err, -EPROTO, "limpet (%s) still remembers flows",
				      bench_state_name(i));
	}
	return 0;
}

/* What opens a connection, with memory and without. */
static int add_openings(struct programs *programs, const struct bench_point *point,
			struct harness *harness, struct lp_err *err)
{
	int ret = add_limpet(programs, point, harness, BENCH_STATE_ALWAYS, 0, err);

	if (!ret)
		ret = add_nat(programs, point, harness, BENCH_STATE_SNAT, err);
	if (!ret)
		ret = add_limpet(programs, point, harness, BENCH_STATE_SETTLED, 0, err);
	if (!ret)
		ret = add_nat(programs, point, harness, BENCH_STATE_NAT, err);
	harness_on_pass(harness, forget_flows, programs);
	return ret;
}

/* How often limpet sees a flow before it is confirmed: its second packet does that. */
#define CONFIRMS 2

static int add_of_kind(struct programs *programs, const struct bench_point *point,
		       struct harness *harness, struct lp_err *err)
{
	int ret;

	switch (point->kind) {
	case BENCH_AUDIT:
		ret = add_limpet(programs, point, harness, BENCH_STATE_SETTLED, 0, err);
		return ret ? ret : add_unaudited(programs, point, harness, err);
	case BENCH_OPENING:
		return add_limpet(programs, point, harness, BENCH_STATE_OPENING, 1, err);
	case BENCH_NAT:
		return add_nat(programs, point, harness, BENCH_STATE_NAT, err);
	case BENCH_NAT_REPLY:
		ret = add_nat(programs, point, harness, BENCH_STATE_NAT_REPLY, err);
		return ret ? ret : add_fib(programs, point, harness, err);
	case BENCH_ALLOCATION:
		return add_openings(programs, point, harness, err);
	case BENCH_TRACKED:
		ret = add_limpet(programs, point, harness, BENCH_STATE_ALWAYS, CONFIRMS, err);
		if (!ret)
			ret = add_limpet(programs, point, harness, BENCH_STATE_MOVING, CONFIRMS,
					 err);
		if (!ret)
			ret = add_snat(programs, point, harness, err);
		if (!ret)
			ret = add_lru(programs, point, harness, err);
		return ret ? ret : add_read(programs, point, harness, err);
	default:
		ret = add_limpet(programs, point, harness, BENCH_STATE_SETTLED, 0, err);
		return ret ? ret : add_others(programs, harness, err);
	}
}

/* What empty program and floor are shown beside. */
static enum bench_state state_of(enum bench_kind kind)
{
	switch (kind) {
	case BENCH_OPENING:
		return BENCH_STATE_OPENING;
	case BENCH_NAT:
		return BENCH_STATE_NAT;
	case BENCH_NAT_REPLY:
		return BENCH_STATE_NAT_REPLY;
	case BENCH_TRACKED:
	case BENCH_ALLOCATION:
		return BENCH_STATE_ALWAYS;
	default:
		return BENCH_STATE_SETTLED;
	}
}

/* Replies are measured where they have a way; programs of the command line may want this host. */
static int go_where_it_is(struct programs *programs, enum bench_kind kind, struct lp_err *err)
{
	int ret = 0;

	if (kind != BENCH_NAT_REPLY)
		return programs->network ? network_leave(programs->network, err) : 0;
	if (!programs->network)
		ret = network_open(&programs->network, err);
	return ret ? ret : network_enter(programs->network, err);
}

/* The floor, at another place in memory than before. */
static int load_floor(struct programs *programs, const struct bench_point *point,
		      struct lp_err *err)
{
	floor_bpf__destroy(programs->floor);
	programs->floor = floor_bpf__open_and_load();
	if (!programs->floor)
		return lp_err(err, -errno, "the floor does not load: %s", strerror(errno));
	limpet_hop(point, 1, &programs->floor->bss->floor_hop);
	return 0;
}

int programs_prepare(struct programs *programs, const struct bench_point *point,
		     struct harness *harness, struct lp_err *err)
{
	enum bench_state state = state_of(point->kind);
	int ret = go_where_it_is(programs, point->kind, err);

	forget_others(programs, point);
	programs->entries[PROGRAM_EMPTY] = (struct entry) { "empty", state };
	if (!ret)
		ret = load_floor(programs, point, err);
	if (!ret)
		ret = add_own(programs, point, harness, FORWARDER_FD(programs->floor, floor, point),
			      "floor", state, err);
	if (!ret)
		ret = add_of_kind(programs, point, harness, err);
	for (int i = 0; !ret && i < BENCH_STATES; i++)
		if (programs->limpets[i].dp)
			programs->limpets[i].forwarded = limpet_forwarded(programs->limpets[i].dp,
									  i);
	return ret;
}

/* --- verifying ----------------------------------------------------------------- */

/* `spare`: packets of so many may be missing. */
static int verify_forwarded(const struct limpet *limpet, enum bench_state state,
			    const struct harness *harness, uint64_t spare, struct lp_err *err)
{
	uint64_t got = limpet_forwarded(limpet->dp, state) - limpet->forwarded;
	uint64_t want = harness_packets(harness) * limpet->programs;

	if (got <= want && want - got <= spare)
		return 0;
	return lp_err(err, -EPROTO, "limpet forwarded %llu of %llu packets",
		      (unsigned long long)got, (unsigned long long)want);
}

/* What limpet remembers of flows in a state, beyond its slot table. */
static uint32_t remembered(const struct limpet *limpet, enum bench_state state,
			   const struct bench_point *point)
{
	/* Of `opening` and `allocation` nobody acknowledges anything. */
	bool confirmed = point->kind == BENCH_TRACKED;

	return state == BENCH_STATE_SNAT ? limpet_entries(limpet->dp, confirmed)
					 : limpet_records(limpet->dp, confirmed);
}

/* Of how many flows has it to remember something? */
static uint32_t to_remember(enum bench_state state, const struct bench_point *point,
			    const struct harness *harness)
{
	switch (state) {
	case BENCH_STATE_OPENING:
	case BENCH_STATE_ALWAYS:
	case BENCH_STATE_MOVING:
	case BENCH_STATE_SNAT:
		return point->kind == BENCH_ALLOCATION ? harness_opened(harness) : point->flows;
	default:
		return 0;
	}
}

/*
 * Is (nearly) each flow remembered? Of a million, 6 in 1,000 find no place in the record table
 * (docs/affinity.md), and 2 in 10,000 no entry.
 */
static int verify_memory(const struct limpet *limpet, enum bench_state state,
			 const struct bench_point *point, const struct harness *harness,
			 struct lp_err *err)
{
	uint32_t want = to_remember(state, point, harness), got;

	if (!want)
		return 0;
	got = remembered(limpet, state, point);
	if (got >= want - want / (state == BENCH_STATE_SNAT ? 1000 : 100))
		return 0;
	return lp_err(err, -EPROTO, "limpet (%s) remembers %u of %u flows", bench_state_name(state),
		      got, want);
}

static int verify_limpet(const struct limpet *limpet, enum bench_state state,
			 const struct bench_point *point, const struct harness *harness,
			 struct lp_err *err)
{
	/* Flows that found no room for an entry are dropped (add_snat()). */
	uint64_t spare = state == BENCH_STATE_SNAT ? harness_packets(harness) / 1000 : 0;
	int ret = verify_forwarded(limpet, state, harness, spare, err);

	return ret ? ret : verify_memory(limpet, state, point, harness, err);
}

int programs_verify(struct programs *programs, const struct bench_point *point,
		    const struct harness *harness, struct lp_err *err)
{
	int ret = 0;

	for (int i = 0; !ret && i < BENCH_STATES; i++)
		if (programs->limpets[i].dp)
			ret = verify_limpet(&programs->limpets[i], i, point, harness, err);
	return ret;
}
