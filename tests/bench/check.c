// SPDX-License-Identifier: GPL-2.0
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limpet/abi.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <string.h>

#include "flows.h"
#include "frame.h"
#include "harness.h"
#include "limpet_setup.h"
#include "network.h"

/* Flow 0 before and after. */
struct seen {
	unsigned char before[FRAME_MAX], after[FRAME_MAX + 128];
	size_t len;
	int verdict;
};

static int look(int fd, const char *name, const struct bench_point *point, struct seen *seen,
		struct lp_err *err)
{
	frame_build(point, seen->before);
	frame_address(point, 0, seen->before);
	seen->verdict = harness_once(fd, point, seen->after, sizeof(seen->after), &seen->len);
	if (seen->verdict < 0)
		return lp_err(err, seen->verdict, "%s does not run: %s", name,
			      strerror(-seen->verdict));
	return 0;
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

int check_forwards(int fd, const char *name, const struct bench_point *point, struct lp_err *err)
{
	size_t grown = encapsulation(point);
	struct lp_hop hop;
	struct seen seen;
	int ret = look(fd, name, point, &seen, err);

	if (ret)
		return ret;
	limpet_hop(point, 1, &hop);
	if (seen.verdict != XDP_TX || seen.len != point->bytes + grown ||
	    memcmp(seen.after, hop.dst, sizeof(hop.dst)) ||
	    memcmp(seen.after + grown + ETH_HLEN, seen.before + ETH_HLEN, point->bytes - ETH_HLEN))
		return lp_err(err, -EPROTO, "%s does not forward: verdict %d, %zu bytes", name,
			      seen.verdict, seen.len);
	return 0;
}

static bool is_address(const struct bench_point *point, const struct frame_end *end,
		       const struct lp_addr *addr)
{
	return point->v6 ? !memcmp(end->addr, addr, sizeof(*addr)) : end->addr[0] == addr->w[3];
}

static bool is_backend(const struct bench_point *point, const struct frame_end *end)
{
	struct lp_hop hop;

	for (uint32_t i = 1; i <= point->backends; i++) {
		limpet_hop(point, i, &hop);
		if (is_address(point, end, &hop.daddr))
			return true;
	}
	return false;
}

/* A port of one of the balancer's own addresses? */
static bool is_source(const struct bench_point *point, const struct frame_end *end)
{
	struct lp_addr addr;

	for (uint32_t i = 0; i < LP_SNAT_ADDRESSES_MAX; i++) {
		limpet_source(point, i, &addr);
		if (is_address(point, end, &addr))
			return ntohs(end->port) >= LP_SNAT_PORT_FIRST;
	}
	return false;
}

/*
 * The ends that the packet should have now; false: it cannot have those in `got`. Which
 * backend and which source it got is limpet's choice.
 */
static bool ends_should(const struct bench_point *point, enum bench_state state,
			const struct frame_end got[2], struct frame_end end[2])
{
	frame_ends(point, 0, end);
	if (state == BENCH_STATE_NAT_REPLY) {
		struct bench_point there = *point;
		struct frame_end asked[2];

		there.kind = BENCH_NAT;
		frame_ends(&there, 0, asked);
		end[FRAME_SOURCE] = asked[FRAME_DESTINATION];
		return true;
	}
	if (state == BENCH_STATE_SNAT)
		end[FRAME_SOURCE] = got[FRAME_SOURCE];
	else
		end[FRAME_DESTINATION].port = flow_target(flow_vip(0, point->vips));
	memcpy(end[FRAME_DESTINATION].addr, got[FRAME_DESTINATION].addr,
	       sizeof(end[FRAME_DESTINATION].addr));
	return is_backend(point, &got[FRAME_DESTINATION]) &&
	       (state != BENCH_STATE_SNAT || is_source(point, &got[FRAME_SOURCE]));
}

int check_translates(int fd, enum bench_state state, const struct bench_point *point,
		     struct lp_err *err)
{
	bool reply = state == BENCH_STATE_NAT_REPLY;
	struct frame_end got[2], end[2];
	struct lp_hop hop;
	struct seen seen;
	int ret = look(fd, "limpet", point, &seen, err);

	if (ret)
		return ret;
	limpet_hop(point, 1, &hop);
	frame_read(point, seen.after, got);
	if (ends_should(point, state, got, end)) {
		frame_route(point, reply ? network_router : hop.dst, reply ? network_own : hop.src,
			    seen.before);
		frame_write(point, end, seen.before);
		if (seen.verdict == (reply ? XDP_REDIRECT : XDP_TX) && seen.len == point->bytes &&
		    !memcmp(seen.after, seen.before, point->bytes))
			return 0;
	}
	return lp_err(err, -EPROTO, "%s does not translate: verdict %d, %zu bytes",
		      bench_state_name(state), seen.verdict, seen.len);
}
