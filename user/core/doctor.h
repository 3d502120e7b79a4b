/* SPDX-License-Identifier: GPL-2.0 */
/*
 * limpet doctor: what would bite on this host, and how to fix it. Pure: facts in,
 * findings out. What is not known is said to be not known and never guessed.
 */
#ifndef LIMPET_CORE_DOCTOR_H
#define LIMPET_CORE_DOCTOR_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

/* --- facts ------------------------------------------------------------------------- */

/* What is asked of the kernel and may have no answer. */
enum doctor_known { DOCTOR_UNKNOWN, DOCTOR_NO, DOCTOR_YES };

enum doctor_xdp { DOCTOR_XDP_NONE, DOCTOR_XDP_NATIVE, DOCTOR_XDP_GENERIC };

#define DOCTOR_PIDS_MAX 8

/* Of the host, and of limpetd's process. */
struct doctor_host {
	char release[65];          /* of the kernel */
	char trouble[512];         /* what limpet lacks here, in words; "" if nothing */
	int jit;                   /* net.core.bpf_jit_enable; -1: not known */
	int forward4, forward6;    /* net.ipv4.ip_forward, net.ipv6.conf.all.forwarding; or -1 */
	unsigned int cpus;         /* online */
	int pids[DOCTOR_PIDS_MAX]; /* of the limpetds in this network namespace */
	size_t n_pids;             /* how many there are, which may be more */
	enum doctor_known clock_synced;
};

/* Of one interface of the configuration. */
struct doctor_interface {
	bool present, up;
	uint32_t mtu;
	char kind[16];   /* "veth", "bond", ...; "" for a physical NIC */
	char driver[32]; /* "" if not known */
	enum doctor_xdp xdp;
	uint32_t xdp_id;            /* of the program there; 0: none */
	enum doctor_known attached; /* limpetd says that the program there is its own */
	enum doctor_known lro;
	enum doctor_known peer_csum;  /* of a veth: its other end sends without checksums */
	char peer[16];                /* the veth's other end, if it is in this namespace; or "" */
	int rp_filter;                /* as it takes effect, all and its own; -1: not known */
	int rx_queues, rx_queues_max; /* 0: not known */
	bool combined;                /* queues both send and receive */
	int rx_ring, rx_ring_max;     /* 0: not known */
};

/* What the kernel says of the way to one backend, in the order of the configuration's pools. */
enum doctor_way {
	DOCTOR_WAY_OK,
	DOCTOR_WAY_NO_ROUTE,
	DOCTOR_WAY_LOCAL,     /* the backend's address is this host's own */
	DOCTOR_WAY_RESOLVING, /* its neighbour has been asked and has not answered yet */
	DOCTOR_WAY_NEIGHBOUR, /* its neighbour does not answer */
	DOCTOR_WAY_LINK,      /* the interface to it is not up */
	DOCTOR_WAY_ETHERNET,  /* the interface to it is no Ethernet */
	DOCTOR_WAY_TAGS,      /* more VLAN tags than limpet writes */
	DOCTOR_WAY_SOURCE,    /* this host has no address to send from */
	DOCTOR_WAYS
};

struct doctor_backend {
	enum doctor_way way;
	uint32_t mtu;       /* of the interface, the route, and what is known of the path */
	char interface[16]; /* "" if there is no route */
	bool on_link;       /* no router between */
};

/* The record table; all 0 when limpetd was not asked. */
struct doctor_records {
	uint64_t capacity, used, full;
};

/* Entries of translated connections; all 0 when limpetd was not asked, or has none. */
struct doctor_entries {
	uint64_t capacity, used;
	uint64_t ports_used, ports; /* of the address and backend that has the fewest left */
	char busiest[2 * LP_NAME_MAX + LP_NAME_MAX]; /* "web/fe1, from 10.1.0.1" */
};

struct doctor_facts {
	const struct config *config; /* NULL: not known, and only the host is judged */
	bool running;                /* limpetd was asked */
	bool elsewhere; /* limpetd is in a network namespace that could not be looked into */
	struct doctor_host host;
	struct doctor_interface *interfaces; /* one for each of config->interfaces */
	struct doctor_backend *backends;     /* those of all pools, one pool behind the other */
	struct lp_addr
		*local; /* VIP addresses that are this host's own, in the configuration's order */
	size_t n_local;
	struct doctor_records records;
	struct doctor_entries entries;
};

/* Room for the facts of a configuration, all zero; -ENOMEM. The configuration stays the
 * caller's and outlives them. */
int doctor_facts_init(struct doctor_facts *facts, const struct config *config);
void doctor_facts_fini(struct doctor_facts *facts);

/* --- findings ------------------------------------------------------------------------ */

enum doctor_severity { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_PROBLEM };

#define DOCTOR_TEXT 400

struct doctor_finding {
	enum doctor_severity severity;
	const char *check;      /* "rp_filter": what was looked at; scripts know it by this */
	char what[DOCTOR_TEXT]; /* one line each */
	char why[DOCTOR_TEXT];  /* why it bites; "" if it does not */
	char fix[DOCTOR_TEXT];  /* the command, or what to do; "" if there is nothing to do */
};

struct doctor_report {
	struct doctor_finding *findings;
	size_t n, room;
	int error; /* -ENOMEM, or 0 */
};

/*
 * Judges. The worst findings come first, otherwise in the order of the checks.
 * 0 or -ENOMEM; the report is the caller's to doctor_report_fini() either way.
 */
int doctor_judge(const struct doctor_facts *facts, struct doctor_report *report);

void doctor_report_fini(struct doctor_report *report);

size_t doctor_count(const struct doctor_report *report, enum doctor_severity severity);

/* "ok", "note", "warning", "problem". */
const char *doctor_severity_name(enum doctor_severity severity);

#endif
