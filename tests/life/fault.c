// SPDX-License-Identifier: GPL-2.0
/*
 * limpetd with faults: the objects of limpetd, linked with `--wrap` for the functions
 * below, so that nothing of this is in limpetd itself. The file that $LIMPET_FAULT
 * names says what is to happen; it is read at the start, and by each reload:
 *
 *	kill N          SIGKILL before step N
 *	fail N ERRNO    step N fails, if it can, with that number
 *	alloc N         allocation N fails
 *	clock S         from now on, and for good, it is S seconds later than it is
 *
 * Steps and allocations are counted from that moment on, from 1. At the end of a
 * reload, and when limpetd ends, FILE.counts says "STEPS ALLOCATIONS", and faults are
 * over until the next reload.
 *
 * A step is a call that changes what packets see, what is pinned, or what the next
 * agent reads; a large copy is one when it is half done.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "core/plan.h"
#include "dp/dp.h"

#define LARGE 1024 /* bytes of a copy that is a step */

static struct {
	bool armed;
	char kind[8];
	unsigned long at;
	int error;
	unsigned long steps, allocations;
} fault;

static long clock_offset;

/* --- what is asked for ------------------------------------------------------------------- */

static void arm(void)
{
	const char *path = getenv("LIMPET_FAULT");
	FILE *file = path ? fopen(path, "re") : NULL;

	memset(&fault, 0, sizeof(fault));
	if (!file)
		return;
	if (fscanf(file, "%7s %lu %d", fault.kind, &fault.at, &fault.error) < 2)
		fault.kind[0] = '\0';
	fclose(file);
	if (!strcmp(fault.kind, "clock"))
		clock_offset = (long)fault.at;
	fault.armed = true;
}

static void disarm(void)
{
	char path[4096];
	FILE *file;

	if (!fault.armed)
		return;
	fault.armed = false;
	snprintf(path, sizeof(path), "%s.counts", getenv("LIMPET_FAULT"));
	file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "%lu %lu\n", fault.steps, fault.allocations);
	fclose(file);
}

static void __attribute__((constructor)) begin(void)
{
	arm();
}

static void __attribute__((destructor)) end(void)
{
	disarm();
}

/* One more step: 0, or the errno with which it is to fail. */
static int step(void)
{
	if (!fault.armed || ++fault.steps != fault.at)
		return 0;
	if (!strcmp(fault.kind, "kill"))
		kill(getpid(), SIGKILL);
	return strcmp(fault.kind, "fail") ? 0 : fault.error;
}

static bool no_memory(void)
{
	return fault.armed && ++fault.allocations == fault.at && !strcmp(fault.kind, "alloc");
}

int __real_agent_reload(struct agent *agent, struct lp_err *err);
int __wrap_agent_reload(struct agent *agent, struct lp_err *err);
int __wrap_agent_reload(struct agent *agent, struct lp_err *err)
{
	int ret;

	arm();
	ret = __real_agent_reload(agent, err);
	disarm();
	return ret;
}

/* --- memory ---------------------------------------------------------------------------------- */

#define ALLOCATES(name, parameters, arguments)                                                     \
	void *__real_##name parameters;                                                            \
	void *__wrap_##name parameters;                                                            \
	void *__wrap_##name parameters                                                             \
	{                                                                                          \
		if (no_memory()) {                                                                 \
			errno = ENOMEM;                                                            \
			return NULL;                                                               \
		}                                                                                  \
		return __real_##name arguments;                                                    \
	}

ALLOCATES(malloc, (size_t size), (size))
ALLOCATES(calloc, (size_t n, size_t size), (n, size))
ALLOCATES(realloc, (void *old, size_t size), (old, size))
ALLOCATES(strdup, (const char *text), (text))
ALLOCATES(strndup, (const char *text, size_t n), (text, n))
ALLOCATES(open_memstream, (char **text, size_t *size), (text, size))

void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n)
{
	size_t half = n / 2;

	if (n < LARGE)
		return __real_memcpy(to, from, n);
	__real_memcpy(to, from, half);
	step();
	__real_memcpy((char *)to + half, (const char *)from + half, n - half);
	return to;
}

time_t __real_time(time_t *at);
time_t __wrap_time(time_t *at);
time_t __wrap_time(time_t *at)
{
	time_t now = __real_time(NULL) + clock_offset;

	if (at)
		*at = now;
	return now;
}

/* --- steps that fail with -errno ----------------------------------------------------------- */

#define STEP(name, parameters, arguments)                                                          \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		int error = step();                                                                \
                                                                                                   \
		return error ? -error : __real_##name arguments;                                   \
	}

STEP(dp_slots_write,
     (struct dp * dp, uint32_t table, const struct lp_slot *slots, const uint32_t *since),
     (dp, table, slots, since))
STEP(dp_vip_table_write, (struct dp * dp, unsigned int half, const struct dp_vip_table *table),
     (dp, half, table))
STEP(dp_pool_write, (struct dp * dp, unsigned int half, uint32_t pool, struct lp_pool value),
     (dp, half, pool, value))
STEP(dp_backend_write, (struct dp * dp, uint32_t backend, const struct lp_backend *value),
     (dp, backend, value))
STEP(dp_flip, (struct dp * dp, unsigned int half, uint64_t generation), (dp, half, generation))
STEP(dp_pool_flip, (struct dp * dp, uint32_t pool, struct lp_pool value), (dp, pool, value))
STEP(dp_backend_flip, (struct dp * dp, uint32_t backend, const struct lp_hop *hop),
     (dp, backend, hop))
STEP(dp_proxy_add, (struct dp * dp, const struct lp_proxy_key *key), (dp, key))
STEP(dp_proxies_clear, (struct dp * dp, unsigned int half), (dp, half))
STEP(bpf_obj_pin, (int fd, const char *path), (fd, path))
STEP(bpf_obj_get, (const char *path), (path))
STEP(bpf_link_create,
     (int prog, int target, enum bpf_attach_type type, const struct bpf_link_create_opts *opts),
     (prog, target, type, opts))
STEP(bpf_link_update, (int link, int prog, const struct bpf_link_update_opts *opts),
     (link, prog, opts))
STEP(bpf_map_update_elem, (int fd, const void *key, const void *value, __u64 flags),
     (fd, key, value, flags))
STEP(bpf_object__load_skeleton, (struct bpf_object_skeleton * skeleton), (skeleton))

/* --- steps that fail with errno ------------------------------------------------------------ */

#define CALL(type, failed, name, parameters, arguments)                                            \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		int error = step();                                                                \
                                                                                                   \
		if (!error)                                                                        \
			return __real_##name arguments;                                            \
		errno = error;                                                                     \
		return failed;                                                                     \
	}

CALL(int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(int, -1, rmdir, (const char *path), (path))
CALL(int, -1, unlink, (const char *path), (path))
CALL(int, -1, rename, (const char *from, const char *to), (from, to))
CALL(int, -1, renameat2, (int a, const char *from, int b, const char *to, unsigned int flags),
     (a, from, b, to, flags))
CALL(int, -1, ftruncate, (int fd, off_t len), (fd, len))
CALL(void *, MAP_FAILED, mmap, (void *at, size_t len, int prot, int flags, int fd, off_t offset),
     (at, len, prot, flags, fd, offset))

/* --- steps that cannot fail ------------------------------------------------------------------ */

#define PLAIN(type, name, parameters, arguments)                                                   \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		step();                                                                            \
		return __real_##name arguments;                                                    \
	}

PLAIN(int, dp_backend_state, (struct dp * dp, uint32_t backend, struct lp_backend_state state),
      (dp, backend, state))
PLAIN(struct lp_vip_meta *, dp_vip_meta, (struct dp * dp, uint32_t vip), (dp, vip))
PLAIN(struct lp_pool_meta *, dp_pool_meta, (struct dp * dp, uint32_t pool), (dp, pool))
PLAIN(struct lp_backend_meta *, dp_backend_meta, (struct dp * dp, uint32_t backend), (dp, backend))

/* Between the operations of a plan. */
static int between(void *arg, const struct plan_op *op)
{
	(void)arg;
	(void)op;
	return -step();
}

int __real_plan_apply(const struct plan *plan, struct dp *dp,
		      int (*progress)(void *arg, const struct plan_op *op), void *arg);
int __wrap_plan_apply(const struct plan *plan, struct dp *dp,
		      int (*progress)(void *arg, const struct plan_op *op), void *arg);
int __wrap_plan_apply(const struct plan *plan, struct dp *dp,
		      int (*progress)(void *arg, const struct plan_op *op), void *arg)
{
	(void)progress;
	return __real_plan_apply(plan, dp, between, arg);
}
