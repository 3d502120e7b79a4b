// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h" /* and abi.h, whose types the skeleton uses */
#include "bpf/floor.skel.h"
#include "frame.h"
#include "limpet_setup.h"
#include "programs.h"

#define PROGRAM_NAME 32

struct other {
	char name[PROGRAM_NAME];
	struct bpf_object *object; /* NULL: it was pinned */
	int fd;
};

struct programs {
	struct floor_bpf *floor;
	struct dp *limpet;
	struct bench_point limpet_point; /* what it is configured for, if open */
	uint64_t forwarded;              /* by limpet before the measurement */
	struct other others[OPTIONS_PROGRAMS];
	size_t n_others;
};

/* --- other people's programs ------------------------------------------------ */

/* From an object file; `function` may be NULL, then it is the first program. */
static int other_load(struct other *other, const char *path, const char *function,
		      struct lp_err *err)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program;
	int ret;

	if (!object)
		return lp_err(err, -errno, "%s: %s", path, strerror(errno));
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
	programs->floor = floor_bpf__open_and_load();
	if (!programs->floor) {
		ret = lp_err(err, -errno, "the floor does not load: %s", strerror(errno));
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

void programs_close(struct programs **programs)
{
	if (!*programs)
		return;
	for (size_t i = 0; i < (*programs)->n_others; i++)
		other_close(&(*programs)->others[i]);
	limpet_close(&(*programs)->limpet);
	floor_bpf__destroy((*programs)->floor);
	free(*programs);
	*programs = NULL;
}

size_t programs_count(const struct programs *programs)
{
	return PROGRAM_FIRST_OTHER + programs->n_others;
}

const char *programs_name(const struct programs *programs, size_t number)
{
	static const char *const names[] = {
		[PROGRAM_EMPTY] = "empty",
		[PROGRAM_FLOOR] = "floor",
		[PROGRAM_LIMPET] = "limpet",
	};

	if (number < PROGRAM_FIRST_OTHER)
		return names[number];
	return programs->others[number - PROGRAM_FIRST_OTHER].name;
}

static int floor_fd(const struct floor_bpf *floor, enum lp_forward forward)
{
	switch (forward) {
	case LP_FORWARD_GUE:
		return bpf_program__fd(floor->progs.floor_gue);
	case LP_FORWARD_DSR:
		return bpf_program__fd(floor->progs.floor_dsr);
	default:
		return bpf_program__fd(floor->progs.floor_ipip);
	}
}

/* Bytes that a forwarded packet has in front of it more than before. */
static size_t encapsulation(const struct bench_point *point)
{
	size_t outer = point->v6 ? 40 : 20;

	switch (point->forward) {
	case LP_FORWARD_IPIP:
		return outer;
	case LP_FORWARD_GUE:
		return outer + 8;
	default:
		return 0;
	}
}

/* A program that drops packets early would look fast: flow 0 must come out encapsulated. */
static int check_forwards(int fd, const char *name, const struct bench_point *point,
			  struct lp_err *err)
{
	unsigned char before[FRAME_MAX], after[FRAME_MAX + 128];
	size_t grown = encapsulation(point), len = 0;
	struct lp_hop hop;
	int verdict;

	limpet_hop(point, 1, &hop);
	frame_build(point, before);
	frame_address(point, 0, before);
	verdict = harness_once(fd, point, after, sizeof(after), &len);
	if (verdict < 0)
		return lp_err(err, verdict, "%s does not run: %s", name, strerror(-verdict));
	if (verdict != XDP_TX || len != point->bytes + grown ||
	    memcmp(after, hop.dst, sizeof(hop.dst)) ||
	    memcmp(after + grown + ETH_HLEN, before + ETH_HLEN, point->bytes - ETH_HLEN))
		return lp_err(err, -EPROTO, "%s does not forward: verdict %d, %zu bytes", name,
			      verdict, len);
	return 0;
}

/* Points that differ in the number of flows (or bytes) only have one configuration. */
static bool same_configuration(const struct bench_point *a, const struct bench_point *b)
{
	return a->v6 == b->v6 && a->vips == b->vips && a->backends == b->backends &&
	       a->affinity == b->affinity && a->forward == b->forward;
}

static int prepare_limpet(struct programs *programs, const struct bench_point *point,
			  struct lp_err *err)
{
	int ret;

	if (programs->limpet && same_configuration(&programs->limpet_point, point))
		return 0;
	limpet_close(&programs->limpet);
	ret = limpet_open(point, &programs->limpet, err);
	if (!ret)
		programs->limpet_point = *point;
	return ret;
}

/* Puts a program into the harness, where it must get its own number. */
static int add(struct harness *harness, int fd, int number, struct lp_err *err)
{
	int ret = harness_add(harness, fd, err);

	if (ret < 0)
		return ret;
	return ret == number ? 0 : lp_err(err, -EPROTO, "program %d is number %d", number, ret);
}

static int add_others(struct programs *programs, struct harness *harness, struct lp_err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < programs->n_others; i++)
		ret = add(harness, programs->others[i].fd, PROGRAM_FIRST_OTHER + (int)i, err);
	return ret;
}

int programs_prepare(struct programs *programs, const struct bench_point *point,
		     struct harness *harness, struct lp_err *err)
{
	int floor = floor_fd(programs->floor, point->forward), limpet, ret;

	limpet_hop(point, 1, &programs->floor->bss->floor_hop);
	ret = prepare_limpet(programs, point, err);
	if (ret)
		return ret;
	limpet = dp_bpf_prog_fd(programs->limpet);
	ret = check_forwards(floor, "the floor", point, err);
	if (!ret)
		ret = check_forwards(limpet, "limpet", point, err);
	if (!ret)
		ret = add(harness, floor, PROGRAM_FLOOR, err);
	if (!ret)
		ret = add(harness, limpet, PROGRAM_LIMPET, err);
	if (!ret)
		ret = add_others(programs, harness, err);
	programs->forwarded = limpet_forwarded(programs->limpet);
	return ret;
}

int programs_verify(struct programs *programs, const struct harness *harness, struct lp_err *err)
{
	uint64_t got = limpet_forwarded(programs->limpet) - programs->forwarded;

	if (got == harness_packets(harness))
		return 0;
	return lp_err(err, -EPROTO, "limpet forwarded %llu of %llu packets",
		      (unsigned long long)got, (unsigned long long)harness_packets(harness));
}
