// SPDX-License-Identifier: GPL-2.0
#include "dp/via.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/probe.skel.h"

/* Where the filters are among others of clsact: fixed, so that the next agent finds
 * and replaces them. */
#define VIA_PRIORITY 0x6c70u
#define VIA_HANDLE   1u

struct via {
	struct probe_bpf *skel;
	unsigned int *ifindexes; /* attached */
	size_t n_ifindexes;
	struct lp_probe_way **written; /* by backend number; NULL: none */
};

/* Errors are told by err; libbpf's own words are for developers. */
static int print_nothing(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* libbpf complains aloud of what is there already, or is not. */
static libbpf_print_fn_t quiet(void)
{
	return libbpf_set_print(print_nothing);
}

static struct bpf_tc_hook hook_of(unsigned int ifindex, enum bpf_tc_attach_point point)
{
	return (struct bpf_tc_hook) {
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)ifindex,
		.attach_point = point,
	};
}

static int attach(unsigned int ifindex, enum bpf_tc_attach_point point, int fd)
{
	struct bpf_tc_hook hook = hook_of(ifindex, point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = VIA_HANDLE, .priority = VIA_PRIORITY,
		    .prog_fd = fd, .flags = BPF_TC_F_REPLACE);
	int ret = bpf_tc_hook_create(&hook);

	if (ret && ret != -EEXIST)
		return ret;
	return bpf_tc_attach(&hook, &opts);
}

static void detach(unsigned int ifindex, enum bpf_tc_attach_point point)
{
	struct bpf_tc_hook hook = hook_of(ifindex, point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = VIA_HANDLE, .priority = VIA_PRIORITY);

	bpf_tc_detach(&hook, &opts); /* fails if the interface is gone, which is as well */
}

static bool is_attached(const struct via *via, unsigned int ifindex)
{
	for (size_t i = 0; i < via->n_ifindexes; i++)
		if (via->ifindexes[i] == ifindex)
			return true;
	return false;
}

static int attach_both(const struct via *via, unsigned int ifindex)
{
	libbpf_print_fn_t print = quiet();
	int ret;

	/* Answers first: no check may go out before they can come in. */
	ret = attach(ifindex, BPF_TC_INGRESS, bpf_program__fd(via->skel->progs.probe_ingress));
	if (!ret)
		ret = attach(ifindex, BPF_TC_EGRESS,
			     bpf_program__fd(via->skel->progs.probe_egress));
	libbpf_set_print(print);
	if (ret)
		via_clean(ifindex);
	return ret;
}

int via_attach(struct via *via, unsigned int ifindex, struct lp_err *err)
{
	unsigned int *grown;
	int ret;

	if (is_attached(via, ifindex))
		return 0;
	grown = realloc(via->ifindexes, (via->n_ifindexes + 1) * sizeof(*grown));
	if (!grown)
		return lp_err(err, -ENOMEM, "out of memory");
	via->ifindexes = grown;
	ret = attach_both(via, ifindex);
	if (ret)
		return lp_err(err, ret, "interface %u: attaching the programs of checks: %s",
			      ifindex, strerror(-ret));
	via->ifindexes[via->n_ifindexes++] = ifindex;
	return 0;
}

void via_clean(unsigned int ifindex)
{
	libbpf_print_fn_t print = quiet();

	detach(ifindex, BPF_TC_EGRESS);
	detach(ifindex, BPF_TC_INGRESS);
	libbpf_set_print(print);
}

int via_open(struct via **out, struct lp_err *err)
{
	struct via *via = calloc(1, sizeof(*via));
	libbpf_print_fn_t print = quiet();
	int ret = -ENOMEM;

	if (via)
		via->written = calloc(LP_BACKENDS_MAX, sizeof(*via->written));
	if (via && via->written) {
		via->skel = probe_bpf__open_and_load();
		ret = via->skel ? 0 : -errno;
	}
	libbpf_set_print(print);
	if (ret) {
		via_close(&via);
		return lp_err(err, ret, "loading the programs of checks with via vip: %s",
			      strerror(-ret));
	}
	*out = via;
	return 0;
}

void via_close(struct via **via)
{
	struct via *v = *via;

	if (!v)
		return;
	*via = NULL;
	for (size_t i = 0; i < v->n_ifindexes; i++)
		via_clean(v->ifindexes[i]);
	for (uint32_t i = 0; v->written && i < LP_BACKENDS_MAX; i++)
		free(v->written[i]);
	probe_bpf__destroy(v->skel);
	free(v->written);
	free(v->ifindexes);
	free(v);
}

static int drop(struct via *via, uint32_t backend)
{
	int ret = bpf_map__delete_elem(via->skel->maps.probe_ways, &backend, sizeof(backend), 0);

	if (ret && ret != -ENOENT)
		return ret;
	free(via->written[backend]);
	via->written[backend] = NULL;
	return 0;
}

int via_set(struct via *via, uint32_t backend, const struct lp_probe_way *way)
{
	struct lp_probe_way **written = &via->written[backend];
	int ret;

	if (!way)
		return *written ? drop(via, backend) : 0;
	if (*written && !memcmp(*written, way, sizeof(*way)))
		return 0;
	if (!*written) {
		*written = calloc(1, sizeof(**written)); /* ifindex 0: no way yet */
		if (!*written)
			return -ENOMEM;
	}
	ret = bpf_map__update_elem(via->skel->maps.probe_ways, &backend, sizeof(backend), way,
				   sizeof(*way), BPF_ANY);
	if (!ret)
		**written = *way;
	return ret;
}
