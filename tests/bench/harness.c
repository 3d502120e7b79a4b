// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver.h" /* whose types the skeleton uses */
#include "bpf/driver.skel.h"
#include "frame.h"
#include "harness.h"

/*
 * A slice of 2,048 packets is 50 to 500 us, far below a tick of 4 ms, so that a
 * preemption hits few of them. Eight times as many before it: while other programs had their
 * turn, neighbours have taken lines of this one's tables from the second-level cache, which
 * traffic that never pauses would have kept. The largest table that it reads at random, that
 * of settled slots, has 2,048 lines: as many packets would reach two thirds of them.
 */
#define HARNESS_TIMED 2048u
#define HARNESS_WARM  16384u
#define HARNESS_SLICE (HARNESS_WARM + HARNESS_TIMED)
/* Rounds of one system call: short enough for Ctrl-C (with all programs of `tracked`), long
 * enough not to be bothered by its fixed cost (RCU grace periods, some 20 ms). */
#define HARNESS_ROUNDS 32u
/*
 * Packets before the first round, so that all tables are where they will be: so many,
 * and this many times the flows, which leaves one in twenty unseen. (What the audit
 * does with the first packet of a flow is part of a connection's opening.)
 */
#define HARNESS_WARM_UP       (1u << 18)
#define HARNESS_WARM_UP_FLOWS 5u

struct harness {
	struct driver_bpf *skel;
	uint32_t programs;
	uint64_t packets;
	uint32_t opened; /* of the flows that are opened once */
	harness_empty_fn *empty;
	void *arg;
};

static int harness_set(struct harness *harness, uint32_t number, int fd)
{
	int map = bpf_map__fd(harness->skel->maps.under_test);

	return bpf_map_update_elem(map, &number, &fd, BPF_ANY) ? -errno : 0;
}

int harness_add(struct harness *harness, int fd, struct lp_err *err)
{
	int ret;

	if (harness->programs == DRIVER_PROGRAMS)
		return lp_err(err, -ENOSPC, "at most %d programs can be compared",
			      DRIVER_PROGRAMS - 1);
	ret = harness_set(harness, harness->programs, fd);
	if (ret)
		return lp_err(err, ret, "the driver cannot call the program: %s%s", strerror(-ret),
			      ret == -EINVAL ? " (is it an XDP program without frags?)" : "");
	return (int)harness->programs++;
}

int harness_open(struct harness **out, struct lp_err *err)
{
	struct harness *harness = calloc(1, sizeof(*harness));
	int ret;

	if (!harness)
		return lp_err(err, -ENOMEM, "out of memory");
	harness->skel = driver_bpf__open_and_load();
	if (!harness->skel) {
		ret = lp_err(err, -errno, "the driver does not load: %s", strerror(errno));
		goto fail;
	}
	ret = harness_add(harness, bpf_program__fd(harness->skel->progs.empty), err);
	if (ret < 0)
		goto fail;
	*out = harness;
	return 0;
fail:
	harness_close(&harness);
	return ret;
}

void harness_close(struct harness **harness)
{
	if (!*harness)
		return;
	driver_bpf__destroy((*harness)->skel);
	free(*harness);
	*harness = NULL;
}

/* Sets the driver's first half, and the second to the beginning of a slice. */
static void harness_prepare(struct harness *harness, const struct bench_point *point,
			    const unsigned char *frame)
{
	struct driver_run *run = &harness->skel->bss->run;
	uint64_t state = run->state;
	uint32_t next = harness->opened;

	*run = (struct driver_run) {
		.bytes = point->bytes,
		.flows = point->flows,
		.vips = point->vips,
		.programs = harness->programs,
		.warm = HARNESS_WARM,
		.timed = HARNESS_TIMED,
		.backends = point->backends,
		.left = HARNESS_WARM,
		/* The flows go on where they were. */
		.state = state,
		.next = { next, next, next, next, next, next, next, next },
	};
	frame_split(point, frame, &run->frame);
}

static struct bpf_program *harness_driver(const struct harness *harness,
					  const struct bench_point *point)
{
	if (point->kind == BENCH_NAT_REPLY)
		return point->v6 ? harness->skel->progs.driver_ipv6_reply
				 : harness->skel->progs.driver_ipv4_reply;
	if (point->kind == BENCH_ALLOCATION)
		return point->v6 ? harness->skel->progs.driver_ipv6_once
				 : harness->skel->progs.driver_ipv4_once;
	return point->v6 ? harness->skel->progs.driver_ipv6 : harness->skel->progs.driver_ipv4;
}

/* Before a system call: rounds that it is to take; flows that are opened once begin anew if
 * they have to. */
static int harness_rounds(struct harness *harness, const struct bench_point *point,
			  uint32_t *rounds, struct lp_err *err)
{
	uint32_t left = HARNESS_ROUNDS;
	int ret = 0;

	if (point->kind == BENCH_ALLOCATION) {
		if (!harness->opened || point->flows - harness->opened < HARNESS_SLICE) {
			ret = harness->empty(harness->arg, err);
			harness->opened = 0;
		}
		left = (point->flows - harness->opened) / HARNESS_SLICE;
	}
	*rounds = left < HARNESS_ROUNDS ? left : HARNESS_ROUNDS;
	return ret;
}

/* Runs `rounds` rounds; their times are in slice_ns then. */
static int harness_run(struct harness *harness, const struct bench_point *point, uint32_t rounds,
		       struct lp_err *err)
{
	const struct driver_run *run = &harness->skel->bss->run;
	struct bpf_program *driver = harness_driver(harness, point);
	unsigned char frame[FRAME_MAX];

	/* One packet more: the last slice ends when the next one begins. */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = point->bytes,
		    .repeat = (int)(rounds * harness->programs * HARNESS_SLICE + 1));

	frame_build(point, frame);
	harness_prepare(harness, point, frame);
	if (bpf_prog_test_run_opts(bpf_program__fd(driver), &opts))
		return lp_err(err, -errno, "the driver does not run: %s", strerror(errno));
	if (run->failures)
		return lp_err(err, -EPROTO,
			      "a program changed the packet in a way that the driver cannot undo");
	if (run->slices != rounds * harness->programs)
		return lp_err(err, -EPROTO, "%u slices instead of %u", run->slices,
			      rounds * harness->programs);
	harness->packets += (uint64_t)rounds * HARNESS_SLICE;
	harness->opened += rounds * HARNESS_SLICE;
	return 0;
}

/* The same of as many rounds as can be; *rounds says how many that were. */
static int harness_go_on(struct harness *harness, const struct bench_point *point, uint32_t *rounds,
			 struct lp_err *err)
{
	int ret = harness_rounds(harness, point, rounds, err);

	return ret ? ret : harness_run(harness, point, *rounds, err);
}

static double harness_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int harness_append(const struct harness *harness, uint32_t rounds,
			  struct harness_samples *samples)
{
	size_t have = samples->rounds * harness->programs;
	size_t n = (size_t)rounds * harness->programs;
	double *ns = reallocarray(samples->ns, have + n, sizeof(*ns));

	if (!ns)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		ns[have + i] = (double)harness->skel->bss->slice_ns[i] / HARNESS_TIMED;
	samples->ns = ns;
	samples->programs = harness->programs;
	samples->rounds += rounds;
	return 0;
}

static int harness_warm_up(struct harness *harness, const struct bench_point *point,
			   struct lp_err *err)
{
	uint64_t packets = HARNESS_WARM_UP + (uint64_t)point->flows * HARNESS_WARM_UP_FLOWS;
	uint32_t rounds;
	int ret = 0;

	/* Flows that are opened once are new each time. */
	if (point->kind == BENCH_ALLOCATION)
		packets = HARNESS_WARM_UP;
	while (!ret && harness->packets < packets)
		ret = harness_go_on(harness, point, &rounds, err);
	return ret;
}

int harness_measure(struct harness *harness, const struct bench_point *point, double seconds,
		    struct harness_samples *samples, struct lp_err *err)
{
	int ret = harness_warm_up(harness, point, err);
	double end = harness_now() + seconds;

	while (!ret) {
		uint32_t rounds;

		ret = harness_go_on(harness, point, &rounds, err);
		if (!ret && harness_append(harness, rounds, samples))
			ret = lp_err(err, -ENOMEM, "out of memory");
		if (harness_now() >= end)
			break;
	}
	return ret;
}

void harness_samples_free(struct harness_samples *samples)
{
	free(samples->ns);
	*samples = (struct harness_samples) {};
}

void harness_on_pass(struct harness *harness, harness_empty_fn *empty, void *arg)
{
	harness->empty = empty;
	harness->arg = arg;
}

uint32_t harness_opened(const struct harness *harness)
{
	return harness->opened;
}

uint64_t harness_packets(const struct harness *harness)
{
	return harness->packets;
}

int harness_once(int fd, const struct bench_point *point, unsigned char *frame, size_t room,
		 size_t *len)
{
	unsigned char in[FRAME_MAX];

	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = point->bytes,
		    .data_out = frame, .data_size_out = (__u32)room, .repeat = 1);

	frame_build(point, in);
	frame_address(point, 0, in);
	if (bpf_prog_test_run_opts(fd, &opts))
		return -errno;
	*len = opts.data_size_out;
	return (int)opts.retval;
}
