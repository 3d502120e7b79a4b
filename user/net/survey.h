/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's network configuration as it is at this moment, for whoever wants to
 * look and change nothing: links with their XDP programs, ways to addresses. Unlike
 * net.h it follows no changes, needs no loop, and takes no neighbour into its care.
 */
#ifndef LIMPET_NET_SURVEY_H
#define LIMPET_NET_SURVEY_H

#include <limpet/abi.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "net/net.h"

struct net_survey;

/* Reads all links of the current network namespace. -errno, with words in err. */
int net_survey_open(struct net_survey **out, struct lp_err *err);

/* Sets *survey to NULL; a NULL *survey is fine. */
void net_survey_close(struct net_survey **survey);

struct net_survey_link {
	uint32_t ifindex, mtu;
	bool up;
	bool generic;    /* how the XDP program runs, if there is one */
	uint32_t xdp_id; /* of the program; 0: none */
	char kind[16];   /* "veth", "bond", ...; "" for a physical NIC */
	char peer[16];   /* the other end of a veth in this namespace, or "" */
};

/* -ENODEV if there is no such interface. */
int net_survey_link(const struct net_survey *survey, const char *name,
		    struct net_survey_link *link);

struct net_survey_way {
	enum net_state state;
	uint32_t mtu; /* the least of the devices, the route, and what the path is known to carry */
	bool on_link; /* the address is the next hop's own */
	/* Where packets leave, below all VLAN devices; "" without a route. */
	char interface[16];
};

/*
 * The way to an address, as net_resolve() would go it. NET_RESOLVING also means that
 * nobody has asked for the neighbour yet: net_survey_ask() does.
 */
int net_survey_way(struct net_survey *survey, const struct lp_addr *addr,
		   struct net_survey_way *way);

/* Makes the kernel ask for the next hop's MAC address, as a packet to it would. */
int net_survey_ask(struct net_survey *survey, const struct lp_addr *addr);

/* Is this one of the host's own addresses? Whatever is delivered locally is. */
bool net_survey_is_local(struct net_survey *survey, const struct lp_addr *addr);

#endif
