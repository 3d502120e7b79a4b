/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the kernel's datapath share. */
#ifndef LIMPET_DP_DP_BPF_INTERNAL_H
#define LIMPET_DP_DP_BPF_INTERNAL_H

#include "dp/dp_internal.h"
#include "dp/pins.h"

struct limpet_bpf;
struct ring_buffer;

struct dp_bpf {
	struct dp dp;
	char pin_dir[PINS_PATH];
	int pin_fd; /* holds the lock of the pin directory */
	struct limpet_bpf *skel;
	bool published;                 /* the maps in use are the pinned ones */
	struct dp_bpf *old;             /* the smaller one it grows out of, until it is published */
	size_t map_bytes[DP_MAP_COUNT]; /* of each mapping */
	struct ring_buffer *ring;       /* of fragments that are held */
	dp_held_fn *held_fn;            /* who is taking them now */
	void *held_arg;
};

/* Bytes of each array, and where those inside `tables` begin. Returns the size of that. */
size_t dp_bpf_lay_out(const struct dp_size *size, uint32_t cpus, size_t bytes[DP_MAP_COUNT],
		      size_t offsets[DP_MAP_COUNT]);

/* Words for a failed bpf(2): what is missing and what to do. Returns ret. */
int dp_bpf_explain(struct lp_err *err, int ret, const char *what);

/* dp_xdp.c: the ops on interfaces. */
int dp_xdp_attach(struct dp *dp, unsigned int ifindex, const char *name, enum dp_xdp_mode mode,
		  struct lp_err *err);
int dp_xdp_detach(struct dp *dp, const char *name, struct lp_err *err);
size_t dp_xdp_interfaces(const struct dp *dp, struct dp_interface *interfaces, size_t n);

/* dp_held.c: open after the program has been loaded; close may be called again. */
int dp_bpf_held_open(struct dp_bpf *bpf);
void dp_bpf_held_close(struct dp_bpf *bpf);
int dp_bpf_held_fd(const struct dp *dp);
void dp_bpf_held_take(struct dp *dp, dp_held_fn *fn, void *arg);
int dp_bpf_held_send(struct dp *dp, const struct lp_held *held);

#endif
