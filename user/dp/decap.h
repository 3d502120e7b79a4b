/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading and attaching of the decapsulation program (bpf/decap.bpf.c), for
 * `limpet decap`. It runs in one of two ways: as long as the process that
 * attached it, or pinned, until decap_unpin().
 *
 * Pins: DIR/IFNAME/link and DIR/IFNAME/counters.
 */
#ifndef LIMPET_DP_DECAP_H
#define LIMPET_DP_DECAP_H

#include <limpet/abi.h>
#include <stddef.h>
#include <stdint.h>

#include "dp/dp.h"
#include "lib/err.h"

#define DECAP_PIN_DIR "/sys/fs/bpf/limpet-decap"

/* Outer destinations, or balancers, that one program can have. */
#define DECAP_ADDRESSES_MAX 4096u

struct decap;

/* Loads the program; nothing is attached yet. It takes packets from nobody and
 * to nobody before decap_set_from() and decap_set_local(). `gue_port` in host
 * byte order. On success *out is the caller's, to be freed with decap_close().
 * -EPERM, -ENOSYS and others, with words. */
int decap_open(uint16_t gue_port, struct decap **out, struct lp_err *err);

/*
 * The balancers whose tunnel packets are taken, and the outer destinations that
 * are this host's. The list replaces the one before, address by address: what is
 * in both is never missing. -E2BIG: more than DECAP_ADDRESSES_MAX.
 */
int decap_set_from(struct decap *decap, const struct lp_addr *addrs, size_t n, struct lp_err *err);
int decap_set_local(struct decap *decap, const struct lp_addr *addrs, size_t n, struct lp_err *err);

/*
 * Attaches to an interface; detached by decap_close() unless pinned. -EBUSY:
 * another XDP program is there; -EOPNOTSUPP and -ERANGE: not in this mode.
 */
int decap_attach(struct decap *decap, unsigned int ifindex, const char *name, enum dp_xdp_mode mode,
		 struct lp_err *err);

/* Pins what is attached, so that it outlives the process. -EEXIST: an earlier one is pinned. */
int decap_pin(struct decap *decap, const char *dir, const char *name, struct lp_err *err);

/* The program's file descriptor, decap's own: for program runs. */
int decap_prog_fd(const struct decap *decap);

/* Counters by enum lp_decap_reason, summed over CPUs. -errno with words. */
int decap_counters(const struct decap *decap, uint64_t packets[LP_DECAP_REASONS],
		   struct lp_err *err);

/* Detaches what is not pinned, frees, sets *decap to NULL; NULL is fine. */
void decap_close(struct decap **decap);

/* --- of a pinned one; -ENOENT: there is none on this interface --- */
int decap_pinned_counters(const char *dir, const char *name, uint64_t packets[LP_DECAP_REASONS],
			  struct lp_err *err);
int decap_unpin(const char *dir, const char *name, struct lp_err *err);

/* "decapsulated", "drop_source", ...: names of the counters, and what they count. */
const char *decap_reason_name(enum lp_decap_reason reason);
const char *decap_reason_text(enum lp_decap_reason reason);

/*
 * All addresses of this host but those of loopback interfaces (where VIPs are)
 * and IPv6 link-local ones. *addrs is the caller's, to be freed with free().
 */
int decap_host_addresses(struct lp_addr **addrs, size_t *n, struct lp_err *err);

#endif
