/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does a program do its work? One that drops packets early would look fast: before it is
 * measured, flow 0 has to come out as it should.
 */
#ifndef LIMPET_BENCH_CHECK_H
#define LIMPET_BENCH_CHECK_H

#include "bench.h"
#include "lib/err.h"

/* Program `fd` encapsulates in point->forward, and changes nothing inside. -errno with words. */
int check_forwards(int fd, const char *name, const struct bench_point *point, struct lp_err *err);

/*
 * limpet in a state in which it translates: every byte of the packet is what it was, or what
 * has to become of it, checksums too. -errno with words in err.
 */
int check_translates(int fd, enum bench_state state, const struct bench_point *point,
		     struct lp_err *err);

#endif
