/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Runs XDP programs against one another on the same CPU, through the driver
 * (driver.bpf.c), and collects what a packet took.
 */
#ifndef LIMPET_BENCH_HARNESS_H
#define LIMPET_BENCH_HARNESS_H

#include <stddef.h>

#include "bench.h"
#include "driver.h"
#include "lib/err.h"

struct harness;

/* Programs of a harness are numbered in the order in which they are added; this one is there. */
#define HARNESS_EMPTY 0

/*
 * Slices of all programs, ns per packet, harness included: round after round,
 * and in a round program after program. Zero to begin with.
 */
struct harness_samples {
	double *ns; /* ns[round * programs + program] */
	size_t programs;
	size_t rounds;
};

void harness_samples_free(struct harness_samples *samples);

/* Loads the driver. -errno with words in err. */
int harness_open(struct harness **out, struct lp_err *err);

/* Closes; NULL and a second call are fine. */
void harness_close(struct harness **harness);

/*
 * Adds an XDP program to those compared; `fd` stays the caller's. Returns its
 * number, or -ENOSPC, or -EINVAL if the kernel does not let the driver call it
 * (a program with frags).
 */
int harness_add(struct harness *harness, int fd, struct lp_err *err);

/*
 * Where each flow is opened once (BENCH_ALLOCATION), `empty` is called when all have been,
 * and before the first: programs are to forget them. -errno with words in err.
 */
typedef int harness_empty_fn(void *arg, struct lp_err *err);
void harness_on_pass(struct harness *harness, harness_empty_fn *empty, void *arg);

/* How many flows each program has been given since it was to forget them. */
uint32_t harness_opened(const struct harness *harness);

/*
 * Measures all programs for about `seconds`, at least one round, and appends to
 * what is in *samples, which is of the same programs. -EPROTO with words in err
 * if a program left the packet in a state that cannot be undone.
 */
int harness_measure(struct harness *harness, const struct bench_point *point, double seconds,
		    struct harness_samples *samples, struct lp_err *err);

/* Packets that each program has been given. */
uint64_t harness_packets(const struct harness *harness);

/*
 * Runs program `fd` once, on flow 0 at `point`; its verdict, and at `frame`
 * (`room` bytes) the *len bytes that it left. -errno.
 */
int harness_once(int fd, const struct bench_point *point, unsigned char *frame, size_t room,
		 size_t *len);

#endif
